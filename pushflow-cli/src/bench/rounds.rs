//! Measures all cases, round after round.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pushflow_signals::{Command, Interrupter, Output, Signal, StopStages, Tag};

use super::case::{Case, Figures, Side};
use super::peers::Peers;
use super::report::Row;

/// What is running, for who stops it.
#[derive(Default)]
struct Current {
    stopped: AtomicBool,
    interrupter: Mutex<Option<Interrupter>>,
}

/// Measures all cases in each round; the first one does not count. `progress` is told before each. Returns the rows, and
/// whether it was stopped before the end.
pub(crate) fn run(
    cases: Vec<Case>,
    peers: Option<&Peers>,
    rounds: u32,
    timeout: Duration,
    mut progress: impl FnMut(u32, &Case),
) -> Result<(Vec<Row>, bool), String> {
    let program = std::env::current_exe().map_err(|error| format!("cannot find the program itself: {error}"))?;
    let current = Arc::new(Current::default());
    let stops = Arc::clone(&current);
    let _stages = StopStages::watch(&[Signal::INTERRUPT, Signal::TERMINATE], move |_, _| stops.stop())
        .map_err(|error| error.to_string())?;
    let mut rows: Vec<Row> = cases.into_iter().map(Row::new).collect();
    for round in 0..=rounds {
        for row in &mut rows {
            progress(round, &row.case);
            let figures = measure(&program, peers, &row.case, timeout, &current);
            if current.stopped.load(Ordering::SeqCst) {
                return Ok((rows, true));
            }
            if round > 0 || figures.error.is_some() {
                row.take(figures);
            }
        }
    }
    Ok((rows, false))
}

impl Current {
    fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        if let Some(interrupter) = &*self.interrupter.lock().unwrap_or_else(PoisonError::into_inner) {
            interrupter.interrupt();
        }
    }

    fn set(&self, interrupter: Option<Interrupter>) {
        // Who stops has either seen it, or is seen.
        *self.interrupter.lock().unwrap_or_else(PoisonError::into_inner) = interrupter.clone();
        if let Some(interrupter) = interrupter.filter(|_| self.stopped.load(Ordering::SeqCst)) {
            interrupter.interrupt();
        }
    }
}

fn measure(program: &PathBuf, peers: Option<&Peers>, case: &Case, timeout: Duration, current: &Current) -> Figures {
    try_measure(program, peers, case, timeout, current)
        .unwrap_or_else(|error| Figures { error: Some(error), ..Figures::default() })
}

fn try_measure(
    program: &PathBuf,
    peers: Option<&Peers>,
    case: &Case,
    timeout: Duration,
    current: &Current,
) -> Result<Figures, String> {
    let argument = serde_json::to_string(case).map_err(|error| error.to_string())?;
    let command = match (case.side, peers) {
        (Side::Pushflow, _) => Command::new(program).args(["bench", "--case", &argument]).stdout(Output::Capture),
        (Side::Python, Some(peers)) => peers.command(&argument),
        (Side::Python, None) => return Err("there is no interpreter".to_owned()),
    };
    let tag = Tag::new();
    let (name, value) = tag.variable();
    let command = command.env(name, value).stderr(Output::Capture).grace(Duration::from_millis(500));
    let child = command.start().map_err(|error| error.to_string())?;
    current.set(Some(child.interrupter()));
    let finished = child.wait(Instant::now().checked_add(timeout)).map_err(|error| error.to_string());
    current.set(None);
    // Nothing of one case disturbs the next.
    tag.kill();
    let finished = finished?;
    let said = finished.stdout.unwrap_or_default();
    serde_json::from_slice(&said).map_err(|_| {
        let stderr = finished.stderr.unwrap_or_default();
        let text = String::from_utf8_lossy(&stderr);
        let last = text.trim_end().lines().last().unwrap_or_default();
        match finished.ended {
            pushflow_signals::Ended::TimedOut => format!("it did not end within {timeout:?}"),
            _ => format!("it ended: {} {last}", finished.status),
        }
    })
}
