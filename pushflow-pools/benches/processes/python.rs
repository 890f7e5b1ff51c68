//! The pools of Python: `peers.py` measures them, in an environment that `venv.sh` makes.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde::Deserialize;

use crate::bench::Bench;
use crate::memory::Memory;
use crate::table::{Row, Side};

/// A line of `peers.py`: seconds, or none for what never comes; or the memory of a worker in KiB.
#[derive(Deserialize)]
struct Line {
    who: String,
    #[serde(default)]
    case: String,
    seconds: Option<f64>,
    #[serde(default)]
    memory: [f64; 3],
}

/// Measures the peers, if anything of the group was measured.
pub(crate) fn measure(bench: &mut Bench, group: &'static str) {
    if std::env::args().any(|argument| argument == "--bench") && bench.table.has(group) {
        for line in run(group) {
            bench.table.add(Row::new(group, line.case, line.who, Side::Peer), line.seconds);
        }
    }
}

/// Measures the memory of their workers.
pub(crate) fn memory() -> Vec<(String, Memory)> {
    let memory = |[resident, proportional, private]: [f64; 3]| Memory { resident, proportional, private };
    run("memory").into_iter().map(|line| (line.who, memory(line.memory))).collect()
}

fn run(measurement: &str) -> Vec<Line> {
    let Some(python) = interpreter() else { return Vec::new() };
    let mut command = Command::new(python);
    let mut child = command.arg(here().join("peers.py")).arg(measurement).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = Vec::new();
    for text in BufReader::new(child.stdout.take().unwrap()).lines() {
        let text = text.unwrap();
        println!("python {measurement}: {text}");
        lines.push(serde_json::from_str(&text).unwrap());
    }
    if !child.wait().unwrap().success() {
        println!("python {measurement}: it did not come to its end");
    }
    lines
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/processes")
}

/// The interpreter to use, if there is one; says what is left out.
fn interpreter() -> Option<&'static Path> {
    static INTERPRETER: OnceLock<Option<PathBuf>> = OnceLock::new();
    let found = INTERPRETER.get_or_init(|| {
        if std::env::var_os("PUSHFLOW_BENCH_PYTHON").is_some_and(|asked| asked == "no") {
            return None;
        }
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python");
        let mut command = Command::new("sh");
        if command.arg(here().join("venv.sh")).arg(&folder).stdout(Stdio::null()).status().unwrap().success() {
            return Some(folder.join("bin/python3"));
        }
        let plain = Command::new("python3").arg("--version").stdout(Stdio::null()).status();
        if plain.is_ok_and(|status| status.success()) {
            println!("no environment with billiard and loky can be made: they are left out");
            return Some(PathBuf::from("python3"));
        }
        println!("no python3 on the search path: its pools are left out");
        None
    });
    found.as_deref()
}
