//! What the pool of coroutines costs, beside bare coroutines of `may`, tasks of `tokio`, and Python's `gevent`.
//!
//! ```sh
//! cargo bench -p pushflow-pools --bench coroutines              # about a minute
//! cargo bench -p pushflow-pools --bench coroutines -- memory    # one row; also round_trip, throughput, hand_over, cancel
//! ```
//!
//! All sides in turn, in one run; medians. `gevent` is measured when `python3` can import it, or the interpreter that
//! `PUSHFLOW_BENCH_PYTHON` names.
//!
//! | row | a figure is |
//! | --- | --- |
//! | `round_trip` | one thing that does nothing, started and waited for by a coroutine |
//! | `throughput` | one of 50,000 such things, started by a thread all at once, which then waits for all |
//! | `hand_over` | one coroutine wakes another and waits to be woken by it, half of the way there and back |
//! | `cancel` | one that sleeps is told to end, until its end is known |
//! | `memory` | one of 50,000 that wait at the same time, of 25,000 for `may`, in bytes of resident memory |

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]
#![expect(clippy::disallowed_methods, reason = "peers are started by hand")]
#![expect(clippy::print_stdout, reason = "a table is its result")]

#[expect(unsafe_code, reason = "what `may` offers is unsafe")]
mod bare;
mod gevent;
mod ours;
mod tokio_tasks;

use std::time::Duration;

/// Measurements of each side.
const ROUNDS: usize = 11;
pub(crate) const ROUND_TRIPS: u32 = 2000;
pub(crate) const ALL_AT_ONCE: u32 = 50_000;
pub(crate) const HAND_OVERS: u32 = 5000;
pub(crate) const CANCELS: u32 = 100;
pub(crate) const WAITING: usize = 50_000;

/// One way to have coroutines: what one of each thing takes.
struct Side {
    name: &'static str,
    round_trip: fn() -> Duration,
    throughput: fn() -> Duration,
    hand_over: fn() -> Duration,
    cancel: fn() -> Duration,
    /// How many wait at the same time.
    waiting: usize,
    /// Starts those that wait, and returns when all of them do.
    wait: fn(),
}

type Measure = fn(&Side) -> Duration;

const SIDES: [Side; 3] = [ours::SIDE, bare::SIDE, tokio_tasks::SIDE];
/// Names the side whose memory this process is to have.
const PART: &str = "PUSHFLOW_BENCH_PART";

fn main() {
    if let Ok(name) = std::env::var(PART) {
        let side = SIDES.into_iter().find(|side| side.name == name).unwrap();
        let before = resident_bytes();
        (side.wait)();
        println!("{}", (resident_bytes() - before) / side.waiting);
        std::process::exit(0);
    }
    let chosen: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_wanted = |row: &str| chosen.is_empty() || chosen.iter().any(|wanted| wanted == row);
    // `cargo test` runs benchmarks, too, only to see that they run.
    let rounds = if std::env::args().any(|argument| argument == "--bench") { ROUNDS } else { 1 };
    println!("{:<12} {:>16} {:>16} {:>16} {:>16}   multiples of ours", "", "pushflow", "may", "tokio", "gevent");
    let rows: [(&str, Measure); 4] = [
        ("round_trip", |side| (side.round_trip)()),
        ("throughput", |side| (side.throughput)()),
        ("hand_over", |side| (side.hand_over)()),
        ("cancel", |side| (side.cancel)()),
    ];
    for (row, measure) in rows.into_iter().filter(|(row, _)| is_wanted(row)) {
        let mut figures = vec![Vec::new(); SIDES.len() + 1];
        for _ in 0..rounds {
            for (side, figures) in SIDES.iter().zip(&mut figures) {
                figures.push(measure(side).as_secs_f64());
            }
            figures[SIDES.len()].extend(gevent::measure(row));
        }
        print_row(row, figures.into_iter().map(median), |seconds| format!("{:.2} us", seconds * 1e6));
    }
    if is_wanted("memory") {
        let mut figures: Vec<Option<f64>> = SIDES.iter().map(|side| Some(memory_of(side.name))).collect();
        figures.push(gevent::measure("memory"));
        print_row("memory", figures.into_iter(), |bytes| format!("{bytes:.0} B"));
    }
}

fn print_row(row: &str, figures: impl Iterator<Item = Option<f64>>, text: impl Fn(f64) -> String) {
    let figures: Vec<_> = figures.collect();
    print!("{row:<12}");
    for figure in &figures {
        print!(" {:>16}", figure.map_or_else(|| "-".to_owned(), &text));
    }
    let ours = figures[0].unwrap_or(f64::NAN);
    let multiples: Vec<_> = figures[1..]
        .iter()
        .map(|figure| figure.map_or_else(|| "-".to_owned(), |figure| format!("{:.2}", figure / ours)))
        .collect();
    println!("   {}", multiples.join("  "));
}

fn median(mut figures: Vec<f64>) -> Option<f64> {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied()
}

/// In a process of its own, whose memory nothing else has used before.
fn memory_of(side: &str) -> f64 {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    let output = command.env(PART, side).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().parse().unwrap()
}

fn resident_bytes() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 4096
}
