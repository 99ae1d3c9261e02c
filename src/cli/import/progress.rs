//! How far an import is, on disk: written after what it says was acknowledged.

use super::error::ImportError;
use super::rows::{Place, START};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// The form of the file.
const VERSION: u32 = 1;
/// Bytes that are hashed at once.
const PART_BYTES: usize = 64 << 10;

/// Rows by what became of them.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Counts {
    /// Acknowledged by the daemon.
    pub sent: u64,
    /// Refused.
    pub refused: u64,
    /// Passed over.
    pub skipped: u64,
}

impl Counts {
    /// All rows.
    pub fn rows(&self) -> u64 {
        self.sent + self.refused + self.skipped
    }
}

/// How far an import is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Progress {
    version: u32,
    options: BTreeMap<String, String>,
    byte: u64,
    line: u64,
    read_sha256: String,
    report_bytes: u64,
    /// Rows until here.
    #[serde(flatten)]
    pub counts: Counts,
}

/// The progress of one import.
pub struct Keeper {
    path: PathBuf,
    file_path: PathBuf,
    options: BTreeMap<String, String>,
    read: ReadPart,
}

/// The hash of what was read of a file.
struct ReadPart {
    file: File,
    hash: Sha256,
    byte: u64,
}

impl ReadPart {
    /// Takes in what was read since; an error if the file is shorter now.
    fn up_to(&mut self, byte: u64) -> std::io::Result<String> {
        let mut part = vec![0; PART_BYTES];
        while self.byte < byte {
            let most = usize::try_from(byte - self.byte).unwrap_or(PART_BYTES).min(PART_BYTES);
            let part = part.get_mut(..most).unwrap_or_default();
            self.file.read_exact(part)?;
            self.hash.update(&*part);
            self.byte += most as u64;
        }
        Ok(self.hash.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// Where an import begins.
pub struct Begin {
    /// In the file.
    pub place: Place,
    /// Bytes of the report that stand.
    pub report_bytes: u64,
    /// Rows before.
    pub counts: Counts,
}

impl Keeper {
    /// Opens the progress of an import of a file with these options, or begins one.
    pub fn open(
        path: &Path,
        file_path: &Path,
        options: &[(&'static str, String)],
        restart: bool,
    ) -> Result<(Keeper, Begin), ImportError> {
        let file = File::open(file_path).map_err(ImportError::file(file_path))?;
        let keeper = Keeper {
            path: path.to_owned(),
            file_path: file_path.to_owned(),
            options: options.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
            read: ReadPart { file, hash: Sha256::new(), byte: 0 },
        };
        let begin = Begin { place: START, report_bytes: 0, counts: Counts::default() };
        let text = match std::fs::read(path) {
            Err(why) if why.kind() == ErrorKind::NotFound => return Ok((keeper, begin)),
            Err(why) => return Err(ImportError::file(path)(why)),
            Ok(_) if restart => {
                std::fs::remove_file(path).map_err(ImportError::file(path))?;
                return Ok((keeper, begin));
            }
            Ok(text) => text,
        };
        let unreadable = |_| {
            let what = "is no progress of an import that this version can read: begin anew with --restart";
            ImportError::Options(format!("{} {what}", path.display()))
        };
        let old: Progress = serde_json::from_slice(&text).map_err(unreadable)?;
        if old.version != VERSION {
            return Err(unreadable(serde::de::Error::custom("version")));
        }
        keeper.resume(&old, options)
    }

    fn resume(mut self, old: &Progress, options: &[(&'static str, String)]) -> Result<(Keeper, Begin), ImportError> {
        if let Some((field, _)) = options.iter().find(|(name, value)| old.options.get(*name) != Some(value)) {
            return Err(ImportError::OtherOptions { progress: self.path, field });
        }
        match self.read.up_to(old.byte) {
            Ok(hash) if hash == old.read_sha256 => {}
            Ok(_) => return Err(ImportError::Changed { file: self.file_path, line: old.line }),
            Err(why) if why.kind() == ErrorKind::UnexpectedEof => {
                return Err(ImportError::Changed { file: self.file_path, line: old.line });
            }
            Err(why) => return Err(ImportError::File { path: self.file_path, why }),
        }
        let place = Place { byte: old.byte, line: old.line };
        Ok((self, Begin { place, report_bytes: old.report_bytes, counts: old.counts }))
    }

    /// Keeps how far it is; returns when that is on disk.
    pub fn keep(&mut self, place: Place, report_bytes: u64, counts: Counts) -> Result<(), ImportError> {
        let read_sha256 = self.read.up_to(place.byte).map_err(ImportError::file(&self.file_path))?;
        let (byte, line) = (place.byte, place.line);
        let options = self.options.clone();
        let progress = Progress { version: VERSION, options, byte, line, read_sha256, report_bytes, counts };
        let text = serde_json::to_vec(&progress).map_err(|why| ImportError::Options(why.to_string()))?;
        let mut new = self.path.as_os_str().to_owned();
        new.push(".new");
        let new = PathBuf::from(new);
        let write = || {
            let mut file = File::create(&new)?;
            file.write_all(&text)?;
            file.sync_all()?;
            std::fs::rename(&new, &self.path)?;
            let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
        };
        write().map_err(ImportError::file(&self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on_where_it_was_unless_the_file_or_the_options_are_others() {
        let dir = tempfile::tempdir().unwrap();
        let (file, path) = (dir.path().join("f"), dir.path().join("p"));
        std::fs::write(&file, "0123456789").unwrap();
        let options = [("source", "a".to_owned())];
        let open = |options: &[(&'static str, String)], restart| Keeper::open(&path, &file, options, restart);
        let (mut keeper, begin) = open(&options, false).unwrap();
        assert_eq!(begin.place, START);
        let counts = Counts { sent: 1, refused: 2, skipped: 3 };
        keeper.keep(Place { byte: 3, line: 2 }, 11, counts).unwrap();
        keeper.keep(Place { byte: 6, line: 4 }, 22, counts).unwrap();
        let (_, begin) = open(&options, false).unwrap();
        assert_eq!((begin.place, begin.report_bytes, begin.counts), (Place { byte: 6, line: 4 }, 22, counts));
        // What lies ahead may change.
        std::fs::write(&file, "012345xxxxxxxxxx").unwrap();
        assert_eq!(open(&options, false).unwrap().1.place.byte, 6);
        let other = [("source", "b".to_owned())];
        assert!(matches!(open(&other, false), Err(ImportError::OtherOptions { field: "source", .. })));
        for changed in ["01234x6789", "0123"] {
            std::fs::write(&file, changed).unwrap();
            assert!(matches!(open(&options, false), Err(ImportError::Changed { line: 4, .. })), "{changed}");
        }
        assert_eq!(open(&options, true).unwrap().1.place, START);
        std::fs::write(&path, "{}").unwrap();
        assert!(open(&options, false).is_err());
    }
}
