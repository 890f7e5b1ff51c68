//! What it costs to start a worker, from the request until it has answered and has been reaped.
//!
//! By each start method; beside them a bare fork(2) and `posix_spawn` of this program by hand, and the start methods of
//! Python's `multiprocessing`, each in an interpreter that has started its helpers already.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]
#![expect(clippy::disallowed_methods, reason = "the peers are started by hand")]
#![expect(clippy::print_stdout, reason = "the answer of a peer")]

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};
use pushflow_signals::{Inside, Process, Returned, StartMethod, register_process};

register_process!("hello", hello);

fn hello(_: &mut Inside) -> Returned {
    Ok(b"!".to_vec())
}

/// Has the program say hello and end, when it is started by hand.
const BY_HAND: &str = "PUSHFLOW_BENCH_HELLO";

fn main() {
    pushflow_signals::init();
    if std::env::var_os(BY_HAND).is_some() {
        println!("!");
        return;
    }
    pushflow_signals::warm_up().unwrap();
    let mut criterion =
        Criterion::default().configure_from_args().sample_size(20).measurement_time(Duration::from_secs(3));
    let mut group = criterion.benchmark_group("start");
    for method in StartMethod::ALL {
        group.bench_function(method.name(), |bencher| bencher.iter(|| by_method(method)));
    }
    group.bench_function("bare fork", |bencher| bencher.iter(bare_fork));
    group.bench_function("posix_spawn of this program", |bencher| bencher.iter(by_hand));
    group.bench_function("posix_spawn of /bin/true", |bencher| bencher.iter(spawn_true));
    python(&mut group);
    group.finish();
    criterion.final_summary();
}

fn by_method(method: StartMethod) {
    let end = Process::builder("hello").method(method).daemonic().start().unwrap().wait(None).unwrap();
    assert_eq!(end.returned, Ok(b"!".to_vec()));
}

/// A fork whose child writes one byte and ends.
fn bare_fork() {
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    match fork::fork().unwrap() {
        fork::Fork::Child => {
            let written = writer.write_all(b"!");
            signal_hook::low_level::exit(i32::from(written.is_err()));
        }
        fork::Fork::Parent(pid) => {
            drop(writer);
            let mut answer = Vec::new();
            reader.read_to_end(&mut answer).unwrap();
            assert_eq!(answer, b"!");
            fork::waitpid(pid).unwrap();
        }
    }
}

fn by_hand() {
    let output = Command::new("/proc/self/exe").env(BY_HAND, "1").output().unwrap();
    assert_eq!(output.stdout, b"!\n");
}

fn spawn_true() {
    assert!(Command::new("/bin/true").status().unwrap().success());
}

/// An interpreter that measures itself, when asked to.
struct Python {
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Python {
    fn start() -> std::io::Result<Python> {
        let mut command = Command::new("python3");
        command.args(["-c", include_str!("peer.py")]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let (requests, answers) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        // It ends with its input, and is reaped by nobody: this program ends too.
        Ok(Python { requests, answers })
    }

    /// Has it start `count` processes, one after the other.
    fn measure(&mut self, method: &str, count: u64) -> Duration {
        writeln!(self.requests, "{method} {count}").unwrap();
        let mut line = String::new();
        let begin = Instant::now();
        self.answers.read_line(&mut line).unwrap();
        assert!(begin.elapsed() < Duration::from_secs(600));
        Duration::from_nanos(line.trim().parse().unwrap())
    }
}

fn python(group: &mut BenchmarkGroup<'_, WallTime>) {
    let Ok(mut python) = Python::start() else {
        println!("no python3 on the search path: its start methods are left out");
        return;
    };
    for method in ["forkserver", "spawn", "fork"] {
        group.sample_size(10);
        group.bench_function(format!("python {method}"), |bencher| {
            bencher.iter_custom(|count| python.measure(method, count));
        });
    }
}
