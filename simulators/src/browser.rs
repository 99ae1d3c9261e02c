//! A merchant's browser: keeps cookies, follows redirects one by one, presses what the platform shows, and says what
//! it sees.

use reqwest::{Client, Method, Url};
use std::collections::BTreeMap;
use std::time::Duration;

/// Redirects followed at most.
const HOPS_MAX: usize = 10;
/// Characters of an address that are shown.
const SHOWN_CHARS: usize = 96;

/// What is on the screen.
pub struct Page {
    url: Url,
    status: u16,
    location: Option<Url>,
    body: String,
}

/// A browser with a jar of its own.
pub struct Browser {
    client: Client,
    /// Cookies by host and port, then by name.
    jar: BTreeMap<String, BTreeMap<String, String>>,
    quiet: bool,
}

fn site(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
}

fn shown(url: &Url) -> String {
    let text = url.as_str();
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

fn unescaped(text: &str) -> String {
    text.replace("&quot;", "\"").replace("&#39;", "'").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    rest.split_once('"').map(|(value, _)| unescaped(value))
}

/// The words of a page.
fn words(body: &str) -> String {
    let mut text = String::new();
    for part in body.split('<').skip(1) {
        let (tag, words) = part.split_once('>').unwrap_or_default();
        let silent = tag.starts_with("style") || tag.starts_with("title") || tag.starts_with("script");
        if !silent && !words.trim().is_empty() {
            text.push_str(words.trim());
            text.push(' ');
        }
    }
    unescaped(text.trim())
}

impl Browser {
    /// A browser without cookies; a quiet one says nothing.
    pub fn new(quiet: bool) -> Result<Browser, String> {
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
        let client = client.timeout(Duration::from_secs(30)).build().map_err(|why| why.to_string())?;
        Ok(Browser { client, jar: BTreeMap::new(), quiet })
    }

    fn say(&self, what: &str) {
        if !self.quiet {
            println!("    {what}");
        }
    }

    async fn send(&mut self, method: Method, url: Url, form: Option<&[(String, String)]>) -> Result<Page, String> {
        let jar = self.jar.entry(site(&url)).or_default();
        let cookies: Vec<String> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = self.client.request(method.clone(), url.clone());
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        if let Some(form) = form {
            request = request.form(form);
        }
        let answer = request.send().await.map_err(|why| format!("{url}: {why}"))?;
        for cookie in answer.headers().get_all("set-cookie").iter().filter_map(|value| value.to_str().ok()) {
            let pair = cookie.split(';').next().and_then(|pair| pair.split_once('='));
            jar.extend(pair.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())));
        }
        let to = answer.headers().get("location").and_then(|to| to.to_str().ok()).map(str::to_owned);
        let (status, location) = (answer.status().as_u16(), to.and_then(|to| url.join(&to).ok()));
        let body = answer.text().await.map_err(|why| format!("{url}: {why}"))?;
        self.say(&format!("{method} {} -> {status}", shown(&url)));
        Ok(Page { url, status, location, body })
    }

    /// Opens an address and follows redirects to a page.
    async fn open(&mut self, url: Url) -> Result<Page, String> {
        let mut page = self.send(Method::GET, url, None).await?;
        for _ in 0..HOPS_MAX {
            match page.location.clone() {
                Some(to) => page = self.send(Method::GET, to, None).await?,
                None => return Ok(page),
            }
        }
        Err(format!("more than {HOPS_MAX} redirects, at last {}", page.url))
    }

    /// Agrees, by whichever button or link the platform shows.
    async fn allow(&mut self, page: &Page) -> Result<Page, String> {
        let mut links = page.body.split("<a").filter_map(|link| attribute(link, "href"));
        if let Some(link) = links.find(|link| link.ends_with("sim_approve=1")) {
            self.say("the merchant presses \"Allow\"");
            let to = page.url.join(&link).map_err(|why| why.to_string())?;
            return self.open(to).await;
        }
        let tags: Vec<&str> = page.body.split('<').collect();
        let form = tags.iter().find(|tag| tag.starts_with("form")).ok_or("the platform shows no form")?;
        let to = page.url.join(&attribute(form, "action").unwrap_or_default()).map_err(|why| why.to_string())?;
        let hidden = tags.iter().filter(|tag| tag.starts_with("input") && tag.contains("\"hidden\""));
        let mut fields: Vec<(String, String)> =
            hidden.filter_map(|tag| Some((attribute(tag, "name")?, attribute(tag, "value")?))).collect();
        fields.push(("decision".to_owned(), "approve".to_owned()));
        self.say("the merchant presses \"Install\"");
        let back = self.send(Method::POST, to, Some(&fields)).await?;
        match back.location.clone() {
            Some(to) => self.open(to).await,
            None => Err(format!("the platform leads nowhere: {}", words(&back.body))),
        }
    }

    /// Follows an invitation to the platform, agrees there and comes back.
    pub async fn agree(&mut self, invitation: &str) -> Result<(), String> {
        let url = Url::parse(invitation).map_err(|why| why.to_string())?;
        let consent = self.open(url).await?;
        if consent.status != 200 {
            return Err(format!("{}: {} {}", consent.url, consent.status, words(&consent.body)));
        }
        self.say(&format!("the platform asks: \"{}\"", words(&consent.body)));
        let end = self.allow(&consent).await?;
        self.say(&format!("the merchant reads: \"{}\"", words(&end.body)));
        if end.status == 200 { Ok(()) } else { Err(format!("{}: {}", end.url, end.status)) }
    }
}
