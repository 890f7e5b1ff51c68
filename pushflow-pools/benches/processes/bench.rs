//! [`Bench`]: measures with criterion, and keeps the figures for the table.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};

use crate::table::{Row, Table};

/// How many samples criterion takes of each figure.
const SAMPLES: usize = 10;
/// What a call of 1 GiB may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// What runs longer is stuck: it has no figure, and the benchmark goes on.
const STUCK: Duration = Duration::from_secs(20);

pub(crate) struct Bench {
    criterion: Criterion,
    pub(crate) table: Table,
}

impl Bench {
    pub(crate) fn new() -> Bench {
        let criterion = Criterion::default()
            .sample_size(SAMPLES)
            .warm_up_time(Duration::from_millis(150))
            .measurement_time(Duration::from_millis(600))
            .without_plots();
        Bench { criterion: criterion.configure_from_args(), table: Table::default() }
    }

    /// Measures what `set_up` makes, if this row is asked for: given a number, it runs so many times, and returns the time
    /// that it took. Each time is that of `per` calls.
    pub(crate) fn time<R>(&mut self, row: Row, per: u64, set_up: impl FnOnce() -> R + Send + 'static)
    where
        R: FnMut(u64) -> Duration + 'static,
    {
        let mut group = self.criterion.benchmark_group(row.group);
        group.sampling_mode(SamplingMode::Flat);
        if per > 1 {
            group.throughput(Throughput::Elements(per));
        }
        let (mut set_up, mut runner, mut figures) = (Some(set_up), None, Vec::new());
        group.bench_function(BenchmarkId::new(&row.who, &row.case), |bencher| {
            let runner = runner.get_or_insert_with(|| Runner::start(set_up.take().unwrap()));
            bencher.iter_custom(|times| {
                let elapsed = runner.run(times);
                figures.push(elapsed.map(|elapsed| elapsed.as_secs_f64() / times as f64 / per as f64));
                elapsed.unwrap_or(STUCK)
            });
        });
        group.finish();
        // Those before were to warm up.
        let first = figures.len().saturating_sub(SAMPLES);
        if !figures.is_empty() {
            let figures: Option<Vec<f64>> = figures.split_off(first).into_iter().collect();
            self.table.add(row, figures.map(median));
        }
    }

    /// Measures a single run of what takes long, without criterion.
    fn time_once<R>(&mut self, row: Row, set_up: impl FnOnce() -> R + Send + 'static)
    where
        R: FnMut(u64) -> Duration + 'static,
    {
        let seconds = Runner::start(set_up).run(1).map(|elapsed| elapsed.as_secs_f64());
        println!("{}/{}/{}: {seconds:.3?} s, once", row.group, row.who, row.case);
        self.table.add(row, seconds);
    }

    /// Measures with 1 GiB what has a figure for 100 MiB, unless that says that it takes too long.
    pub(crate) fn time_largest<R>(&mut self, row: Row, of: &Row, set_up: impl FnOnce() -> R + Send + 'static)
    where
        R: FnMut(u64) -> Duration + 'static,
    {
        let Some(seconds) = self.table.figure(of) else { return };
        let expected = Duration::from_secs_f64(seconds * 10.24);
        match expected {
            _ if expected > PATIENCE => {}
            _ if expected > PATIENCE / 10 => self.time_once(row, set_up),
            _ => self.time(row, 1, set_up),
        }
    }

    /// Whether nothing is chosen, and this is no mere test of the benchmark.
    pub(crate) fn measures_all(&self) -> bool {
        let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--noplot");
        arguments.next().as_deref() == Some("--bench") && arguments.next().is_none()
    }

    pub(crate) fn finish(self) {
        self.table.print();
        self.criterion.final_summary();
    }
}

/// Does it so many times.
pub(crate) fn times(count: u64, mut step: impl FnMut()) -> Duration {
    let begin = Instant::now();
    for _ in 0..count {
        step();
    }
    begin.elapsed()
}

/// What is measured, in a thread of its own, which is left behind when it is stuck.
struct Runner(Option<(Sender<u64>, Receiver<Duration>)>);

impl Runner {
    fn start<R: FnMut(u64) -> Duration + 'static>(set_up: impl FnOnce() -> R + Send + 'static) -> Runner {
        let (requests, asked) = mpsc::channel();
        let (answers, answered) = mpsc::channel();
        thread::spawn(move || {
            let mut run = set_up();
            for times in asked {
                let _ = answers.send(run(times));
            }
        });
        Runner(Some((requests, answered)))
    }

    /// Runs it so many times; gives no time once it was stuck or has panicked.
    fn run(&mut self, times: u64) -> Option<Duration> {
        let (requests, answers) = self.0.as_ref()?;
        // One that has panicked takes no requests and gives no answers.
        let _ = requests.send(times);
        match answers.recv_timeout(STUCK) {
            Ok(elapsed) => return Some(elapsed),
            Err(RecvTimeoutError::Timeout) => println!("\nstuck for {STUCK:?}"),
            Err(RecvTimeoutError::Disconnected) => println!("\npanicked"),
        }
        self.0 = None;
        None
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
