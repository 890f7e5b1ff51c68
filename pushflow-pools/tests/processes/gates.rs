//! [`Gate`]: holds tasks until the test lets them go.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pushflow_core::handle::Handle;
use pushflow_core::{Payload, Pool, Task, registry};

/// A socket at which tasks report, and wait.
pub(crate) struct Gate {
    directory: tempfile::TempDir,
    listener: UnixListener,
}

/// A task that waits. Dropping it lets the task go, also when a process forked meanwhile has a copy of the socket.
pub(crate) struct Held {
    stream: UnixStream,
    pub(crate) pid: u32,
}

impl Held {
    /// Kills the process of the task.
    pub(crate) fn kill(&self) {
        kill(self.pid);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // The task may have ended.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

pub(crate) fn kill(pid: u32) {
    let pid = nix::unistd::Pid::from_raw(pid.cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
}

impl Gate {
    pub(crate) fn new() -> Gate {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("gate")).unwrap();
        Gate { directory, listener }
    }

    /// What a task needs to find it.
    pub(crate) fn inputs(&self) -> Payload {
        Payload::single("socket", self.directory.path().join("gate").to_str().unwrap())
    }

    /// Comes here as a task does.
    pub(crate) fn come(&self, pid: u32) {
        let mut stream = UnixStream::connect(self.directory.path().join("gate")).unwrap();
        stream.write_all(&pid.to_le_bytes()).unwrap();
    }

    /// Waits until one more task has come.
    pub(crate) fn wait(&self) -> Held {
        let (mut stream, _) = self.listener.accept().unwrap();
        let mut pid = [0; 4];
        stream.read_exact(&mut pid).unwrap();
        Held { stream, pid: u32::from_le_bytes(pid) }
    }

    /// Lets so many tasks go, each when it has been here for a while; returns how many were here at once at most.
    pub(crate) fn crowd(&self, tasks: usize, stay: Duration) -> usize {
        let here = AtomicUsize::new(0);
        let most = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..tasks {
                let held = self.wait();
                most.fetch_max(here.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                let here = &here;
                scope.spawn(move || {
                    // How long it is here is the subject.
                    std::thread::sleep(stay);
                    here.fetch_sub(1, Ordering::SeqCst);
                    drop(held);
                });
            }
        });
        most.into_inner()
    }

    /// Occupies workers with a task that waits here.
    pub(crate) fn occupy(&self, pool: &Arc<dyn Pool>, task: &str, workers: usize) -> (Vec<Handle>, Vec<Held>) {
        let mut handles: Vec<_> = (0..workers).map(|_| start(pool, task, self.inputs())).collect();
        let held = (0..workers).map(|_| {
            // One that ends without coming is not waited for.
            while !self.has_come() {
                if handles.iter().any(Handle::is_done) && !self.has_come() {
                    let outcomes: Vec<_> =
                        handles.drain(..).map(|handle| handle.wait_timeout(Duration::ZERO)).collect();
                    panic!("{task} does not come: {outcomes:?}");
                }
            }
            self.wait()
        });
        let held = held.collect();
        (handles, held)
    }

    /// Whether a task has come that was not waited for, after a while at most.
    fn has_come(&self) -> bool {
        use nix::poll::{PollFd, PollFlags, poll};
        let mut fds = [PollFd::new(self.listener.as_raw_fd(), PollFlags::POLLIN)];
        poll(&mut fds, 100).unwrap() > 0
    }
}

pub(crate) fn named(task: &str) -> Arc<dyn Task> {
    Arc::new(registry::find(task).unwrap())
}

pub(crate) fn start(pool: &Arc<dyn Pool>, task: &str, inputs: Payload) -> Handle {
    Handle::submit(&**pool, named(task), inputs).unwrap()
}
