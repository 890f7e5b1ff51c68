//! Starting processes by each method, and what comes back.

use std::io::{Read, Write};

use pushflow_signals::{Ended, Error, Process, ProcessBuilder, ProcessEnd, ProcessFailure, StartMethod};

use crate::{Test, limit, lives, tests};

pub(crate) const TESTS: &[Test] = tests![
    what_a_function_returns_comes_back,
    large_inputs_and_results_pass,
    errors_panics_and_exits_are_told_apart,
    closures_bring_what_they_hold,
    a_link_carries_a_protocol_of_ones_own,
    the_end_of_a_link_is_seen_by_both_sides,
    processes_nest_in_every_way,
    threads_start_processes_at_once,
    a_daemonic_process_outlives_the_thread_that_started_it,
    unknown_and_ambiguous_names_are_refused,
    a_process_that_is_let_go_is_reaped,
    a_deadline_ends_a_process,
    what_belongs_to_the_parent_does_no_harm_in_a_fork,
    who_shuts_its_link_is_waited_for,
    a_forked_process_reports_its_panic_past_the_hook,
    whether_a_process_has_ended_is_told_without_waiting,
    what_a_dead_daemonic_process_leaves_in_its_group_ends,
    the_most_memory_of_a_process_is_told,
];

fn end(builder: ProcessBuilder) -> ProcessEnd {
    builder.start().unwrap().wait(limit()).unwrap()
}

fn what_a_function_returns_comes_back() {
    for method in StartMethod::ALL {
        for daemonic in [false, true] {
            let builder = Process::builder("upper").method(method).input("input");
            let finished = end(if daemonic { builder.daemonic() } else { builder });
            assert_eq!(finished.returned.as_deref(), Ok(&b"INPUT"[..]), "{method}");
            assert_eq!((finished.status.code(), finished.ended), (Some(0), Ended::ByItself), "{method}");
        }
    }
}

fn large_inputs_and_results_pass() {
    let large = vec![b'x'; 32 << 20];
    for method in StartMethod::ALL {
        let finished = end(Process::builder("upper").method(method).input(large.clone()));
        assert!(finished.returned.unwrap().iter().all(|byte| *byte == b'X'), "{method}");
    }
}

fn errors_panics_and_exits_are_told_apart() {
    for method in StartMethod::ALL {
        let failed = end(Process::builder("fail").method(method));
        assert_eq!(failed.returned, Err(ProcessFailure::Failed("it does not work".to_owned())), "{method}");
        assert_eq!(failed.status.code(), Some(1));
        let panicked = end(Process::builder("panic").method(method));
        assert_eq!(panicked.returned, Err(ProcessFailure::Panicked("it went wrong".to_owned())), "{method}");
        assert_eq!(panicked.status.code(), Some(101));
        let exited = end(Process::builder("exit").method(method).input([7]));
        assert_eq!(exited.status.code(), Some(7), "{method}");
        assert_eq!(exited.returned.unwrap_err().to_string(), "the process was lost: exit status: 7");
        let killed = Process::builder("sleep").method(method).start().unwrap();
        killed.kill();
        let killed = killed.wait(limit()).unwrap();
        assert!(matches!(killed.returned, Err(ProcessFailure::Lost(_))), "{method}");
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&killed.status), Some(9), "{method}");
    }
}

fn closures_bring_what_they_hold() {
    let held = vec![1_u8, 2, 3];
    let finished = end(Process::closure(move |inside| {
        inside.input.extend(held);
        Ok(std::mem::take(&mut inside.input))
    })
    .input([0]));
    assert_eq!(finished.returned, Ok(vec![0, 1, 2, 3]));
    for method in [StartMethod::Spawn, StartMethod::Forkserver] {
        let error = Process::closure(|_| Ok(Vec::new())).method(method).start().unwrap_err();
        assert_eq!(error.to_string(), format!("a closure can be started by fork only, not by {method}"));
    }
}

fn a_link_carries_a_protocol_of_ones_own() {
    for method in StartMethod::ALL {
        let mut process = Process::builder("echo link").method(method).start().unwrap();
        let mut link = process.take_link().unwrap();
        for byte in 0..40 {
            link.write_all(&[byte]).unwrap();
            let mut answer = [0];
            link.read_exact(&mut answer).unwrap();
            assert_eq!(answer, [byte + 1], "{method}");
        }
        link.write_all(b".").unwrap();
        assert_eq!(process.wait(limit()).unwrap().returned, Ok(Vec::new()), "{method}");
    }
}

fn the_end_of_a_link_is_seen_by_both_sides() {
    for method in StartMethod::ALL {
        // The process sees that of its parent's end.
        let mut process = Process::builder("echo link").method(method).start().unwrap();
        drop(process.take_link());
        assert_eq!(process.wait(limit()).unwrap().status.code(), Some(0), "{method}");
        // The parent sees that of a killed process, also while others of its kind live.
        let mut process = Process::builder("sleep").method(method).start().unwrap();
        let other = Process::builder("sleep").method(method).daemonic().start().unwrap();
        let mut link = process.take_link().unwrap();
        process.kill();
        let mut rest = Vec::new();
        let _ = link.read_to_end(&mut rest);
        assert!(process.wait(limit()).is_ok());
        drop(other);
    }
}

fn processes_nest_in_every_way() {
    for first in StartMethod::ALL {
        for second in StartMethod::ALL {
            for third in StartMethod::ALL {
                let finished = end(Process::builder("nest").method(first).input(format!("{second},{third}")));
                assert_eq!(finished.returned, Ok(b"2".to_vec()), "{first}, {second}, {third}");
            }
        }
    }
}

fn threads_start_processes_at_once() {
    std::thread::scope(|scope| {
        for thread in 0..6 {
            scope.spawn(move || {
                for round in 0..20 {
                    let method = StartMethod::ALL[(thread + round) % 3];
                    let text = format!("thread {thread}");
                    let finished = end(Process::builder("upper").method(method).input(text.clone()).daemonic());
                    assert_eq!(finished.returned, Ok(text.to_uppercase().into_bytes()));
                }
            });
        }
    });
}

/// A parent-death signal follows the thread that started a process.
fn a_daemonic_process_outlives_the_thread_that_started_it() {
    for method in StartMethod::ALL {
        let start = move || Process::builder("sleep").method(method).daemonic().start().unwrap();
        let mut process = std::thread::spawn(start).join().unwrap();
        process.take_link().unwrap().read_exact(&mut [0]).unwrap();
        assert!(lives(process.pid()), "{method}");
    }
}

fn unknown_and_ambiguous_names_are_refused() {
    let error = Process::builder("no such").start().unwrap_err();
    assert!(matches!(&error, Error::UnknownProcess { found: 0, .. }), "{error}");
    assert!(
        error
            .to_string()
            .starts_with("0 functions are registered as the process `no such`, expected one; this program has: ")
    );
    let error = Process::builder("twice").start().unwrap_err();
    assert!(matches!(error, Error::UnknownProcess { found: 2, .. }), "{error}");
}

fn a_process_that_is_let_go_is_reaped() {
    for method in StartMethod::ALL {
        let daemonic = Process::builder("sleep").method(method).daemonic().start().unwrap();
        let pid = daemonic.pid();
        drop(daemonic);
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "{method}");
        let other = Process::builder("upper").method(method).start().unwrap();
        let pid = other.pid();
        drop(other);
        crate::wait_for("it is reaped", || !std::path::Path::new(&format!("/proc/{pid}")).exists());
    }
}

fn a_deadline_ends_a_process() {
    for method in StartMethod::ALL {
        let process = Process::builder("stubborn").method(method).start().unwrap();
        let finished = process.wait(Some(std::time::Instant::now())).unwrap();
        assert_eq!(finished.ended, Ended::TimedOut, "{method}");
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&finished.status), Some(15), "{method}");
    }
}

/// A closure brings the handles of its parent's children along; the child of the fork has nothing to do with them.
fn what_belongs_to_the_parent_does_no_harm_in_a_fork() {
    let sleeping = || Process::builder("sleep").method(StartMethod::Forkserver).daemonic();
    let mut first = sleeping().start().unwrap();
    let mut link = first.take_link().unwrap();
    link.read_exact(&mut [0]).unwrap();
    let pid = first.pid();
    let interrupter = first.interrupter();
    // The closure goes when it has been forked, so what it holds is held here as well.
    let held = std::sync::Arc::new(std::sync::Mutex::new(Some((first, link, interrupter))));
    let brought = std::sync::Arc::clone(&held);
    let end = end(Process::closure(move |_| {
        let (first, mut link, interrupter) = brought.lock().unwrap().take().unwrap();
        // Its descriptors take numbers that those of the parent had, if they are to be had.
        let mut own = sleeping().start()?;
        let mut own_link = own.take_link().ok_or("a link")?;
        own_link.read_exact(&mut [0])?;
        interrupter.interrupt();
        assert!(link.read(&mut [0]).is_ok_and(|count| count == 0));
        drop(link);
        assert!(first.wait(crate::limit()).is_err());
        // Nothing of its own has been touched.
        assert!(lives(own.pid()) && lives(pid));
        own.interrupter().interrupt();
        let end = own.wait(crate::limit())?;
        let mut said = Vec::new();
        own_link.read_to_end(&mut said)?;
        Ok([said, end.status.to_string().into_bytes()].concat())
    }));
    let returned = String::from_utf8(end.returned.unwrap()).unwrap();
    assert!(returned.ends_with("wokenexit status: 0"), "{returned:?}");
    drop(held);
}

/// Its parent does not go round in circles over the end of the link.
fn who_shuts_its_link_is_waited_for() {
    let cpu = || rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    for method in StartMethod::ALL {
        let process = Process::builder("shuts").method(method).start().unwrap();
        let before = cpu();
        let end = process.wait(limit()).unwrap();
        assert!(end.status.success(), "{method}");
        let spent = std::time::Duration::try_from(cpu() - before).unwrap();
        assert!(spent * 4 < end.elapsed, "{method}: {spent:?} of {:?}", end.elapsed);
    }
}

/// The `panic_hook` of a forked process writes the message itself; that of the user, whose locks may be held, is not called.
fn a_forked_process_reports_its_panic_past_the_hook() {
    const TEST: &str = "processes::a_forked_process_reports_its_panic_past_the_hook";
    if !crate::is_child(TEST) {
        let output = crate::again(TEST).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        assert!(said.contains(" panicked at ") && said.contains("it went wrong"), "{said}");
        assert_eq!(said.matches("the hook of the user").count(), 1, "{said}");
        return;
    }
    std::panic::set_hook(Box::new(|_| {
        std::io::Write::write_all(&mut std::io::stderr(), b"the hook of the user").unwrap()
    }));
    let end = end(Process::builder("panic").method(StartMethod::Fork));
    assert_eq!(end.returned, Err(ProcessFailure::Panicked("it went wrong".to_owned())));
    // In this process it is called as before.
    assert!(std::panic::catch_unwind(|| panic!("here")).is_err());
}

fn whether_a_process_has_ended_is_told_without_waiting() {
    for method in StartMethod::ALL {
        let mut process = Process::builder("sleep").method(method).start().unwrap();
        let mut link = process.take_link().unwrap();
        link.read_exact(&mut [0]).unwrap();
        assert!(process.try_end().unwrap().is_none(), "{method}");
        process.interrupt_now();
        let mut ending = None;
        crate::wait_for("its end", || {
            ending = process.try_end().unwrap();
            ending.is_some()
        });
        let ending = ending.unwrap();
        assert!(ending.status.success() && ending.peak_memory_bytes > Some(1 << 16), "{method}: {ending:?}");
        // It is reaped, and tells the same for as long as it is asked.
        assert!(!std::path::Path::new(&format!("/proc/{}", process.pid())).exists(), "{method}");
        assert_eq!(process.try_end().unwrap(), Some(ending), "{method}");
        let mut said = Vec::new();
        link.read_to_end(&mut said).unwrap();
        assert!(said.ends_with(b"woken"), "{method}");
        let end = process.wait(limit()).unwrap();
        assert_eq!((end.status, end.peak_memory_bytes), (ending.status, ending.peak_memory_bytes), "{method}");
    }
}

fn what_a_dead_daemonic_process_leaves_in_its_group_ends() {
    for method in StartMethod::ALL {
        let mut process = Process::builder("starts a group").method(method).daemonic().start().unwrap();
        let mut said = String::new();
        // The one in the background does not have the link.
        process.take_link().unwrap().read_to_string(&mut said).unwrap();
        let mut ending = None;
        crate::wait_for("its end", || {
            ending = process.try_end().unwrap();
            ending.is_some()
        });
        let signal = std::os::unix::process::ExitStatusExt::signal(&ending.unwrap().status);
        assert_eq!(signal, Some(6), "{method}");
        let left = said.parse().unwrap();
        crate::wait_for("the group is gone", || !lives(left));
    }
}

fn the_most_memory_of_a_process_is_told() {
    for method in StartMethod::ALL {
        let end = end(Process::builder("takes memory").method(method));
        let peak = end.peak_memory_bytes.unwrap();
        assert!(peak > 64 << 20, "{method}: {peak}");
    }
    // That of the fork server is little, and what it forks begins with that.
    let end = end(Process::builder("upper"));
    assert!(end.peak_memory_bytes.unwrap() < 32 << 20, "{end:?}");
}
