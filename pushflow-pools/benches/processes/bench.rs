//! [`Bench`]: measures with criterion, and keeps the figures for the table.

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};

use crate::table::{Row, Table};

/// How many samples criterion takes of each figure.
const SAMPLES: usize = 10;
/// What a call of 1 GiB may take.
const PATIENCE: Duration = Duration::from_secs(5);

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
    pub(crate) fn time<R: FnMut(u64) -> Duration>(&mut self, row: Row, per: u64, set_up: impl FnOnce() -> R) {
        let mut group = self.criterion.benchmark_group(row.group);
        group.sampling_mode(SamplingMode::Flat);
        if per > 1 {
            group.throughput(Throughput::Elements(per));
        }
        let (mut set_up, mut run, mut figures) = (Some(set_up), None, Vec::new());
        group.bench_function(BenchmarkId::new(&row.who, &row.case), |bencher| {
            let run = run.get_or_insert_with(|| set_up.take().map(|set_up| set_up()).unwrap());
            bencher.iter_custom(|times| {
                let elapsed = run(times);
                figures.push(elapsed.as_secs_f64() / times as f64 / per as f64);
                elapsed
            });
        });
        group.finish();
        // Those before were to warm up.
        let first = figures.len().saturating_sub(SAMPLES);
        if let Some(seconds) = median(&mut figures[first..]) {
            self.table.add(row, Some(seconds));
        }
    }

    /// Measures a single run of what takes long, without criterion.
    pub(crate) fn time_once<R: FnMut(u64) -> Duration>(&mut self, row: Row, set_up: impl FnOnce() -> R) {
        let seconds = set_up()(1).as_secs_f64();
        println!("{}/{}/{}: {seconds:.3} s, once", row.group, row.who, row.case);
        self.table.add(row, Some(seconds));
    }

    /// Measures with 1 GiB what has a figure for 100 MiB, unless that says that it takes too long.
    pub(crate) fn time_largest<R: FnMut(u64) -> Duration>(&mut self, row: Row, of: &Row, set_up: impl FnOnce() -> R) {
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

fn median(figures: &mut [f64]) -> Option<f64> {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied()
}
