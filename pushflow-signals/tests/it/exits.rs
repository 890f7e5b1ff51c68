//! What becomes of a family when the parent ends: in order, by a signal, the hard way.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use pushflow_signals::{StartMethod, Tag};
use rustix::process::{Signal, kill_process};

use crate::relatives::{Parent, Way};
use crate::{Test, again, is_child, tests, wait_for};

pub(crate) const TESTS: &[Test] = tests![
    a_return_from_main_ends_the_family,
    exit_ends_the_family,
    a_panic_ends_the_family,
    sigterm_ends_the_family,
    sigint_ends_the_family,
    a_second_signal_does_not_wait,
    sigkill_ends_what_is_daemonic,
    a_program_with_commands_only_ends_in_order_as_well,
    a_program_that_is_only_warm_takes_its_server_along,
];

/// Lets parents end in a way, by each start method and with one to three levels below them.
fn each_family(way: Way, end: impl Fn(&Parent), look: impl Fn(&Parent, ExitStatus)) {
    for method in StartMethod::ALL {
        for depth in 1..=3 {
            let mut parent = Parent::start(method, depth, way);
            // Each level has three processes and a command with two more; the next level is below one of them.
            assert_eq!(parent.notes("up").len(), 6 * depth as usize, "{method} {depth}");
            end(&parent);
            let status = parent.child.wait().unwrap();
            look(&parent, status);
            parent.wait_until_gone();
        }
    }
}

/// When the parent has ended in order, who was to be waited for has been.
fn all_was_in_order(parent: &Parent) {
    let (up, mut seen) = (parent.notes("up"), parent.notes("term"));
    seen.extend(parent.notes("done"));
    let expected: Vec<String> = up.into_iter().filter(|path| path.ends_with(['p', 'o', 'c'])).collect();
    seen.sort();
    assert_eq!(seen, expected);
}

fn in_order(way: Way, end: impl Fn(&Parent), expected: impl Fn(ExitStatus) -> bool) {
    each_family(way, end, |parent, status| {
        assert!(expected(status), "{way:?}: {status:?}");
        all_was_in_order(parent);
    });
}

fn signal(parent: &Parent, signal: Signal) {
    kill_process(parent.pid(), signal).unwrap();
}

fn a_return_from_main_ends_the_family() {
    in_order(Way::Return, |_| {}, |status| status.code() == Some(3));
}

fn exit_ends_the_family() {
    in_order(Way::Exit, |_| {}, |status| status.code() == Some(7));
}

fn a_panic_ends_the_family() {
    in_order(Way::Panic, |_| {}, |status| status.code() == Some(101));
}

fn sigterm_ends_the_family() {
    in_order(Way::Signal, |parent| signal(parent, Signal::TERM), |status| status.signal() == Some(15));
}

fn sigint_ends_the_family() {
    in_order(Way::Signal, |parent| signal(parent, Signal::INT), |status| status.signal() == Some(2));
}

/// Who is waited for may take long; a second signal ends the parent then, and the others as if it were killed.
fn a_second_signal_does_not_wait() {
    each_family(
        Way::Signal,
        |parent| {
            signal(parent, Signal::TERM);
            wait_for("it is ending", || !parent.notes("term").is_empty());
            signal(parent, Signal::TERM);
        },
        |_, status| assert_eq!(status.signal(), Some(15)),
    );
}

fn sigkill_ends_what_is_daemonic() {
    each_family(
        Way::Signal,
        |parent| signal(parent, Signal::KILL),
        |parent, status| {
            assert_eq!(status.signal(), Some(9));
            parent.wait_until_gone();
            assert_eq!(parent.notes("term"), [""; 0]);
            // What is not daemonic ends after what it is doing, but not below what is.
            assert_eq!(parent.notes("done"), ["o"]);
        },
    );
}

fn a_program_with_commands_only_ends_in_order_as_well() {
    for (way, by) in [
        (Way::Return, None),
        (Way::Exit, None),
        (Way::Panic, None),
        (Way::Signal, Some(Signal::TERM)),
        (Way::Signal, Some(Signal::INT)),
    ] {
        let mut parent = Parent::start(StartMethod::Forkserver, 0, way);
        by.into_iter().for_each(|by| signal(&parent, by));
        parent.child.wait().unwrap();
        all_was_in_order(&parent);
        parent.wait_until_gone();
    }
}

fn a_program_that_is_only_warm_takes_its_server_along() {
    const TEST: &str = "exits::a_program_that_is_only_warm_takes_its_server_along";
    if is_child(TEST) {
        return pushflow_signals::warm_up().unwrap();
    }
    for _ in 0..20 {
        let tag = Tag::new();
        let (name, value) = tag.variable();
        let status = again(TEST).env(name, value).stdout(std::process::Stdio::null()).status().unwrap();
        assert!(status.success());
        let left: Vec<String> = tag.look().iter().map(ToString::to_string).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}
