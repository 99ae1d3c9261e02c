//! Descriptions of platforms: checked, and tried with a sample, without a daemon.

use clap::{Args, Subcommand};
use connector_generic::trial::{self, Sample};
use connector_generic::{Description, read};
use model::Time;
use serde_json::{Map, Value};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Bytes of a payload.
const PAYLOAD_BYTES_MAX: u64 = 16 << 20;

/// What can be done with a description of a platform.
#[derive(Subcommand, Debug)]
pub enum DescriptionTask {
    /// Check descriptions and say what is wrong with them, each with file, line and column.
    Check {
        /// The files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Print what a sample would come to: events, things to fetch, requests; or the calls that change a list.
    Test(Box<TestArgs>),
}

/// What is tried.
#[derive(Args, Debug)]
pub struct TestArgs {
    /// The description.
    pub file: PathBuf,
    /// The body of a delivery, or a thing as the platform shows it (with --kind); `-` is standard input.
    #[arg(long, required_unless_present_any = ["add", "remove"])]
    pub payload: Option<PathBuf>,
    /// The payload is a thing of this kind, as a fetch or a poll brings it.
    #[arg(long)]
    pub kind: Option<String>,
    /// A header of the delivery, `Name: value`; may be given more than once.
    #[arg(long = "header")]
    pub headers: Vec<String>,
    /// The topic, where the address that is called tells it (`?topic=...`).
    #[arg(long)]
    pub topic: Option<String>,
    /// The address that is called, where it is signed.
    #[arg(long, default_value = "")]
    pub url: String,
    /// A file with the secret that signs (`-` is no file here); without it no signature is looked at.
    #[arg(long, conflicts_with = "secret")]
    pub secret_file: Option<PathBuf>,
    /// The secret itself, for made-up ones: others are seen in the list of processes.
    #[arg(long)]
    pub secret: Option<String>,
    /// The account that the connection is to; without it that of the delivery.
    #[arg(long)]
    pub account: Option<String>,
    /// Region of phone numbers without a country code.
    #[arg(long)]
    pub region: Option<String>,
    /// What the install found (`currency=ARS`); may be given more than once.
    #[arg(long = "detail")]
    pub details: Vec<String>,
    /// A setting of the connection, or with --add and --remove of the list; may be given more than once.
    #[arg(long = "setting")]
    pub settings: Vec<String>,
    /// When it is received, and by what clock a signed time is judged; now without it.
    #[arg(long)]
    pub now: Option<String>,
    /// Print the calls that put somebody on a list; may be given more than once.
    #[arg(long)]
    pub add: Vec<String>,
    /// Print the calls that take somebody off.
    #[arg(long)]
    pub remove: Vec<String>,
}

/// What is printed, or what is wrong.
pub fn run(task: &DescriptionTask) -> Result<String, String> {
    match task {
        DescriptionTask::Check { files } => {
            let (mut good, mut problems) = (Vec::new(), Vec::new());
            for file in files {
                match description(file) {
                    Ok(one) => good.push(format!("{}: {} ({}) is good", file.display(), one.name(), one.title())),
                    Err(why) => problems.push(why),
                }
            }
            if problems.is_empty() { Ok(good.join("\n")) } else { Err(problems.join("\n")) }
        }
        DescriptionTask::Test(args) => test(args),
    }
}

fn description(file: &Path) -> Result<Description, String> {
    let text = std::fs::read_to_string(file).map_err(|why| format!("{}: {why}", file.display()))?;
    read(&file.display().to_string(), &text).map_err(|why| why.to_string())
}

fn payload(file: &Path) -> Result<Vec<u8>, String> {
    let told = |why: std::io::Error| format!("{}: {why}", file.display());
    let mut bytes = Vec::new();
    let read = match file.as_os_str() == "-" {
        true => std::io::stdin().take(PAYLOAD_BYTES_MAX).read_to_end(&mut bytes),
        false => std::fs::File::open(file).and_then(|file| file.take(PAYLOAD_BYTES_MAX).read_to_end(&mut bytes)),
    };
    read.map_err(told)?;
    Ok(bytes)
}

/// `name=value`; a value that is JSON is that, and anything else is text.
fn pairs(given: &[String]) -> Result<Map<String, Value>, String> {
    let one = |pair: &String| {
        let (name, value) = pair.split_once('=').ok_or_else(|| format!("{pair:?}: expected name=value"))?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
        Ok((name.trim().to_owned(), value))
    };
    given.iter().map(one).collect()
}

fn test(args: &TestArgs) -> Result<String, String> {
    // It lives as long as the process does, as in the daemon.
    let of: &'static Description = Box::leak(Box::new(description(&args.file)?));
    let settings = pairs(&args.settings)?;
    let now = match &args.now {
        Some(text) => Time::parse(text).ok_or_else(|| format!("{text:?}: expected an instant"))?,
        None => {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            Time(i64::try_from(now.as_micros()).unwrap_or_default())
        }
    };
    let secret = match &args.secret_file {
        Some(file) => {
            let text = std::fs::read_to_string(file).map_err(|why| format!("{}: {why}", file.display()))?;
            Some(text.trim().into())
        }
        None => args.secret.as_deref().map(Into::into),
    };
    let topic = args.topic.as_ref().map(|topic| format!("topic={}", topic.replace('&', "%26")));
    let sample = Sample {
        payload: args.payload.as_deref().map(payload).transpose()?.unwrap_or_default(),
        headers: args.headers.clone(),
        query: topic,
        url: args.url.clone(),
        secret,
        account: args.account.clone(),
        region: args.region.clone(),
        details: pairs(&args.details)?,
        settings: settings.clone(),
        kind: args.kind.clone(),
        now,
    };
    let came = match args.add.is_empty() && args.remove.is_empty() {
        true => trial::sample(of, &sample)?,
        false => trial::changes(of, &sample, &settings, (&args.add, &args.remove))?,
    };
    serde_json::to_string_pretty(&came).map_err(|why| why.to_string())
}
