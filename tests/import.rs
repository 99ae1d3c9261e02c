//! Imports from files, through the real binary against a running daemon.

mod import_support;
mod support;

use import_support::{Import, Intake, SILENT, SILENT_AFTER, events, peak, report};
use serde_json::{Value, json};
use std::io::Write;
use std::time::{Duration, Instant};
use support::Daemon;

/// The most memory of an importer of a large file, KiB, and beyond that of one of a tenth of the size.
const PEAK_KIB_MAX: u64 = 96 << 10;
const PEAK_GROWTH_KIB_MAX: u64 = 16 << 10;

async fn shop() -> Daemon {
    let daemon = Daemon::start("").await;
    daemon.workspace().await;
    daemon.put("/workspaces/main/sources/web", json!({"kind": "server", "region": "MX"})).await;
    daemon
}

async fn segment(daemon: &Daemon, id: &str, definition: &str, members: u64) {
    let body = json!({"name": id, "definition": definition});
    daemon.put(&format!("/workspaces/main/segments/{id}"), body).await;
    daemon.wait_members(id, members).await;
}

async fn workspace(daemon: &Daemon) -> Value {
    daemon.get("/workspaces/main").await
}

fn import(daemon: &Daemon, name: &str, text: impl AsRef<[u8]>) -> Import {
    Import::new(&daemon.url, &daemon.key, name, text)
}

#[tokio::test(flavor = "multi_thread")]
async fn subscribers_events_and_calls_become_members() {
    let daemon = shop().await;
    let people = "\u{feff}Customer Email;Mobile;consent_email;consent_email_at;Tier;Notes;zip\r\n\
        Ana@Example.com;55 1234 5678;subscribed;2026-01-05 10:00;gold;\"two\r\nlines; and \"\"quotes\"\"\";01000\r\n\
        bea@example.com;;no;;silver;;\r\n\
        \r\n\
        ;+525512340000;;;gold;;\r\n";
    let import_people = import(&daemon, "people.csv", people);
    let map = ["--map", "Customer Email=email", "--map", "Mobile=phone", "--map", "Notes="];
    let args = ["--as", "subscribers", "--time-zone", "America/Mexico_City"];
    let (code, out, err) = import_people.run(&[&args[..], &map[..]].concat());
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.starts_with("3 rows: 3 sent, 0 refused, 0 skipped\n"), "{out}");
    let lines: Vec<u64> = import_people.report().iter().map(|row| row.0).collect();
    assert_eq!(lines, [2, 4, 6], "lines count breaks inside quotes and empty lines");
    segment(&daemon, "gold", "Tier is gold", 2).await;
    segment(&daemon, "zip", "zip is \"01000\"", 1).await;
    segment(&daemon, "yes", "consent_email is subscribed", 1).await;
    segment(&daemon, "no", "consent_email is unsubscribed", 1).await;
    let ana = daemon.get("/workspaces/main/people/phone:+525512345678").await;
    assert_eq!(ana["id"], daemon.get("/workspaces/main/people/email:ana@example.com").await["id"]);
    assert!(!ana.to_string().contains("quotes"), "the column that was left out");

    let orders = "timestamp,email,order_id,total,currency,products\n\
        2026-03-01,ana@example.com,1,0.10,MXN,\"[{\"\"product_id\"\": \"\"a\"\", \"\"price\"\": 0.10}]\"\n\
        2026-03-02,ana@example.com,2,0.20,MXN,\n\
        2026-03-02,bea@example.com,3,12345678901234567.89,MXN,\n";
    let import_orders = import(&daemon, "orders.csv", orders);
    let (code, out, err) = import_orders.run(&["--as", "events", "--event", "Order Completed"]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    segment(&daemon, "exact", "spent at least 0.30 MXN and spent at most 0.30 MXN", 1).await;
    segment(&daemon, "large", "spent at least 12345678901234567.89 MXN", 1).await;
    segment(&daemon, "larger", "spent more than 12345678901234567.89 MXN", 0).await;

    // Of an archive, with the clock of then: times stay, and so do ids.
    let call = json!({"type": "track", "event": "Quiz Taken", "userId": "u1", "messageId": "m1", "writeKey": "other",
        "timestamp": "2026-02-03T04:05:06.789Z", "sentAt": "2026-02-03T04:05:07Z", "properties": {"score": 7}});
    let calls = import(&daemon, "calls.jsonl", format!("{call}\n{call}\n"));
    assert_eq!(calls.run(&[]).0, 0);
    segment(&daemon, "quiz", "did \"Quiz Taken\" exactly 1 times", 1).await;
    let events = daemon.get("/workspaces/main/people/user:web:u1/events").await;
    assert_eq!(events["items"][0]["time"], "2026-02-03T04:05:06.789000Z");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_rows_are_told_with_their_lines_and_a_dry_run_changes_nothing() {
    let daemon = shop().await;
    let text = b"event,timestamp,email,phone,order_id,total,currency,products\n\
        Quiz Taken,2026-03-01T12:00:00Z,ana@example.com,,,,,\n\
        Quiz Taken,01/03/2026,ana@example.com,,,,,\n\
        Quiz Taken,2026-03-01T12:00:00Z,nobody,,,,,\n\
        ,2026-03-01T12:00:00Z,ana@example.com,,,,,\n\
        Quiz Taken,2026-03-01T12:00:00Z,,12,,,,\n\
        Quiz Taken,2026-03-01T12:00:00Z,ana@example.com\n\
        ,,,,,,,\n\
        Order Completed,2026-03-01T12:00:00Z,ana@example.com,,1,\"1,299.00\",MXN,\n\
        Order Completed,2999-03-01T12:00:00Z,ana@example.com,,1,5,MXN,\n\
        Order Completed,2026-03-01T12:00:00Z,ana@example.com,,1,5,MXN,socks\n\
        Quiz \xff,2026-03-01T12:00:00Z,ana@example.com,,,,,\n\
        Order Completed,2010-03-01T12:00:00Z,bea@example.com,,2,5,MXN,\n\
        Quiz Taken,2010-03-01T12:00:00Z,bea@example.com,,,,,\n";
    let import = import(&daemon, "events.csv", text);
    let before = workspace(&daemon).await;
    let refused = [
        (3, "timestamp", "is no time"),
        (4, "email", "is no address: expected name@domain"),
        (5, "event", "is missing"),
        (6, "phone", "is no number: expected + and digits, or a number of MX"),
        (7, "", "has 3 fields: expected 8"),
        (9, "", "total and revenue have to be plain numbers"),
        (10, "timestamp", "lies in the future"),
        (11, "products", "expected a list of objects in JSON"),
        (12, "event", "is not UTF-8"),
    ];

    let dry_report = import.dir.path().join("dry.csv");
    let (code, out, err) = import.run(&["--as", "events", "--dry-run", "--report", dry_report.to_str().unwrap()]);
    assert_eq!((code, err.as_str()), (3, ""), "{out}");
    for part in [
        "rows: 13: 3 would be sent, 9 refused, 1 skipped",
        "people: 2, by",
        "events: 3, from 2010-03-01T12:00:00Z to 2026-03-01T12:00:00Z",
        "  Quiz Taken: 2, from",
        "beyond the retention of 1095 days: 1, from 2010-03-01T12:00:00Z",
        "refused: 1: email: is no address: expected name@domain (line 4)",
    ] {
        assert!(out.contains(part), "{part:?} is not in\n{out}");
    }
    let (_, json, _) = import.run(&["--as", "events", "--dry-run", "--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["would_be_sent"], &json["people"]), (&json!(3), &json!(2)));
    assert!(!import.beside(".import-progress").exists() && !import.beside(".import-report.csv").exists());
    let after = workspace(&daemon).await;
    for count in ["people", "events", "duplicates", "refused"] {
        assert_eq!(before[count], after[count], "{count}");
    }

    let (code, out, err) = import.run(&["--as", "events"]);
    assert_eq!((code, err.as_str()), (3, ""));
    assert!(out.starts_with("13 rows: 3 sent, 9 refused, 1 skipped\n"), "{out}");
    for (rows, good) in [(import.report(), "sent"), (report(&dry_report), "ready")] {
        let of = |status: &str| rows.iter().filter(|row| row.1 == status).map(|row| row.0).collect::<Vec<_>>();
        assert_eq!((of(good), of("skipped")), (vec![2, 13, 14], vec![8]));
        assert_eq!(of("refused"), refused.map(|row| row.0));
        for (line, column, reason) in refused {
            let row = rows.iter().find(|row| row.0 == line).unwrap();
            let told = row.3.trim_matches('"');
            assert!(row.2 == column && told.starts_with(reason), "{row:?}");
        }
    }
    let after = workspace(&daemon).await;
    assert_eq!((&after["events"], &after["people"]), (&json!(3), &json!(2)));
    assert_eq!(daemon.get("/workspaces/main/refused-events").await["items"], json!([]), "nothing bad was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_by_kills_of_the_importer_and_of_the_daemon() {
    const ROWS: u64 = 30_000;
    let mut daemon = shop().await;
    segment(&daemon, "all", "did \"Quiz Taken\" at least 1 times or purchased", 0).await;
    let import = import(&daemon, "events.csv", events(ROWS, 100));
    for line in [2_000, 5_000, 9_000] {
        let mut running = import.spawn(&["--as", "events", "--rows-per-second", "10000"]);
        import.behind(line).await;
        let (_, _, busy) = import.run(&["--as", "events"]);
        assert!(busy.contains("another import of"), "{busy}");
        running.kill().unwrap();
        assert!(!running.wait().unwrap().success() && import.line() < ROWS, "it was to be killed before its end");
        // As if it had been killed between the report and the progress.
        let mut report = std::fs::OpenOptions::new().append(true).open(import.beside(".import-report.csv")).unwrap();
        report.write_all(b"99999,sent,,\n").unwrap();
    }
    let mut running = import.spawn(&["--as", "events", "--rows-per-second", "10000"]);
    import.behind(14_000).await;
    daemon.kill();
    tokio::time::sleep(Duration::from_millis(500)).await;
    daemon.start_again().await;
    assert_eq!(running.wait().unwrap().code(), Some(0), "{}", daemon.log());

    let lines: Vec<u64> = import.report().iter().map(|row| row.0).collect();
    assert!(lines.iter().copied().eq(2..ROWS + 2), "each row stands in the report once, not {} rows", lines.len());
    daemon.wait_members("all", 100).await;
    let known = daemon.wait("/workspaces/main", |answer| answer["people"] == 100 && answer["events"] == ROWS).await;
    // Every purchase is of one of ten people, 300 each.
    segment(&daemon, "each", "purchased exactly 300 times and spent at least 30 MXN and spent at most 30 MXN", 10)
        .await;

    // Sent again, all of it counts once.
    let (code, out, _) = import.run(&["--as", "events", "--restart"]);
    assert!(code == 0 && out.starts_with(&format!("{ROWS} rows: {ROWS} sent")), "{out}");
    let doubled = known["duplicates"].as_u64().unwrap() + ROWS;
    let after = daemon.wait("/workspaces/main", |answer| answer["duplicates"] == doubled).await;
    assert_eq!((&after["events"], &after["people"]), (&json!(ROWS), &json!(100)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_file_is_noticed_and_one_that_grew_goes_on() {
    let daemon = shop().await;
    let import = import(&daemon, "people.csv", "email,size\nana@example.com,38\n");
    let args = ["--as", "subscribers"];
    assert_eq!(import.run(&args).0, 0);
    let (code, out, _) = import.run(&args);
    assert!(code == 0 && out.contains("nothing is left"), "{out}");
    std::fs::OpenOptions::new().append(true).open(&import.file).unwrap().write_all(b"bea@example.com,39\n").unwrap();
    let (code, out, _) = import.run(&args);
    assert!(code == 0 && out.starts_with("2 rows: 2 sent, 0 refused, 0 skipped (1 rows by earlier runs)"), "{out}");
    let (code, _, err) = import.run(&["--as", "subscribers", "--map", "size=shoe"]);
    assert!(code == 1 && err.contains("other options (--map)"), "{err}");
    std::fs::write(&import.file, "email,size\nana@example.com,37\nbea@example.com,39\n").unwrap();
    let (code, _, err) = import.run(&args);
    assert!(code == 1 && err.contains("was changed") && err.contains("before line 4"), "{err}");
    assert!(err.contains("--restart"), "{err}");
    let (code, out, _) = import.run(&["--as", "subscribers", "--restart"]);
    assert!(code == 0 && out.starts_with("2 rows: 2 sent"), "{out}");
    assert_eq!(import.report().len(), 2);
    segment(&daemon, "all", "size at least 37", 2).await;

    for (args, why) in [
        (&["--as", "subscribers", "--source", "none"][..], "there is no source none"),
        (&[], "say what the rows are"),
        (&["--as", "subscribers", "--map", "Mail=email"], "--map Mail: there is no such column"),
        (&["--as", "subscribers", "--time-zone", "Mars"], "expected an IANA name"),
        (&["--as", "events"], "no column says what happened"),
    ] {
        let args = [&["--dry-run"][..], args].concat();
        let (code, _, err) = import.run(&args);
        assert!(code != 0 && err.contains(why), "{args:?}: {err}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_checked_line_by_line_and_go_on_where_they_were() {
    let intake = Intake::default();
    let call = |event: &str, more: &str| {
        format!("{{\"type\":\"track\",\"event\":\"{event}\",\"timestamp\":\"2026-03-01T12:00:00Z\"{more}}}\n")
    };
    let user = ",\"userId\":\"u1\"";
    let mut text = call("A", user) + "{\"type\":\n" + &call("B", "") + &call("", user) + "\n";
    text.push_str("{\"type\":\"track\",\"event\":\"C\",\"userId\":\"u1\"}\n");
    text.push_str("{\"type\":\"greet\",\"userId\":\"u1\"}\n");
    text.push_str(&call("D", &format!("{user},\"integrations\":{{\"All\":false}}")));
    text.push_str(&call("E", &format!("{user},\"properties\":[1]")));
    text.push_str(&call("F", &format!("{user},\"messageId\":\"{}\"", "x".repeat(101))));
    let import = Import::new(&intake.serve().await, "sk_test", "calls.jsonl", &text);
    let (code, out, err) = import.run(&[]);
    assert_eq!((code, err.as_str()), (3, ""));
    assert!(out.starts_with("9 rows: 1 sent, 7 refused, 1 skipped\n"), "{out}");
    let told: Vec<_> = import.report().into_iter().map(|row| (row.0, row.1, row.2)).collect();
    let row = |line: u64, status: &str, column: &str| (line, status.to_owned(), column.to_owned());
    let expect = [
        row(1, "sent", ""),
        row(2, "refused", ""),
        row(3, "refused", ""),
        row(4, "refused", "event"),
        row(6, "refused", "timestamp"),
        row(7, "refused", "type"),
        row(8, "skipped", "integrations"),
        row(9, "refused", ""),
        row(10, "refused", "message_id"),
    ];
    assert_eq!(told, expect);
    std::fs::write(&import.file, text + &call("G", user) + call("H", user).trim_end()).unwrap();
    let (code, out, _) = import.run(&[]);
    assert!(code == 3 && out.starts_with("11 rows: 3 sent"), "{out}");
    let lines: Vec<u64> = import.report().iter().map(|row| row.0).collect();
    assert_eq!(lines, [1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12]);
    let taken = intake.taken.lock().unwrap();
    assert!(taken.len() == 3 && taken.values().all(|count| *count == 1), "{taken:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_acknowledged_is_kept_as_sent() {
    for silence in [SILENT, SILENT_AFTER] {
        let intake = Intake::default();
        let import = Import::new(&intake.serve().await, "sk_test", "events.csv", events(1_500, 100));
        intake.next.lock().unwrap().push_back((silence, ""));
        let mut running = import.spawn(&["--as", "events"]);
        let began = Instant::now();
        while !intake.next.lock().unwrap().is_empty() {
            assert!(began.elapsed() < Duration::from_secs(20), "nothing was sent");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        running.kill().unwrap();
        running.wait().unwrap();
        assert_eq!(import.line(), 0);
        let (code, out, _) = import.run(&["--as", "events"]);
        assert!(code == 0 && out.starts_with("1500 rows: 1500 sent, 0 refused, 0 skipped\n"), "{out}");
        // What came twice came under the same ids.
        let twice = if silence == SILENT { 0 } else { 1_000 };
        let taken = intake.taken.lock().unwrap();
        assert_eq!((taken.len(), taken.values().filter(|count| **count == 2).count()), (1_500, twice));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_waits_as_told_and_finds_the_row_that_is_not_taken() {
    let intake = Intake { calls_max: Some(7), ..Intake::default() };
    let url = intake.serve().await;
    intake.next.lock().unwrap().extend([(429, "2"), (503, "1"), (500, "")]);
    let mut text = "user_id,size\n".to_owned();
    for row in 0..100 {
        text.push_str(&if row == 41 { "poison,1\n".to_owned() } else { format!("u{row},{row}\n") });
    }
    let import = Import::new(&url, "sk_test", "people.csv", text);
    let began = Instant::now();
    let (code, out, err) = import.run(&["--as", "subscribers"]);
    assert_eq!((code, err.as_str()), (3, ""), "{out}");
    assert!(began.elapsed() > Duration::from_secs(3), "it waited {:?}", began.elapsed());
    let rows = import.report();
    assert_eq!(rows.len(), 100);
    let bad: Vec<_> = rows.iter().filter(|row| row.1 != "sent").collect();
    assert_eq!(bad, [&(43, "refused".to_owned(), String::new(), "the daemon answers 400".to_owned())]);
    assert_eq!(intake.taken.lock().unwrap().len(), 99);

    let began = Instant::now();
    let (code, _, _) = import.run(&["--as", "subscribers", "--restart", "--rows-per-second", "50"]);
    assert!(code == 3 && began.elapsed() >= Duration::from_millis(1_900), "{:?}", began.elapsed());

    intake.next.lock().unwrap().extend([(503, ""); 100]);
    let (code, _, err) = import.run(&["--as", "subscribers", "--restart", "--give-up-after", "1"]);
    assert!(code == 1 && err.contains("took nothing for 1 s (it answered 503)"), "{err}");
    intake.next.lock().unwrap().clear();
    intake.next.lock().unwrap().push_back((401, ""));
    let (code, _, err) = import.run(&["--as", "subscribers"]);
    assert!(code == 1 && err.contains("the daemon answers 401: the source's write key"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_takes_no_more_memory_than_a_small_one() {
    let mut peaks = Vec::new();
    for rows in [20_000, 200_000] {
        let intake = Intake::default();
        let import = Import::new(&intake.serve().await, "sk_test", "events.csv", events(rows, 5_000));
        let child = import.spawn(&["--as", "events"]);
        let (code, kib) = tokio::task::spawn_blocking(move || peak(child)).await.unwrap();
        assert_eq!(code, Some(0));
        let taken = intake.taken.lock().unwrap();
        assert!(taken.len() as u64 == rows && taken.values().all(|count| *count == 1), "each row once");
        let (calls, bytes) = *intake.largest.lock().unwrap();
        assert!(calls <= 1_000 && bytes <= 1 << 20, "{calls} calls, {bytes} bytes");
        peaks.push(kib);
    }
    eprintln!("peaks: {peaks:?} KiB");
    assert!(peaks[1] < PEAK_KIB_MAX && peaks[1] < peaks[0] + PEAK_GROWTH_KIB_MAX, "{peaks:?} KiB");
}
