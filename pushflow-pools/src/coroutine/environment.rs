//! The coroutine environment: a process whose engine runs on coroutines.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::Waker;

use pushflow_core::{PoolError, wait};

use super::may;

/// The variable of the environment that enters it: `1` or `true`; `0`, `false` or nothing do not.
const VARIABLE: &str = "PUSHFLOW_COROUTINES";

static ENTERED: AtomicBool = AtomicBool::new(false);

/// Enters the coroutine environment, for the rest of the process. Any number of times.
///
/// From then on the pool type by default is `gevent`, and outcomes are told on coroutines: the engine goes on there.
///
/// # Errors
///
/// In a process that was forked from one that has coroutines.
pub fn coroutine_environment() -> Result<(), PoolError> {
    may::start()?;
    ENTERED.store(true, Ordering::Release);
    Ok(())
}

/// Whether this process is in the coroutine environment: by [`coroutine_environment`], or by the variable
/// `PUSHFLOW_COROUTINES`, which is looked at once.
///
/// # Errors
///
/// [`PoolError::Setting`] for a value of the variable that means nothing; when coroutines cannot be started.
pub fn is_coroutine_environment() -> Result<bool, PoolError> {
    static WANTED: OnceLock<Result<bool, String>> = OnceLock::new();
    if ENTERED.load(Ordering::Acquire) {
        return Ok(may::is_running());
    }
    let wanted =
        WANTED.get_or_init(|| wanted(std::env::var_os(VARIABLE).map(|value| value.to_string_lossy().into_owned())));
    match wanted {
        Ok(false) => Ok(false),
        Ok(true) => coroutine_environment().map(|()| true),
        Err(problem) => Err(PoolError::Setting { setting: VARIABLE, problem: problem.clone() }),
    }
}

fn wanted(value: Option<String>) -> Result<bool, String> {
    match value.as_deref().unwrap_or_default() {
        "" | "0" | "false" => Ok(false),
        "1" | "true" => Ok(true),
        other => Err(format!("is 1 or 0, found: {other}")),
    }
}

/// Runs a function on a coroutine and waits for what it returns; `None` when it panics. A caller that is a coroutine runs it itself.
///
/// # Errors
///
/// As [`coroutine_environment`].
pub fn run<R: Send + 'static>(body: impl FnOnce() -> R + Send + 'static) -> Result<Option<R>, PoolError> {
    may::start()?;
    if may::is_coroutine() {
        return Ok(Some(body()));
    }
    let slot = Arc::new(Mutex::new(Slot { result: None, is_done: false, waker: None }));
    let done = Done(Arc::clone(&slot));
    may::start_elsewhere(move || {
        let result = body();
        done.lock().result = Some(result);
    });
    wait::block(None, |waker| {
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        slot.waker = Some(waker.clone());
        slot.is_done.then_some(())
    });
    let result = slot.lock().unwrap_or_else(PoisonError::into_inner).result.take();
    Ok(result)
}

/// Tells outcomes: on a coroutine in the coroutine environment, else right here.
#[cfg(feature = "process")]
pub(crate) fn tell(tell: impl FnOnce() + Send + 'static) {
    let elsewhere = is_coroutine_environment().unwrap_or(false) && !may::is_coroutine();
    if !elsewhere {
        return tell();
    }
    // It can be refused only to a forked process.
    let told = run(tell);
    debug_assert!(told.is_ok(), "coroutines run here");
}

struct Slot<R> {
    result: Option<R>,
    is_done: bool,
    waker: Option<Waker>,
}

/// Says that it is over, also when it panics.
struct Done<R>(Arc<Mutex<Slot<R>>>);

impl<R> Done<R> {
    fn lock(&self) -> std::sync::MutexGuard<'_, Slot<R>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R> Drop for Done<R> {
    fn drop(&mut self) {
        let mut slot = self.lock();
        slot.is_done = true;
        let waker = slot.waker.take();
        drop(slot);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_has_few_values() {
        let text = |value: &str| wanted(Some(value.to_owned()));
        assert_eq!((wanted(None), text(""), text("0"), text("1")), (Ok(false), Ok(false), Ok(false), Ok(true)));
        assert_eq!(text("yes"), Err("is 1 or 0, found: yes".to_owned()));
    }

    #[test]
    fn a_function_runs_on_a_coroutine() {
        assert_eq!(run(may::is_coroutine).unwrap(), Some(true));
        assert_eq!(run(|| run(may::is_coroutine).unwrap()).unwrap(), Some(Some(true)));
        assert_eq!(run(|| -> u8 { panic!("as expected") }).unwrap(), None);
        assert!(wait::blocks_thread());
        assert_eq!(run(wait::blocks_thread).unwrap(), Some(false));
    }
}
