//! [`Poller`]: one thread waits for many descriptors, and for other threads.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use rustix::io::Errno;

use crate::error::Error;
use crate::fork_local::{PrivateFd, no_fork};

/// Waits for any number of descriptors, and to be [woken](Poller::wake) by other threads.
///
/// It tells what is the case and not what has changed: a descriptor that is left unread is reported by each wait. The child
/// of a fork has none: there it reports an error.
///
/// # Examples
///
/// ```
/// use pushflow_signals::poller::{Interest, Poller};
/// use std::os::fd::AsFd;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (reader, writer) = std::io::pipe()?;
/// let poller = Poller::new()?;
/// poller.add(reader.as_fd(), 7, Interest::Read)?;
/// std::io::Write::write_all(&mut &writer, b"x")?;
/// let mut events = Vec::new();
/// poller.wait(&mut events, None)?;
/// assert!(events[0].token == 7 && events[0].readable);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Poller {
    epoll: PrivateFd,
    wake: PrivateFd,
    /// Whether the event is raised, or is about to be.
    woken: AtomicBool,
}

/// What is waited for. The end and errors always are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Something to read.
    Read,
    /// Something to read, or room to write.
    ReadWrite,
}

/// What is the case with a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// Given with the descriptor.
    pub token: u64,
    /// A read would not wait: there is something, or the end.
    pub readable: bool,
    /// A write would not wait.
    pub writable: bool,
    /// The other side has gone, or there is an error. What it has sent before may still be there to read.
    pub ended: bool,
}

/// The token of what wakes; not for use.
const WAKE: u64 = u64::MAX;
/// Events that one wait reports at most; others are for the next one.
const MOST_EVENTS: usize = 128;

impl Poller {
    /// Creates a poller that waits for nothing yet.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn new() -> Result<Poller, Error> {
        Poller::create().map_err(Error::system("create a poller"))
    }

    fn create() -> io::Result<Poller> {
        let _gate = no_fork();
        let epoll = PrivateFd::new(epoll::create(CreateFlags::CLOEXEC)?);
        let wake = PrivateFd::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        epoll::add(&epoll, &wake, EventData::new_u64(WAKE), EventFlags::IN)?;
        Ok(Poller { epoll, wake, woken: AtomicBool::new(false) })
    }

    /// Begins to wait for a descriptor, whose events bear the token. Waits that are under way take it up.
    ///
    /// It has to be [removed](Poller::remove) before it is closed: the system forgets what is open only when the last copy of
    /// it is closed, and another process may have one.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for the token `u64::MAX`;
    /// [`AlreadyExists`](io::ErrorKind::AlreadyExists) for a descriptor that is waited for already;
    /// [`PermissionDenied`](io::ErrorKind::PermissionDenied) for a file or a directory, which never wait.
    pub fn add(&self, fd: BorrowedFd<'_>, token: u64, interest: Interest) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, fd, data(token)?, interest.flags())?)
    }

    /// Changes the token of a descriptor, and what is waited for.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for the token `u64::MAX`; [`NotFound`](io::ErrorKind::NotFound) for a
    /// descriptor that is not waited for.
    pub fn modify(&self, fd: BorrowedFd<'_>, token: u64, interest: Interest) -> io::Result<()> {
        Ok(epoll::modify(&self.epoll, fd, data(token)?, interest.flags())?)
    }

    /// Ends to wait for a descriptor.
    ///
    /// # Errors
    ///
    /// [`NotFound`](io::ErrorKind::NotFound) for a descriptor that is not waited for.
    pub fn remove(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, fd)?)
    }

    /// Waits for events and puts them in the place of what `events` holds: none when the time is over, when it was
    /// [woken](Poller::wake), or when a signal came.
    ///
    /// Without a timeout it waits for as long as it takes; with zero it only looks. When the time is over at least that much
    /// has passed, apart from timeouts of more than 24 days. Blocks the calling thread.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn wait(&self, events: &mut Vec<Event>, timeout: Option<Duration>) -> io::Result<()> {
        events.clear();
        let timeout = timeout.map(whole_milliseconds);
        let mut space = [MaybeUninit::uninit(); MOST_EVENTS];
        let found = match epoll::wait(&self.epoll, &mut space, timeout.as_ref()) {
            Ok((found, _)) => found,
            Err(Errno::INTR) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        };
        for event in found {
            let (token, flags) = (event.data.u64(), event.flags);
            if token == WAKE {
                // In this order: one who finds the mark set, after the event was taken, has its reason seen by who waits.
                let _ = rustix::io::read(&self.wake, &mut [0_u8; 8]);
                self.woken.swap(false, Ordering::AcqRel);
                continue;
            }
            events.push(Event {
                token,
                readable: flags.contains(EventFlags::IN),
                writable: flags.contains(EventFlags::OUT),
                ended: flags.intersects(EventFlags::HUP | EventFlags::ERR),
            });
        }
        Ok(())
    }

    /// Ends the wait that is under way, or the next one: from any thread, any number of times.
    ///
    /// What was written before it is seen after the wait. Next to nothing when it is woken already.
    pub fn wake(&self) {
        if !self.woken.swap(true, Ordering::AcqRel) {
            // It fails only when the counter is at its end, and then it is readable all the same.
            let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
        }
    }
}

impl Interest {
    fn flags(self) -> EventFlags {
        match self {
            Interest::Read => EventFlags::IN,
            Interest::ReadWrite => EventFlags::IN | EventFlags::OUT,
        }
    }
}

fn data(token: u64) -> io::Result<EventData> {
    if token == WAKE { Err(io::ErrorKind::InvalidInput.into()) } else { Ok(EventData::new_u64(token)) }
}

/// The unit of epoll_wait(2), rounded up: who waits for the rest of a millisecond is not to look again and again.
fn whole_milliseconds(timeout: Duration) -> Timespec {
    let whole = timeout.as_nanos().div_ceil(1_000_000).min(i32::MAX.unsigned_abs().into());
    let whole = i64::try_from(whole).unwrap_or(i64::MAX);
    Timespec { tv_sec: whole / 1000, tv_nsec: whole % 1000 * 1_000_000 }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::fd::AsFd;
    use std::time::Instant;

    use super::*;

    #[test]
    fn timeouts_are_rounded_up() {
        let rounded = |nanoseconds| Duration::try_from(whole_milliseconds(Duration::from_nanos(nanoseconds))).unwrap();
        assert_eq!(rounded(0), Duration::ZERO);
        assert_eq!(rounded(1), Duration::from_millis(1));
        assert_eq!(rounded(1_000_000), Duration::from_millis(1));
        assert_eq!(rounded(1_999_000_001), Duration::from_secs(2));
        assert!(Duration::try_from(whole_milliseconds(Duration::MAX)).unwrap() > Duration::from_secs(24 * 86_400));
        let poller = Poller::new().unwrap();
        for microseconds in [0, 1, 300, 1_700] {
            let timeout = Duration::from_micros(microseconds);
            let begin = Instant::now();
            poller.wait(&mut Vec::new(), Some(timeout)).unwrap();
            assert!(begin.elapsed() >= timeout);
        }
    }

    #[test]
    fn events_tell_what_is_the_case() {
        let (mut reader, mut writer) = std::os::unix::net::UnixStream::pair().unwrap();
        let poller = Poller::new().unwrap();
        let mut events = Vec::new();
        let mut look = || {
            poller.wait(&mut events, Some(Duration::ZERO)).unwrap();
            events.iter().map(|event| (event.token, event.readable, event.writable, event.ended)).collect::<Vec<_>>()
        };
        poller.add(reader.as_fd(), 3, Interest::Read).unwrap();
        assert_eq!(poller.add(reader.as_fd(), 3, Interest::Read).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(look(), []);
        writer.write_all(b"x").unwrap();
        // Until it is read.
        assert_eq!(look(), [(3, true, false, false)]);
        assert_eq!(look(), [(3, true, false, false)]);
        poller.modify(reader.as_fd(), 4, Interest::ReadWrite).unwrap();
        assert_eq!(look(), [(4, true, true, false)]);
        reader.read_exact(&mut [0]).unwrap();
        assert_eq!(look(), [(4, false, true, false)]);
        poller.modify(reader.as_fd(), 5, Interest::Read).unwrap();
        drop(writer);
        assert_eq!(look(), [(5, true, false, true)]);
        poller.remove(reader.as_fd()).unwrap();
        assert_eq!(look(), []);
        assert_eq!(poller.remove(reader.as_fd()).unwrap_err().kind(), io::ErrorKind::NotFound);
        for refused in
            [poller.add(reader.as_fd(), WAKE, Interest::Read), poller.modify(reader.as_fd(), WAKE, Interest::Read)]
        {
            assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::InvalidInput);
        }
    }

    #[test]
    fn wakes_are_one_event_that_is_not_reported() {
        let poller = Poller::new().unwrap();
        let mut events = Vec::new();
        for _ in 0..3 {
            for _ in 0..1000 {
                poller.wake();
            }
            poller.wait(&mut events, None).unwrap();
            assert_eq!(events, []);
        }
        let begin = Instant::now();
        poller.wait(&mut events, Some(Duration::from_millis(5))).unwrap();
        assert!(begin.elapsed() >= Duration::from_millis(5), "it was woken without a wake");
    }

    /// Each number that was put before a wake is seen after a wait: a lost one would leave the last wait without end.
    #[test]
    fn no_wake_is_lost() {
        use std::sync::atomic::AtomicU64;
        const EACH: u64 = 20_000;
        let poller = Poller::new().unwrap();
        let count = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..EACH {
                        count.fetch_add(1, Ordering::Relaxed);
                        poller.wake();
                    }
                });
            }
            while count.load(Ordering::Relaxed) < 3 * EACH {
                let begin = Instant::now();
                poller.wait(&mut Vec::new(), Some(Duration::from_secs(30))).unwrap();
                assert!(begin.elapsed() < Duration::from_secs(30), "a wake was lost");
            }
        });
    }
}
