//! What an execution has left behind: processes, descriptors and temporary files, each by its name.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::fd::RawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::start::forkserver;
use crate::stat::Stat;
use crate::{fork_local, tree};

/// What there was before an execution.
///
/// # Examples
///
/// ```
/// use pushflow_signals::leaks::Snapshot;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let directory = tempfile::tempdir()?;
/// let before = Snapshot::of_directory(directory.path())?;
/// std::fs::write(directory.path().join("forgotten"), "text")?;
/// let left = before.compare()?;
/// assert_eq!(left.files.len(), 1);
/// assert!(left.to_string().ends_with("forgotten (4 bytes)"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Snapshot {
    directory: PathBuf,
    found: Found,
}

/// What there is now and was not before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Processes below this one, or executed below it and moved away since.
    pub processes: Vec<LeftProcess>,
    /// Open descriptors of this process.
    pub descriptors: Vec<LeftDescriptor>,
    /// Entries of the directory for temporary files.
    pub files: Vec<LeftFile>,
}

/// A process that was left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeftProcess {
    /// Its process id.
    pub pid: u32,
    /// Its command line, or in brackets its name.
    pub command: String,
    /// Whether it has ended and nobody has reaped it.
    pub zombie: bool,
}

/// A descriptor that was left open.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeftDescriptor {
    /// Its number.
    pub number: RawFd,
    /// What it refers to, as `/proc` says it.
    pub target: String,
}

/// A temporary file, or a directory, that was left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeftFile {
    /// Its path.
    pub path: PathBuf,
    /// Its size in bytes; of a directory, that of the directory itself.
    pub bytes: u64,
}

/// A process by its id and the time of its start, which tells it from a later one with the same id.
type Identity = (u32, u64);

#[derive(Clone, Debug)]
struct Found {
    processes: BTreeMap<Identity, LeftProcess>,
    descriptors: BTreeSet<(RawFd, String)>,
    files: BTreeMap<OsString, u64>,
}

impl Snapshot {
    /// Looks at this process, what is below it, and the directory for temporary files (`TMPDIR`, else `/tmp`).
    ///
    /// Of that directory, the entries of this user count; others' programs that write there at the same time are not told
    /// apart, so give an execution a directory of its own where it matters: [`of_directory`](Snapshot::of_directory).
    ///
    /// # Errors
    ///
    /// When `/proc` or the directory cannot be read.
    pub fn take() -> Result<Snapshot, Error> {
        Snapshot::of_directory(std::env::temp_dir())
    }

    /// As [`take`](Snapshot::take), with another directory.
    ///
    /// # Errors
    ///
    /// As for [`take`](Snapshot::take).
    pub fn of_directory(directory: impl Into<PathBuf>) -> Result<Snapshot, Error> {
        let directory = directory.into();
        let found = look(&directory).map_err(Error::system("look for what is left"))?;
        Ok(Snapshot { directory, found })
    }

    /// Looks again and tells what is new, apart from what this crate keeps as long as the process lives.
    ///
    /// # Errors
    ///
    /// As for [`take`](Snapshot::take).
    pub fn compare(&self) -> Result<Report, Error> {
        let now = look(&self.directory).map_err(Error::system("look for what is left"))?;
        let is_new = |identity: &Identity| !self.found.processes.contains_key(identity);
        let processes = now.processes.into_iter().filter(|(identity, _)| is_new(identity));
        let descriptors = now.descriptors.difference(&self.found.descriptors);
        let files = now.files.into_iter().filter(|(name, _)| !self.found.files.contains_key(name));
        Ok(Report {
            processes: processes.map(|(_, process)| process).collect(),
            descriptors: descriptors.cloned().map(|(number, target)| LeftDescriptor { number, target }).collect(),
            files: files.map(|(name, bytes)| LeftFile { path: self.directory.join(name), bytes }).collect(),
        })
    }
}

impl Report {
    /// Whether nothing was left behind.
    pub fn is_empty(&self) -> bool {
        self.processes.is_empty() && self.descriptors.is_empty() && self.files.is_empty()
    }
}

/// One line for each.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let processes = self.processes.iter().map(|LeftProcess { pid, command, zombie }| {
            let what = if *zombie { "zombie" } else { "process" };
            format!("{what} {pid}: {command}")
        });
        let descriptors =
            self.descriptors.iter().map(|LeftDescriptor { number, target }| format!("descriptor {number}: {target}"));
        let files =
            self.files.iter().map(|LeftFile { path, bytes }| format!("file {} ({bytes} bytes)", path.display()));
        let lines: Vec<String> = processes.chain(descriptors).chain(files).collect();
        f.write_str(&lines.join("\n"))
    }
}

fn look(directory: &Path) -> io::Result<Found> {
    Ok(Found { processes: processes()?, descriptors: descriptors()?, files: files(directory)? })
}

fn processes() -> io::Result<BTreeMap<Identity, LeftProcess>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir("/proc")? {
        let pid = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
        // One that has ended meanwhile is not left behind.
        if let Some(stat) = pid.and_then(Stat::of) {
            all.insert(stat.pid, stat);
        }
    }
    let mut below = BTreeSet::from_iter(tree::members(&tree::own()));
    let mut parents = vec![std::process::id()];
    while let Some(parent) = parents.pop() {
        let children = all.values().filter(|stat| stat.parent == parent).map(|stat| stat.pid);
        parents.extend(children.filter(|child| below.insert(*child)).collect::<Vec<_>>());
    }
    below.remove(&std::process::id());
    forkserver::pid().map(|server| below.remove(&server));
    Ok(below.iter().filter_map(|pid| all.get(pid)).map(|stat| ((stat.pid, stat.start), describe(stat))).collect())
}

fn describe(stat: &Stat) -> LeftProcess {
    let line = std::fs::read(format!("/proc/{}/cmdline", stat.pid)).unwrap_or_default();
    let words: Vec<_> = line.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
    let line = words.join(" ").trim().to_owned();
    let command = if line.is_empty() { format!("[{}]", stat.name) } else { line };
    LeftProcess { pid: stat.pid, command, zombie: stat.state == 'Z' }
}

fn descriptors() -> io::Result<BTreeSet<(RawFd, String)>> {
    let own = PathBuf::from(format!("/proc/{}/fd", std::process::id()));
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(&own)? {
        let entry = entry?;
        let Some(number) = entry.file_name().to_str().and_then(|name| name.parse::<RawFd>().ok()) else { continue };
        match std::fs::read_link(entry.path()) {
            // The one that this look has open.
            Ok(target) if target == own => {}
            Ok(target) => drop(found.insert((number, target.to_string_lossy().into_owned()))),
            // Closed meanwhile.
            Err(_) => {}
        }
    }
    let residents = fork_local::residents();
    found.retain(|(number, _)| !residents.contains(number));
    Ok(found)
}

fn files(directory: &Path) -> io::Result<BTreeMap<OsString, u64>> {
    let user = rustix::process::geteuid().as_raw();
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        if let Ok(about) = entry.metadata()
            && about.uid() == user
        {
            found.insert(entry.file_name(), about.len());
        }
    }
    Ok(found)
}
