//! What the tests of Mailchimp's simulator share.
#![allow(dead_code)]

use segmentd_simulators::mailchimp::{MailchimpSim, NewContact, SimOptions, Status, ViolationKind};
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};

pub const KEY: &str = "0123456789abcdef0123456789abcdef-us19";

/// A file or folder beside the repository; says that a test is skipped when it is not there.
pub fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared").join(name);
    if path.exists() {
        return Some(path);
    }
    // Not by `println!`, which the test runner keeps to itself.
    let _ = writeln!(std::io::stderr(), "SKIPPED: what needs shared/{name}, which is not beside the repository");
    None
}

/// Options that hold every request against the specification, where it is.
pub fn options() -> SimOptions {
    SimOptions { specification: shared("specs/mailchimp"), ..SimOptions::default() }
}

pub struct Caller {
    pub sim: MailchimpSim,
    pub list: String,
    pub http: reqwest::Client,
}

/// An answer: status and body, `null` for none.
pub type Answer = (u16, Value);

impl Caller {
    pub async fn start() -> Caller {
        Caller::start_as(options()).await
    }

    pub async fn start_as(options: SimOptions) -> Caller {
        let sim = MailchimpSim::start(options).await;
        let list = sim.create_audience("Tienda");
        Caller { sim, list, http: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    /// A call whose path is behind the audience.
    pub async fn call(&self, method: &str, path: &str, body: Value) -> Answer {
        self.try_call(method, path, body).await.unwrap()
    }

    pub async fn try_call(&self, method: &str, path: &str, body: Value) -> Result<Answer, reqwest::Error> {
        let url = match path.strip_prefix('!') {
            Some(absolute) => format!("{}/3.0{absolute}", self.sim.api_endpoint()),
            None => format!("{}/3.0/lists/{}{path}", self.sim.api_endpoint(), self.list),
        };
        let mut request = self.http.request(method.parse().unwrap(), url).basic_auth("any", Some(KEY));
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        let text = answer.text().await?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
    }

    pub async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call("GET", path, Value::Null).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    pub async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.call("POST", path, body).await;
        assert!(status == 200 || status == 204, "{path}: {status} {answer}");
        answer
    }

    pub fn add(&self, contacts: &[(&str, Status)]) {
        let contacts: Vec<NewContact> =
            contacts.iter().map(|(email, status)| NewContact::new(email, *status)).collect();
        self.sim.add_contacts(&self.list, &contacts).unwrap();
    }

    pub async fn segment(&self, name: &str, members: &[&str]) -> u64 {
        let made = self.post("/segments", json!({"name": name, "static_segment": members})).await;
        made["id"].as_u64().unwrap()
    }

    pub fn status_of(&self, email: &str) -> Option<Status> {
        self.sim.contacts(&self.list).into_iter().find(|contact| contact.email == email).map(|contact| contact.status)
    }

    pub fn kinds(&self) -> Vec<ViolationKind> {
        self.sim.violations().into_iter().map(|violation| violation.kind).collect()
    }
}

/// A status and the title of the problem.
pub fn problem(answer: &Answer) -> (u16, &str) {
    assert_eq!(answer.1["status"], answer.0, "{answer:?}");
    assert!(answer.1["instance"].is_string() && answer.1["detail"].is_string(), "{answer:?}");
    (answer.0, answer.1["title"].as_str().unwrap())
}

/// Made independently: `printf ana@example.com | md5sum`.
pub const ANA: &str = "cdb9d6a1dddc375a09cc83e3001598dc";
