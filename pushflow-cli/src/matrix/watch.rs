//! Runs cells, several at a time, and watches over them.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pushflow_core::handle::Handle;
use pushflow_core::{Context, Payload, Pool, Task};
use pushflow_pools::ThreadPool;
use pushflow_signals::{Command, Finished, Output, Signal, StopStages, Tag};

use super::axes::{COROUTINES, Cell, Environment};
use super::cell::Line;
use super::tally::Tally;

/// How many processes of a cell may hang or end early before the rest of its runs is given up.
pub(crate) const MOST_BROKEN: u32 = 3;

/// How cells are run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) repeat: u64,
    pub(crate) jobs: usize,
    /// The time of a run.
    pub(crate) timeout: Duration,
}

/// What came of all.
#[derive(Debug)]
pub(crate) struct Results {
    pub(crate) tallies: Vec<Tally>,
    /// Whether it was stopped before all cells were run.
    pub(crate) stopped: bool,
}

/// The process of a cell, while it lives.
struct Running {
    tag: Tag,
    /// When the time of the run is over.
    due: Instant,
    /// Where its processes waited when it was.
    report: Option<String>,
}

/// What the main thread and those that run cells share.
struct Shared {
    plan: Plan,
    program: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By the number of the cell.
    running: Vec<(usize, Running)>,
    stopping: bool,
}

enum Message {
    Ended(usize, Box<Tally>),
    Stop,
}

/// Runs all cells; `progress` is told of each one that has ended, and how many are left.
pub(crate) fn run(cells: Vec<Cell>, plan: Plan, mut progress: impl FnMut(&Tally, usize)) -> Result<Results, String> {
    let program = std::env::current_exe().map_err(|error| format!("cannot find the program itself: {error}"))?;
    let shared = Arc::new(Shared { plan, program, state: Mutex::default() });
    let pool = ThreadPool::builder().workers(plan.jobs).build().map_err(|error| error.to_string())?;
    let (sender, receiver) = mpsc::channel();
    let stop = sender.clone();
    let _stages = StopStages::watch(&[Signal::INTERRUPT, Signal::TERMINATE], move |_, _| {
        let _ = stop.send(Message::Stop);
    })
    .map_err(|error| error.to_string())?;
    let mut waiting: VecDeque<(usize, Cell)> = cells.into_iter().enumerate().collect();
    let mut ended: Vec<(usize, Tally)> = Vec::new();
    let mut active = 0;
    loop {
        while active < plan.jobs && !shared.lock().stopping {
            let Some((number, cell)) = waiting.pop_front() else { break };
            let (shared, sender) = (Arc::clone(&shared), sender.clone());
            let job = move |_: &Payload, _: &Context<'_>| {
                let _ = sender.send(Message::Ended(number, Box::new(shared.run(number, cell.clone()))));
                Ok(Payload::new())
            };
            let job: Arc<dyn Task> = Arc::new(job);
            Handle::submit(&pool, job, Payload::new()).map_err(|error| error.to_string())?;
            active += 1;
        }
        if active == 0 {
            break;
        }
        let due = shared.lock().running.iter().map(|(_, running)| running.due).min();
        let left = due.map_or(plan.timeout, |due| due.saturating_duration_since(Instant::now()));
        // What starts meanwhile is not due before this is over.
        match receiver.recv_timeout(left.min(plan.timeout)) {
            Ok(Message::Ended(number, tally)) => {
                active -= 1;
                progress(&tally, waiting.len() + active);
                ended.push((number, *tally));
            }
            Ok(Message::Stop) => shared.stop(),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => shared.end_hung(),
        }
    }
    pool.close();
    let stopped = shared.lock().stopping;
    ended.sort_by_key(|(number, _)| *number);
    Ok(Results { tallies: ended.into_iter().map(|(_, tally)| tally).collect(), stopped })
}

impl Shared {
    /// Runs a cell, by as many processes as it takes.
    fn run(&self, number: usize, cell: Cell) -> Tally {
        let mut tally = Tally::new(cell);
        let mut broken = 0;
        while tally.counts.runs() < self.plan.repeat && !self.lock().stopping {
            if broken == MOST_BROKEN {
                tally.counts.skipped = self.plan.repeat - tally.counts.runs();
                break;
            }
            if let Err(problem) = self.run_process(number, &mut tally) {
                tally.broke(problem);
                broken += 1;
            } else if tally.counts.runs() < self.plan.repeat {
                broken += 1;
            }
        }
        tally
    }

    /// Runs a process that does the runs that are left. An error is why there could be none.
    fn run_process(&self, number: usize, tally: &mut Tally) -> Result<(), String> {
        let tag = Tag::new();
        let directory = tempfile::tempdir().map_err(|error| format!("cannot make a directory: {error}"))?;
        let left = self.plan.repeat - tally.counts.runs();
        let (name, value) = tag.variable();
        let mut command = Command::new(&self.program)
            .args(["matrix", "--cell", &tally.cell.to_string(), "--repeat", &left.to_string()])
            .env(name, value)
            .env("TMPDIR", directory.path())
            .stdout(Output::Stream)
            .stderr(Output::Capture);
        command = match tally.cell.environment {
            Environment::Plain => command.env_remove(COROUTINES),
            Environment::Coroutines => command.env(COROUTINES, "1"),
        };
        {
            // Who stops it all has either seen that it runs, or is seen.
            let mut state = self.lock();
            if state.stopping {
                return Ok(());
            }
            state.running.push((number, Running { tag: tag.clone(), due: self.due(), report: None }));
        }
        let finished = command.start().and_then(|child| {
            let mut text = Vec::new();
            child.wait_with(None, |_, bytes| {
                text.extend_from_slice(bytes);
                while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = text.drain(..=end).collect();
                    self.take(number, &line, tally);
                }
            })
        });
        let mut state = self.lock();
        let stopping = state.stopping;
        let place = state.running.iter().position(|(running, _)| *running == number);
        let report = place.and_then(|place| state.running.swap_remove(place).1.report);
        drop(state);
        let finished = finished.map_err(|error| error.to_string())?;
        if stopping {
            tag.kill();
        } else if let Some(report) = report {
            tag.kill();
            tally.hung(&report);
        } else {
            end(&finished, tally.counts.runs() < self.plan.repeat, &tag, tally);
        }
        Ok(())
    }

    /// Counts what a process says of a run.
    fn take(&self, number: usize, line: &[u8], tally: &mut Tally) {
        match serde_json::from_slice::<Line>(line) {
            Ok(line) => tally.take(line),
            Err(_) => tally.broke(format!("said: {}", String::from_utf8_lossy(line).trim_end())),
        }
        let mut state = self.lock();
        if let Some((_, running)) = state.running.iter_mut().find(|(running, _)| *running == number) {
            running.due = self.due();
        }
    }

    fn due(&self) -> Instant {
        Instant::now() + self.plan.timeout
    }

    /// Looks at the processes whose time is over, and kills them.
    fn end_hung(&self) {
        let now = Instant::now();
        let mut state = self.lock();
        for (_, running) in state.running.iter_mut().filter(|(_, running)| running.due <= now) {
            let report: Vec<String> = running.tag.look().iter().map(ToString::to_string).collect();
            running.report = Some(report.join("\n"));
            running.tag.kill();
            // Who waits for it takes it from here.
            running.due = now + self.plan.timeout;
        }
    }

    fn stop(&self) {
        let mut state = self.lock();
        state.stopping = true;
        for (_, running) in &state.running {
            running.tag.kill();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks at how a process has ended that was not made to, and at what it has left.
fn end(finished: &Finished, is_early: bool, tag: &Tag, tally: &mut Tally) {
    let left: Vec<String> = tag.look().iter().map(ToString::to_string).collect();
    tag.kill();
    let said = finished.stderr.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
    if is_early || !finished.status.success() {
        tally.broke(format!("the process of the cell ended: {}\n{}", finished.status, said.trim_end()));
    } else if !left.is_empty() {
        tally.left_at_end(format!("leaked, after the end of the process:\n{}", left.join("\n")));
    }
}
