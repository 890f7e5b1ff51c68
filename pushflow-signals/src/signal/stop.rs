//! [`StopStages`]: from signals to the stages of stopping.

use std::fmt;
use std::thread::{Builder, JoinHandle};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

use super::vocabulary::Signal;
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

/// Watches SIGINT and SIGTERM and calls back with the stage that each of them means.
///
/// While it exists these signals do not end the program. After it is dropped they are caught and have no effect: meant for
/// programs that watch until they end.
pub struct StopStages {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl StopStages {
    /// Starts to watch. The callback runs on a thread of its own.
    ///
    /// # Errors
    ///
    /// When the system refuses the handlers or the thread.
    pub fn watch(mut callback: impl FnMut(Stage, Signal) + Send + 'static) -> Result<StopStages, Error> {
        let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(Error::system("install signal handlers"))?;
        let handle = signals.handle();
        let thread = Builder::new().name("pushflow-signals".to_owned()).spawn(move || {
            let mut stage = Stage::Stop;
            for number in signals.forever() {
                callback(stage, Signal::from_number(number));
                stage = match stage {
                    Stage::Stop => Stage::Interrupt,
                    Stage::Interrupt | Stage::Kill => Stage::Kill,
                };
            }
        });
        let thread = Some(thread.map_err(Error::system("start a thread"))?);
        Ok(StopStages { handle, thread })
    }
}

impl Drop for StopStages {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            // A callback that panicked has said so.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for StopStages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StopStages").finish_non_exhaustive()
    }
}

/// Ends this process by a signal, as if it had never been caught, so that the parent sees it.
pub fn end_by_signal(signal: Signal) -> ! {
    // For signals whose default is to end the process it does not return.
    let _ = signal_hook::low_level::emulate_default_handler(signal.number());
    std::process::exit(128 + signal.number())
}
