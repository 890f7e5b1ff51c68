//! Parents and children are killed at random moments, thousands of times; nothing is left.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use pushflow_signals::leaks::Snapshot;
use pushflow_signals::{Children, Command, Inside, Process, ProcessBuilder, Returned, StartMethod, register_process};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, set_child_subreaper, wait};

use crate::{Test, again, is_child, limit, program, tests};

register_process!("storm", storm);

pub(crate) const PART: &str = "a parent in the storm";
pub(crate) const TESTS: &[Test] = tests![thousands_of_kills_leave_nothing, fork_servers_are_killed_as_well];
const SEED: &str = "PUSHFLOW_SIGNALS_STORM_SEED";
/// Kills in each of the two storms.
const KILLS: usize = 1000;

/// Whatever is killed, but for the fork servers that guard: what has left its group *and* its parent is found by them only.
fn thousands_of_kills_leave_nothing() {
    run("kill_storm::thousands_of_kills_leave_nothing", false);
}

/// With fork servers among the victims, and commands that stay where they are.
fn fork_servers_are_killed_as_well() {
    run("kill_storm::fork_servers_are_killed_as_well", true);
}

fn run(test: &str, servers_too: bool) {
    if !is_child(test) {
        let seed = std::env::var(SEED).unwrap_or_else(|_| fastrand::u64(..).to_string());
        let status = again(test).env(SEED, &seed).stderr(Stdio::inherit()).status().unwrap();
        assert!(status.success(), "with {SEED}={seed}");
        return;
    }
    // What loses its parent becomes a child of this process, which so sees all that is left, and reaps it as init would.
    set_child_subreaper(Some(rustix::process::getpid())).unwrap();
    let mut random = fastrand::Rng::with_seed(std::env::var(SEED).unwrap().parse().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let before = Snapshot::of_directory(directory.path()).unwrap();
    let mut killed = 0;
    while killed < KILLS {
        killed += round(&mut random, servers_too);
        wait_until_gone(&before);
    }
    let left = before.compare().unwrap();
    assert!(left.is_empty(), "{left}");
}

fn wait_until_gone(before: &Snapshot) {
    let limit = limit().unwrap();
    loop {
        while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
        let left = before.compare().unwrap();
        if left.processes.is_empty() {
            return;
        }
        assert!(Instant::now() < limit, "these do not end:\n{left}");
        // What others have started ends when nobody here is told, and may start more until then.
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// One parent with what it starts, and a few kills; returns how many.
fn round(random: &mut fastrand::Rng, servers_too: bool) -> usize {
    let mut command = program(PART);
    command.env(SEED, format!("{} {servers_too}", random.u64(..))).stdout(Stdio::null()).stderr(Stdio::null());
    let mut parent = command.spawn().unwrap();
    let end = Instant::now() + Duration::from_millis(random.u64(5..25));
    let mut killed = 0;
    while Instant::now() < end {
        // The moment is the subject.
        std::thread::sleep(Duration::from_micros(random.u64(500..4000)));
        let victims = below(parent.id(), servers_too);
        if let Some(victim) = random.choice(&victims)
            && kill_process(*victim, Signal::KILL).is_ok()
        {
            killed += 1;
        }
    }
    if random.bool() && parent.try_wait().unwrap().is_none() {
        parent.kill().unwrap();
        killed += 1;
    }
    parent.wait().unwrap();
    killed
}

/// What lives below a process. The ids are those of processes that nobody but their parents reaps: it may be too late for
/// them, but in so short a time they are not given to others.
fn below(top: u32, servers_too: bool) -> Vec<Pid> {
    let mut parents: BTreeMap<u32, u32> = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").unwrap() {
        let Some(pid) = entry.unwrap().file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        let rest: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace().collect();
        if let [state, parent, ..] = rest[..]
            && state != "Z"
        {
            parents.insert(pid, parent.parse().unwrap());
        }
    }
    let is_below = |mut pid: u32| {
        while let Some(parent) = parents.get(&pid) {
            if *parent == top {
                return true;
            }
            pid = *parent;
        }
        false
    };
    let is_server = |pid: u32| {
        std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.starts_with(b"pushflow-forkserver"))
    };
    // The first that a process starts is its server, which does not look like one before its exec: who has none yet has no
    // other children either.
    let guarded: BTreeSet<u32> =
        parents.iter().filter(|(pid, _)| is_server(**pid)).map(|(_, parent)| *parent).collect();
    let spared = |pid: u32| is_server(pid) || !guarded.contains(&parents[&pid]);
    let found = parents.keys().copied().filter(|pid| is_below(*pid) && (servers_too || !spared(*pid)));
    found.filter_map(|pid| Pid::from_raw(i32::try_from(pid).ok()?)).collect()
}

/// Plays the parent.
pub(crate) fn play() -> ExitCode {
    let text = std::env::var(SEED).unwrap();
    let (seed, plain) = text.split_once(' ').unwrap();
    let mut random = fastrand::Rng::with_seed(seed.parse().unwrap());
    live(&mut random, 2, plain == "true");
    ExitCode::SUCCESS
}

/// Starts this and that, and waits for it, or does not.
fn live(random: &mut fastrand::Rng, depth: u32, plain: bool) {
    let mut processes = Vec::new();
    for _ in 0..random.usize(1..4) {
        if random.u8(..) < 80 {
            let script = if plain { "exec sleep 1000" } else { "setsid sleep 1000 & sleep 1000 & wait" };
            // It may be refused, for this process may be ending.
            if let Ok(command) = Command::new("sh").args(["-c", script]).grace(Duration::from_millis(20)).start() {
                std::mem::forget(command);
            }
        } else if let Ok(process) = child(random, depth, plain).start() {
            processes.push(process);
        }
    }
    let limit = Instant::now().checked_add(Duration::from_millis(random.u64(0..20)));
    for process in processes {
        match random.u8(0..3) {
            0 => drop(process),
            1 => std::mem::forget(process),
            _ => drop(process.wait(limit)),
        }
    }
}

fn child(random: &mut fastrand::Rng, depth: u32, plain: bool) -> ProcessBuilder {
    let method = StartMethod::ALL[random.usize(0..3)];
    let input = format!("{} {} {plain}", random.u64(..), depth - 1);
    let builder = Process::builder("storm").method(method).grace(Duration::from_millis(20)).input(input);
    if random.bool() { builder.daemonic().children(Children::Allow) } else { builder }
}

fn storm(inside: &mut Inside) -> Returned {
    let [seed, depth, plain] =
        std::str::from_utf8(&inside.input)?.split(' ').collect::<Vec<_>>().try_into().map_err(|_| "three words")?;
    let (depth, plain) = (depth.parse()?, plain == "true");
    let mut random = fastrand::Rng::with_seed(seed.parse()?);
    if depth > 0 {
        live(&mut random, depth, plain);
    }
    let _ = inside.link.write_all(b"!");
    // Up to the end of its parent, or as long as it likes.
    if random.bool() {
        while std::io::Read::read(&mut inside.link, &mut [0])? > 0 {}
    }
    Ok(Vec::new())
}
