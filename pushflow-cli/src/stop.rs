//! Stopping a run on SIGINT and SIGTERM, in stages.

use std::sync::{Arc, Mutex, PoisonError};

use pushflow_core::engine::Stopper;
use pushflow_signals::{Signal, Stage, StopStages, end_by_signal, family};

use crate::display::out;
use crate::problem::Problem;

/// Watches for signals from before the run starts, so that none is missed.
#[derive(Debug)]
pub(crate) struct StopWatch {
    state: Arc<Mutex<State>>,
    _stages: StopStages,
}

#[derive(Debug, Default)]
struct State {
    stopper: Option<Stopper>,
    /// A stage that was reached before there was a run.
    reached: Option<(Stage, Signal)>,
}

impl StopWatch {
    /// Starts to watch. `is_forced`: already the first signal breaks off what runs.
    pub(crate) fn start(is_forced: bool) -> Result<StopWatch, Problem> {
        let state = Arc::new(Mutex::new(State::default()));
        let seen = Arc::clone(&state);
        let stages = StopStages::watch(&[Signal::INTERRUPT, Signal::TERMINATE], move |stage, signal| {
            let stage = if is_forced && stage == Stage::Stop { Stage::Interrupt } else { stage };
            say(stage, signal);
            if stage == Stage::Kill {
                // Whoever waits for the run does not go on to tell what comes of that.
                let _held = seen.lock().unwrap_or_else(PoisonError::into_inner);
                // Workers that are not daemonic would finish what they are doing.
                family::kill();
                end_by_signal(signal);
            }
            let mut state = seen.lock().unwrap_or_else(PoisonError::into_inner);
            match &state.stopper {
                Some(stopper) => apply(stopper, stage, signal),
                None => state.reached = Some((stage, signal)),
            }
        });
        let stages = stages.map_err(|error| Problem::internal(error.to_string()))?;
        Ok(StopWatch { state, _stages: stages })
    }

    /// Sets the run that is stopped.
    pub(crate) fn watch_over(&self, stopper: Stopper) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((stage, signal)) = state.reached.take() {
            apply(&stopper, stage, signal);
        }
        state.stopper = Some(stopper);
    }
}

impl Drop for StopWatch {
    fn drop(&mut self) {
        // While the program is being ended, this waits for that.
        drop(self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

fn apply(stopper: &Stopper, stage: Stage, signal: Signal) {
    let reason = format!("stop workflow due to signal {}", signal.number());
    match stage {
        Stage::Stop => stopper.stop(&reason),
        Stage::Interrupt | Stage::Kill => stopper.interrupt(&reason),
    }
}

fn say(stage: Stage, signal: Signal) {
    let what = match stage {
        Stage::Stop => "stopping: running tasks may finish; once more breaks them off",
        Stage::Interrupt => "breaking off what runs; once more ends at once",
        Stage::Kill => "ending at once",
    };
    out::say(&format!("{signal}: {what}"));
}
