//! [`Tag`]: a mark in the environment of a command, by which all that it starts is found, looked at and ended.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::stat::Stat;
use crate::tree;

/// A mark in the environment of a command, by which all that it starts is found: by whatever way, at whatever depth, also what
/// has left its group, its session and its parent. A program that drops its environment is not found.
///
/// # Examples
///
/// ```no_run
/// use pushflow_signals::{Command, Tag};
///
/// # fn main() -> Result<(), pushflow_signals::Error> {
/// let tag = Tag::new();
/// let (name, value) = tag.variable();
/// let child = Command::new("make").env(name, value).start()?;
/// for process in tag.look() {
///     println!("{process}");
/// }
/// tag.kill();
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Tag(String);

/// A process, and where each of its threads waits. What the system does not tell is empty.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Waiting {
    /// Its process id.
    pub pid: u32,
    /// That of its parent.
    pub parent: u32,
    /// Its command line, or in brackets its name.
    pub command: String,
    /// Its threads.
    pub threads: Vec<WaitingThread>,
}

/// A thread, and where it waits. proc(5).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WaitingThread {
    /// Its id.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// `R` for one that runs, `S` for one that sleeps, `Z` for one that has ended.
    pub state: char,
    /// In which function of the kernel.
    pub wchan: String,
    /// In which system call, with the arguments as the kernel shows them.
    pub syscall: String,
    /// The calls inside the kernel, innermost first; for a privileged user only.
    pub stack: Vec<String>,
    /// The signals that it blocks, and that wait for it or for its process, as bits.
    pub signals: String,
}

const VARIABLE: &str = "PUSHFLOW_TAG";

impl Tag {
    /// Creates a mark that no other one equals.
    #[expect(clippy::new_without_default, reason = "each is another one")]
    pub fn new() -> Tag {
        Tag(tree::unique())
    }

    /// Returns the variable to [set](crate::Command::env) for the command, and its value.
    pub fn variable(&self) -> (&'static str, &str) {
        (VARIABLE, &self.0)
    }

    /// Returns the ids of the processes that carry the mark and have not ended.
    pub fn members(&self) -> Vec<u32> {
        let is_alive = |pid: &u32| Stat::of(*pid).is_some_and(|stat| stat.is_alive());
        tree::carriers(VARIABLE, &self.0).into_iter().filter(is_alive).collect()
    }

    /// Returns where the processes that carry the mark wait.
    pub fn look(&self) -> Vec<Waiting> {
        tree::carriers(VARIABLE, &self.0).into_iter().filter_map(Waiting::of).collect()
    }

    /// Sends SIGKILL to all processes that carry the mark, and to what these start meanwhile; returns to how many.
    pub fn kill(&self) -> usize {
        tree::sweep_carriers(VARIABLE, &self.0)
    }
}

impl Waiting {
    /// Looks at a process; `None` when it is not there.
    pub fn of(pid: u32) -> Option<Waiting> {
        let stat = Stat::of(pid)?;
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words: Vec<_> = line.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
        let line = words.join(" ").trim().to_owned();
        let command = if line.is_empty() { format!("[{}]", stat.name) } else { line };
        let mut threads: Vec<WaitingThread> = fs::read_dir(format!("/proc/{pid}/task"))
            .map(|entries| entries.flatten().filter_map(|entry| WaitingThread::of(&entry.path())).collect())
            .unwrap_or_default();
        threads.sort_by_key(|thread| thread.id);
        Some(Waiting { pid, parent: stat.parent, command, threads })
    }
}

impl WaitingThread {
    fn of(directory: &Path) -> Option<WaitingThread> {
        let read = |name: &str| fs::read_to_string(directory.join(name)).unwrap_or_default().trim().to_owned();
        let status = read("status");
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.map(str::trim).unwrap_or_default().to_owned()
        };
        let signals = ["SigBlk", "SigPnd", "ShdPnd"].map(|name| format!("{name} {}", field(name))).join(", ");
        Some(WaitingThread {
            id: directory.file_name()?.to_str()?.parse().ok()?,
            name: field("Name"),
            state: field("State").chars().next().unwrap_or('?'),
            wchan: Some(read("wchan")).filter(|wchan| wchan != "0").unwrap_or_default(),
            syscall: named(&read("syscall"), directory),
            stack: read("stack").lines().map(|line| line.trim_start_matches("[<0>] ").to_owned()).collect(),
            signals,
        })
    }
}

/// Puts the name of the usual calls before the number, and what a descriptor refers to behind it.
fn named(syscall: &str, directory: &Path) -> String {
    let mut words = syscall.split(' ');
    let (number, first) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let name = if cfg!(target_arch = "x86_64") { x86_64(number) } else { None };
    let Some((name, is_of_descriptor)) = name else { return syscall.to_owned() };
    let target = || -> Option<PathBuf> {
        let descriptor = u32::from_str_radix(first.strip_prefix("0x")?, 16).ok()?;
        fs::read_link(directory.join("fd").join(descriptor.to_string())).ok()
    };
    match target().filter(|_| is_of_descriptor) {
        Some(target) => format!("{name}({}) {syscall}", target.display()),
        None => format!("{name} {syscall}"),
    }
}

/// The calls that wait, by their numbers, and whether their first argument is a descriptor.
fn x86_64(number: &str) -> Option<(&'static str, bool)> {
    Some(match number {
        "0" => ("read", true),
        "1" => ("write", true),
        "7" => ("poll", false),
        "35" => ("nanosleep", false),
        "43" => ("accept", true),
        "45" => ("recvfrom", true),
        "46" => ("sendmsg", true),
        "47" => ("recvmsg", true),
        "61" => ("wait4", false),
        "202" => ("futex", false),
        "230" => ("clock_nanosleep", false),
        "232" => ("epoll_wait", true),
        "247" => ("waitid", false),
        "271" => ("ppoll", false),
        "281" => ("epoll_pwait", true),
        _ => return None,
    })
}

/// A line for the process, and for each thread one or more.
impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} (child of {}): {}", self.pid, self.parent, self.command)?;
        for WaitingThread { id, name, state, wchan, syscall, stack, signals } in &self.threads {
            write!(f, "\n  thread {id} {name} {state} {wchan} | {syscall} | {signals}")?;
            stack.iter().try_for_each(|line| write!(f, "\n    {line}"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_a_command_starts_is_found_and_ended() {
        let (tag, other) = (Tag::new(), Tag::new());
        let (name, value) = tag.variable();
        let script = "setsid sleep 1000 & sleep 1000 & echo ready; wait";
        let sh = crate::Command::new("sh").args(["-c", script]).env(name, value).stdout(crate::Output::Stream);
        let child = sh.start().unwrap();
        let pid = child.pid();
        let mut seen = 0;
        let finished = child.wait_with(None, |_, _| {
            // Ready: both were forked; that they are executed is to be seen.
            while tag.look().iter().filter(|process| process.command == "sleep 1000").count() < 2 {
                std::thread::yield_now();
            }
            let found = tag.look();
            let shell = found.iter().find(|process| process.pid == pid).unwrap();
            assert_eq!((shell.threads.len(), shell.parent), (1, std::process::id()));
            let sleeper = found.iter().find(|process| process.command == "sleep 1000").unwrap();
            assert!(sleeper.to_string().contains("thread"), "{sleeper}");
            assert!(other.members().is_empty());
            assert_eq!(tag.members().len(), 3);
            seen = tag.kill();
        });
        assert_eq!((seen, finished.unwrap().signal()), (3, Some(crate::Signal::KILL)));
        assert!(tag.members().is_empty());
    }

    #[test]
    fn it_is_told_where_a_thread_waits() {
        // Of a name of its own: other tests have threads, too.
        let looks = || Waiting::of(std::process::id()).unwrap();
        let own = std::thread::Builder::new().name("looks at itself".to_owned()).spawn(looks).unwrap().join().unwrap();
        assert_eq!(own.parent, std::os::unix::process::parent_id());
        let running = own.threads.iter().find(|thread| thread.name == "looks at itself").unwrap();
        assert_eq!((running.state, running.signals.starts_with("SigBlk 0")), ('R', true), "{running:?}");
        assert!(Waiting::of(u32::MAX).is_none());
    }
}
