//! Signals to a program and to its children; who watches them.

use std::io::Read;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use pushflow_signals::signal::Watch;
use pushflow_signals::{Process, Signal, Stage, StartMethod, StopStages};
use rustix::process::{getpid, kill_process, kill_process_group};

use crate::relatives::{Parent, Way};
use crate::{LONG, Test, again, is_child, tests, wait_for};

pub(crate) const TESTS: &[Test] = tests![
    sigint_reaches_each_child_once,
    handlers_are_shared_chained_and_restored,
    several_are_stopped_by_different_signals,
    a_callback_may_drop_its_own_watch,
    signals_that_cannot_be_caught_are_refused,
    a_callback_may_own_another_watch_and_a_process,
    handlers_that_come_between_do_not_go_round_in_circles,
    a_handler_that_comes_later_decides,
];

/// From the terminal it comes to the whole group of the parent, by kill(1) to the parent alone.
fn sigint_reaches_each_child_once() {
    for method in StartMethod::ALL {
        for depth in 1..=3 {
            for whole_group in [true, false] {
                let mut parent = Parent::start(method, depth, Way::SignalButInterrupt);
                let listening = |path: &String| path.ends_with(['p', 'o']);
                let expected: Vec<String> = parent.notes("up").into_iter().filter(listening).collect();
                let send = if whole_group { kill_process_group } else { kill_process };
                for time in 1..=2 {
                    send(parent.pid(), rustix::process::Signal::INT).unwrap();
                    let kind = format!("interrupt{time}");
                    wait_for(&format!("SIGINT reaches all: {method} {depth} {whole_group} {kind}"), || {
                        parent.notes(&kind) == expected
                    });
                }
                kill_process(parent.pid(), rustix::process::Signal::TERM).unwrap();
                parent.child.wait().unwrap();
                assert_eq!(parent.notes("interrupt3"), [""; 0], "{method} {depth} {whole_group}");
                parent.wait_until_gone();
            }
        }
    }
}

fn raise(signal: Signal) {
    kill_process(getpid(), rustix::process::Signal::from_named_raw(signal.number()).unwrap()).unwrap();
}

/// Executes a test again, for it changes the handlers of its process.
fn in_child(test: &str) -> bool {
    if is_child(test) {
        return true;
    }
    assert!(again(test).stdout(Stdio::null()).status().unwrap().success());
    false
}

fn disposition(signal: Signal) -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    let caught = u64::from_str_radix(mask.trim(), 16).unwrap() >> (signal.number() - 1) & 1 == 1;
    if caught { "caught".to_owned() } else { "not caught".to_owned() }
}

fn handlers_are_shared_chained_and_restored() {
    if !in_child("signals::handlers_are_shared_chained_and_restored") {
        return;
    }
    // What was there before.
    let before = Arc::new(AtomicUsize::new(0));
    signal_hook::flag::register_usize(signal_hook::consts::SIGUSR1, Arc::clone(&before), 1).unwrap();
    let (says, said) = mpsc::channel();
    let watch = |name: &'static str, signals: &'static [Signal]| {
        let says = says.clone();
        // From any thread.
        let start = move || Watch::new(signals, move |signal| says.send((name, signal)).unwrap()).unwrap();
        std::thread::spawn(start).join().unwrap()
    };
    let first = watch("first", &[Signal::USER1]);
    let second = watch("second", &[Signal::USER1, Signal::USER2]);
    assert_eq!(disposition(Signal::USER2), "caught");
    raise(Signal::USER1);
    let heard = || said.recv_timeout(LONG).unwrap();
    assert_eq!([heard(), heard()], [("first", Signal::USER1), ("second", Signal::USER1)]);
    assert_eq!(before.swap(0, Ordering::SeqCst), 1, "the handler that was there before is called too");
    drop(first);
    raise(Signal::USER1);
    raise(Signal::USER2);
    let mut both = [heard(), heard()];
    both.sort_by_key(|(_, signal)| signal.number());
    assert_eq!(both, [("second", Signal::USER1), ("second", Signal::USER2)]);
    // From another thread than the one that made it.
    std::thread::spawn(|| drop(second)).join().unwrap();
    assert_eq!(disposition(Signal::USER2), "not caught");
    before.store(0, Ordering::SeqCst);
    raise(Signal::USER1);
    wait_for("what was there before", || before.load(Ordering::SeqCst) == 1);
    assert!(said.try_recv().is_err());
    // And once more from the beginning.
    let again = watch("again", &[Signal::USER1]);
    raise(Signal::USER1);
    assert_eq!(said.recv_timeout(LONG).unwrap(), ("again", Signal::USER1));
    drop(again);
}

fn several_are_stopped_by_different_signals() {
    if !in_child("signals::several_are_stopped_by_different_signals") {
        return;
    }
    let (says, said) = mpsc::channel();
    let stages = |name: &'static str, signals: &[Signal]| {
        let says = says.clone();
        StopStages::watch(signals, move |stage, signal| says.send((name, stage, signal)).unwrap()).unwrap()
    };
    let _one = stages("one", &[Signal::USER1]);
    let other = stages("other", &[Signal::USER2, Signal::TERMINATE]);
    for (signal, expected) in [
        (Signal::USER1, ("one", Stage::Stop)),
        (Signal::USER2, ("other", Stage::Stop)),
        (Signal::TERMINATE, ("other", Stage::Interrupt)),
        (Signal::USER1, ("one", Stage::Interrupt)),
        (Signal::USER1, ("one", Stage::Kill)),
        (Signal::USER1, ("one", Stage::Kill)),
    ] {
        raise(signal);
        let (name, stage, by) = said.recv_timeout(LONG).unwrap();
        assert_eq!(((name, stage), by), (expected, signal));
    }
    drop(other);
    assert_eq!(disposition(Signal::TERMINATE), "not caught");
    assert_eq!(disposition(Signal::USER1), "caught");
}

fn a_callback_may_drop_its_own_watch() {
    if !in_child("signals::a_callback_may_drop_its_own_watch") {
        return;
    }
    let (says, said) = mpsc::channel();
    let slot: Arc<std::sync::Mutex<Option<Watch>>> = Arc::default();
    let own = Arc::clone(&slot);
    let watch = Watch::new(&[Signal::USER1], move |signal| {
        drop(own.lock().unwrap().take());
        says.send(signal).unwrap();
    });
    *slot.lock().unwrap() = Some(watch.unwrap());
    raise(Signal::USER1);
    assert_eq!(said.recv_timeout(LONG).unwrap(), Signal::USER1);
    assert_eq!(disposition(Signal::USER1), "not caught");
}

fn signals_that_cannot_be_caught_are_refused() {
    for signal in [Signal::KILL, Signal::from_number(19), Signal::from_number(0), Signal::from_number(1000)] {
        assert!(Watch::new(&[signal], |_| {}).is_err(), "{signal}");
    }
}

fn a_callback_may_own_another_watch_and_a_process() {
    if !in_child("signals::a_callback_may_own_another_watch_and_a_process") {
        return;
    }
    let inner = Watch::new(&[Signal::USER1], |_| {}).unwrap();
    let process = Process::builder("sleep").daemonic().start().unwrap();
    let held = (inner, process);
    let outer = Watch::new(&[Signal::USER2], move |_| drop(format!("{held:?}"))).unwrap();
    drop(outer);
    assert_eq!(disposition(Signal::USER1), "not caught");
}

fn handlers_that_come_between_do_not_go_round_in_circles() {
    if !in_child("signals::handlers_that_come_between_do_not_go_round_in_circles") {
        return;
    }
    let first = Watch::new(&[Signal::USER1], |_| {}).unwrap();
    let between = Arc::new(AtomicUsize::new(0));
    signal_hook::flag::register_usize(signal_hook::consts::SIGUSR1, Arc::clone(&between), 1).unwrap();
    // Not restored: somebody is in front of ours.
    drop(first);
    let (says, said) = mpsc::channel();
    let _second = Watch::new(&[Signal::USER1], move |signal| says.send(signal).unwrap()).unwrap();
    for _ in 0..3 {
        raise(Signal::USER1);
        assert_eq!(said.recv_timeout(LONG).unwrap(), Signal::USER1);
        assert_eq!(between.swap(0, Ordering::SeqCst), 1);
    }
    assert!(said.try_recv().is_err());
}

/// As `tokio::signal` or `ctrlc` do, when a process is already there.
fn a_handler_that_comes_later_decides() {
    if !in_child("signals::a_handler_that_comes_later_decides") {
        return;
    }
    let mut process = Process::builder("sleep").daemonic().start().unwrap();
    process.take_link().unwrap().read_exact(&mut [0]).unwrap();
    let heard = Arc::new(AtomicUsize::new(0));
    signal_hook::flag::register_usize(signal_hook::consts::SIGTERM, Arc::clone(&heard), 1).unwrap();
    raise(Signal::TERMINATE);
    // Whoever watches is called after those that were there before.
    let (says, said) = mpsc::channel();
    let _watch = Watch::new(&[Signal::USER1], move |signal| says.send(signal).unwrap()).unwrap();
    raise(Signal::USER1);
    said.recv_timeout(LONG).unwrap();
    assert_eq!(heard.load(Ordering::SeqCst), 1);
    assert!(crate::lives(process.pid()), "neither it nor this program ends");
}
