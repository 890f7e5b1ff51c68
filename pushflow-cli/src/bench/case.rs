//! [`Case`]: a pool, and what is measured of it.

use std::collections::BTreeMap;
use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Whose pool it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Side {
    Pushflow,
    Python,
}

/// What a task of the benchmark does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Body {
    /// Nothing: it gives back its argument.
    Noop,
    /// Sleeps for the duration.
    Sleep,
    /// Computes for the duration.
    Cpu,
    /// Gives back bytes: as many as the first payload.
    Echo,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Measure {
    /// Seconds from nothing to the first result and the end of the pool.
    Start,
    /// Seconds from submitting one task to its result.
    RoundTrip,
    /// Tasks per second, many at once.
    Throughput,
    /// Seconds for bytes there and back.
    Payload,
    /// Seconds from interrupting a task to its outcome.
    Interrupt,
    /// Bytes that a worker process has for itself.
    Memory,
}

/// A pool, and what is measured of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Case {
    pub(crate) side: Side,
    pub(crate) pool: String,
    /// `None` for workers that are no processes.
    pub(crate) start_method: Option<String>,
    pub(crate) workers: usize,
    pub(crate) scaling: bool,
    pub(crate) task: Body,
    /// Of a task that sleeps or computes, in seconds.
    pub(crate) duration: f64,
    /// Sizes in bytes.
    pub(crate) payloads: Vec<u64>,
    pub(crate) measures: Vec<Measure>,
    /// How long each figure may be measured, in seconds.
    pub(crate) time: f64,
}

/// What was measured, once: by the name of the measure, for payloads with the size; what a pool cannot do is not there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figures {
    #[serde(default)]
    pub(crate) figures: BTreeMap<String, f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

impl Measure {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Measure::Start => "start",
            Measure::RoundTrip => "round_trip",
            Measure::Throughput => "throughput",
            Measure::Payload => "payload",
            Measure::Interrupt => "interrupt",
            Measure::Memory => "memory",
        }
    }

    /// The name of the figure for a size.
    pub(crate) fn payload(bytes: u64) -> String {
        format!("payload {bytes}")
    }
}

impl Case {
    pub(crate) fn is_measured(&self, measure: Measure) -> bool {
        self.measures.contains(&measure)
    }
}

/// What tells it from others in a table.
impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.pool)?;
        if self.scaling {
            f.write_str(" scaling")?;
        }
        match &self.start_method {
            Some(method) => write!(f, " {method} x{}", self.workers),
            None => write!(f, " x{}", self.workers),
        }
    }
}
