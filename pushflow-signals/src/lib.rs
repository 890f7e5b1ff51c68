//! Processes, commands, their ending and their signals.
//!
//! [`Process`] runs a function of this program in a process of its own, daemonic or not; [`Command`] starts a command in a
//! process group of its own, and [`Child`] waits for it. [`family`] has the children that live, [`interrupt`] the
//! interruption of what runs, [`signal`] who watches signals, [`leaks`] what an execution has left. [`StopStages`] turns
//! the signals that ask a program to end into three stages.
//!
#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

mod adopted;
mod boot;
mod child;
mod command;
mod custodian;
pub mod daemonic;
mod ending;
pub mod entry;
mod error;
pub mod family;
pub mod fork_local;
pub mod interrupt;
mod kin;
pub mod leaks;
mod link;
pub mod memory;
pub mod poller;
mod process;
mod reactor;
pub mod signal;
pub mod stack;
mod start;
mod stat;
pub mod streams;
#[expect(unsafe_code, reason = "the system calls that Rust cannot know to be safe")]
mod sys;
mod tag;
mod thread;
mod tree;
pub mod wait;

pub use adopted::{Adopted, Forker};
pub use child::{Child, Finished, Interrupter, Stream};
pub use command::{Command, Output, SharedBytes, Stdin};
pub use daemonic::Children;
pub use ending::{Ended, Ending};
pub use entry::{Inside, Returned};
pub use error::Error;
pub use link::Link;
pub use poller::{Event, Interest, Poller};
pub use process::{Process, ProcessBuilder, ProcessEnd, ProcessFailure};
pub use signal::{Signal, Stage, StopStages, end_by_signal};
pub use start::program::{LINK, Program, STDOUT};
pub use start::{StartMethod, UnknownStartMethod, init, is_initialized, leave_copy, warm_up};
pub use tag::{Tag, Waiting, WaitingThread};

#[doc(hidden)]
pub use linkme;
