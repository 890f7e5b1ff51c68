//! Forks while other threads hold whatever a thread can hold.

use std::panic::catch_unwind;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use pushflow_core::handle::Handle;
use pushflow_core::{Context, Payload};
use pushflow_pools::ThreadPool;
use pushflow_signals::{Command, Process, ProcessFailure, StartMethod};

use crate::{Test, again, is_child, limit, tests};

pub(crate) const TESTS: &[Test] = tests![twenty_thousand_forks_amid_busy_threads];

const FORKS: usize = 20_000;
/// Threads that fork.
const FORKING: usize = 8;

fn twenty_thousand_forks_amid_busy_threads() {
    const TEST: &str = "fork_storm::twenty_thousand_forks_amid_busy_threads";
    if !is_child(TEST) {
        assert!(
            again(TEST)
                .env("RUST_BACKTRACE", "0")
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .unwrap()
                .success()
        );
        return;
    }
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let done = AtomicBool::new(false);
    let busy = |work: &dyn Fn()| {
        while !done.load(Ordering::Relaxed) {
            work();
            // Room for the forks on a small machine; what they meet is at random moments of the work all the same.
            std::thread::sleep(Duration::from_micros(100));
        }
    };
    let numbers = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| busy(&|| println!("prints {}", std::process::id())));
        scope.spawn(|| busy(&|| tracing::error!(thread = ?std::thread::current().id(), "logs")));
        scope.spawn(|| busy(&|| drop((0..100).map(|n| vec![n; 100]).collect::<Vec<_>>())));
        scope.spawn(|| busy(&|| assert!(std::env::vars_os().count() > 0)));
        scope.spawn(|| busy(&|| use_a_pool()));
        scope.spawn(|| busy(&|| (0..5).for_each(|_| std::thread::spawn(|| ()).join().unwrap())));
        scope.spawn(|| busy(&|| assert!(catch_unwind(|| panic!("panics")).is_err())));
        scope.spawn(|| busy(&|| drop(Command::new("true").start().unwrap().wait(limit()))));
        let others = scope.spawn(|| {
            for number in 0..FORKS / 40 {
                let method = if number % 2 == 0 { StartMethod::Spawn } else { StartMethod::Forkserver };
                let end = Process::builder("upper").method(method).input("x").start().unwrap().wait(limit()).unwrap();
                assert_eq!(end.returned, Ok(b"X".to_vec()));
            }
        });
        let forks = [(); FORKING].map(|()| {
            scope.spawn(|| {
                for number in
                    std::iter::repeat_with(|| numbers.fetch_add(1, Ordering::Relaxed)).take_while(|n| *n < FORKS)
                {
                    fork(number);
                }
            })
        });
        let results: Vec<_> = forks.into_iter().chain([others]).map(|thread| thread.join()).collect();
        done.store(true, Ordering::Relaxed);
        results.into_iter().for_each(|result| result.unwrap());
    });
}

/// Forks once; the child does what its parent's threads are at just now.
fn fork(number: usize) {
    let process = Process::closure(move |_| {
        println!("child");
        tracing::error!(number, "child");
        assert_eq!(std::thread::spawn(|| 1).join().unwrap(), 1);
        let count = std::env::vars_os().count() + vec![0_u8; 10_000].len();
        assert!(number % 10 != 9, "panics as well");
        if number.is_multiple_of(100) {
            use_a_pool();
        }
        Ok(format!("{number} {}", count > 0).into_bytes())
    });
    let returned = process.start().unwrap().wait(limit()).unwrap().returned;
    if number % 10 == 9 {
        assert_eq!(returned, Err(ProcessFailure::Panicked("panics as well".to_owned())));
    } else {
        assert_eq!(returned, Ok(format!("{number} true").into_bytes()));
    }
}

fn use_a_pool() {
    let pool = ThreadPool::builder().workers(2).build().unwrap();
    let task = Arc::new(|inputs: &Payload, _: &Context<'_>| Ok(inputs.clone()));
    let inputs = Payload::single("x", 1);
    assert_eq!(Handle::submit(&pool, task, inputs.clone()).unwrap().wait().unwrap(), inputs);
}
