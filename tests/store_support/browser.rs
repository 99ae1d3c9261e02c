//! A merchant's browser: keeps cookies, follows redirects by hand, fills forms in.

use reqwest::{Client, Method, Url};
use std::collections::BTreeMap;
use std::time::Duration;

/// Redirects followed at most.
const HOPS_MAX: usize = 10;

/// What is on the screen.
#[derive(Debug)]
pub struct Page {
    pub url: Url,
    pub status: u16,
    pub location: Option<Url>,
    pub cache_control: String,
    pub body: String,
}

/// A browser with a jar of its own.
pub struct Browser {
    client: Client,
    /// Cookies by host and port, then by name.
    jar: BTreeMap<String, BTreeMap<String, String>>,
}

impl Default for Browser {
    fn default() -> Browser {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
        let client = client.timeout(Duration::from_secs(30)).build().unwrap();
        Browser { client, jar: BTreeMap::new() }
    }
}

fn site(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
}

fn unescaped(text: &str) -> String {
    text.replace("&quot;", "\"").replace("&#39;", "'").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    rest.split_once('"').map(|(value, _)| unescaped(value))
}

impl Browser {
    async fn send(&mut self, method: Method, url: Url, form: Option<&[(String, String)]>) -> Page {
        let jar = self.jar.entry(site(&url)).or_default();
        let cookies: Vec<String> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = self.client.request(method, url.clone());
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        if let Some(form) = form {
            request = request.form(form);
        }
        let answer = request.send().await.unwrap();
        for cookie in answer.headers().get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap().split(';').next().unwrap_or_default();
            let (name, value) = cookie.split_once('=').unwrap();
            jar.insert(name.trim().to_owned(), value.trim().to_owned());
        }
        let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let location = header("location").map(|to| url.join(&to).unwrap());
        let (status, cache_control) = (answer.status().as_u16(), header("cache-control").unwrap_or_default());
        Page { url, status, location, cache_control, body: answer.text().await.unwrap() }
    }

    /// Opens an address, and stays where it leads, redirects not followed.
    pub async fn get(&mut self, url: &str) -> Page {
        self.send(Method::GET, Url::parse(url).unwrap(), None).await
    }

    /// Opens an address and follows redirects, but none to where `stop` says so: that address is in `location`.
    pub async fn follow(&mut self, url: &str, stop: impl Fn(&Url) -> bool) -> Page {
        let mut page = self.get(url).await;
        for _ in 0..HOPS_MAX {
            match page.location.clone() {
                Some(to) if !stop(&to) => page = self.get(to.as_str()).await,
                _ => return page,
            }
        }
        panic!("more than {HOPS_MAX} redirects, at last {}", page.url);
    }

    /// Sends the form of a page by its button of this value.
    pub async fn press(&mut self, page: &Page, button: &str) -> Page {
        let tags: Vec<&str> = page.body.split('<').collect();
        let form = tags.iter().find(|tag| tag.starts_with("form")).expect("a form");
        let to = page.url.join(&attribute(form, "action").unwrap_or_default()).unwrap();
        let hidden = tags.iter().filter(|tag| tag.starts_with("input") && tag.contains("\"hidden\""));
        let mut fields: Vec<(String, String)> =
            hidden.map(|tag| (attribute(tag, "name").unwrap(), attribute(tag, "value").unwrap())).collect();
        let pressed = |tag: &&&str| tag.starts_with("button") && attribute(tag, "value").as_deref() == Some(button);
        let pressed = tags.iter().find(pressed).unwrap_or_else(|| panic!("no button {button}: {}", page.body));
        fields.push((attribute(pressed, "name").unwrap(), button.to_owned()));
        self.send(Method::POST, to, Some(&fields)).await
    }

    /// Agrees, by whichever button or link the platform shows.
    async fn allow(&mut self, page: &Page) -> Page {
        let mut links = page.body.split("<a").filter_map(|link| attribute(link, "href"));
        match links.find(|link| link.ends_with("sim_approve=1")) {
            Some(link) => self.get(page.url.join(&link).unwrap().as_str()).await,
            None => self.press(page, "approve").await,
        }
    }

    /// Walks from an address to the platform and agrees there; where the platform sends the browser back to.
    pub async fn until_callback(&mut self, url: &str) -> String {
        let back = |to: &Url| to.path().starts_with("/oauth/callback/");
        let mut page = self.follow(url, back).await;
        if page.location.is_none() {
            assert_eq!(page.status, 200, "{page:?}");
            page = self.allow(&page).await;
        }
        let to = page.location.unwrap_or_else(|| panic!("the platform leads nowhere: {}", page.body));
        assert!(back(&to), "{to}");
        to.to_string()
    }

    /// Walks all the way and agrees; what is on the screen at the end.
    pub async fn agree(&mut self, url: &str) -> Page {
        let callback = self.until_callback(url).await;
        self.get(&callback).await
    }
}
