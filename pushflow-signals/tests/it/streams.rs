//! What processes print: to their parents, and into nothing once these have ended.

use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::{ExitCode, Stdio};

use pushflow_signals::poller::{Interest, Poller};
use pushflow_signals::streams::{PipeReader, outlive_parent, pipe, redirect};
use pushflow_signals::{Command, Inside, Link, Process, Returned, StartMethod, register_process};

use crate::{Test, limit, program, tests, wait_for};

pub(crate) const TESTS: &[Test] = tests![
    what_a_process_prints_comes_to_its_parent,
    outputs_may_be_exchanged,
    who_prints_when_its_parent_is_killed_gets_to_its_end,
    who_waits_for_room_when_its_parent_is_killed_gets_to_its_end,
    who_prints_after_its_parent_was_killed_gets_to_its_end,
    who_prints_when_its_parent_ends_gets_to_its_end,
];

register_process!("prints", prints);
register_process!("exchanges", exchanges);
register_process!("prints on", prints_on);

/// Receives the two outputs.
fn outputs(link: &Link) -> Result<[OwnedFd; 2], Box<dyn std::error::Error + Send + Sync>> {
    let mut received = Vec::new();
    link.receive(&mut [0], &mut received)?;
    received.try_into().map_err(|_| "two outputs".into())
}

#[expect(clippy::print_stderr, reason = "what is printed is the subject")]
fn prints(inside: &mut Inside) -> Returned {
    let [stdout, stderr] = outputs(&inside.link)?;
    redirect(Some(stdout), Some(stderr))?;
    outlive_parent()?;
    outlive_parent()?;
    println!("out");
    eprintln!("error");
    assert!(Command::new("sh").args(["-c", "echo command; echo wrong >&2"]).start()?.wait(limit())?.status.success());
    print!("rest");
    Ok(Vec::new())
}

#[expect(clippy::print_stderr, reason = "what is printed is the subject")]
fn exchanges(inside: &mut Inside) -> Returned {
    let [stdout, stderr] = outputs(&inside.link)?;
    redirect(Some(stdout.try_clone()?), Some(stderr.try_clone()?))?;
    // Held until a line ends.
    print!("out 1;");
    eprintln!("error 1");
    redirect(Some(stderr), Some(stdout))?;
    println!("out 2");
    eprintln!("error 2");
    redirect(None, None)?;
    Ok(Vec::new())
}

/// Starts a process that gets its outputs.
fn start(name: &str, method: StartMethod, input: &str, daemonic: bool) -> (Process, Link, PipeReader, PipeReader) {
    let ((stdout, out_writer), (stderr, error_writer)) = (pipe().unwrap(), pipe().unwrap());
    let builder = Process::builder(name).method(method).input(input);
    let builder = if daemonic { builder.daemonic() } else { builder };
    let mut process = builder.start().unwrap();
    let link = process.take_link().unwrap();
    link.send(b"!", &[out_writer.as_fd(), error_writer.as_fd()]).unwrap();
    (process, link, stdout, stderr)
}

/// Reads both to their ends.
fn read_all(stdout: &PipeReader, stderr: &PipeReader) -> [String; 2] {
    let poller = Poller::new().unwrap();
    let mut said = [Vec::new(), Vec::new()];
    poller.add(stdout.as_fd(), 0, Interest::Read).unwrap();
    poller.add(stderr.as_fd(), 1, Interest::Read).unwrap();
    let (mut events, mut open) = (Vec::new(), 2);
    while open > 0 {
        poller.wait(&mut events, Some(crate::LONG)).unwrap();
        assert!(!events.is_empty(), "it does not end");
        for event in &events {
            let reader = [stdout, stderr][usize::try_from(event.token).unwrap()];
            let mut bytes = [0; 1000];
            match reader.read(&mut bytes) {
                Ok(0) => {
                    poller.remove(reader.as_fd()).unwrap();
                    open -= 1;
                }
                Ok(count) => said[usize::try_from(event.token).unwrap()].extend(&bytes[..count]),
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
    }
    said.map(|said| String::from_utf8(said).unwrap())
}

fn what_a_process_prints_comes_to_its_parent() {
    for method in StartMethod::ALL {
        for daemonic in [false, true] {
            let (process, _link, stdout, stderr) = start("prints", method, "", daemonic);
            assert_eq!(read_all(&stdout, &stderr), ["out\ncommand\nrest", "error\nwrong\n"], "{method}");
            assert!(process.wait(limit()).unwrap().status.success(), "{method}");
        }
    }
}

fn outputs_may_be_exchanged() {
    let (process, _link, stdout, stderr) = start("exchanges", StartMethod::Forkserver, "", false);
    assert_eq!(read_all(&stdout, &stderr), ["out 1;error 2\n", "error 1\nout 2\n"]);
    assert!(process.wait(limit()).unwrap().status.success());
}

pub(crate) const PART: &str = "a parent of what prints";
const PLAN: &str = "PUSHFLOW_SIGNALS_TEST_PRINTS";
/// Printed by each of two threads once the parent has gone.
const MUCH: usize = 2 << 20;

/// Plays a parent that starts a process and reads what it prints, or some of it, or nothing.
pub(crate) fn play() -> ExitCode {
    let plan = std::env::var(PLAN).unwrap();
    let [method, reads, ends, file] = plan.splitn(4, ' ').collect::<Vec<_>>().try_into().unwrap();
    let input = format!("{reads} {file}");
    let (process, link, stdout, stderr) = start("prints on", method.parse().unwrap(), &input, false);
    link.receive(&mut [0], &mut Vec::new()).unwrap();
    println!("ready");
    if ends == "returns" {
        // At the end it waits for the process, which prints without a reader.
        std::mem::forget((process, link, stdout, stderr));
        return ExitCode::SUCCESS;
    }
    loop {
        if reads == "all" {
            let mut some = [0; 1 << 16];
            let _ = (stdout.read(&mut some), stderr.read(&mut some));
        } else {
            std::thread::park();
        }
    }
}

/// Prints until its parent has gone, unless it is to be quiet until then, and much more; then it writes a file.
#[expect(clippy::print_stderr, reason = "what is printed is the subject")]
fn prints_on(inside: &mut Inside) -> Returned {
    let [stdout, stderr] = outputs(&inside.link)?;
    redirect(Some(stdout), Some(stderr))?;
    outlive_parent()?;
    let input = std::str::from_utf8(&inside.input)?;
    let (reads, file) = input.split_once(' ').ok_or("two words")?;
    let link = inside.link.share();
    link.send(b"!", &[])?;
    if reads == "late" {
        (&link).read_to_end(&mut Vec::new())?;
    }
    let has_parent = || link.receive_now(&mut [0], &mut Vec::new()).is_err();
    let line = "x".repeat(200);
    std::thread::scope(|scope| {
        let print = |print: fn(&str)| {
            let mut left = MUCH;
            while left > 0 {
                print(&line);
                left = if has_parent() { MUCH } else { left.saturating_sub(line.len()) };
            }
        };
        let threads = [
            scope.spawn(move || print(|line| println!("{line}"))),
            scope.spawn(move || print(|line| eprintln!("{line}"))),
        ];
        threads.into_iter().all(|thread| thread.join().is_ok())
    })
    .then_some(())
    .ok_or("printing failed")?;
    assert!(Command::new("sh").args(["-c", "echo command; echo wrong >&2"]).start()?.wait(limit())?.status.success());
    std::fs::write(format!("{file}.new"), "to its end")?;
    std::fs::rename(format!("{file}.new"), file)?;
    Ok(Vec::new())
}

/// Starts a parent, waits until its child prints, ends the parent, and waits until the child has got to its end.
fn outlive(reads: &str, ends: &str) {
    for method in StartMethod::ALL {
        for _ in 0..5 {
            let directory = tempfile::tempdir().unwrap();
            let file = directory.path().join("end");
            let mut parent = program(PART);
            parent.env(PLAN, format!("{method} {reads} {ends} {}", file.display()));
            let mut parent = parent.stdout(Stdio::piped()).spawn().unwrap();
            let mut line = String::new();
            BufReader::new(parent.stdout.take().unwrap()).read_line(&mut line).unwrap();
            assert_eq!(line, "ready\n", "{method}");
            // In the midst of printing, at different moments of it, or with full pipes.
            std::thread::sleep(std::time::Duration::from_micros(fastrand::u64(..20_000)));
            if ends == "killed" {
                parent.kill().unwrap();
            }
            wait_for("it got to its end", || Path::new(&file).exists());
            let status = parent.wait().unwrap();
            assert_eq!(status.success(), ends == "returns", "{method}");
        }
    }
}

fn who_prints_when_its_parent_is_killed_gets_to_its_end() {
    outlive("all", "killed");
}

fn who_waits_for_room_when_its_parent_is_killed_gets_to_its_end() {
    outlive("nothing", "killed");
}

fn who_prints_after_its_parent_was_killed_gets_to_its_end() {
    outlive("late", "killed");
}

fn who_prints_when_its_parent_ends_gets_to_its_end() {
    outlive("nothing", "returns");
}
