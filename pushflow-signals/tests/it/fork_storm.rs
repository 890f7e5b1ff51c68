//! Forks while other threads hold whatever a thread can hold.

use std::io::Write;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};

use pushflow_signals::{Command, Process, StartMethod};

use crate::{again, is_child, limit};

const FORKS: usize = 20_000;

#[test]
fn twenty_thousand_forks_amid_busy_threads() {
    const TEST: &str = "fork_storm::twenty_thousand_forks_amid_busy_threads";
    if !is_child(TEST) {
        assert!(again(TEST).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success());
        return;
    }
    let done = AtomicBool::new(false);
    let busy = |work: &dyn Fn()| {
        while !done.load(Ordering::Relaxed) {
            work();
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| busy(&|| println!("prints {}", std::process::id())));
        scope.spawn(|| busy(&|| writeln!(std::io::stderr(), "logs {:?}", std::thread::current().id()).unwrap()));
        scope.spawn(|| busy(&|| drop((0..100).map(|n| vec![n; 100]).collect::<Vec<_>>())));
        scope.spawn(|| busy(&|| assert!(std::env::vars_os().count() > 0)));
        scope.spawn(|| busy(&|| std::thread::spawn(|| std::hint::black_box(1)).join().map(drop).unwrap()));
        scope.spawn(|| busy(&|| drop(Command::new("true").start().unwrap().wait(limit()))));
        let forks = scope.spawn(|| {
            for number in 0..FORKS {
                let text = number.to_string();
                // In the child: what its parent's threads are at just now.
                let process = Process::closure(move |_| {
                    println!("child");
                    let count = std::env::vars_os().count() + vec![0_u8; 10_000].len();
                    Ok(format!("{text} {}", count > 0).into_bytes())
                });
                let end = process.start().unwrap().wait(limit()).unwrap();
                assert_eq!(end.returned, Ok(format!("{number} true").into_bytes()));
            }
        });
        let others = scope.spawn(|| {
            for number in 0..FORKS / 40 {
                let method = if number % 2 == 0 { StartMethod::Spawn } else { StartMethod::Forkserver };
                let end = Process::builder("upper").method(method).input("x").start().unwrap().wait(limit()).unwrap();
                assert_eq!(end.returned, Ok(b"X".to_vec()));
            }
        });
        let results = (forks.join(), others.join());
        done.store(true, Ordering::Relaxed);
        results.0.unwrap();
        results.1.unwrap();
    });
}
