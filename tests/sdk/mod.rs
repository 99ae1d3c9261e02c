//! Real SDKs in processes of their own, and the calls that are given to them.
//!
//! `make test` installs them into `target/sdk`: npm packages by `package.json`, Python packages by `requirements.txt`.

pub mod calls;
pub mod proxy;

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Where `make test` puts what it installs.
fn installed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/sdk")
}

/// A script of this folder that runs.
pub struct Script {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Script {
    /// Starts a script by Node.js or Python, by its name.
    pub fn start(name: &str, arguments: &[&str]) -> Script {
        let home = installed();
        let (program, needed) = match name.ends_with(".py") {
            true => (home.join("venv/bin/python"), home.join("venv/complete")),
            false => (PathBuf::from("node"), home.join("node_modules/complete")),
        };
        assert!(needed.exists(), "the SDKs are not installed ({} is missing): run `make sdks`", needed.display());
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk").join(name);
        let child = Command::new(&program)
            .arg(script)
            .args(arguments)
            .current_dir(&home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut child = child.unwrap_or_else(|why| panic!("{}: {why}", program.display()));
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Script { child, input, output: BufReader::new(output).lines() }
    }

    /// Gives it a command.
    pub fn tell(&mut self, command: &Value) {
        writeln!(self.input, "{command}").unwrap();
    }

    /// Its next line.
    pub fn answer(&mut self) -> String {
        self.output.next().expect("the script ended too early; its errors are above").unwrap()
    }

    /// Gives it calls and waits until its SDK says that they are delivered.
    pub fn send(&mut self, calls: &[Value]) {
        self.tell(&json!({"calls": calls}));
        assert_eq!(self.answer(), format!("sent {}", calls.len()));
    }

    /// Ends it; it must have had nothing to complain about.
    pub fn end(self) {
        let Script { mut child, input, output } = self;
        drop((input, output));
        assert!(child.wait().unwrap().success(), "the SDK could not deliver everything; its errors are above");
    }
}

/// The browser; `None`, with a word, when the caller of the tests did not want it.
pub fn chromium() -> Option<String> {
    if std::env::var_os("SEGMENTD_SKIP_BROWSER").is_some_and(|set| set == "1") {
        // Not by `println!`, which the test runner keeps to itself.
        let _ = writeln!(std::io::stderr(), "SKIPPED: a test with Chromium, because SEGMENTD_SKIP_BROWSER=1");
        return None;
    }
    let found = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
    let found = found.into_iter().find(|path| Path::new(path).exists());
    Some(found.expect("Chromium is missing: run `make sdks`, or set SEGMENTD_SKIP_BROWSER=1").to_owned())
}
