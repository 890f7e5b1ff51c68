//! A worker that the kernel kills because memory is exhausted, in a group of processes with little of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::Trial;
use pushflow_core::Payload;
use pushflow_core::error::ErrorKind;

use crate::backends::{BACKENDS, Setup};
use crate::gates::start;

/// Names the part of the test that is in the group.
pub(crate) const PART: &str = "out_of_memory";
const GROUP: &str = "PUSHFLOW_POOLS_TEST_GROUP";
/// Enough for this program, and not for what a task allocates.
const LIMIT: &str = "134217728";

pub(crate) fn trials() -> Vec<Trial> {
    vec![Trial::test("out_of_memory::the_cause_says_that_memory_was_exhausted", || {
        test();
        Ok(())
    })]
}

/// A group for memory that this test may make: only the administrator of a machine with such groups can.
struct Group(PathBuf);

impl Group {
    fn new() -> Option<Group> {
        let name = format!("pushflow-test-{}", std::process::id());
        // Of the first version of groups; of the second one, at its root.
        let places = [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")];
        places.into_iter().find_map(|(place, limit)| {
            let directory = Path::new(place).join(&name);
            fs::create_dir(&directory).ok()?;
            let group = Group(directory);
            fs::write(group.0.join(limit), LIMIT).ok()?;
            Some(group)
        })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Empty, now that its processes have ended.
        let _ = fs::remove_dir(&self.0);
    }
}

fn test() {
    let Some(group) = Group::new() else {
        println!("skipped: no group with a limit of memory can be made here");
        return;
    };
    let mut part = crate::program(PART);
    let status = part.env(GROUP, group.0.as_os_str()).status().unwrap();
    assert!(status.success(), "see above");
}

/// Plays the parent in the group.
pub(crate) fn play() -> ExitCode {
    let group = PathBuf::from(std::env::var_os(GROUP).unwrap());
    fs::write(group.join("cgroup.procs"), std::process::id().to_string()).unwrap();
    for backend in BACKENDS {
        let setup = Setup { backend, method: pushflow_signals::StartMethod::Forkserver, scaling: false };
        let pool = setup.make();
        let error = start(&pool, "allocate", Payload::single("bytes", 1 << 30)).wait().unwrap_err();
        let worker = error.lost_worker().unwrap();
        assert!(error.kind() == ErrorKind::Lost && worker.out_of_memory && worker.signal == Some(9), "{error:?}");
        assert!(error.text().contains("out of memory"), "{error}");
        assert!(start(&pool, "echo", Payload::new()).wait().is_ok(), "the pool is still usable");
    }
    ExitCode::SUCCESS
}
