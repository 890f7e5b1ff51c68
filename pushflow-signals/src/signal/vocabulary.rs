//! [`Signal`]: a POSIX signal by its name.

use std::fmt;

/// A POSIX signal.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signal(i32);

impl Signal {
    /// SIGINT: the interrupt key of the terminal.
    pub const INTERRUPT: Signal = Signal(signal_hook::consts::SIGINT);
    /// SIGTERM: the polite request to end.
    pub const TERMINATE: Signal = Signal(signal_hook::consts::SIGTERM);
    /// SIGHUP: the terminal has gone.
    pub const HANGUP: Signal = Signal(signal_hook::consts::SIGHUP);
    /// SIGQUIT: the quit key of the terminal.
    pub const QUIT: Signal = Signal(signal_hook::consts::SIGQUIT);
    /// SIGUSR1: what the program makes of it.
    pub const USER1: Signal = Signal(signal_hook::consts::SIGUSR1);
    /// SIGUSR2: what the program makes of it.
    pub const USER2: Signal = Signal(signal_hook::consts::SIGUSR2);
    /// SIGKILL: the end.
    pub const KILL: Signal = Signal(signal_hook::consts::SIGKILL);

    /// Takes over the number that the system uses.
    pub fn from_number(number: i32) -> Signal {
        Signal(number)
    }

    /// Whether it has a name.
    pub fn is_known(self) -> bool {
        signal_hook::low_level::signal_name(self.0).is_some()
    }

    /// Returns the number that the system uses, for messages and exit codes (128 + number).
    pub fn number(self) -> i32 {
        self.0
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match signal_hook::low_level::signal_name(self.0) {
            Some(name) => f.write_str(name),
            None => write!(f, "signal {}", self.0),
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signal({self})")
    }
}
