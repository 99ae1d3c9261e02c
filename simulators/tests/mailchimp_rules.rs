//! The rules of contacts: consent, compliance, addresses, batches, merge fields, OAuth.

mod mailchimp_support;

use mailchimp_support::{ANA, Caller, KEY, problem};
use segmentd_simulators::mailchimp::{Deed, NewContact, Status, ViolationKind};
use serde_json::{Value, json};

fn member(email: &str, status: &str) -> Value {
    json!({"email_address": email, "status": status})
}

#[tokio::test]
async fn only_who_signed_up_has_a_time_of_it() {
    let caller = Caller::start().await;
    caller.add(&[("imported@example.com", Status::Subscribed)]);
    caller.post("", json!({"members": [member("added@example.com", "subscribed")]})).await;
    caller.sim.deed(&caller.list, "by-form@example.com", &Deed::Subscribe).unwrap();
    for (name, signed_up) in [("imported", false), ("added", false), ("by-form", true)] {
        let contact = caller.get(&format!("/members/{name}@example.com")).await;
        assert_eq!(contact["timestamp_signup"] != "", signed_up, "{contact}");
        assert!(contact["timestamp_opt"] != "", "{contact}");
    }
}

#[tokio::test]
async fn nobody_is_subscribed_again() {
    let caller = Caller::start().await;
    let (left, bounced) = ("left@example.com", "bounced@example.com");
    caller.add(&[(left, Status::Unsubscribed), (bounced, Status::Cleaned), ("ana@example.com", Status::Subscribed)]);
    for email in [left, bounced] {
        let path = format!("/members/{email}");
        for (method, body) in [
            ("PATCH", json!({"status": "subscribed"})),
            ("PUT", json!({"email_address": email, "status_if_new": "subscribed", "status": "subscribed"})),
        ] {
            let answer = caller.call(method, &path, body).await;
            assert_eq!(problem(&answer), (400, "Member In Compliance State"));
            assert!(answer.1["detail"].as_str().unwrap().starts_with(email));
        }
        let body = json!({"members": [member(email, "subscribed")], "update_existing": true});
        let answer = caller.post("", body).await;
        assert_eq!((&answer["error_count"], &answer["total_updated"]), (&json!(1), &json!(0)));
        assert!(answer["errors"][0]["error"].as_str().unwrap().contains("compliance state"));
    }
    assert_eq!(caller.kinds(), vec![ViolationKind::Resubscribed; 6]);
    // Without update_existing, or by status_if_new, nobody is touched and nothing is a violation.
    caller.sim.reset();
    let answer = caller.post("", json!({"members": [member(left, "subscribed")], "update_existing": false})).await;
    assert_eq!(answer["errors"][0]["error_code"], "ERROR_CONTACT_EXISTS");
    let body = json!({"email_address": left, "status_if_new": "subscribed", "merge_fields": {"FNAME": "L"}});
    let (status, answer) = caller.call("PUT", &format!("/members/{left}"), body).await;
    assert_eq!(
        (status, &answer["status"], &answer["merge_fields"]["FNAME"]),
        (200, &json!("unsubscribed"), &json!("L"))
    );
    assert!(caller.kinds().is_empty());
    assert_eq!(caller.status_of(left), Some(Status::Unsubscribed));
    // `pending` is the platform's way round, and goes through: it is seen.
    caller.call("PATCH", &format!("/members/{left}"), json!({"status": "pending"})).await;
    assert_eq!(caller.kinds(), [ViolationKind::Resubscribed]);
    assert_eq!(caller.status_of(left), Some(Status::Pending));
}

#[tokio::test]
async fn a_status_that_overwrites_is_seen() {
    let caller = Caller::start().await;
    caller.add(&[("ana@example.com", Status::Subscribed), ("beto@example.com", Status::Transactional)]);
    let path = format!("/members/{ANA}");
    caller.call("PATCH", &path, json!({"status": "subscribed"})).await;
    caller.call("PATCH", &path, json!({"status": "unsubscribed"})).await;
    caller.post("", json!({"members": [member("beto@example.com", "subscribed")], "update_existing": true})).await;
    let (status, _) = caller.call("DELETE", "/members/beto@example.com", Value::Null).await;
    assert_eq!(status, 204);
    let (sent, changed) = (ViolationKind::StatusSent, ViolationKind::StatusChanged);
    assert_eq!(caller.kinds(), [sent, changed, changed, changed]);
    assert_eq!(caller.status_of("beto@example.com"), Some(Status::Archived));
    // An archived one comes back, one who had unsubscribed does not.
    caller.call("DELETE", &path, Value::Null).await;
    let body = json!({"email_address": "beto@example.com", "status_if_new": "subscribed"});
    assert_eq!(caller.call("PUT", "/members/beto@example.com", body).await.1["status"], "subscribed");
    let answer = caller.call("POST", "/members", member("ana@example.com", "subscribed")).await;
    assert_eq!(problem(&answer), (400, "Member In Compliance State"));
}

#[tokio::test]
async fn addresses_are_judged_one_by_one() {
    let caller = Caller::start().await;
    caller.add(&[("ana@example.com", Status::Subscribed), ("gone@example.com", Status::Subscribed)]);
    let (status, _) = caller.call("POST", "/members/gone@example.com/actions/delete-permanent", Value::Null).await;
    assert_eq!(status, 204);
    caller.sim.set_refused(&["Busy@example.com"]);
    let titles = [
        ("gone@example.com", "Forgotten Email Not Subscribed"),
        ("ANA@example.com", "Member Exists"),
        ("busy@example.com", "Invalid Resource"),
        ("x@nowhere.invalid", "Invalid Resource"),
        ("no address", "Invalid Resource"),
    ];
    for (email, title) in titles {
        let answer = caller.call("POST", "/members", member(email, "subscribed")).await;
        assert_eq!(problem(&answer), (400, title), "{email}");
    }
    let members: Vec<Value> = titles.iter().map(|(email, _)| member(email, "subscribed")).collect();
    let answer = caller.post("", json!({"members": members})).await;
    assert_eq!((&answer["error_count"], &answer["total_created"]), (&json!(5), &json!(0)));
    assert!(answer["errors"][2]["error"].as_str().unwrap().contains("signed up to a lot of lists"));
    // The contact itself can come back.
    caller.sim.deed(&caller.list, "gone@example.com", &segmentd_simulators::mailchimp::Deed::Subscribe).unwrap();
    assert_eq!(caller.status_of("gone@example.com"), Some(Status::Subscribed));
    assert!(caller.kinds().is_empty());
}

#[tokio::test]
async fn batches_have_limits_and_first_ones_win() {
    let caller = Caller::start().await;
    let many = |count: usize| -> Vec<Value> {
        (0..count).map(|number| member(&format!("p{number}@example.com"), "subscribed")).collect()
    };
    let answer = caller.call("POST", "", json!({"members": many(501)})).await;
    assert_eq!(problem(&answer), (400, "Invalid Resource"));
    assert_eq!(answer.1["errors"][0]["field"], "members");
    assert_eq!(caller.post("", json!({"members": many(500)})).await["total_created"], 500);
    let twice = json!({"members": [member("q@example.com", "unsubscribed"), member("Q@example.com", "subscribed")],
        "update_existing": true});
    let answer = caller.post("?skip_duplicate_check=true", twice).await;
    assert_eq!((&answer["total_created"], &answer["error_count"]), (&json!(1), &json!(0)));
    assert_eq!(caller.status_of("q@example.com"), Some(Status::Unsubscribed));
    // Fields that nobody knows, types that are wrong, JSON that is none.
    let unknown = json!({"members": [], "update_exsisting": true});
    assert_eq!(caller.call("POST", "", unknown).await.1["errors"][0]["field"], "update_exsisting");
    assert_eq!(caller.call("POST", "", json!({"members": {}})).await.0, 400);
    let url = format!("{}/3.0/lists/{}", caller.sim.api_endpoint(), caller.list);
    let answer = caller.http.post(url).basic_auth("x", Some(KEY)).body("{").send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/problem+json; charset=utf-8");
    assert_eq!(answer.json::<Value>().await.unwrap()["title"], "JSON Parse Error");
    // Replacing tags is seen.
    caller.sim.edit_tag(&caller.list, "theirs", &["p1@example.com"], &[]).unwrap();
    let tagged = json!({"email_address": "p1@example.com", "status_if_new": "subscribed", "tags": ["ours"]});
    let add = json!({"members": [tagged], "update_existing": true, "sync_tags": false});
    caller.post("", add.clone()).await;
    assert_eq!(caller.sim.tag_members(&caller.list, "theirs").len(), 1);
    let mut replace = add;
    replace["sync_tags"] = json!(true);
    caller.post("", replace).await;
    assert!(caller.sim.tag_members(&caller.list, "theirs").is_empty());
    assert_eq!(caller.sim.tag_members(&caller.list, "ours").len(), 1);
    assert_eq!(caller.kinds().last(), Some(&ViolationKind::TagsReplaced));
}

#[tokio::test]
async fn members_are_read_in_pages_and_by_change() {
    let caller = Caller::start().await;
    let contacts: Vec<NewContact> = (0..2345)
        .map(|number| {
            let status = if number % 5 == 0 { Status::Unsubscribed } else { Status::Subscribed };
            NewContact::new(&format!("p{number}@example.com"), status)
        })
        .collect();
    caller.sim.add_contacts(&caller.list, &contacts).unwrap();
    let page = caller.get("/members").await;
    assert_eq!((page["members"].as_array().unwrap().len(), &page["total_items"]), (10, &json!(2345)));
    let mut seen = std::collections::BTreeSet::new();
    for offset in [0, 1000, 2000] {
        let fields = "fields=members.id,members.status,total_items";
        let page = caller.get(&format!("/members?count=1000&offset={offset}&{fields}")).await;
        assert_eq!(page.as_object().unwrap().len(), 2);
        assert_eq!(page["members"][0].as_object().unwrap().len(), 2);
        seen.extend(page["members"].as_array().unwrap().iter().map(|member| member["id"].to_string()));
    }
    assert_eq!(seen.len(), 2345);
    assert_eq!(caller.get("/members?status=unsubscribed&count=1").await["total_items"], 469);
    assert_eq!(caller.get("/members?since_last_changed=2100-01-01T00:00:00%2B00:00").await["total_items"], 0);
    assert_eq!(caller.get("/members?before_last_changed=2100-01-01T00:00:00%2B00:00").await["total_items"], 2345);
    for wrong in ["count=1001", "status=nonsense", "since_last_changed=yesterday", "count=-1", "vip_only=maybe"] {
        assert_eq!(caller.call("GET", &format!("/members?{wrong}"), Value::Null).await.0, 400, "{wrong}");
    }
    let answer = caller.call("DELETE", "/members", Value::Null).await;
    assert_eq!(problem(&answer), (405, "Method Not Allowed"));
    let answer = caller.call("GET", "!/lists/ffffffffff", Value::Null).await;
    assert_eq!(problem(&answer), (404, "Resource Not Found"));
    let lists = caller.get("!/lists").await;
    assert_eq!(lists["lists"][0]["stats"]["member_count"], 2345 - 469);
    assert_eq!(lists["lists"][0]["stats"]["total_contacts"], 2345);
}

#[tokio::test]
async fn merge_fields_are_checked() {
    let caller = Caller::start().await;
    let made = caller.post("/merge-fields", json!({"name": "Spent", "tag": "SPENT", "type": "number"})).await;
    let required = json!({"name": "Code", "tag": "CODE", "type": "text", "required": true});
    caller.post("/merge-fields", required.clone()).await;
    assert_eq!(caller.call("POST", "/merge-fields", required).await.0, 400, "the tag is taken");
    assert_eq!(caller.get("/merge-fields").await["total_items"], 6);
    let put = |fields: Value| json!({"email_address": "ana@example.com", "status_if_new": "subscribed", "merge_fields": fields});
    let path = format!("/members/{ANA}");
    for (fields, wrong) in [
        (json!({"CODE": "a", "SPENT": "much"}), "SPENT"),
        (json!({"SPENT": 12.5}), "CODE"),
        (json!({"CODE": "a", "NOSUCH": "b"}), "NOSUCH"),
        (json!({"CODE": "x".repeat(256)}), "CODE"),
    ] {
        let answer = caller.call("PUT", &path, put(fields)).await;
        assert_eq!(
            (answer.1["detail"].as_str(), &answer.1["errors"][0]["field"]),
            (Some("Your merge fields were invalid."), &json!(wrong))
        );
    }
    let loose = caller.call("PUT", &format!("{path}?skip_merge_validation=true"), put(json!({"SPENT": 12.5}))).await;
    assert_eq!((loose.0, &loose.1["merge_fields"]["SPENT"]), (200, &json!(12.5)));
    let field = format!("/merge-fields/{}", made["merge_id"]);
    assert_eq!(caller.call("DELETE", &field, Value::Null).await.0, 204);
    assert_eq!(caller.call("GET", &field, Value::Null).await.0, 404);
}

#[tokio::test]
async fn oauth_goes_through_the_screen_once() {
    let caller = Caller::start().await;
    let (base, options) = (caller.sim.base(), caller.sim.options());
    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let (id, secret) = (options.client_id.as_str(), options.client_secret.as_str());
    let back = "http://127.0.0.1:9/back";
    let screen = |id: &str, back: &str, more: &str| {
        format!("{base}/oauth2/authorize?response_type=code&client_id={id}&redirect_uri={back}&state=st%26te{more}")
    };
    assert!(http.get(screen(id, back, "")).send().await.unwrap().text().await.unwrap().contains("sim_approve=1"));
    for wrong in
        [screen("1", back, ""), screen(id, "http://localhost:9/back", ""), screen(id, "http://evil.example/", "")]
    {
        assert_eq!(http.get(wrong).send().await.unwrap().status().as_u16(), 400);
    }
    let location = async |more: &str| {
        let answer = http.get(screen(id, back, more)).send().await.unwrap();
        reqwest::Url::parse(answer.headers()["location"].to_str().unwrap()).unwrap()
    };
    let value = |url: &reqwest::Url, name: &str| {
        url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    };
    assert_eq!(value(&location("&sim_approve=0").await, "error").as_deref(), Some("access_denied"));
    let to = location("&sim_approve=1").await;
    assert_eq!(value(&to, "state").as_deref(), Some("st&te"));
    let code = value(&to, "code").unwrap();
    let token = format!("{base}/oauth2/token");
    let form = |code: &str, secret: &str, back: &str| {
        [
            ("grant_type", "authorization_code"),
            ("client_id", id),
            ("client_secret", secret),
            ("redirect_uri", back),
            ("code", code),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    let other = value(&location("&sim_approve=1").await, "code").unwrap();
    assert_eq!(http.post(&token).json(&json!({"code": code})).send().await.unwrap().status().as_u16(), 400);
    for (wrong, status) in [(form(&code, "x", back), 401), (form(&other, secret, "http://127.0.0.1:9/x"), 400)] {
        assert_eq!(http.post(&token).form(&wrong).send().await.unwrap().status().as_u16(), status);
    }
    let answer: Value = http.post(&token).form(&form(&code, secret, back)).send().await.unwrap().json().await.unwrap();
    assert_eq!((&answer["expires_in"], answer.get("token_type")), (&json!(0), None));
    let again = http.post(&token).form(&form(&code, secret, back)).send().await.unwrap();
    assert_eq!(again.json::<Value>().await.unwrap()["error"], "invalid_grant");
    let bearer = answer["access_token"].as_str().unwrap();
    let metadata = http.get(format!("{base}/oauth2/metadata")).header("authorization", format!("OAuth {bearer}"));
    let metadata: Value = metadata.send().await.unwrap().json().await.unwrap();
    assert_eq!(metadata["dc"], "us19");
    let ping = format!("{}/3.0/ping", metadata["api_endpoint"].as_str().unwrap());
    assert_eq!(http.get(&ping).bearer_auth(bearer).send().await.unwrap().status().as_u16(), 200);
    assert!(caller.sim.revoke(bearer));
    let refused = http.get(&ping).bearer_auth(bearer).send().await.unwrap();
    assert_eq!(refused.json::<Value>().await.unwrap()["title"], "API Key Invalid");
    let refused = http.get(&ping).send().await.unwrap();
    assert_eq!(refused.json::<Value>().await.unwrap()["title"], "API Key Missing");
    let elsewhere = http.get(format!("{base}/us1/3.0/ping")).bearer_auth(KEY).send().await.unwrap();
    assert_eq!(elsewhere.status().as_u16(), 403);
    caller.sim.set_disabled(true);
    let answer = caller.call("GET", "!/ping", Value::Null).await;
    assert_eq!(problem(&answer), (403, "User Disabled"));
}
