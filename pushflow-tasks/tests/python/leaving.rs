//! What is left of Python workers when their parent is killed: nothing.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use super::ending::pipe;
use super::{Case, LONG, Setup, network, node};
use pushflow_core::engine::RunOptions;

pub(crate) const CASES: &[Case] = &[("nothing_is_left_when_the_parent_is_killed", nothing_is_left)];

/// Which setup a parent is to have, and the task's pipe.
const SETUP: &str = "PUSHFLOW_TEST_SETUP";
const PIPE: &str = "PUSHFLOW_TEST_PIPE";

/// The program as the parent that is killed.
pub(crate) fn be_parent(setups: &[Setup]) {
    let (Ok(name), Ok(pipe)) = (std::env::var(SETUP), std::env::var(PIPE)) else { return };
    let setup = setups.iter().find(|setup| setup.name() == name).unwrap();
    let path = serde_json::to_string(&pipe).unwrap();
    let network = std::sync::Arc::new(network(&node("a", "method", "linger", &format!(r#""path": {path}"#)), ""));
    match setup.make() {
        None => drop(network.run_in_place(RunOptions::default())),
        Some(pool) => drop(network.start(pool, RunOptions::default()).wait()),
    }
}

fn nothing_is_left(setup: Setup) {
    let directory = tempfile::tempdir().unwrap();
    let pipe = pipe(directory.path());
    let mut parent: Child = Command::new(std::env::current_exe().unwrap())
        .env(SETUP, setup.name())
        .env(PIPE, &pipe)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let told = fs::read_to_string(&pipe).unwrap();
    let pids: Vec<u32> = told.split_whitespace().map(|pid| pid.parse().unwrap()).collect();
    let [worker, child, server] = pids[..] else { panic!("{told:?}") };
    parent.kill().unwrap();
    parent.wait().unwrap();
    if setup.ends_with_parent() {
        [worker, child, server].into_iter().for_each(|pid| wait_gone(pid, &setup.name()));
        return;
    }
    // It finishes what it runs. Then it ends, although nobody tells it to.
    assert!(is_there(worker), "{}", setup.name());
    assert_eq!(fs::read_to_string(&pipe).unwrap(), "goes on");
    fs::write(&pipe, "go").unwrap();
    [worker, server].into_iter().for_each(|pid| wait_gone(pid, &setup.name()));
}

fn wait_gone(pid: u32, name: &str) {
    let limit = Instant::now() + LONG;
    while is_there(pid) {
        assert!(Instant::now() < limit, "{name}: process {pid} is left");
        std::thread::yield_now();
    }
}

/// Whether a process lives; one that only waits to be reaped does not.
fn is_there(pid: u32) -> bool {
    let stat = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}
