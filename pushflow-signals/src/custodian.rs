//! The thread that starts what is to live as long as this process.
//!
//! A parent-death signal follows the *thread* that started a child. So children are started by the main thread, or by one
//! that never ends.

use std::sync::mpsc::{Sender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::getpid;

use crate::error::Error;
use crate::fork_local::ForkLocal;
use crate::thread;
use crate::wait::{self, Wakes};

type Job = Box<dyn FnOnce() + Send>;

static CUSTODIAN: ForkLocal<Mutex<Option<Sender<Job>>>> = ForkLocal::new(Mutex::default);

/// Runs a job on a thread that lives as long as the process, and waits for its result.
pub(crate) fn run<R: Send + 'static>(job: impl FnOnce() -> R + Send + 'static) -> Result<R, Error> {
    if rustix::thread::gettid() == getpid() {
        return Ok(job());
    }
    let (answer, answered) = sync_channel(1);
    let wakes = Arc::new(Wakes::default());
    let when_answered = Arc::clone(&wakes);
    let mut custodian = CUSTODIAN.get().lock().unwrap_or_else(PoisonError::into_inner);
    if custodian.is_none() {
        let (jobs, to_do) = channel::<Job>();
        thread::start("custodian", move || to_do.into_iter().for_each(|job| job()))
            .map_err(Error::system("start a thread"))?;
        *custodian = Some(jobs);
    }
    let job: Job = Box::new(move || {
        // It fails when nobody waits, which does not happen: the caller is below.
        let _ = answer.send(job());
        when_answered.wake();
    });
    let sent = custodian.as_ref().is_some_and(|jobs| jobs.send(job).is_ok());
    drop(custodian);
    let ended = || Error::System { action: "start a process", source: std::io::ErrorKind::BrokenPipe.into() };
    if sent { wait::answer(&answered, &wakes).ok_or_else(ended) } else { Err(ended()) }
}
