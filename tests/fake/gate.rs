//! Steps at one of which something goes wrong.

use std::future::pending;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// What goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wrong {
    /// The step fails.
    Fails,
    /// The step, and every one after it, never ends, until somebody kills all.
    Dies,
    /// The step never ends.
    Hangs,
    /// The step panics.
    Panics,
}

/// Counts steps; at one of them something goes wrong, once.
pub struct Gate {
    passed: AtomicUsize,
    at: usize,
    wrong: Wrong,
    happened: AtomicBool,
    names: Mutex<Vec<String>>,
}

impl Gate {
    /// Something goes wrong at step `at`, counted from 1; at 0 for never.
    pub fn new(at: usize, wrong: Wrong) -> Gate {
        Gate { passed: AtomicUsize::new(0), at, wrong, happened: AtomicBool::new(false), names: Mutex::default() }
    }

    /// A step.
    pub async fn pass(&self, what: &str) -> Result<(), ()> {
        let dead = self.happened() && self.wrong == Wrong::Dies;
        if dead {
            return pending().await;
        }
        let step = self.passed.fetch_add(1, Ordering::SeqCst) + 1;
        self.names.lock().unwrap().push(what.to_owned());
        if step != self.at {
            return Ok(());
        }
        self.happened.store(true, Ordering::SeqCst);
        match self.wrong {
            Wrong::Fails => Err(()),
            Wrong::Dies | Wrong::Hangs => pending().await,
            Wrong::Panics => panic!("step {step}, {what}, panics as it should"),
        }
    }

    /// Whether it went wrong.
    pub fn happened(&self) -> bool {
        self.happened.load(Ordering::SeqCst)
    }

    /// The steps so far.
    pub fn steps(&self) -> Vec<String> {
        self.names.lock().unwrap().clone()
    }
}
