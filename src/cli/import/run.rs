//! One import from its first row to its last.

use super::calls::Meaning;
use super::columns::columns;
use super::error::ImportError;
use super::judge::{Judge, Verdict};
use super::options::{ImportArgs, Shape};
use super::progress::{Counts, Keeper};
use super::refusal::Refusal;
use super::report::Report;
use super::rows::{Content, CsvRows, LineRows, Place, Rows, START};
use super::send::Sender;
use super::survey::Survey;
use crate::cli::show;
use crate::cli::target::{ClientError, Target};
use crate::intake::IntakeLimits;
use crate::intake::check::Checker;
use model::Time;
use reqwest::Method;
use serde_json::{Value, json};
use std::fs::{File, TryLockError};
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Rows of one batch, sent or not.
const BATCH_ROWS_MAX: usize = 1_000;
/// Bytes of one batch.
const BATCH_BYTES_MAX: usize = 1 << 20;
/// Bytes of a batch besides its rows.
const BATCH_FRAME_BYTES: usize = 1 << 10;
/// Between two words of how far it is.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// How an import ended that went through its file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// Everything was sent.
    Whole,
    /// Rows were refused: the report says which.
    WithRefusals,
}

/// What the daemon says of where rows go.
struct Goal {
    write_key: String,
    region: Option<String>,
    retention_days: u32,
    now: Time,
}

/// Imports a file, or in a dry run says what it holds.
pub async fn run(target: &Target, args: &ImportArgs, limits: IntakeLimits) -> Result<Ended, ImportError> {
    let shape = args.shape()?;
    let locked = File::open(&args.file).map_err(ImportError::file(&args.file))?;
    if !locked.metadata().map_err(ImportError::file(&args.file))?.is_file() {
        let what = "is no file: an import needs one that it can go back to";
        return Err(ImportError::Options(format!("{} {what}", args.file.display())));
    }
    if !args.dry_run && matches!(locked.try_lock(), Err(TryLockError::WouldBlock)) {
        return Err(ImportError::Busy(args.file.clone()));
    }
    let to = asked(target, &args.source).await?;
    let (mut keeper, mut begin, mut counts, mut report_bytes) = (None, START, Counts::default(), 0);
    if !args.dry_run {
        let options = told_apart(target, args);
        let (opened, from) = Keeper::open(&args.progress_path(), &args.file, &options, args.restart)?;
        (keeper, begin, counts, report_bytes) = (Some(opened), from.place, from.counts, from.report_bytes);
    }
    let (rows, meaning) = open(args, shape, begin, to.region.clone(), &limits)?;
    let report = args.report_path().map(|path| Report::open(&path, report_bytes)).transpose()?;
    let give_up_after = Duration::from_secs(args.give_up_after);
    let mut import = Import {
        judge: Judge { checker: Checker::new(&args.source, to.region, limits), meaning },
        sender: Sender::new(&target.url, to.write_key, give_up_after, args.rows_per_second)?,
        survey: Survey::new(to.retention_days, to.now),
        keeper,
        report,
        counts,
        before: counts,
        began: Instant::now(),
        now: to.now,
        told: Instant::now(),
        rows_max: args.rows_per_second.map_or(BATCH_ROWS_MAX, |most| BATCH_ROWS_MAX.min(most as usize)),
    };
    import.all(rows).await?;
    import.end(target, args)?;
    Ok(if import.counts.refused > 0 { Ended::WithRefusals } else { Ended::Whole })
}

/// Options that make another import of the same file.
fn told_apart(target: &Target, args: &ImportArgs) -> [(&'static str, String); 12] {
    let list = |list: &[String]| list.join("\n");
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    [
        ("--url", target.url.trim_end_matches('/').to_owned()),
        ("--workspace", target.workspace.clone()),
        ("--source", args.source.clone()),
        ("--as", format!("{:?}", args.shape().ok())),
        ("--map", list(&args.map)),
        ("--text", list(&args.text)),
        ("--delimiter", text(&args.delimiter)),
        ("--event", text(&args.event)),
        ("--time-zone", args.time_zone.clone()),
        ("--as-of", text(&args.as_of)),
        ("--report", args.report.as_ref().map(|path| path.display().to_string()).unwrap_or_default()),
        ("FILE", args.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()),
    ]
}

/// Asks the daemon for the source and the workspace.
async fn asked(target: &Target, source: &str) -> Result<Goal, ImportError> {
    let workspace = target.ask(Method::GET, &[], None).await?;
    let sources = target.ask(Method::GET, &["sources"], None).await?;
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let items = sources.get("items").and_then(Value::as_array);
    let found = items.into_iter().flatten().find(|item| text(item, "id").as_deref() == Some(source));
    let there: Vec<String> = items.into_iter().flatten().filter_map(|item| text(item, "id")).collect();
    let Some(found) = found else {
        let put = format!("PUT /api/v1/workspaces/{}/sources/{source} {{\"kind\": \"server\"}}", target.workspace);
        let there =
            if there.is_empty() { "there is none".to_owned() } else { format!("there are {}", there.join(", ")) };
        return Err(ImportError::Options(format!(
            "there is no source {source}: name one ({there}), or make it: {put}"
        )));
    };
    if text(found, "kind").as_deref() != Some("server") {
        let what = "is not of the kind server, so that this machine would be taken for the person's: use another one";
        return Err(ImportError::Options(format!("source {source} {what}")));
    }
    if found.get("enabled").and_then(Value::as_bool) == Some(false) {
        return Err(ImportError::Options(format!("source {source} is disabled: enable it")));
    }
    let unreadable = || ClientError::Unreadable("the source or the workspace lacks a field".to_owned());
    Ok(Goal {
        write_key: text(found, "write_key").ok_or_else(unreadable)?,
        region: text(found, "region"),
        retention_days: workspace
            .get("retention_days")
            .and_then(Value::as_u64)
            .and_then(|days| u32::try_from(days).ok())
            .ok_or_else(unreadable)?,
        now: text(&workspace, "as_of").and_then(|text| Time::parse(&text)).ok_or_else(unreadable)?,
    })
}

/// The rows from a place on, and for CSV what they mean.
fn open(
    args: &ImportArgs,
    shape: Shape,
    begin: Place,
    region: Option<String>,
    limits: &IntakeLimits,
) -> Result<(Rows, Option<Meaning>), ImportError> {
    let row_bytes_max = limits.event_bytes_max.min(limits.unpacked_bytes_max) as u64;
    let (delimiter, mapping, times) = (args.delimiter()?, args.mapping()?, args.times()?);
    if shape == Shape::Calls {
        return Ok((Rows::Lines(LineRows::open(&args.file, begin, row_bytes_max)?), None));
    }
    let mut rows = CsvRows::open(&args.file, delimiter, row_bytes_max)?;
    let Some(Content::Fields(header)) = rows.next()?.map(|row| row.content) else {
        return Err(ImportError::Options(format!("{} is empty: expected a header", args.file.display())));
    };
    let columns = columns(&header, shape, &mapping, args.event.is_some())?;
    if begin != START {
        rows.go_to(begin)?;
    }
    Ok((Rows::Csv(rows), Some(Meaning { shape, columns, event: args.event.clone(), times, region })))
}

struct Import {
    judge: Judge,
    sender: Sender,
    survey: Survey,
    /// None in a dry run.
    keeper: Option<Keeper>,
    report: Option<Report>,
    counts: Counts,
    /// Rows of earlier runs.
    before: Counts,
    began: Instant,
    /// The daemon's clock when it began.
    now: Time,
    told: Instant,
    rows_max: usize,
}

/// Rows that wait for being sent together, in their order.
#[derive(Default)]
struct Batch {
    rows: Vec<(u64, Verdict)>,
    calls: usize,
    bytes: usize,
    end: Option<Place>,
}

impl Import {
    async fn all(&mut self, mut rows: Rows) -> Result<(), ImportError> {
        let limits = *self.judge.checker.limits();
        let calls_max = limits.batch_events_max;
        let bytes_max = BATCH_BYTES_MAX.min(limits.body_bytes_max).min(limits.unpacked_bytes_max);
        let bytes_max = bytes_max.saturating_sub(BATCH_FRAME_BYTES);
        let mut batch = Batch::default();
        loop {
            let row = match rows.next() {
                Ok(Some(row)) => row,
                Ok(None) => break,
                Err(why) => {
                    self.flush(&mut batch).await?;
                    return Err(why);
                }
            };
            let passed = i64::try_from(self.began.elapsed().as_micros()).unwrap_or(i64::MAX);
            let mut verdict = self.judge.row(&row, self.now.plus_micros(passed));
            let (mut calls, mut bytes) = (0, 0);
            if let Verdict::Ready { json, calls: accepted } = &verdict {
                (calls, bytes) = (accepted.len(), json.len() + 1);
                if calls > calls_max {
                    let why = "makes more calls than intake.batch_events_max";
                    verdict = Verdict::Refused(Refusal::new("", why));
                }
            }
            if batch.calls + calls > calls_max || batch.bytes + bytes > bytes_max {
                self.flush(&mut batch).await?;
            }
            batch.calls += calls;
            batch.bytes += bytes;
            batch.end = Some(row.end);
            batch.rows.push((row.line, verdict));
            if batch.rows.len() >= self.rows_max {
                self.flush(&mut batch).await?;
            }
        }
        self.flush(&mut batch).await
    }

    /// Sends what waits, then notes what became of it: on disk when this returns.
    async fn flush(&mut self, batch: &mut Batch) -> Result<(), ImportError> {
        let Batch { rows, end, .. } = std::mem::take(batch);
        let Some(end) = end else { return Ok(()) };
        let ready = rows.iter().filter_map(|(_, verdict)| match verdict {
            Verdict::Ready { json, .. } => Some(json.as_str()),
            _ => None,
        });
        let mut refused = Vec::new();
        if self.keeper.is_some() {
            refused = self.sender.send(&ready.collect::<Vec<_>>()).await?;
        }
        let mut refused = refused.into_iter().peekable();
        let mut place = 0;
        for (line, verdict) in &rows {
            match verdict {
                Verdict::Ready { calls, .. } => {
                    let status = refused.next_if(|(at, _)| *at == place).map(|(_, status)| status);
                    place += 1;
                    match status {
                        Some(status) => {
                            self.refused(*line, &Refusal::new("", format!("the daemon answers {status}")))?
                        }
                        None => {
                            self.counts.sent += 1;
                            let dry = self.keeper.is_none();
                            let word = if dry { "ready" } else { "sent" };
                            calls.iter().filter(|_| dry).for_each(|call| self.survey.add(call));
                            self.note(*line, word, None)?;
                        }
                    }
                }
                Verdict::Refused(why) => self.refused(*line, why)?,
                Verdict::Skipped(why) => {
                    self.counts.skipped += 1;
                    self.note(*line, "skipped", Some(why))?;
                }
            }
        }
        let report_bytes = self.report.as_mut().map(Report::keep).transpose()?.unwrap_or(0);
        if let Some(keeper) = &mut self.keeper {
            keeper.keep(end, report_bytes, self.counts)?;
        }
        self.tell(end.line);
        Ok(())
    }

    fn refused(&mut self, line: u64, why: &Refusal) -> Result<(), ImportError> {
        self.counts.refused += 1;
        self.survey.refuse(line, why);
        self.note(line, "refused", Some(why))
    }

    fn note(&mut self, line: u64, status: &str, why: Option<&Refusal>) -> Result<(), ImportError> {
        self.report.as_mut().map_or(Ok(()), |report| report.row(line, status, why))
    }

    /// Says now and then how far it is, to whoever looks on.
    fn tell(&mut self, line: u64) {
        if self.told.elapsed() < TELL_EVERY || !std::io::stderr().is_terminal() {
            return;
        }
        self.told = Instant::now();
        let Counts { sent, refused, .. } = self.counts;
        // Nobody may be looking any more.
        let _ = writeln!(std::io::stderr(), "line {line}: {sent} rows sent, {refused} refused");
    }

    /// Says what came of it.
    fn end(&self, target: &Target, args: &ImportArgs) -> Result<(), ImportError> {
        if args.dry_run {
            let shown =
                if target.json { show::json(&self.survey.json(self.counts)) } else { self.survey.show(self.counts) };
            return shown.map_err(ImportError::from);
        }
        let Counts { sent, refused, skipped } = self.counts;
        let report = args.report_path().map(|path| path.display().to_string()).unwrap_or_default();
        if target.json {
            let answer = json!({"rows": self.counts.rows(), "sent": sent, "refused": refused, "skipped": skipped,
                "rows_of_earlier_runs": self.before.rows(), "report": report});
            return show::json(&answer).map_err(ImportError::from);
        }
        let earlier = match self.before.rows() {
            0 => String::new(),
            rows if rows == self.counts.rows() => {
                " by earlier runs, nothing is left; --restart sends all again, and what was sent counts once".to_owned()
            }
            rows => format!(" ({rows} rows by earlier runs)"),
        };
        let rows = self.counts.rows();
        show::line(&format!("{rows} rows: {sent} sent, {refused} refused, {skipped} skipped{earlier}"))?;
        show::line(&format!("report: {report}"))?;
        Ok(())
    }
}
