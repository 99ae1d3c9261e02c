//! Connections and apps from the command line.

use super::show;
use super::target::{ClientError, Target};
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// Bytes of a file with a secret.
const SECRET_BYTES_MAX: u64 = 4_096;

/// What can be done with connections.
#[derive(Subcommand, Debug)]
pub enum ConnectionTask {
    /// List all (the default).
    List,
    /// Show one: its token, how far its past is read, how complete deliveries are.
    Show(ConnectionArg),
    /// Make one. Prints the address at which the merchant agrees, unless a key is given.
    Add(AddArgs),
    /// Print an address at which the merchant agrees again.
    Reauthorize(ConnectionArg),
    /// Try at once what waits, and poll.
    Retry(ConnectionArg),
    /// Take one down.
    Remove {
        /// The connection.
        connection: String,
        /// Take out what it brought, too, and forget it.
        #[arg(long)]
        withdraw: bool,
    },
}

/// A connection.
#[derive(Args, Debug)]
pub struct ConnectionArg {
    /// The connection.
    pub connection: String,
}

/// A connection to make.
#[derive(Args, Debug)]
pub struct AddArgs {
    /// Its id.
    pub connection: String,
    /// `shopify`, `mailchimp`, ...
    #[arg(long)]
    pub connector: String,
    /// The account there: `acme.myshopify.com`.
    #[arg(long)]
    pub account: Option<String>,
    /// A file with an API key; `-` is standard input.
    #[arg(long)]
    pub api_key_file: Option<PathBuf>,
    /// Region of phone numbers without a country code: `MX`.
    #[arg(long)]
    pub region: Option<String>,
    /// A setting of the connector's own; more than once for several.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub settings: Vec<String>,
}

/// What can be done with exports.
#[derive(Subcommand, Debug)]
pub enum ExportTask {
    /// List all (the default).
    List,
    /// Print one: JSON with everything known of the person.
    Show {
        /// The export.
        export: String,
    },
    /// Forget one that was handed on.
    Delete {
        /// The export.
        export: String,
    },
}

/// What can be done with apps.
#[derive(Subcommand, Debug)]
pub enum AppTask {
    /// List all with the addresses to register on the platform (the default).
    List,
    /// Set our app on a platform.
    Set {
        /// `shopify`, `mailchimp`, ...
        connector: String,
        /// The id that the platform gave it.
        #[arg(long)]
        client_id: String,
        /// A file with its secrets, one a line, the newest first; `-` is standard input. Without it they stay.
        #[arg(long)]
        secrets_file: Option<PathBuf>,
        /// A setting of the connector's own; more than once for several, which replace all that were there.
        /// Without it they stay.
        #[arg(long = "set", value_name = "NAME=VALUE")]
        settings: Vec<String>,
    },
}

fn read_secret(path: &Path) -> Result<String, ClientError> {
    use std::io::Read;
    let bad = |why: std::io::Error| ClientError::BadInput(format!("{}: {why}", path.display()));
    let mut text = String::new();
    match path.as_os_str() == "-" {
        true => std::io::stdin().take(SECRET_BYTES_MAX).read_to_string(&mut text).map_err(bad)?,
        false => {
            std::fs::File::open(path).map_err(bad)?.take(SECRET_BYTES_MAX).read_to_string(&mut text).map_err(bad)?
        }
    };
    Ok(text.trim().to_owned())
}

/// `name=value`; a value that is JSON is taken as that.
fn settings(given: &[String]) -> Result<Map<String, Value>, ClientError> {
    let one = |text: &String| {
        let (name, value) =
            text.split_once('=').ok_or_else(|| ClientError::BadInput(format!("--set {text}: expected NAME=VALUE")))?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
        Ok((name.to_owned(), value))
    };
    given.iter().map(one).collect()
}

/// Carries out what is asked of connections.
pub async fn connections(task: ConnectionTask, target: &Target) -> Result<(), ClientError> {
    match task {
        ConnectionTask::List => {
            let answer = target.ask(Method::GET, &["connections"], None).await?;
            if target.json {
                return show::json(&answer);
            }
            show::table(&answer, &["id", "connector", "account", "step", "failure"])
        }
        ConnectionTask::Show(arg) => {
            let answer = target.ask(Method::GET, &["connections", &arg.connection], None).await?;
            if target.json { show::json(&answer) } else { one(&answer) }
        }
        ConnectionTask::Add(args) => add(args, target).await,
        ConnectionTask::Reauthorize(arg) => {
            let answer = target.ask(Method::POST, &["connections", &arg.connection, "reauthorize"], None).await?;
            invitation(&answer, target)
        }
        ConnectionTask::Retry(arg) => {
            let answer = target.ask(Method::POST, &["connections", &arg.connection, "retry"], None).await?;
            if target.json { show::json(&answer) } else { one(&answer) }
        }
        ConnectionTask::Remove { connection, withdraw } => {
            let data = if withdraw { "withdraw" } else { "keep" };
            let path = ["connections", connection.as_str()];
            let answer = target.ask_with(Method::DELETE, &path, &[("data", data)], None).await?;
            if target.json { show::json(&answer) } else { show::line(&format!("{connection} is being taken down")) }
        }
    }
}

async fn add(args: AddArgs, target: &Target) -> Result<(), ClientError> {
    let mut body = json!({"connector": args.connector, "settings": settings(&args.settings)?});
    if let Some(account) = args.account {
        body["account"] = account.into();
    }
    if let Some(region) = args.region {
        body["region"] = region.into();
    }
    if let Some(file) = args.api_key_file {
        body["api_key"] = read_secret(&file)?.into();
    }
    let answer = target.ask(Method::POST, &["connections", &args.connection], Some(&body)).await?;
    if target.json {
        return show::json(&answer);
    }
    if answer.get("connect_url").is_some_and(Value::is_string) {
        return invitation(&answer, target);
    }
    one(answer.get("connection").unwrap_or(&Value::Null))
}

fn invitation(answer: &Value, target: &Target) -> Result<(), ClientError> {
    if target.json {
        return show::json(answer);
    }
    show::line("open this in the merchant's browser, within a week:")?;
    show::line(&show::cell(answer.get("connect_url")))
}

/// A connection for people: what it is, then what is read.
fn one(answer: &Value) -> Result<(), ClientError> {
    let Some(object) = answer.as_object() else { return show::fields(answer) };
    let mut plain = object.clone();
    let reading = plain.remove("reading");
    let token = plain.remove("token");
    show::fields(&Value::Object(plain))?;
    let token = token.unwrap_or(Value::Null);
    show::line(&format!("token: {} (ends {})", show::cell(token.get("state")), show::cell(token.get("expires"))))?;
    let Some(Value::Object(mut reading)) = reading else { return Ok(()) };
    for name in ["workspace", "source", "connector"] {
        reading.remove(name);
    }
    for stream in reading.remove("streams").as_ref().and_then(Value::as_array).into_iter().flatten() {
        let text = |name: &str| show::cell(stream.get(name));
        let of = format!("{} of {} read, {} s left", text("done"), text("total"), text("seconds_left"));
        show::line(&format!("{}: {}, {of}, last poll {}", text("name"), text("state"), text("last_poll")))?;
    }
    show::fields(&Value::Object(reading))
}

/// Carries out what is asked of apps.
pub async fn apps(task: AppTask, target: &Target) -> Result<(), ClientError> {
    match task {
        AppTask::List => {
            let answer = target.send(Method::GET, &["apps"], &[], None).await?;
            let answer = target.read(answer).await?;
            if target.json {
                return show::json(&answer);
            }
            show::table(&answer, &["connector", "client_id", "secrets", "redirect_url", "app_url", "hook_url"])
        }
        AppTask::Set { connector, client_id, secrets_file, settings: given } => {
            let mut body = json!({ "client_id": client_id });
            if !given.is_empty() {
                body["settings"] = settings(&given)?.into();
            }
            if let Some(file) = secrets_file {
                let secrets: Vec<String> = read_secret(&file)?.lines().map(str::trim).map(str::to_owned).collect();
                body["secrets"] = secrets.into();
            }
            let answer = target.send(Method::PUT, &["apps", &connector], &[], Some(&body)).await?;
            let answer = target.read(answer).await?;
            if target.json { show::json(&answer) } else { show::fields(&answer) }
        }
    }
}

/// Carries out what is asked of exports.
pub async fn exports(task: ExportTask, target: &Target) -> Result<(), ClientError> {
    match task {
        ExportTask::List => {
            let answer = target.ask(Method::GET, &["exports"], None).await?;
            if target.json { show::json(&answer) } else { show::table(&answer, &["id", "bytes", "made"]) }
        }
        ExportTask::Show { export } => show::json(&target.ask(Method::GET, &["exports", &export], None).await?),
        ExportTask::Delete { export } => target.ask(Method::DELETE, &["exports", &export], None).await.map(|_| ()),
    }
}
