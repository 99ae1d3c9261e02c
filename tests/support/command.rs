//! The command line through the real binary.

use super::Daemon;
use std::process::{Command, Output, Stdio};

pub fn segmentd(daemon: &Daemon) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_segmentd"));
    command.env("SEGMENTD_URL", &daemon.url).env("SEGMENTD_API_KEY", &daemon.key).stdin(Stdio::null());
    command
}

pub fn run(daemon: &Daemon, args: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = segmentd(daemon).args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

pub fn ok(daemon: &Daemon, args: &[&str]) -> String {
    let (code, out, err) = run(daemon, args);
    assert_eq!((code, err.as_str()), (0, ""), "{args:?}: {out}");
    out
}

pub fn file(daemon: &Daemon, name: &str, text: &str) -> String {
    let path = daemon.dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}
