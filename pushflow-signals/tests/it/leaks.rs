//! What is left behind is found, and named.

use pushflow_signals::leaks::Snapshot;
use pushflow_signals::{Command, Output, Process, StartMethod};

use crate::{Test, again, is_child, limit, tests, wait_for};

pub(crate) const TESTS: &[Test] = tests![what_is_left_is_found_and_named, what_is_in_order_leaves_nothing];

/// In a process that does nothing else.
fn in_child(test: &str) -> bool {
    if is_child(test) {
        return true;
    }
    assert!(again(test).status().unwrap().success());
    false
}

fn what_is_left_is_found_and_named() {
    if !in_child("leaks::what_is_left_is_found_and_named") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("old"), "").unwrap();
    let before = Snapshot::of_directory(directory.path()).unwrap();
    assert!(before.compare().unwrap().is_empty());

    // One that has left its group, its session and its parent.
    let script = "setsid sh -c 'echo $$ > away; exec sleep 1000' & while ! [ -s away ]; do :; done; cat away; rm away";
    let command = Command::new("sh").args(["-c", script]).current_dir(directory.path()).stdout(Output::Capture);
    let away = command.start().unwrap().wait(limit()).unwrap().stdout.unwrap();
    let away: u32 = std::str::from_utf8(&away).unwrap().trim().parse().unwrap();
    let running = Process::builder("sleep").daemonic().start().unwrap();
    let zombie = std::process::Command::new("true").spawn().unwrap().id();
    wait_for("a zombie", || !crate::lives(zombie));
    let file = std::fs::File::open("/dev/zero").unwrap();
    let number = std::os::fd::AsRawFd::as_raw_fd(&file);
    std::mem::forget(file);
    std::fs::write(directory.path().join("new"), "12345").unwrap();

    let left = before.compare().unwrap();
    let mut processes: Vec<(u32, bool)> = left.processes.iter().map(|process| (process.pid, process.zombie)).collect();
    let mut expected = vec![(away, false), (running.pid(), false), (zombie, true)];
    processes.sort_unstable();
    expected.sort_unstable();
    assert_eq!(processes, expected);
    assert!(left.descriptors.iter().any(|left| left.number == number && left.target == "/dev/zero"));
    assert_eq!(left.files.len(), 1);
    let text = left.to_string();
    for line in [
        format!("process {away}: sleep 1000"),
        format!("zombie {zombie}: ["),
        format!("descriptor {number}: /dev/zero"),
        format!("file {} (5 bytes)", directory.path().join("new").display()),
    ] {
        assert!(text.contains(&line), "{line} in:\n{text}");
    }
    // At the end of this process `away` ends as well: who started this one looks at that.
    drop(running);
}

fn what_is_in_order_leaves_nothing() {
    if !in_child("leaks::what_is_in_order_leaves_nothing") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    // What lives as long as the process does not count, also when it comes up only now.
    let before = Snapshot::of_directory(directory.path()).unwrap();
    for method in StartMethod::ALL {
        for _ in 0..20 {
            let end = Process::builder("upper").method(method).input("x").start().unwrap().wait(limit()).unwrap();
            assert_eq!(end.returned, Ok(b"X".to_vec()));
            drop(Process::builder("sleep").method(method).daemonic().start().unwrap());
        }
    }
    assert!(Command::new("true").start().unwrap().wait(limit()).unwrap().status.success());
    let left = before.compare().unwrap();
    assert!(left.is_empty(), "{left}");
}
