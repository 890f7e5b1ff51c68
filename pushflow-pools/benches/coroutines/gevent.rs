//! Python's gevent, measured by `gevent_side.py`.

use std::path::Path;
use std::process::Command;

use crate::{ALL_AT_ONCE, CANCELS, HAND_OVERS, ROUND_TRIPS, WAITING};

/// Returns the figure of a row, in seconds or bytes; `None` when there is no gevent.
pub(crate) fn measure(row: &str) -> Option<f64> {
    let python = std::env::var("PUSHFLOW_BENCH_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/coroutines/gevent_side.py");
    let count = match row {
        "round_trip" => ROUND_TRIPS as usize,
        "throughput" => ALL_AT_ONCE as usize,
        "hand_over" => HAND_OVERS as usize,
        "cancel" => CANCELS as usize,
        _ => WAITING,
    };
    let output = Command::new(python).arg(script).args([row, &count.to_string()]).output().ok()?;
    String::from_utf8_lossy(&output.stdout).trim().parse().ok()
}
