//! [`StopStages`]: from signals to the stages of stopping.

use super::vocabulary::Signal;
use super::watch::Watch;
use crate::error::Error;

/// How urgently the program is asked to end: one stage further with each signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Start nothing more; let finish what runs.
    Stop,
    /// Break off what runs.
    Interrupt,
    /// End at once.
    Kill,
}

impl Stage {
    /// Returns the stage of one more signal.
    #[must_use]
    pub fn next(self) -> Stage {
        match self {
            Stage::Stop => Stage::Interrupt,
            Stage::Interrupt | Stage::Kill => Stage::Kill,
        }
    }
}

/// Watches signals and calls back with the stage that each of them means, counting them together.
///
/// While it exists these signals do not end the program, and are not passed on to its processes: the callback decides.
#[derive(Debug)]
pub struct StopStages {
    _watch: Watch,
}

impl StopStages {
    /// Starts to watch, usually [SIGTERM](Signal::TERMINATE), at a terminal [SIGINT](Signal::INTERRUPT) too. The callback
    /// runs on a thread of its own. Several may exist, for the same signals or others; each has stages of its own.
    ///
    /// # Errors
    ///
    /// When the system refuses the handlers or the thread.
    pub fn watch(
        signals: &[Signal],
        mut callback: impl FnMut(Stage, Signal) + Send + 'static,
    ) -> Result<StopStages, Error> {
        let mut stage = Stage::Stop;
        let watch = Watch::new(signals, move |signal| {
            let reached = stage;
            stage = stage.next();
            callback(reached, signal);
        })?;
        Ok(StopStages { _watch: watch })
    }
}

/// Ends this process by a signal, as if it had never been caught, so that the parent sees it.
pub fn end_by_signal(signal: Signal) -> ! {
    // For signals whose default is to end the process it does not return.
    let _ = signal_hook::low_level::emulate_default_handler(signal.number());
    std::process::exit(128 + signal.number())
}
