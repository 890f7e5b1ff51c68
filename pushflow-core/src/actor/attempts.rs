//! [`Attempts`]: how long a task actor lets its task run, and whether it tries again.

use std::time::Duration;

use smol_str::SmolStr;

use crate::error::{ErrorKind, TaskError};

/// How long a task actor lets its task run, and whether it tries again after a failure.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attempts {
    /// How often a failed execution is tried again; 0 by default.
    pub retries: u32,
    /// After which failures: names of kinds and of error types. By default after those that may pass: the task raised an
    /// error or panicked, its worker was lost, its time was over.
    pub retry_on: Option<Box<[SmolStr]>>,
    /// Bound of each try, from its start; without bound by default.
    pub timeout: Option<Duration>,
    /// How long to wait before a try; not at all by default.
    pub backoff: Backoff,
}

/// How long to wait before trying again: longer each time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// Before the second try; 0 by default.
    pub delay: Duration,
    /// By what it grows with each further try, 1 or more; 2 by default.
    pub factor: f64,
    /// The most that it grows to; an hour by default.
    pub most: Duration,
}

impl Backoff {
    /// Starts with a delay that doubles with each further try.
    pub fn doubling(delay: Duration) -> Backoff {
        Backoff { delay, ..Backoff::default() }
    }

    /// Returns how long to wait after a try, numbered from 1, has failed.
    pub fn after(&self, attempt: u32) -> Duration {
        if self.delay.is_zero() {
            return Duration::ZERO;
        }
        let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
        let grown = self.delay.as_secs_f64() * self.factor.powi(exponent);
        Duration::try_from_secs_f64(grown).unwrap_or(self.most).min(self.most)
    }
}

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff { delay: Duration::ZERO, factor: 2.0, most: Duration::from_secs(3600) }
    }
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
                (
                    ErrorKind::Interrupted
                    | ErrorKind::Stopped
                    | ErrorKind::Closed
                    | ErrorKind::Delivery
                    | ErrorKind::Limit,
                    _,
                ) => false,
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
    fn delays_grow_up_to_a_bound() {
        let backoff = Backoff { most: Duration::from_secs(10), ..Backoff::doubling(Duration::from_secs(3)) };
        let seconds: Vec<u64> = [1, 2, 3, u32::MAX].map(|attempt| backoff.after(attempt).as_secs()).into();
        assert_eq!(seconds, [3, 6, 10, 10]);
        assert_eq!(Backoff::default().after(5), Duration::ZERO);
    }

    #[test]
    fn failures_are_chosen_by_kind_or_type() {
        let on = |name: &str| Attempts { retries: 1, retry_on: Some([name.into()].into()), ..Attempts::default() };
        let error = TaskError::new(ErrorKind::Raised, "OSError", "");
        assert!(on("OSError").again(1, &error) && on("raised").again(1, &error));
        assert!(!on("lost").again(1, &error) && !on("stopped").again(1, &TaskError::new(ErrorKind::Stopped, "E", "")));
    }
}
