//! Lists as files: what is written, what stays, and what is refused.

use kit::connector::DestinationSetup;
use kit::failure::Failure;
use kit::sync::{Batch, Change, Destination};
use segmentd_connector_files::CONNECTOR;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn setup(&self, settings: Value) -> DestinationSetup {
        DestinationSetup {
            workspace: "acme".to_owned(),
            operator: json!({ "folder": self.0.path() }).as_object().unwrap().clone(),
            settings: settings.as_object().unwrap().clone(),
            ..DestinationSetup::default()
        }
    }

    fn list(&self, settings: Value) -> Arc<dyn Destination> {
        connect(&self.setup(settings)).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join("acme").join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }
}

fn connect(setup: &DestinationSetup) -> Result<Arc<dyn Destination>, Failure> {
    (CONNECTOR.sync.unwrap().connect)(setup)
}

fn batch(list: &str, changes: &[(&str, bool)]) -> Batch {
    let change = |(identifier, member): &(&str, bool)| Change {
        identifier: (*identifier).to_owned(),
        person: "p_1".to_owned(),
        member: *member,
        sequence: 1,
        at: "2026-11-24T10:00:00Z".to_owned(),
        cause: "event".to_owned(),
        fields: BTreeMap::from([("first_name".to_owned(), format!("Ana \"{identifier}\", M"))]),
    };
    let (list, segment) = (list.to_owned(), "vip".to_owned());
    Batch { id: "b1".to_owned(), list, segment, first_sync: false, changes: changes.iter().map(change).collect() }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_csv_file_holds_the_members_in_order() {
    let folder = Folder::new();
    let settings = json!({ "file": "vip.csv", "identifier": "email", "columns": { "First name": "first_name" } });
    let list = folder.list(settings);
    assert_eq!(list.fields(), ["first_name"]);
    for _ in 0..2 {
        let refused = list.push(&batch("vip", &[("b@x.mx", true), ("a@x.mx", true), ("c@x.mx", true)])).await.unwrap();
        assert!(refused.is_empty());
    }
    list.push(&batch("vip", &[("b@x.mx", false), ("never@x.mx", false), ("aa@x.mx", true)])).await.unwrap();
    let row = |email: &str| format!("{email},\"Ana \"\"{email}\"\", M\"\r\n");
    let expected = ["email,First name\r\n".to_owned(), row("a@x.mx"), row("aa@x.mx"), row("c@x.mx")].concat();
    assert_eq!(folder.text("vip.csv"), expected);
    assert_eq!(list.held(None).await.unwrap().held, ["a@x.mx", "aa@x.mx", "c@x.mx"]);
    assert_eq!(list.holds(&["c@x.mx".to_owned(), "b@x.mx".to_owned()]).await.unwrap(), ["c@x.mx"]);
    assert_eq!(names(&folder.0.path().join("acme")), [".vip.csv.list", "vip.csv"], "nothing is left lying about");
}

#[tokio::test]
async fn json_lines_leave_out_what_is_not_known() {
    let folder = Folder::new();
    let list = folder.list(json!({ "file": "vip.jsonl", "columns": { "name": "first_name", "city": "city" } }));
    list.push(&batch("vip", &[("ñ", true), ("a", true)])).await.unwrap();
    let lines: Vec<Value> = folder.text("vip.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let row = |id: &str| json!({ "identifier": id, "name": format!("Ana \"{id}\", M") });
    assert_eq!(lines, [row("a"), row("ñ")]);
    assert_eq!(list.held(None).await.unwrap().held, ["a", "ñ"]);
}

#[tokio::test]
async fn an_emptied_list_leaves_a_file_without_members_and_free_for_another() {
    let folder = Folder::new();
    let list = folder.list(json!({ "file": "vip.csv" }));
    list.push(&batch("vip", &[("a", true)])).await.unwrap();
    let other = list.push(&batch("other", &[("b", true)])).await.unwrap_err();
    assert!(matches!(&other, Failure::Blocked(why) if why.contains("belongs to the list \"vip\"")), "{other}");
    list.push(&batch("vip", &[("a", false)])).await.unwrap();
    assert_eq!(folder.text("vip.csv"), "identifier\r\n");
    list.push(&batch("other", &[("b", true)])).await.unwrap();
    assert_eq!(folder.text("vip.csv"), "identifier\r\nb\r\n");
}

#[tokio::test]
async fn a_file_that_somebody_else_wrote_is_not_written_over() {
    let folder = Folder::new();
    let list = folder.list(json!({ "file": "vip.csv" }));
    list.push(&batch("vip", &[("a", true)])).await.unwrap();
    for (text, named) in [
        ("name,age\r\nx,1\r\n", "row 1: the columns are not identifier"),
        ("identifier\r\nb\r\na\r\n", "row 3: not in order"),
        ("identifier\r\n\"\"\r\n", "row 2: no identifier"),
    ] {
        fs::write(folder.path("vip.csv"), text).unwrap();
        let failure = list.push(&batch("vip", &[("c", true)])).await.unwrap_err();
        assert!(matches!(&failure, Failure::Blocked(why) if why.contains(named)), "{failure}");
        assert_eq!(folder.text("vip.csv"), text);
        assert!(list.held(None).await.is_err());
    }
    fs::remove_file(folder.path("vip.csv")).unwrap();
    assert!(list.held(None).await.unwrap().held.is_empty(), "what is missing is written anew");
    list.push(&batch("vip", &[("c", true)])).await.unwrap();
    assert_eq!(folder.text("vip.csv"), "identifier\r\nc\r\n");
}

#[tokio::test]
async fn many_members_are_read_back_page_by_page() {
    let folder = Folder::new();
    let list = folder.list(json!({ "file": "all.csv" }));
    let names: Vec<String> = (0..120_000).map(|number| format!("p{number:06}@example.com")).collect();
    for part in names.chunks(50_000) {
        let changes: Vec<(&str, bool)> = part.iter().map(|name| (name.as_str(), true)).collect();
        list.push(&batch("all", &changes)).await.unwrap();
    }
    let (mut held, mut after, mut pages) = (Vec::new(), None, 0);
    for _ in 0..10 {
        let page = list.held(after.as_deref()).await.unwrap();
        held.extend(page.held);
        pages += 1;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!((held == names, pages), (true, 3));
}

#[test]
fn setups_say_what_is_wrong_with_them() {
    let folder = Folder::new();
    let cases = [
        (json!({}), "file is missing"),
        (json!({ "file": "../vip.csv" }), "no name for a list"),
        (json!({ "file": "a/b.csv" }), "no name for a list"),
        (json!({ "file": ".vip.csv" }), "no name for a list"),
        (json!({ "file": "vip.xlsx" }), "no name for a list"),
        (json!({ "file": "vip.csv", "colums": {} }), "colums"),
        (json!({ "file": "vip.csv", "columns": ["a"] }), "columns"),
        (json!({ "file": "vip.csv", "columns": { "identifier": "x" } }), "columns"),
    ];
    for (settings, named) in cases {
        let failure = connect(&folder.setup(settings)).err().unwrap();
        assert!(matches!(&failure, Failure::Refused(why) if why.contains(named)), "{named}: {failure}");
    }
    let setup = folder.setup(json!({ "file": "vip.csv" }));
    let nowhere = DestinationSetup { operator: serde_json::Map::new(), ..setup.clone() };
    assert!(connect(&nowhere).err().unwrap().to_string().contains("config.toml"));
    let outside = DestinationSetup { workspace: "../etc".to_owned(), ..setup };
    assert!(connect(&outside).is_err());
}
