//! Platforms that files describe, through the real binary: a Tiendanube store whose buyers are on a Brevo list.

mod store_support;
mod support;

use reqwest::Method;
use segmentd_simulators::brevo::{self, BrevoSim, NewContact};
use segmentd_simulators::receiver::Receiver;
use segmentd_simulators::tiendanube::{self, NewOrder, TiendanubeSim};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use store_support::browser::Browser;
use store_support::{eventually, is_read_in, same};
use support::{Daemon, Setup};

const STORE: u64 = 271_146;
const SHOP: &str = "/workspaces/main/connections/tn";
const MAIL: &str = "/workspaces/main/connections/mail";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const LIST: u64 = 42;

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("connectors/generic/platforms").join(name)
}

fn email(number: u32) -> String {
    format!("c{number}@example.com")
}

fn emails(numbers: impl IntoIterator<Item = u32>) -> BTreeSet<String> {
    numbers.into_iter().map(email).collect()
}

fn order(number: u32) -> NewOrder {
    NewOrder { email: email(number), agrees: Some(true), ..NewOrder::default() }
}

/// A store, an account for mail, and the daemon that knows both from files.
struct World {
    daemon: Daemon,
    store: TiendanubeSim,
    mail: BrevoSim,
    crm: Receiver,
}

impl World {
    /// With buyers of before; the store is connected.
    async fn open(past: u32) -> World {
        let plenty = tiendanube::SimOptions { bucket: (1_000.0, 200.0), ..Default::default() };
        let store = TiendanubeSim::start(plenty, STORE).await.unwrap();
        for number in 0..past {
            store.placed_before(&order(number), 86_400 + i64::from(number));
        }
        let plenty = brevo::SimOptions { contacts_per_second: 1_000, ..Default::default() };
        let mail = BrevoSim::start(plenty).await.unwrap();
        mail.add_list(LIST, "Buyers");
        let sections = format!(
            "[connections]\npoll_schedule = \"* * * * * *\"\nregister_schedule = \"*/2 * * * * *\"\n\
             described = [{:?}]\naddresses = {{ tiendanube = {:?}, brevo = {:?} }}\n",
            shipped(""),
            store.base(),
            mail.base()
        );
        let daemon = Daemon::with(Setup { sections, ..Setup::default() }).await;
        daemon.workspace().await;
        store.set_redirect_uri(&format!("{}/oauth/callback/tiendanube", daemon.url));
        let options = tiendanube::SimOptions::default();
        let app = json!({"client_id": options.client_id, "secrets": [options.client_secret]});
        daemon.put("/apps/tiendanube", app).await;
        let buyers = json!({"name": "buyers", "definition": {"event": "Order Completed"}});
        daemon.put("/workspaces/main/segments/buyers", buyers).await;
        let crm = Receiver::new(&[SECRET.to_owned()], 1).unwrap();
        let (address, _) = crm.serve("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let sync = json!({"calls_per_second": 1000, "snapshot_schedule": ""});
        let webhook = json!({"url": format!("http://{address}/hook"), "secrets": [SECRET], "sync": sync});
        let body = json!({"segment": "buyers", "identifier": "email", "webhook": webhook});
        daemon.put("/workspaces/main/lists/crm", body).await;
        let world = World { daemon, store, mail, crm };
        let body = json!({"connector": "tiendanube", "region": "AR"});
        let (status, made) = world.daemon.send(Method::POST, SHOP, body).await;
        assert_eq!(status, 201, "{made}");
        world.agree(made["connect_url"].as_str().unwrap()).await;
        world.wait(SHOP, is_read_in).await;
        world
    }

    async fn agree(&self, url: &str) {
        let page = Browser::default().agree(url).await;
        assert!(page.status == 200 && page.body.contains("Connected"), "{page:?}");
    }

    async fn wait(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        eventually(async || {
            let shown = self.daemon.get(path).await;
            if wanted(&shown) { Ok(shown) } else { Err(shown.to_string()) }
        })
        .await
    }

    async fn crm_holds(&self, wanted: BTreeSet<String>) {
        eventually(async || same(self.crm.members("crm").into_keys().collect::<BTreeSet<_>>(), wanted.clone())).await;
    }

    async fn mail_holds(&self, wanted: BTreeSet<String>) {
        eventually(async || match same(self.mail.members(LIST), wanted.clone()) {
            Ok(()) => Ok(()),
            Err(why) => Err(format!("{why}: {}", self.daemon.get("/workspaces/main/lists/mail").await)),
        })
        .await;
    }

    /// Connects the account for mail and puts the buyers onto its list.
    async fn mailing(&self) {
        let body = json!({"connector": "brevo", "api_key": self.mail.key()});
        let (status, made) = self.daemon.send(Method::POST, MAIL, body).await;
        assert_eq!(status, 201, "{made}");
        self.wait(MAIL, |shown| shown["step"] == "running").await;
        let settings = json!({"list": LIST, "attributes": {"FULL_NAME": "name"}});
        let sync = json!({"calls_per_second": 1000});
        let platform = json!({"connector": "brevo", "connection": "mail", "settings": settings, "sync": sync});
        let list = json!({"segment": "buyers", "mode": "own", "platform": platform});
        self.daemon.put("/workspaces/main/lists/mail", list).await;
    }

    async fn alerted(&self, kind: &str) {
        eventually(async || {
            let alerts = self.daemon.get("/alerts").await;
            let has = alerts["items"].as_array().unwrap().iter().any(|alert| alert["kind"] == kind);
            if has { Ok(()) } else { Err(alerts.to_string()) }
        })
        .await;
    }

    fn asked_rightly(&self) {
        assert_eq!(self.store.counters().wrong, Vec::<String>::new());
        assert_eq!(self.mail.counters().wrong, Vec::<String>::new());
        assert_eq!(self.mail.counters().over_limit, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_described_stores_webhooks_and_polls_become_membership() {
    let mut world = World::open(3).await;
    let shown = world.daemon.get(SHOP).await;
    assert_eq!((&shown["account"], &shown["name"]), (&json!("271146"), &json!("Tienda")), "{shown}");
    assert_eq!((&shown["missing"], &shown["details"]["currency"]), (&json!([]), &json!("ARS")), "{shown}");
    world.crm_holds(emails(0..3)).await;
    eventually(async || same(world.store.hooked().len(), 13)).await;

    // Webhooks of ids alone: paid at once, later, and never; some are sent twice.
    world.store.set_faults(tiendanube::Faults { hooks_doubled: 500, ..Default::default() });
    world.store.place(&order(3));
    let unpaid = world.store.place(&NewOrder { paid: false, ..order(4) });
    let other = world.store.place(&order(5));
    world.crm_holds(emails([0, 1, 2, 3, 5])).await;
    world.store.pay(unpaid);
    world.store.cancel(other);
    world.crm_holds(emails(0..5)).await;
    let city = |person: &Value| person["properties"]["city"] == "Buenos Aires";
    world.wait("/workspaces/main/people/email:c3@example.com", city).await;
    assert!(world.store.settled(Duration::from_secs(20)).await);
    assert!(world.store.delivered().iter().all(|one| one.status == Some(200)), "{:?}", world.store.delivered());

    // They are lost: polls find what happened, through failures; and whoever is deleted is forgotten.
    let faults = tiendanube::Faults { hooks_lost: 1000, internal: 100, too_many: 50, half: 50, ..Default::default() };
    world.store.set_faults(faults);
    let late = world.store.place(&order(6));
    world.crm_holds(emails([0, 1, 2, 3, 4, 6])).await;
    world.store.refund(late);
    world.daemon.kill();
    world.store.place(&order(7));
    world.daemon.start_again().await;
    world.crm_holds(emails([0, 1, 2, 3, 4, 6, 7])).await;
    world.store.set_faults(tiendanube::Faults::default());
    world.store.drop_hooks();
    eventually(async || same(world.store.hooked().len(), 13)).await;
    world.store.delete_customer(&email(7));
    eventually(async || {
        let (status, person) =
            world.daemon.send(Method::GET, "/workspaces/main/people/email:c7@example.com", Value::Null).await;
        let city = person["properties"]["city"].clone();
        if status == 404 || city.is_null() { Ok(()) } else { Err(person.to_string()) }
    })
    .await;

    // The app is taken out there: told at once, and after a new authorization the gap is filled.
    world.store.uninstall();
    world.alerted("authorization").await;
    world.store.place(&order(8));
    let (status, again) = world.daemon.send(Method::POST, &format!("{SHOP}/reauthorize"), Value::Null).await;
    assert_eq!(status, 200, "{again}");
    world.agree(again["connect_url"].as_str().unwrap()).await;
    eventually(async || {
        let members: BTreeSet<String> = world.crm.members("crm").into_keys().collect();
        if members.contains(&email(8)) { Ok(()) } else { Err(format!("{members:?}")) }
    })
    .await;
    world.asked_rightly();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_described_list_converges_through_failures_restarts_and_what_others_do() {
    let mut world = World::open(12).await;
    world.mail.add_contacts(&[
        NewContact::new(&email(0)),
        NewContact { blacklisted: true, lists: vec![LIST], ..NewContact::new(&email(1)) },
        NewContact { left: vec![LIST], ..NewContact::new(&email(2)) },
        NewContact { lists: vec![LIST], ..NewContact::new("stranger@example.com") },
    ]);
    let faults = brevo::Faults { internal: 60, too_many: 60, lost_answer: 80, half: 40, ..Default::default() };
    world.mail.set_faults(faults);
    world.mailing().await;
    world.mail_holds(emails((0..12).filter(|number| ![1, 2].contains(number)))).await;
    assert!(world.mail.counters().faulted > 0, "nothing failed");
    let status = world.wait("/workspaces/main/lists/mail", |status| status["to_add"] == 0).await;
    assert!(status["refused"].to_string().contains("unsubscribed from this list"), "{status}");
    assert_eq!(world.mail.attribute(&email(5), "FULL_NAME"), Some(json!("Ana Ruiz")));

    // Killed in the middle of changes.
    let more: Vec<u64> = (12..40).map(|number| world.store.place(&order(number))).collect();
    tokio::time::sleep(Duration::from_millis(150)).await;
    world.daemon.kill();
    for order in &more[20..] {
        world.store.cancel(*order);
    }
    world.daemon.start_again().await;
    let wanted =
        |without: &[u32]| emails((0..32).filter(|number| ![1, 2].contains(number) && !without.contains(number)));
    world.mail_holds(wanted(&[])).await;

    // Somebody blocks all mail there: found, and they leave by consent.
    world.mail.set_faults(brevo::Faults::default());
    world.mail.unsubscribe(&email(7));
    world.mail_holds(wanted(&[7])).await;
    world.asked_rightly();
}

fn run(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_segmentd")).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn descriptions_are_checked_and_tried_without_a_daemon() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (tiendanube, brevo) = (shipped("tiendanube.toml"), shipped("brevo.toml"));
    let (tiendanube, brevo) = (tiendanube.display().to_string(), brevo.display().to_string());
    let (code, said, _) = run(&["connector", "check", &tiendanube, &brevo]);
    assert!(code == 0 && said.contains("brevo (Brevo) is good"), "{said}");

    let text = std::fs::read_to_string(&tiendanube).unwrap();
    let wrong = write("wrong.toml", &text.replacen("signs = \"digits\"", "signz = \"digits\"", 1));
    let line = text.lines().position(|line| line == "signs = \"digits\"").unwrap() + 1;
    let (code, _, complaint) = run(&["connector", "check", &wrong]);
    let expected = format!("{wrong}:{line}:1: there is no key signz; did you mean signs?");
    assert!(code == 1 && complaint.contains(&expected), "{complaint}");

    let body = r#"{"store_id":271146,"event":"order/paid","id":450789469}"#;
    let sample = write("sample.json", body);
    let signature = format!("x-linkedstore-hmac-sha256: {}", tiendanube::signature("s3cret", body.as_bytes()));
    let test = ["connector", "test", &tiendanube, "--payload", &sample, "--secret", "s3cret", "--header"];
    let (code, said, complaint) = run(&[&test[..], &[&signature]].concat());
    assert_eq!((code, complaint.as_str()), (0, ""));
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&said["signature"], &said["account"]), (&json!("good"), &json!("271146")));
    assert_eq!(said["fetch"], json!([{"kind": "order", "id": "450789469"}]));
    let (code, _, complaint) = run(&[&test[..], &["x-linkedstore-hmac-sha256: 00"]].concat());
    assert!(code == 1 && complaint.contains("signature is wrong"), "{complaint}");

    let order = r#"{"id":1,"updated_at":"2026-02-23T19:58:44+0000","paid_at":"2026-02-23T12:26:00+0000","currency":"ars",
        "payment_status":"paid","total":"5660.00","contact_email":"ana@example.com","customer":{"id":101}}"#;
    let order = write("order.json", order);
    let (_, said, _) = run(&["connector", "test", &tiendanube, "--payload", &order, "--kind", "order"]);
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["events"][0]["event"], "Order Updated", "{said}");
    assert_eq!(
        said["events"][1]["identities"],
        json!(["tiendanube:101", "email:ana@example.com", "cart:tiendanube:order:1"])
    );

    let changes = ["connector", "test", &brevo, "--add", "a@x.mx", "--remove", "b@x.mx", "--setting", "list=42"];
    let (_, said, complaint) = run(&changes);
    assert!(said.contains("/contacts/lists/42/contacts/add") && said.contains("\"a@x.mx\""), "{said}{complaint}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_description_keeps_the_daemon_from_starting_and_says_where() {
    let dir = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(shipped("brevo.toml")).unwrap();
    let file = dir.path().join("brevo.toml");
    std::fs::write(&file, text.replacen("emails = \"{identifiers}\"", "emails = \"{identifierz}\"", 1)).unwrap();
    let sections = format!("[connections]\ndescribed = [{:?}]\n", dir.path());
    let mut daemon = Daemon::new(Setup { sections, ..Setup::default() });
    daemon.spawn();
    assert_eq!(daemon.ended(Duration::from_secs(30)).await, Some(1));
    let log = daemon.log();
    assert!(log.contains("connections.described") && log.contains("brevo.toml:"), "{log}");
    assert!(log.contains("did you mean identifier"), "{log}");
}
