//! The official npm package talks to the simulator: it installs, asks, refreshes and accepts webhooks.

mod shopify_support;

use segmentd_simulators::shopify::{CustomerChange, Goods, HeaderFamily, NewOrder, ShopifySim};
use serde_json::{Value, json};
use shopify_support::{Came, Inbox, SECRET, SHOP, client, options, subscribe};
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

const BACK: &str = "https://app.example.com/auth/callback";
/// The package turns away what looks like a robot.
const AGENT: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";

struct Script {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Script {
    fn start(arguments: &[&str]) -> Script {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
        let home = root.join("target/sdk");
        let needed = home.join("node_modules/@shopify/shopify-api/package.json");
        assert!(needed.exists(), "the SDKs are not installed ({} is missing): run `make sdks`", needed.display());
        let child = Command::new("node")
            .arg(root.join("tests/sdk/shopify-node.mjs"))
            .args(arguments)
            .current_dir(&home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut child = child.unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Script { child, input, output: BufReader::new(output).lines() }
    }

    fn answer(&mut self) -> String {
        self.output.next().expect("the script ended too early; its errors are above").unwrap()
    }

    fn ask(&mut self, command: &Value) -> Value {
        writeln!(self.input, "{command}").unwrap();
        serde_json::from_str(&self.answer()).unwrap()
    }

    fn end(self) {
        let Script { mut child, input, output } = self;
        drop((input, output));
        assert!(child.wait().unwrap().success());
    }
}

async fn location(url: String, cookies: &str) -> (String, Vec<String>) {
    let request = client().get(&url).header("User-Agent", AGENT).header("Cookie", cookies);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 302, "{url}: {}", answer.text().await.unwrap());
    let set = answer.headers().get_all("set-cookie").iter();
    let cookies = set.map(|value| value.to_str().unwrap().split(';').next().unwrap().to_owned()).collect();
    (answer.headers()["location"].to_str().unwrap().to_owned(), cookies)
}

/// The merchant's walk; what the package keeps of it.
async fn walk(sim: &ShopifySim, app: &str) -> Value {
    let (to_shop, cookies) = location(format!("{app}/auth?shop={SHOP}"), "").await;
    let at_sim = to_shop.replace(&format!("https://{SHOP}"), &format!("{}/{SHOP}", sim.base()));
    assert_ne!(at_sim, to_shop);
    let (back, _) = location(format!("{at_sim}&sim_approve=1"), "").await;
    let at_app = back.replace("https://app.example.com", app);
    let forged = at_app.replace("hmac=", "hmac=0");
    let request = |url: &str| client().get(url).header("User-Agent", AGENT).header("Cookie", cookies.join("; ")).send();
    let refused = request(&forged).await.unwrap();
    assert_eq!(refused.status(), 400);
    let answer = request(&at_app).await.unwrap();
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    assert_eq!(status, 200, "{text}");
    serde_json::from_str(&text).unwrap()
}

fn judge(script: &mut Script, came: &Came, change: impl Fn(&mut String)) -> Value {
    let mut body = came.body.clone();
    change(&mut body);
    script.ask(&json!({"webhook": {"headers": came.headers, "body": body}}))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_package_installs_asks_and_accepts_webhooks() {
    let mut options = options();
    options.app.redirect_uris = vec![BACK.to_owned()];
    let client_id = options.app.client_id.clone();
    let sim = ShopifySim::start(options).await.unwrap();
    let mut script = Script::start(&[sim.base(), &client_id, SECRET]);
    let app = script.answer();
    let session = walk(&sim, &app).await;
    assert_eq!((&session["shop"], &session["scope"]), (&json!(SHOP), &json!("read_orders,write_customers")));
    assert!(session["refreshToken"].as_str().unwrap().starts_with("shprt_"), "{session}");
    let shop = sim.shop(SHOP);
    let email = Some("ana@example.com".to_owned());
    let ana = shop.add_customer(CustomerChange { email, ..CustomerChange::default() }).unwrap();
    let order = NewOrder { customer: Some(ana), lines: vec![Goods::default()], ..NewOrder::default() };
    let id = shop.create_order(order).unwrap();
    let query = "query($n: Int!) { orders(first: $n) { nodes { id totalPriceSet { shopMoney { amount } } } } }";
    let asked = json!({"graphql": {"query": query, "variables": {"n": 5}}});
    let found = script.ask(&asked);
    assert_eq!(found["data"]["orders"]["nodes"][0]["id"], format!("gid://shopify/Order/{id}"), "{found}");
    assert!(found["extensions"]["cost"]["throttleStatus"].is_object(), "{found}");
    if shopify_support::sdl().is_some() {
        let wrong = script.ask(&json!({"graphql": {"query": "{ orders(first: 1) { nodes { total } } }"}}));
        assert!(wrong["error"].as_str().unwrap().contains("doesn't exist on type 'Order'"), "{wrong}");
    }
    sim.advance(3601);
    let expired = script.ask(&asked);
    assert_eq!(expired["response"]["code"], 401, "{expired}");
    let renewed = script.ask(&json!({"refresh": true}));
    assert!(renewed["accessToken"].is_string(), "{renewed}");
    assert_eq!(script.ask(&asked)["data"]["orders"]["nodes"][0]["id"], format!("gid://shopify/Order/{id}"));

    let inbox = Inbox::start().await;
    let token = renewed["accessToken"].as_str().unwrap();
    subscribe(&shop, token, "CUSTOMERS_UPDATE", json!({"uri": inbox.url, "name": "mine"})).await;
    for family in [HeaderFamily::Classic, HeaderFamily::Events, HeaderFamily::Both] {
        sim.change_app(|app| app.hook_headers = family);
        shop.update_customer(ana, CustomerChange { note: Some("Año & <b>".to_owned()), ..CustomerChange::default() })
            .unwrap();
        assert!(sim.settled(Duration::from_secs(5)).await);
        let came = inbox.take().remove(0);
        let verdict = judge(&mut script, &came, |_| {});
        assert_eq!(verdict["valid"], true, "{verdict}");
        // The package writes the topic as the API does.
        let topic = verdict["topic"].as_str().unwrap().replace('/', "_").to_uppercase();
        assert_eq!(topic, "CUSTOMERS_UPDATE", "{verdict}");
        assert_eq!(verdict["domain"], SHOP);
        assert_eq!(judge(&mut script, &came, |body| body.push(' '))["valid"], false);
    }
    sim.change_app(|app| app.secrets = vec!["shpss_other".to_owned()]);
    shop.add_tags(ana, &["x"]).unwrap();
    assert!(sim.settled(Duration::from_secs(5)).await);
    assert_eq!(judge(&mut script, &inbox.take()[0], |_| {})["valid"], false);
    script.end();
    assert_eq!(sim.requests().refused("invalid_document"), u64::from(shopify_support::sdl().is_some()));
}
