//! Processes that another program forks for this one: [`Forker`] is that program, [`Adopted`] what it has forked.
//!
//! The program is a process of ours. A request on its link is one byte with two descriptors beside it: the new process's end
//! of its own link, and a socket on which the program tells what becomes of it: first its process id with its pidfd, in the
//! end its status. The program reaps; this process signals by the pidfd alone.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::ending::Ending;
use crate::error::Error;
use crate::fork_local::{PrivateFd, no_fork};
use crate::link::Link;
use crate::process::Process;
use crate::signal::Signal;
use crate::{family, sys};

/// The request.
const FORK: &[u8] = b"F";
/// Answers: a word, then the process id, both little-endian.
const FORKED: u32 = 1;
const REFUSED: u32 = 2;
const ANSWER_BYTES: usize = 8;
/// The end: the status as wait(2) tells it, four bytes without meaning, and the peak of memory in KiB.
const END_BYTES: usize = 16;
/// How long the end of a process may take that was killed because its forker has gone.
const DYING: Duration = Duration::from_secs(1);

/// How often who waits for an answer asks whether it is still wanted.
const PATIENCE: Duration = Duration::from_millis(10);

/// Another program that forks processes for this one.
///
/// As long as it has not answered for the first time, it prepares itself, and nothing is lost with it: then dropping this, and the end of this process,
/// ends it.
#[derive(Debug)]
pub struct Forker {
    link: Link,
    process: Process,
}

/// A process that a [`Forker`] has forked.
///
/// Dropping it kills one that is to end with this process.
#[derive(Debug)]
pub struct Adopted {
    pid: u32,
    pidfd: PrivateFd,
    status: Link,
    daemonic: bool,
    ended: Option<Ending>,
}

impl Forker {
    /// Takes charge of a program that was started for this.
    ///
    /// # Errors
    ///
    /// When its link was taken.
    pub fn new(mut process: Process) -> Result<Forker, Error> {
        let taken = || Error::System { action: "talk to a forker", source: io::ErrorKind::NotConnected.into() };
        let link = process.take_link().ok_or_else(taken)?;
        process.set_expendable(true);
        Ok(Forker { link, process })
    }

    /// Returns the link with the program, to say first what it is to be.
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// Has one more process forked; returns its link and itself; `None` when the program says that it cannot fork.
    ///
    /// Blocks the calling thread, for as long as the program takes to answer, or until it is given up. One that is forked
    /// after that finds nobody at the other end of its link.
    ///
    /// # Errors
    ///
    /// When the program has ended, does not answer in time, or answers with something else; when it is given up.
    pub fn one_more(
        &self,
        timeout: Duration,
        is_given_up: impl Fn() -> bool,
    ) -> Result<Option<(Link, Adopted)>, Error> {
        let failed = Error::system("have a process forked");
        let deadline = Instant::now() + timeout;
        let answer = ask(&self.link, self.process.is_daemonic(), deadline, is_given_up).map_err(failed)?;
        self.process.set_expendable(false);
        let Some((link, adopted)) = answer else { return Ok(None) };
        family::shut_at_end(&link);
        Ok(Some((link, adopted)))
    }
}

impl Drop for Forker {
    fn drop(&mut self) {
        if self.process.is_expendable() {
            self.process.kill();
        }
    }
}

/// Asks the program at the other end of a link for one more process.
fn ask(
    forker: &Link,
    daemonic: bool,
    deadline: Instant,
    is_given_up: impl Fn() -> bool,
) -> io::Result<Option<(Link, Adopted)>> {
    let ((link, theirs), (status, tells)) = (Link::pair()?, Link::pair()?);
    forker.send(FORK, &[theirs.as_fd(), tells.as_fd()])?;
    drop((theirs, tells));
    let mut answer = [0; ANSWER_BYTES];
    let mut descriptors = Vec::new();
    let mut filled = 0;
    while filled < ANSWER_BYTES {
        while !wait_readable(status.as_fd(), deadline.min(Instant::now() + PATIENCE))? {
            if is_given_up() {
                return Err(io::ErrorKind::Interrupted.into());
            }
            if Instant::now() >= deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        match status.receive(&mut answer[filled..], &mut descriptors)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => filled += count,
        }
    }
    let [word @ .., p0, p1, p2, p3] = answer;
    let pid = u32::from_le_bytes([p0, p1, p2, p3]);
    match (u32::from_le_bytes(word), descriptors.pop()) {
        (REFUSED, _) => Ok(None),
        (FORKED, Some(pidfd)) => Ok(Some((link, Adopted::new(pid, pidfd, status, daemonic)?))),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

impl Adopted {
    /// Takes charge of a process of somebody else, who reaps it and tells of its end on a link: the status as wait(2) has it,
    /// in four bytes, four bytes without meaning, and the peak of its memory in KiB in eight, all little-endian.
    ///
    /// # Errors
    ///
    /// When the link cannot be made not to block.
    pub fn new(pid: u32, pidfd: OwnedFd, status: Link, daemonic: bool) -> io::Result<Adopted> {
        status.set_nonblocking(true)?;
        Ok(Adopted { pid, pidfd: private(pidfd), status, daemonic, ended: None })
    }

    /// Returns the process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Returns what becomes readable when the process has ended and its forker has reaped it, or the forker has ended.
    pub fn end(&self) -> BorrowedFd<'_> {
        self.status.as_fd()
    }

    /// Sends a signal to the process and its group, where the system can do that by a pidfd, else to it alone.
    pub fn signal(&self, signal: Signal) {
        // It fails when it has ended.
        let _ = sys::signal::signal_group(self.pidfd.as_fd(), signal.number());
        if signal == Signal::KILL {
            // It may have left its group.
            self.signal_alone(signal);
        }
    }

    /// Sends a signal to the process, without its group.
    pub fn signal_alone(&self, signal: Signal) {
        // It fails when it has ended.
        let _ = sys::signal::signal_process(self.pidfd.as_fd(), signal.number());
    }

    /// Tells how the process has ended, if it has. Tells the same again later.
    ///
    /// One whose forker has ended is killed: nobody else would ever tell.
    ///
    /// # Errors
    ///
    /// When what the forker says is something else.
    pub fn try_end(&mut self) -> io::Result<Option<Ending>> {
        if self.ended.is_some() {
            return Ok(self.ended);
        }
        let mut told = [0; END_BYTES];
        let count = match self.status.receive_now(&mut told, &mut Vec::new()) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            other => other?,
        };
        self.ended = match (count, told) {
            (END_BYTES, [s0, s1, s2, s3, _, _, _, _, kib @ ..]) => {
                let status = ExitStatus::from_raw(i32::from_le_bytes([s0, s1, s2, s3]));
                let kib = Some(u64::from_le_bytes(kib)).filter(|kib| *kib > 0);
                Some(Ending { status, peak_memory_bytes: kib.map(|kib| kib * 1024) })
            }
            (0, _) => {
                self.signal(Signal::KILL);
                wait_readable(self.pidfd.as_fd(), Instant::now() + DYING)?;
                Some(Ending { status: ExitStatus::from_raw(Signal::KILL.number()), peak_memory_bytes: None })
            }
            _ => return Err(io::ErrorKind::InvalidData.into()),
        };
        Ok(self.ended)
    }
}

impl Drop for Adopted {
    fn drop(&mut self) {
        if self.daemonic && self.ended.is_none() {
            self.signal(Signal::KILL);
        }
    }
}

fn private(descriptor: OwnedFd) -> PrivateFd {
    let _gate = no_fork();
    PrivateFd::new(descriptor)
}

fn wait_readable(descriptor: BorrowedFd<'_>, deadline: Instant) -> io::Result<bool> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).ok();
        match poll(&mut [PollFd::from_borrowed_fd(descriptor, PollFlags::IN)], timeout.as_ref()) {
            Ok(0) if left.is_zero() => return Ok(false),
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return Ok(true),
            Err(errno) => return Err(errno.into()),
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests start what is adopted, and play its forker")]
mod tests {
    use std::process::{Child, Command};
    use std::thread::{JoinHandle, spawn};

    use rustix::process::{Pid, PidfdFlags, pidfd_open};

    use super::*;

    /// Only a deadlock reaches it.
    const LONG: Duration = Duration::from_secs(60);

    fn child() -> Child {
        use std::os::unix::process::CommandExt;
        Command::new("sleep").arg("1000").process_group(0).spawn().unwrap()
    }

    fn pidfd_of(child: &Child) -> OwnedFd {
        pidfd_open(Pid::from_child(child), PidfdFlags::empty()).unwrap()
    }

    fn adopted(child: &Child, daemonic: bool) -> (Adopted, Link) {
        let (status, tells) = Link::pair().unwrap();
        (Adopted::new(child.id(), pidfd_of(child), status, daemonic).unwrap(), tells)
    }

    fn is_alive(child: &mut Child) -> bool {
        child.try_wait().unwrap().is_none()
    }

    fn signal_of(child: &mut Child) -> Option<i32> {
        child.wait().unwrap().signal()
    }

    /// Plays a forker that answers one request.
    fn forker(answer: impl FnOnce(Link, Link) + Send + 'static) -> (Link, JoinHandle<()>) {
        let (ours, theirs) = Link::pair().unwrap();
        let thread = spawn(move || {
            let (mut byte, mut descriptors) = ([0; 1], Vec::new());
            assert_eq!(theirs.receive(&mut byte, &mut descriptors).unwrap(), 1);
            assert_eq!((&byte[..], descriptors.len()), (FORK, 2));
            let mut links = descriptors.drain(..).map(|descriptor| Link::from(PrivateFd::new(descriptor)));
            answer(links.next().unwrap(), links.next().unwrap());
        });
        (ours, thread)
    }

    fn say(status: &Link, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) {
        assert_eq!(status.send(bytes, descriptors).unwrap(), bytes.len());
    }

    fn answer(word: u32, pid: u32) -> Vec<u8> {
        [word.to_le_bytes(), pid.to_le_bytes()].concat()
    }

    fn asked(
        within: Duration,
        answer: impl FnOnce(Link, Link) + Send + 'static,
    ) -> io::Result<Option<(Link, Adopted)>> {
        let (link, thread) = forker(answer);
        let asked = ask(&link, false, Instant::now() + within, || false);
        drop(link);
        thread.join().unwrap();
        asked
    }

    #[test]
    fn what_was_forked_comes_with_its_link() {
        let mut child = child();
        let (pid, pidfd) = (child.id(), pidfd_of(&child));
        let play = move |link: Link, status: Link| {
            // In two pieces: the first one has the descriptor.
            let answer = answer(FORKED, pid);
            status.send(&answer[..3], &[pidfd.as_fd()]).unwrap();
            status.send(&answer[3..], &[]).unwrap();
            link.send(b"from the worker", &[]).unwrap();
        };
        let (link, adopted) = asked(LONG, play).unwrap().unwrap();
        assert_eq!(adopted.pid(), pid);
        let mut said = [0; 32];
        let count = link.receive(&mut said, &mut Vec::new()).unwrap();
        assert_eq!(&said[..count], b"from the worker");
        adopted.signal(Signal::TERMINATE);
        assert_eq!(signal_of(&mut child), Some(Signal::TERMINATE.number()));
    }

    #[test]
    fn a_forker_may_refuse_or_fail() {
        let refused = |_: Link, status: Link| say(&status, &answer(REFUSED, 0), &[]);
        assert!(asked(LONG, refused).unwrap().is_none());
        let kind = |result: io::Result<Option<(Link, Adopted)>>| result.map(|_| ()).unwrap_err().kind();
        assert_eq!(kind(asked(LONG, |_, _| {})), io::ErrorKind::UnexpectedEof);
        let half = |_: Link, status: Link| say(&status, &answer(FORKED, 1)[..5], &[]);
        assert_eq!(kind(asked(LONG, half)), io::ErrorKind::UnexpectedEof);
        let without = |_: Link, status: Link| say(&status, &answer(FORKED, 1), &[]);
        assert_eq!(kind(asked(LONG, without)), io::ErrorKind::InvalidData);
        let unknown = |_: Link, status: Link| say(&status, &answer(3, 1), &[status.as_fd()]);
        assert_eq!(kind(asked(LONG, unknown)), io::ErrorKind::InvalidData);
        let (link, other) = Link::pair().unwrap();
        let silent = ask(&link, false, Instant::now() + Duration::from_millis(20), || false);
        assert_eq!(kind(silent), io::ErrorKind::TimedOut);
        assert_eq!(kind(ask(&link, false, Instant::now() + LONG, || true)), io::ErrorKind::Interrupted);
        drop(other);
        // A process that is being forked may have the other end for a moment longer.
        let gone = kind(ask(&link, false, Instant::now() + LONG, || false));
        assert!(matches!(gone, io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof), "{gone}");
    }

    fn end(status: i32, kib: u64) -> Vec<u8> {
        [&status.to_le_bytes()[..], &[0; 4], &kib.to_le_bytes()].concat()
    }

    #[test]
    fn an_end_is_what_the_forker_tells_for_ever() {
        let mut child = child();
        for (status, kib, code, peak) in [(3 << 8, 5, Some(3), Some(5120)), (0, 0, Some(0), None)] {
            let (mut adopted, tells) = adopted(&child, false);
            assert_eq!(adopted.try_end().unwrap(), None);
            assert!(!wait_readable(adopted.end(), Instant::now()).unwrap());
            tells.send(&end(status, kib), &[]).unwrap();
            assert!(wait_readable(adopted.end(), Instant::now() + LONG).unwrap());
            let ending = adopted.try_end().unwrap().unwrap();
            assert_eq!((ending.status.code(), ending.peak_memory_bytes), (code, peak));
            drop(tells);
            assert_eq!(adopted.try_end().unwrap(), Some(ending));
        }
        assert!(is_alive(&mut child), "nobody has ended it but in words");
        let (mut adopted, tells) = adopted(&child, false);
        tells.send(&end(0, 0)[..9], &[]).unwrap();
        assert_eq!(adopted.try_end().unwrap_err().kind(), io::ErrorKind::InvalidData);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn who_has_lost_its_forker_is_killed() {
        let mut child = child();
        let (mut adopted, tells) = adopted(&child, false);
        drop(tells);
        assert_eq!(adopted.try_end().unwrap().unwrap().status.signal(), Some(Signal::KILL.number()));
        assert_eq!(signal_of(&mut child), Some(Signal::KILL.number()));
    }

    #[test]
    fn dropping_kills_who_is_daemonic_and_has_not_ended() {
        let (mut kept, mut told, mut killed) = (child(), child(), child());
        let links = [(&kept, false), (&told, true), (&killed, true)].map(|(child, daemonic)| adopted(child, daemonic));
        let [(of_kept, _a), (mut of_told, tells), (of_killed, _b)] = links;
        tells.send(&end(0, 0), &[]).unwrap();
        of_told.try_end().unwrap();
        drop((of_kept, of_told, of_killed));
        assert_eq!(signal_of(&mut killed), Some(Signal::KILL.number()));
        assert!(is_alive(&mut kept) && is_alive(&mut told));
        for child in [&mut kept, &mut told] {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// The group has the id of the child; one that has joined it is reached with it, and alone only the child is.
    #[test]
    fn a_signal_reaches_the_group_or_the_process_alone() {
        use std::os::unix::process::CommandExt;
        for alone in [false, true] {
            let mut child = child();
            let group = child.id().cast_signed();
            let mut other = Command::new("sleep").arg("1000").process_group(group).spawn().unwrap();
            let (adopted, _tells) = adopted(&child, false);
            if alone {
                adopted.signal_alone(Signal::INTERRUPT);
                assert_eq!(signal_of(&mut child), Some(Signal::INTERRUPT.number()));
                assert!(is_alive(&mut other));
                other.kill().unwrap();
                other.wait().unwrap();
            } else {
                adopted.signal(Signal::INTERRUPT);
                assert_eq!(signal_of(&mut child), Some(Signal::INTERRUPT.number()));
                assert_eq!(signal_of(&mut other), Some(Signal::INTERRUPT.number()));
            }
        }
    }
}
