//! [`Gate`]: where a call reports that it runs, and in which process, before that is killed.

use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

pub(crate) struct Gate {
    directory: tempfile::TempDir,
    listener: UnixListener,
}

/// A process in which a call stays.
pub(crate) struct Held {
    pid: i32,
    _stream: UnixStream,
}

impl Gate {
    pub(crate) fn new() -> Gate {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("gate")).unwrap();
        Gate { directory, listener }
    }

    /// What a call needs to find it.
    pub(crate) fn path(&self) -> String {
        self.directory.path().join("gate").to_str().unwrap().to_owned()
    }

    /// Waits for a call.
    pub(crate) fn accept(&self) -> Held {
        let (mut stream, _) = self.listener.accept().unwrap();
        let mut pid = [0; 4];
        stream.read_exact(&mut pid).unwrap();
        Held { pid: i32::from_le_bytes(pid), _stream: stream }
    }
}

impl Held {
    pub(crate) fn kill(&self) {
        kill(Pid::from_raw(self.pid), Signal::SIGKILL).unwrap();
    }
}

/// The call: it stays at the gate until it is killed.
pub(crate) fn stay(path: &str) -> io::Result<()> {
    let mut stream = UnixStream::connect(path)?;
    stream.write_all(&std::process::id().to_le_bytes())?;
    stream.read_to_end(&mut Vec::new())?;
    Ok(())
}
