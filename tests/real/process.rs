//! A server's process, with its children.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server may take so long to start on a busy machine, and to end.
const START_MAX: Duration = Duration::from_secs(90);
const END_MAX: Duration = Duration::from_secs(10);

/// It ends, with its children, when this goes out of scope.
pub struct Process {
    child: Option<Child>,
    log: PathBuf,
}

impl Process {
    /// Starts it in a group of its own; what it says goes to a file.
    pub fn start(command: &mut Command, log: &Path) -> Process {
        let file = std::fs::File::options().append(true).create(true).open(log).unwrap();
        let errors = file.try_clone().unwrap();
        command.stdin(Stdio::null()).stdout(file).stderr(errors).process_group(0);
        let child = command.spawn().unwrap_or_else(|why| panic!("{command:?}: {why}"));
        Process { child: Some(child), log: log.to_owned() }
    }

    /// Waits until it answers.
    pub async fn ready(&mut self, mut answers: impl AsyncFnMut() -> bool) {
        let began = Instant::now();
        while !answers().await {
            let ended = self.child.as_mut().is_none_or(|child| child.try_wait().unwrap().is_some());
            assert!(!ended && began.elapsed() < START_MAX, "it does not start:\n{}", self.said());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Asks it to end, and makes it end if it does not.
    pub fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let signal = |name: &str, whom: String| {
            let _ = Command::new("kill").args([name, "--", &whom]).stderr(Stdio::null()).status();
        };
        signal("-TERM", child.id().to_string());
        let began = Instant::now();
        while child.try_wait().ok().flatten().is_none() && began.elapsed() < END_MAX {
            std::thread::sleep(Duration::from_millis(20));
        }
        // What is left of its group: nothing, if it ended in order.
        signal("-KILL", format!("-{}", child.id()));
        let _ = child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Runs something to its end.
pub fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|why| panic!("{command:?}: {why}"));
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{said}\n{errors}");
}
