//! A PostgreSQL of our own: its programs found, a new cluster, started and stopped.

use crate::memory;
use crate::parts::Failure;
use ::postgres::{Client, Config, NoTls};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Who runs it when we are root, as PostgreSQL refuses to be.
const USERS: [&str; 2] = ["postgres", "nobody"];
/// Durable as it comes (fsync, synchronous_commit, full_page_writes are on), with memory and log for such a load.
const SETTINGS: [&str; 10] = [
    "listen_addresses=''",
    "shared_buffers=1GB",
    "work_mem=64MB",
    "maintenance_work_mem=256MB",
    "max_wal_size=4GB",
    "checkpoint_timeout=15min",
    "random_page_cost=1.1",
    "jit=off",
    "max_connections=100",
    "autovacuum=on",
];

/// A running server.
pub struct Server {
    bin: PathBuf,
    dir: PathBuf,
    user: Option<&'static str>,
}

impl Server {
    /// A new one over an empty cluster in a folder.
    pub fn start(dir: &Path, bin: Option<&Path>) -> Result<Server, Failure> {
        let missing = |why: &str| Failure::Missing(format!("PostgreSQL: {why}"));
        let bin = bin.map(Path::to_owned).or_else(programs).ok_or_else(|| {
            missing("no initdb and pg_ctl (on Debian: apt-get install postgresql; or say where: --postgres-bin)")
        })?;
        let user =
            user().ok_or_else(|| missing("it refuses to run as root, and there is no other user to run it as"))?;
        let failed = |why: String| Failure::Failed(format!("PostgreSQL: {why}"));
        let dir = std::path::absolute(dir).map_err(|why| failed(why.to_string()))?;
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).map_err(|why| failed(format!("{}: {why}", dir.display())))?;
        let server = Server { bin, dir, user };
        server.give_away().and_then(|()| server.create()).map_err(failed)?;
        Ok(server)
    }

    fn cluster(&self) -> PathBuf {
        self.dir.join("cluster")
    }

    /// Makes the folder that of the user who is to run it.
    fn give_away(&self) -> Result<(), String> {
        let Some(user) = self.user else { return Ok(()) };
        done(Command::new("chown").arg(user).arg(&self.dir))?;
        done(self.command("test").arg("-w").arg(&self.dir))
            .map_err(|_| format!("{} can't be reached by the user {user}; say --out elsewhere", self.dir.display()))
    }

    fn create(&self) -> Result<(), String> {
        let initdb = self.bin.join("initdb");
        done(self.command(initdb).arg("-D").arg(self.cluster()).args(["-A", "trust", "-U", "postgres", "-E", "UTF8"]))?;
        let mut options = format!("-k {}", self.dir.display());
        SETTINGS.iter().for_each(|setting| options.push_str(&format!(" -c {setting}")));
        let mut command = self.command(self.bin.join("pg_ctl"));
        command.arg("-D").arg(self.cluster()).arg("-l").arg(self.dir.join("log")).args(["-w", "-o"]).arg(options);
        // The server keeps what it inherits: nobody may wait for its output to end.
        let status = command.arg("start").stdout(Stdio::null()).stderr(Stdio::null()).status();
        match status {
            Ok(status) if status.success() => Ok(()),
            _ => Err(format!("it did not start; see {}", self.dir.join("log").display())),
        }
    }

    /// A program run by whom the server is run by.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = match self.user {
            Some(user) => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid", user, "--regid", user, "--clear-groups"]).arg(program);
                command
            }
            None => Command::new(program),
        };
        command.current_dir(&self.dir);
        command
    }

    /// A connection.
    pub fn connect(&self) -> Result<Client, String> {
        Config::new()
            .host_path(&self.dir)
            .user("postgres")
            .dbname("postgres")
            .connect(NoTls)
            .map_err(|why| format!("connecting: {why}"))
    }

    /// Resident memory of all its processes, pages that they share counted once.
    pub fn memory(&self) -> u64 {
        let text = std::fs::read_to_string(self.cluster().join("postmaster.pid")).unwrap_or_default();
        let Some(first) = text.lines().next().and_then(|line| line.trim().parse::<u32>().ok()) else { return 0 };
        let tasks = format!("/proc/{first}/task/{first}/children");
        let children = std::fs::read_to_string(tasks).unwrap_or_default();
        let children = children.split_whitespace().filter_map(|child| child.parse::<u32>().ok());
        children.chain([first]).map(memory::share).sum()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let mut command = self.command(self.bin.join("pg_ctl"));
        let _ = done(command.arg("-D").arg(self.cluster()).args(["-m", "immediate", "-w", "stop"]));
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// Runs a command to its end; an error with what it said if it failed.
fn done(command: &mut Command) -> Result<(), String> {
    let name = format!("{:?}", command.get_program());
    let Output { status, stderr, .. } = command.output().map_err(|why| format!("{name}: {why}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{name}: {status}: {}", String::from_utf8_lossy(&stderr).trim()))
    }
}

/// Where the programs are: on the path, or where Debian has them, the newest.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).collect::<Vec<_>>();
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = debian
        .filter_map(|version| Some((version.file_name().to_str()?.parse().ok()?, version.path().join("bin"))))
        .collect();
    versions.sort();
    let all = on_path.into_iter().chain(versions.into_iter().rev().map(|(_, bin)| bin));
    all.into_iter().find(|bin| bin.join("initdb").exists() && bin.join("pg_ctl").exists())
}

/// Who is to run it: `Some(None)` for ourselves, `None` if there is nobody.
fn user() -> Option<Option<&'static str>> {
    let id = Command::new("id").arg("-u").output().ok()?;
    if String::from_utf8_lossy(&id.stdout).trim() != "0" {
        return Some(None);
    }
    let known = |user: &&&str| Command::new("id").arg(user).output().is_ok_and(|found| found.status.success());
    USERS.iter().find(known).map(|user| Some(*user))
}
