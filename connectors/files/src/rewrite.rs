//! The file is written anew, and takes its place in one step.

use crate::config::FileConfig;
use crate::format::{Out, ReadError, Row, Rows};
use kit::failure::Failure;
use kit::sync::Change;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Members are personal data: the daemon and its group read them.
const FILE_MODE: u32 = 0o640;
/// Bytes of the name of a list that are read.
const OWNER_BYTES_MAX: u64 = 1_000;

fn failed(path: &Path, why: &io::Error) -> Failure {
    let text = format!("{}: {why}", path.display());
    match why.kind() {
        // A person has to act; the daemon looks again by itself.
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem | ErrorKind::NotADirectory => {
            Failure::Blocked(text)
        }
        _ => Failure::retry(text, None),
    }
}

fn unlike(path: &Path, error: &ReadError) -> Failure {
    match error {
        ReadError::Io(why) => failed(path, why),
        ReadError::Row { .. } => Failure::Blocked(format!(
            "{}, {error}: it is not as this list was written; move it away, and it is written anew",
            path.display()
        )),
    }
}

/// The rows of the file as it is; `None` when there is none.
pub(crate) fn open(config: &FileConfig) -> Result<Option<Rows<BufReader<File>>>, Failure> {
    match File::open(&config.path) {
        Ok(file) => {
            Rows::open(&config.layout, BufReader::new(file)).map(Some).map_err(|why| unlike(&config.path, &why))
        }
        Err(why) if why.kind() == ErrorKind::NotFound => Ok(None),
        Err(why) => Err(failed(&config.path, &why)),
    }
}

/// The next row of the file, if there is a file and a row.
pub(crate) fn next(config: &FileConfig, rows: &mut Option<Rows<BufReader<File>>>) -> Result<Option<Row>, Failure> {
    match rows {
        Some(rows) => rows.next().map_err(|why| unlike(&config.path, &why)),
        None => Ok(None),
    }
}

/// Where the name of the list stands that the file belongs to.
fn owner_path(config: &FileConfig) -> PathBuf {
    let name = config.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    config.path.with_file_name(format!(".{name}.list"))
}

/// A file belongs to the list that wrote it first: two lists would take each other's members out.
fn own(config: &FileConfig, list: &str) -> Result<(), Failure> {
    let path = owner_path(config);
    let mut owner = String::new();
    match File::open(&path) {
        Ok(file) => {
            file.take(OWNER_BYTES_MAX).read_to_string(&mut owner).map_err(|why| failed(&path, &why))?;
        }
        Err(why) if why.kind() == ErrorKind::NotFound => {
            let made = OpenOptions::new().write(true).create_new(true).open(&path);
            made.and_then(|mut file| file.write_all(list.as_bytes())).map_err(|why| failed(&path, &why))?;
            return Ok(());
        }
        Err(why) => return Err(failed(&path, &why)),
    }
    if owner.trim() == list {
        return Ok(());
    }
    Err(Failure::Blocked(format!(
        "{} belongs to the list {:?}: choose another file, or remove {} if that list is no more",
        config.path.display(),
        owner.trim(),
        path.display()
    )))
}

/// Makes the changes. The file on disk is the one before or the one after, also when the power fails.
pub(crate) fn change(config: &FileConfig, list: &str, changes: &[Change]) -> Result<(), Failure> {
    let folder = config.path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder).map_err(|why| failed(folder, &why))?;
    own(config, list)?;
    let changes: BTreeMap<&str, &Change> = changes.iter().map(|change| (change.identifier.as_str(), change)).collect();
    let new = tempfile::Builder::new().prefix(".segmentd-").tempfile_in(folder).map_err(|why| failed(folder, &why))?;
    let members = merge(config, &changes, new.as_file())?;
    let write = || -> io::Result<()> {
        new.as_file().set_permissions(fs::Permissions::from_mode(FILE_MODE))?;
        new.as_file().sync_all()
    };
    write().map_err(|why| failed(&config.path, &why))?;
    new.persist(&config.path).map_err(|why| failed(&config.path, &why.error))?;
    if members == 0 {
        // An empty list may be given up: the file is free for another one.
        fs::remove_file(owner_path(config)).map_err(|why| failed(folder, &why))?;
    }
    // The name is durable only when its folder is.
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|why| failed(folder, &why))
}

/// Writes the rows of now with the changes into `to`; how many there are then.
fn merge(config: &FileConfig, changes: &BTreeMap<&str, &Change>, to: &File) -> Result<u64, Failure> {
    let wrong = |why: io::Error| failed(&config.path, &why);
    let mut out = Out::open(&config.layout, BufWriter::new(to)).map_err(wrong)?;
    let (mut rows, mut changes) = (open(config)?, changes.values().peekable());
    let mut row = next(config, &mut rows)?;
    let mut members = 0;
    loop {
        let comes = match (&row, changes.peek()) {
            (None, None) => break,
            (Some(_), None) => false,
            (None, Some(_)) => true,
            (Some(row), Some(change)) => change.identifier <= row.identifier,
        };
        if !comes {
            if let Some(row) = &row {
                out.write(row).map_err(wrong)?;
                members += 1;
            }
            row = next(config, &mut rows)?;
            continue;
        }
        let Some(change) = changes.next() else { break };
        if row.as_ref().is_some_and(|row| row.identifier == change.identifier) {
            row = next(config, &mut rows)?;
        }
        if change.member {
            let value = |(_, property): &(String, String)| change.fields.get(property).cloned().unwrap_or_default();
            let values = config.layout.columns.iter().map(value).collect();
            out.write(&Row { identifier: change.identifier.clone(), values }).map_err(wrong)?;
            members += 1;
        }
    }
    out.finish().and_then(|mut writer| writer.flush()).map_err(wrong)?;
    Ok(members)
}
