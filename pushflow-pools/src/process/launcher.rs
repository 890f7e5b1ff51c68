//! Workers that are another program, which speaks the same wire: started by whoever knows that program.

use std::fmt;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use pushflow_core::PoolError;
use pushflow_signals::{Adopted, Children, Ending, Link, Process, Signal, StartMethod};

/// Starts workers that are another program.
///
/// Called on the thread that looks after the workers of a pool, which waits for it.
pub trait Launcher: Send + Sync {
    /// Starts one more worker. What it is told first, and everything after that, comes over its link.
    ///
    /// What takes long asks from time to time whether it is given up, and then ends with any error: all that waits for a
    /// worker is interrupted, or nothing waits any more.
    ///
    /// # Errors
    ///
    /// Why it cannot be started.
    fn launch(&self, wanted: &Wanted, is_given_up: &dyn Fn() -> bool) -> Result<Launched, PoolError>;

    /// Returns which program that is, for errors: the one that was named may be the wrong one.
    fn program(&self) -> String;
}

/// As what a worker is to live.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Wanted {
    /// Whether it ends with this process.
    pub daemonic: bool,
    /// Whether it may start processes.
    pub children: Children,
    /// Whether it may be started in a daemonic process.
    pub exempt: bool,
    /// How it is started.
    pub method: StartMethod,
    /// How long it may take to end before a harder signal.
    pub grace: Duration,
}

/// A worker that was started.
pub struct Launched {
    /// The parent's end of the socket.
    pub link: Link,
    /// Its process.
    pub process: Attended,
}

/// The process of a worker, as this process has it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Attended {
    /// Its child.
    Own(Process),
    /// One that was forked for it.
    Adopted(Adopted),
}

impl Attended {
    /// Returns the process id.
    pub fn pid(&self) -> u32 {
        match self {
            Attended::Own(process) => process.pid(),
            Attended::Adopted(adopted) => adopted.pid(),
        }
    }

    /// What becomes readable at its end.
    pub(super) fn end(&self) -> BorrowedFd<'_> {
        match self {
            Attended::Own(process) => process.pidfd(),
            Attended::Adopted(adopted) => adopted.end(),
        }
    }

    pub(super) fn interrupt_now(&self) {
        match self {
            Attended::Own(process) => process.interrupt_now(),
            Attended::Adopted(adopted) => adopted.signal(Signal::INTERRUPT),
        }
    }

    /// Without its group.
    pub(super) fn interrupt_alone(&self) {
        match self {
            Attended::Own(process) => process.interrupt_alone(),
            Attended::Adopted(adopted) => adopted.signal_alone(Signal::INTERRUPT),
        }
    }

    pub(super) fn terminate(&self) {
        match self {
            Attended::Own(process) => process.terminate(),
            Attended::Adopted(adopted) => adopted.signal(Signal::TERMINATE),
        }
    }

    pub(super) fn kill(&self) {
        match self {
            Attended::Own(process) => process.kill(),
            Attended::Adopted(adopted) => adopted.signal(Signal::KILL),
        }
    }

    /// Tells how it has ended, if it has.
    pub(super) fn try_end(&mut self) -> Result<Option<Ending>, PoolError> {
        match self {
            Attended::Own(process) => process.try_end().map_err(|error| PoolError::Start { source: error.into() }),
            Attended::Adopted(adopted) => adopted.try_end().map_err(PoolError::system("learn how a worker has ended")),
        }
    }
}

impl fmt::Debug for Launched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Launched").field("process", &self.process).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::process::ExitStatusExt;
    use std::time::Instant;

    use super::*;

    /// A process that says when it hears SIGINT, and goes on.
    fn process() -> (Process, Link) {
        let body = |inside: &mut pushflow_signals::Inside| {
            let link = inside.link.share();
            let mut heard = pushflow_signals::interrupt::received();
            link.send(b"ready", &[]).map_err(|error| error.to_string())?;
            loop {
                if pushflow_signals::interrupt::wait_received(heard, Duration::from_secs(60)) {
                    heard = pushflow_signals::interrupt::received();
                    link.send(b"heard", &[]).map_err(|error| error.to_string())?;
                }
            }
        };
        let mut process = Process::closure(body).start().unwrap();
        let mut link = process.take_link().unwrap();
        assert_eq!(&said(&mut link), b"ready");
        (process, link)
    }

    fn said(link: &mut Link) -> [u8; 5] {
        let mut said = [0; 5];
        link.read_exact(&mut said).unwrap();
        said
    }

    fn wait_end(attended: &mut Attended) -> Ending {
        let limit = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(ending) = attended.try_end().unwrap() {
                return ending;
            }
            assert!(Instant::now() < limit);
            std::thread::yield_now();
        }
    }

    #[test]
    fn signals_reach_a_child() {
        for (end, signal) in [(Attended::terminate as fn(&Attended), Signal::TERMINATE), (Attended::kill, Signal::KILL)]
        {
            let (process, mut link) = process();
            let pid = process.pid();
            let mut attended = Attended::Own(process);
            assert_eq!(attended.pid(), pid);
            for interrupt in [Attended::interrupt_now, Attended::interrupt_alone] {
                interrupt(&attended);
                assert_eq!(&said(&mut link), b"heard");
            }
            assert_eq!(attended.try_end().unwrap(), None);
            end(&attended);
            assert_eq!(wait_end(&mut attended).status.signal(), Some(signal.number()));
        }
    }

    /// As above, with a child that somebody else has: who tells of its end is another process.
    #[test]
    fn signals_reach_who_was_adopted() {
        for (end, signal) in [(Attended::terminate as fn(&Attended), Signal::TERMINATE), (Attended::kill, Signal::KILL)]
        {
            let (mut child, mut link) = process();
            let tell = |inside: &mut pushflow_signals::Inside| {
                let mut exit = vec![0; 16];
                exit[1] = 7;
                inside.link.receive(&mut [0], &mut Vec::new()).map_err(|error| error.to_string())?;
                inside.link.send(&exit, &[]).map_err(|error| error.to_string())?;
                Ok(Vec::new())
            };
            let mut forker = Process::closure(tell).start().unwrap();
            let status = forker.take_link().unwrap();
            let pidfd = child.pidfd().try_clone_to_owned().unwrap();
            let mut attended = Attended::Adopted(Adopted::new(child.pid(), pidfd, status.share(), false).unwrap());
            assert_eq!(attended.pid(), child.pid());
            for interrupt in [Attended::interrupt_now, Attended::interrupt_alone] {
                interrupt(&attended);
                assert_eq!(&said(&mut link), b"heard");
            }
            end(&attended);
            let ended = loop {
                if let Some(ended) = child.try_end().unwrap() {
                    break ended;
                }
                std::thread::yield_now();
            };
            assert_eq!(ended.status.signal(), Some(signal.number()));
            assert_eq!(attended.try_end().unwrap(), None, "that is for its forker to tell");
            status.send(b"x", &[]).unwrap();
            assert_eq!(wait_end(&mut attended).status.code(), Some(7));
        }
    }
}
