//! Child processes, their ending and their signals.
//!
//! [`Command`] starts a command in a process group of its own; [`Child`] waits for it, feeds and drains its pipes, and
//! ends it with its whole group. [`StopStages`] turns the signals that ask a program to end into three stages. Linux only:
//! it rests on pidfds, eventfds and the parent-death signal.
//!
#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

mod child;
mod command;
mod error;
pub mod signal;
#[expect(unsafe_code, reason = "the system calls that Rust cannot know to be safe")]
mod sys;

pub use child::{Child, Ended, Finished, Interrupter, Stream};
pub use command::{Command, Output, SharedBytes, Stdin};
pub use error::Error;
pub use signal::{Signal, Stage, StopStages, end_by_signal};
