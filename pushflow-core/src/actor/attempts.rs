//! [`Attempts`]: how long a task actor lets its task run, and whether it tries again.

use std::time::Duration;

use smol_str::SmolStr;

use crate::error::{ErrorKind, TaskError};

/// How long a task actor lets its task run, and whether it tries again after a failure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    /// How often a failed execution is tried again; 0 by default.
    pub retries: u32,
    /// After which failures: names of kinds and of error types. By default after those that may pass: the task raised an
    /// error or panicked, its worker was lost, its time was over.
    pub retry_on: Option<Box<[SmolStr]>>,
    /// Bound of each try, from its start; without bound by default.
    pub timeout: Option<Duration>,
}

impl Attempts {
    /// Whether to try again after a try, numbered from 1, failed with an error.
    ///
    /// Never after an end that was asked for, nor when the task did give a result, which a link could not deliver.
    pub fn again(&self, attempt: u32, error: &TaskError) -> bool {
        let kind = error.kind();
        let is_asked_for = |name: &SmolStr| name == kind.name() || name == error.type_name();
        attempt <= self.retries
            && match (kind, &self.retry_on) {
                (ErrorKind::Interrupted | ErrorKind::Stopped | ErrorKind::Closed | ErrorKind::Delivery, _) => false,
                (_, Some(names)) => names.iter().any(is_asked_for),
                (ErrorKind::Raised | ErrorKind::Panicked | ErrorKind::Lost | ErrorKind::TimedOut, None) => true,
                (ErrorKind::Inputs | ErrorKind::Unavailable, None) => false,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_tried_again() {
        let attempts = Attempts { retries: 2, ..Attempts::default() };
        let error = |kind| TaskError::new(kind, "OSError", "");
        for (kind, again) in [
            (ErrorKind::Raised, true),
            (ErrorKind::Lost, true),
            (ErrorKind::TimedOut, true),
            (ErrorKind::Inputs, false),
            (ErrorKind::Stopped, false),
            (ErrorKind::Interrupted, false),
        ] {
            assert_eq!(attempts.again(2, &error(kind)), again, "{kind}");
            assert!(!attempts.again(3, &error(kind)), "{kind}");
        }
    }

    #[test]
    fn failures_are_chosen_by_kind_or_type() {
        let on = |name: &str| Attempts { retries: 1, retry_on: Some([name.into()].into()), timeout: None };
        let error = TaskError::new(ErrorKind::Raised, "OSError", "");
        assert!(on("OSError").again(1, &error) && on("raised").again(1, &error));
        assert!(!on("lost").again(1, &error) && !on("stopped").again(1, &TaskError::new(ErrorKind::Stopped, "E", "")));
    }
}
