//! The outcome of an execution whose worker has ended.

use std::fmt::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use pushflow_core::TaskError;
use pushflow_core::error::{ErrorKind, LostWorker};
use pushflow_core::interrupt::Cause;
use pushflow_signals::Signal;

/// What is known of a worker that has ended.
#[derive(Clone, Debug, Default)]
pub(super) struct Remains {
    pub(super) pid: Option<u32>,
    /// `None` for a worker whose process is not ours.
    pub(super) status: Option<ExitStatus>,
    pub(super) peak_memory_bytes: Option<u64>,
    pub(super) out_of_memory: bool,
    pub(super) stderr: Vec<String>,
    /// Why the pool has given it up itself.
    pub(super) given_up: Option<String>,
}

impl Remains {
    /// Whether somebody has killed it, who is not the pool.
    pub(super) fn was_killed(&self) -> bool {
        let signal = self.status.and_then(|status| status.signal());
        self.given_up.is_none() && signal == Some(Signal::KILL.number())
    }

    /// The outcome of what it was running; `asked` when that had been told to end.
    pub(super) fn outcome(&self, asked: Option<Cause>) -> TaskError {
        let (kind, type_name, message) = match asked {
            None => (ErrorKind::Lost, "WorkerLostError", format!("{} while it was running the task", self.says())),
            Some(Cause::TimedOut) => {
                let message = format!("the task took longer than its time limit; {}", self.says());
                (ErrorKind::TimedOut, "TimeLimitExceeded", message)
            }
            Some(_) => {
                let message = format!("the task was interrupted and did not end by itself; {}", self.says());
                (ErrorKind::Interrupted, "StopPypushflowTask", message)
            }
        };
        self.attach(TaskError::new(kind, type_name, message))
    }

    /// The outcome of what only waited in its channel, as in those of too many others.
    pub(super) fn blamed(&self, workers: u32) -> TaskError {
        let message = format!("{workers} workers have ended while the task waited in them; the last: {}", self.says());
        self.attach(TaskError::new(ErrorKind::Lost, "WorkerLostError", message))
    }

    /// The outcome of what waits when workers die before they are ready.
    pub(super) fn not_started(&self, program: Option<&str>, failure: Option<&TaskError>) -> TaskError {
        let of = program.map(|program| format!(" of {program}")).unwrap_or_default();
        let mut message = format!("workers{of} end before they are ready; the last: {}", self.says());
        if let Some(failure) = failure {
            let _ = write!(message, ": {}: {failure}", failure.type_name());
        }
        let error = TaskError::new(ErrorKind::Lost, "BrokenProcessPool", message);
        let traceback = failure.map(|failure| failure.traceback().to_vec()).unwrap_or_default();
        self.attach(error.with_traceback(traceback))
    }

    fn attach(&self, error: TaskError) -> TaskError {
        let mut lost = LostWorker::default();
        lost.pid = self.pid;
        lost.exit_code = self.status.and_then(|status| status.code());
        lost.signal = self.status.and_then(|status| status.signal());
        lost.peak_memory_bytes = self.peak_memory_bytes;
        lost.out_of_memory = self.out_of_memory;
        lost.stderr.clone_from(&self.stderr);
        error.with_traceback(self.stderr.iter().map(|line| format!("stderr: {line}"))).with_lost_worker(lost)
    }

    /// How it ended, as the subject and verb of a sentence.
    fn says(&self) -> String {
        let mut text = match self.pid {
            Some(pid) => format!("worker {pid} "),
            None => "the worker ".to_owned(),
        };
        match (&self.given_up, self.status) {
            (Some(why), _) => {
                let _ = write!(text, "was given up: {why}");
            }
            (None, None) => text.push_str("ended"),
            (None, Some(status)) => match (status.code(), status.signal()) {
                (Some(code), _) => {
                    let _ = write!(text, "exited with code {code}");
                }
                (None, Some(signal)) => {
                    let _ = write!(text, "was killed by {}", Signal::from_number(signal));
                }
                (None, None) => text.push_str("ended"),
            },
        }
        if self.out_of_memory {
            text.push_str(" by the kernel, which was out of memory");
        }
        if let Some(bytes) = self.peak_memory_bytes {
            let tenths = (bytes >> 10) * 10 / 1024;
            let _ = write!(text, " (peak memory {}.{} MiB)", tenths / 10, tenths % 10);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_told_in_full() {
        let remains = Remains {
            pid: Some(7),
            status: Some(ExitStatus::from_raw(9)),
            peak_memory_bytes: Some(3 << 19),
            out_of_memory: true,
            stderr: vec!["last words".to_owned()],
            given_up: None,
        };
        let error = remains.outcome(None);
        assert_eq!(error.kind(), ErrorKind::Lost);
        assert_eq!(
            error.text(),
            "worker 7 was killed by SIGKILL by the kernel, which was out of memory (peak memory 1.5 MiB) while it was \
             running the task"
        );
        assert_eq!(error.traceback(), ["stderr: last words"]);
        let lost = error.lost_worker().unwrap();
        assert_eq!((lost.pid, lost.signal, lost.exit_code, lost.out_of_memory), (Some(7), Some(9), None, true));
        assert_eq!(remains.outcome(Some(Cause::TimedOut)).kind(), ErrorKind::TimedOut);
        assert_eq!(remains.outcome(Some(Cause::Interrupted)).kind(), ErrorKind::Interrupted);
    }
}
