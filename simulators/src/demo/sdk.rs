//! The real SDK in a process of its own.

use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// A running SDK.
pub struct Sdk {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Sdk {
    /// Starts Node.js with the script; `modules` is the folder in which the SDK is installed.
    pub fn start(script: &Path, modules: &Path, host: &str, write_key: &str) -> Result<Sdk, String> {
        let child = Command::new("node")
            .arg(script)
            .args([host, write_key])
            .arg(modules)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        let mut child = child.map_err(|why| format!("node: {why}"))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("node has no pipes".to_owned());
        };
        Ok(Sdk { child, input, output: BufReader::new(output).lines() })
    }

    /// Sends calls with the clock at `now` and waits until the SDK has delivered them.
    pub async fn send(&mut self, now: i64, calls: &[Value]) -> Result<(), String> {
        let line = format!("{}\n", json!({"now": now, "calls": calls}));
        self.input.write_all(line.as_bytes()).await.map_err(|why| format!("the SDK ended: {why}"))?;
        let answer = self.output.next_line().await.map_err(|why| why.to_string())?;
        match answer {
            Some(answer) if answer == format!("sent {}", calls.len()) => Ok(()),
            other => Err(format!("the SDK answered {other:?}")),
        }
    }

    /// Ends it; an error if it could not deliver everything.
    pub async fn end(mut self) -> Result<(), String> {
        drop(self.input);
        let status = self.child.wait().await.map_err(|why| why.to_string())?;
        if status.success() { Ok(()) } else { Err("the SDK could not deliver everything".to_owned()) }
    }
}
