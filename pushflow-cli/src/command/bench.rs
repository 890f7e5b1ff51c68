//! `pushflow bench`: compares pools.

use std::fs::OpenOptions;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use pushflow_pools::factory;
use pushflow_signals::StartMethod;

use crate::bench::case::{Body, Case, Measure, Side};
use crate::bench::compare::{self, Comparison};
use crate::bench::measure;
use crate::bench::peers::{self, Peers};
use crate::bench::report::{Machine, Report, VERSION};
use crate::bench::rounds;
use crate::display::out;
use crate::exit_code;
use crate::values::{TextOrJson, seconds};

#[derive(Args, Debug)]
pub(crate) struct BenchArgs {
    /// Pools to measure, ours and Python's, as the table names them [default: all].
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pool: Vec<String>,

    /// How worker processes are started: forkserver, spawn, fork.
    #[arg(long, value_name = "METHOD", value_delimiter = ',', default_value = "forkserver")]
    start_method: Vec<StartMethod>,

    /// Numbers of workers.
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "2", value_parser = clap::value_parser!(u16).range(1..=4096))]
    workers: Vec<u16>,

    /// Also measure each of our pools with one worker for each task that runs.
    #[arg(long)]
    scaling: bool,

    /// What to measure [default: all].
    #[arg(long, value_enum, value_delimiter = ',')]
    measure: Vec<Measure>,

    /// What the tasks of round trip and throughput do.
    #[arg(long, value_enum, default_value = "noop")]
    task: Body,

    /// How long a task that sleeps or computes takes.
    #[arg(long, value_name = "SECONDS", default_value = "0.001", value_parser = seconds, allow_negative_numbers = true)]
    duration: Duration,

    /// Sizes of payloads, in bytes, or with k, M or G for powers of 1024.
    #[arg(long, value_name = "BYTES", value_delimiter = ',', default_value = "64,64k,1M", value_parser = size)]
    payload: Vec<u64>,

    /// How many rounds are measured, after one that warms up.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rounds: u32,

    /// How long each figure is measured in each round.
    #[arg(long, value_name = "SECONDS", default_value = "0.1", value_parser = seconds, allow_negative_numbers = true)]
    time: Duration,

    /// How long the measurement of a pool may take in a round.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds, allow_negative_numbers = true)]
    timeout: Duration,

    /// The interpreter whose pools are measured, too [default: PUSHFLOW_PYTHON, the virtual environment, python3].
    #[arg(long, value_name = "PROGRAM")]
    python: Option<String>,

    /// Measure our pools only.
    #[arg(long, conflicts_with = "python")]
    no_python: bool,

    /// Write what was measured to a file, for --compare.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,

    /// Compare two saved runs, instead of measuring.
    #[arg(long, num_args = 2, value_names = ["BEFORE", "AFTER"])]
    compare: Option<Vec<PathBuf>>,

    /// How to show the figures.
    #[arg(long, value_enum, default_value_t = TextOrJson::Human)]
    output_format: TextOrJson,

    /// Measure one case in this process, and say what came of it.
    #[arg(long, hide = true)]
    case: Option<String>,
}

pub(super) fn run(args: &BenchArgs) -> u8 {
    if let Some(text) = &args.case {
        return match serde_json::from_str::<Case>(text) {
            Ok(case) => {
                out::json_line(&measure::measure(&case));
                exit_code::OK
            }
            Err(error) => usage(&error.to_string()),
        };
    }
    if let Some([before, after]) = args.compare.as_deref() {
        return match (compare::read(before), compare::read(after)) {
            (Ok(before), Ok(after)) => {
                let comparison = Comparison::new(&before, &after);
                match args.output_format {
                    TextOrJson::Human => out::result(&comparison.text()),
                    TextOrJson::Json => out::json_line(&comparison),
                }
                exit_code::OK
            }
            (Err(problem), _) | (_, Err(problem)) => usage(&problem),
        };
    }
    let peers = match if args.no_python { Ok(None) } else { Peers::find(args.python.as_deref()) } {
        Ok(peers) => peers,
        Err(problem) => return usage(&problem),
    };
    // Told before it is measured, not after.
    if let Some(path) = &args.save
        && let Err(error) = OpenOptions::new().append(true).create(true).open(path)
    {
        return usage(&format!("{}: {error}", path.display()));
    }
    match cases(args, peers.as_ref()) {
        Ok(cases) => compare_pools(args, cases, peers.as_ref()),
        Err(problem) => usage(&problem),
    }
}

/// All cases: each pool with each start method and number of workers.
fn cases(args: &BenchArgs, peers: Option<&Peers>) -> Result<Vec<Case>, String> {
    let ours = factory::names().filter(|name| *name != "scaling").map(|name| (Side::Pushflow, name.to_owned()));
    let theirs = peers.iter().flat_map(|peers| peers.pools.iter().map(|name| (Side::Python, name.clone())));
    let all: Vec<(Side, String)> = ours.chain(theirs).collect();
    if let Some(unknown) = args.pool.iter().find(|wanted| all.iter().all(|(_, name)| name != *wanted)) {
        let known = all.into_iter().map(|(_, name)| name).collect::<Vec<_>>().join(", ");
        return Err(format!("unknown pool `{unknown}`, there are: {known}"));
    }
    let measures = if args.measure.is_empty() {
        use Measure::{Interrupt, Memory, Payload, RoundTrip, Start, Throughput};
        vec![Start, RoundTrip, Throughput, Payload, Interrupt, Memory]
    } else {
        args.measure.clone()
    };
    let mut cases = Vec::new();
    for (side, pool) in all.into_iter().filter(|(_, name)| args.pool.is_empty() || args.pool.contains(name)) {
        let has_methods = match side {
            Side::Pushflow => factory::has_processes(&pool),
            Side::Python => peers::has_processes(&pool),
        };
        let methods: Vec<Option<String>> =
            if has_methods { args.start_method.iter().map(|m| Some(m.to_string())).collect() } else { vec![None] };
        for start_method in methods {
            for workers in &args.workers {
                for scaling in [false, true] {
                    if scaling && !(args.scaling && side == Side::Pushflow) {
                        continue;
                    }
                    cases.push(Case {
                        side,
                        pool: pool.clone(),
                        start_method: start_method.clone(),
                        workers: usize::from(*workers),
                        scaling,
                        task: args.task,
                        duration: args.duration.as_secs_f64(),
                        payloads: args.payload.clone(),
                        measures: measures.clone(),
                        time: args.time.as_secs_f64(),
                    });
                }
            }
        }
    }
    Ok(cases)
}

fn compare_pools(args: &BenchArgs, cases: Vec<Case>, peers: Option<&Peers>) -> u8 {
    let shows_progress = std::io::stderr().is_terminal();
    let rounds = args.rounds;
    let measured = rounds::run(cases, peers, rounds, args.timeout, |round, case| {
        if shows_progress {
            let round = if round == 0 { "warming up".to_owned() } else { format!("round {round}/{rounds}") };
            out::status(&format!("{round}: {case}"));
        }
    });
    if shows_progress {
        out::status("");
    }
    let (rows, stopped) = match measured {
        Ok(measured) => measured,
        Err(problem) => {
            out::say(&format!("error: {problem}"));
            return exit_code::INTERNAL;
        }
    };
    let report = Report { version: VERSION, machine: Machine::this(), rounds, stopped, rows };
    match args.output_format {
        TextOrJson::Human => out::result(&report.text()),
        TextOrJson::Json => out::json_line(&report),
    }
    if let Some(path) = &args.save
        && let Err(problem) = save(path, &report)
    {
        out::say(&format!("error: {problem}"));
        return exit_code::INTERNAL;
    }
    let has_failed = report.rows.iter().any(|row| row.case.side == Side::Pushflow && row.error.is_some());
    match (stopped, has_failed) {
        (true, _) => exit_code::STOPPED,
        (false, true) => exit_code::FAILED,
        (false, false) => exit_code::OK,
    }
}

fn save(path: &PathBuf, report: &Report) -> Result<(), String> {
    let named = |problem: String| format!("{}: {problem}", path.display());
    let text = serde_json::to_string_pretty(report).map_err(|error| named(error.to_string()))?;
    std::fs::write(path, text + "\n").map_err(|error| named(error.to_string()))
}

/// Reads a number of bytes.
fn size(text: &str) -> Result<u64, String> {
    let wrong = || "expected a number of bytes, with k, M or G for powers of 1024".to_owned();
    let (number, shift) = match text.char_indices().last() {
        Some((at, 'k' | 'K')) => (&text[..at], 10),
        Some((at, 'M')) => (&text[..at], 20),
        Some((at, 'G')) => (&text[..at], 30),
        _ => (text, 0),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(1 << shift).filter(|bytes| *bytes <= 1 << 40).ok_or_else(wrong)
}

fn usage(problem: &str) -> u8 {
    out::say(&format!("error: {problem}"));
    exit_code::USAGE
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_have_units() {
        let found = ["0", "64", "64k", "1M", "2G"].map(|text| size(text).unwrap());
        assert_eq!(found, [0, 64, 65_536, 1_048_576, 2 << 30]);
        for text in ["", "k", "-1", "1T", "1.5k", "99999999999G"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
