//! The place of each process in the tree of processes, by which what a killed one has left behind is found.
//!
//! A place is a text, and what is below it begins with it. Whatever is executed below a process carries the place of that
//! process in its environment, where /proc shows it: also when it has left the group, the session and its parent.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::process::{Pid, PidfdFlags, Signal, getpid, pidfd_open, pidfd_send_signal};

use crate::fork_local::ForkLocal;
use crate::stat::Stat;
use crate::sys;

/// The variable with the place that a program is executed in.
pub(crate) const VARIABLE: &str = "PUSHFLOW_TREE";

static OWN: ForkLocal<Mutex<Option<String>>> = ForkLocal::new(Mutex::default);

/// Returns the place of this process: what it executes carries it.
pub(crate) fn own() -> String {
    let mut own = OWN.get().lock().unwrap_or_else(PoisonError::into_inner);
    own.get_or_insert_with(|| match std::env::var(VARIABLE) {
        // Executed as a command below another program of ours.
        Ok(above) if !above.is_empty() => format!("{above}.{}", unique()),
        _ => unique(),
    })
    .clone()
}

/// Returns a new place: below this process, or below none.
pub(crate) fn place(below: bool) -> String {
    if below { format!("{}.{}", own(), unique()) } else { unique() }
}

/// Sets the place of this process, which has just begun.
pub(crate) fn settle(place: &str) {
    *OWN.get().lock().unwrap_or_else(PoisonError::into_inner) = Some(place.to_owned());
    sys::set_variable(VARIABLE, Some(OsStr::new(place)));
}

/// Returns the ids of the processes that were executed at or below a place.
pub(crate) fn members(place: &str) -> Vec<u32> {
    carriers(VARIABLE, place)
}

/// Returns the ids of the processes whose environment has a place, or one below it, in a variable.
pub(crate) fn carriers(variable: &str, place: &str) -> Vec<u32> {
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    let ids = processes.flatten().filter_map(|process| process.file_name().to_str()?.parse::<u32>().ok());
    ids.filter(|id| carries(*id, variable, place)).collect()
}

/// Kills all that was executed at or below a place, and what that starts in the meantime. Returns how many it killed.
pub(crate) fn sweep(place: &str) -> usize {
    sweep_carriers(VARIABLE, place)
}

/// As [`sweep`], for a place in another variable.
pub(crate) fn sweep_carriers(variable: &str, place: &str) -> usize {
    // A process that the kernel does not let go is not waited for.
    let limit = Instant::now() + Duration::from_secs(5);
    let mut killed = BTreeSet::new();
    loop {
        let found = carriers(variable, place);
        // One that is dying may be found again, and is one all the same.
        let killed_now: Vec<u32> = found.into_iter().filter(|id| kill(*id, variable, place)).collect();
        let is_done = killed_now.is_empty();
        killed.extend(killed_now);
        if is_done || Instant::now() > limit {
            return killed.len();
        }
        std::thread::yield_now();
    }
}

fn kill(id: u32, variable: &str, place: &str) -> bool {
    let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw).filter(|pid| *pid != getpid()) else { return false };
    let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty()) else { return false };
    // Looked at once more: before the descriptor held it the id may have become another's.
    carries(id, variable, place) && pidfd_send_signal(&pidfd, Signal::KILL).is_ok()
}

fn carries(id: u32, variable: &str, place: &str) -> bool {
    environment(id).split(|byte| *byte == 0).any(|entry| {
        let value = entry.strip_prefix(variable.as_bytes()).and_then(|rest| rest.strip_prefix(b"="));
        let rest = value.and_then(|value| value.strip_prefix(place.as_bytes()));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"."))
    })
}

/// Returns the environment that a process was executed with; empty for one that has ended, or is another user's.
fn environment(id: u32) -> Vec<u8> {
    // In the midst of an exec what there is to read is empty: the old memory is gone, or the new one not filled yet.
    let limit = Instant::now() + Duration::from_secs(1);
    loop {
        let Ok(found) = read_at_once(id) else { return Vec::new() };
        if !found.is_empty() || Instant::now() > limit {
            return found;
        }
        match Stat::of(id) {
            Some(stat) if stat.is_alive() && !stat.has_no_environment() => std::thread::yield_now(),
            _ => return found,
        }
    }
}

/// Reads an environment by one call: after an exec the next call would find the end of the old one, as if it were short.
fn read_at_once(id: u32) -> std::io::Result<Vec<u8>> {
    let mut room = 1 << 16;
    loop {
        let file = std::fs::File::open(format!("/proc/{id}/environ"))?;
        let mut found = Vec::with_capacity(room);
        rustix::io::retry_on_intr(|| rustix::io::read(&file, spare_capacity(&mut found)))?;
        if found.len() < room {
            return Ok(found);
        }
        room *= 4;
    }
}

pub(crate) fn unique() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut random = [0_u8; 8];
    if rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty()).is_err() {
        random = Instant::now().elapsed().as_nanos().to_le_bytes()[..8].try_into().unwrap_or_default();
    }
    let mut text = format!("{}-{}-", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    for byte in random {
        write!(text, "{byte:02x}").expect("a String takes everything");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_environment_is_read_whole() {
        let mut command = crate::Command::new("sleep").args(["1000"]);
        for number in 0..100 {
            command = command.env(format!("LONG{number}"), "x".repeat(10_000));
        }
        let child = command.start().unwrap();
        assert!(environment(child.pid()).len() > 1_000_000);
        assert!(members(&own()).contains(&child.pid()));
        assert!(!members("elsewhere").contains(&child.pid()));
    }

    #[test]
    fn what_was_executed_without_an_environment_does_not_hold_up() {
        let child = crate::Command::new("/usr/bin/env").args(["-i", "sleep", "1000"]).start().unwrap();
        let begin = Instant::now();
        // At first it is `env`, which has one.
        while !environment(child.pid()).is_empty() && begin.elapsed() < Duration::from_secs(60) {}
        assert_eq!(environment(child.pid()), Vec::<u8>::new());
        assert!(Stat::of(child.pid()).is_some_and(|stat| stat.is_alive()));
    }
}
