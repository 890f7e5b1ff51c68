//! The reactor: a thread that waits for descriptors and times in the place of those who are no threads.
//!
//! Who waits owns a *group*, an epoll with all of its descriptors, so that two may wait for the same one. The reactor watches the
//! groups, each once for each time that it is armed, and wakes. It starts with the first wait and lives as long as the process; the child of
//! a fork starts its own.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Instant;

use rustix::event::PollFlags;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

use crate::error::Error;
use crate::fork_local::{ForkLocal, PrivateFd, no_fork};
use crate::thread;

static REACTOR: ForkLocal<Mutex<Option<Arc<Reactor>>>> = ForkLocal::new(Mutex::default);

/// The token of the clock; groups have others.
const CLOCK: u64 = u64::MAX;
const MOST_EVENTS: usize = 64;

#[derive(Debug)]
struct Reactor {
    epoll: PrivateFd,
    clock: PrivateFd,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    groups: HashMap<u64, Waker>,
    alarms: BTreeMap<(Instant, u64), Waker>,
}

/// Descriptors that one who waits waits for.
#[derive(Debug)]
pub(crate) struct Group(PrivateFd);

impl Group {
    pub(crate) fn new(descriptors: &[(BorrowedFd<'_>, PollFlags)]) -> io::Result<Group> {
        let gate = no_fork();
        let epoll = PrivateFd::new(epoll::create(CreateFlags::CLOEXEC)?);
        drop(gate);
        for (descriptor, flags) in descriptors {
            let wanted = if flags.contains(PollFlags::OUT) { EventFlags::OUT } else { EventFlags::IN };
            epoll::add(&epoll, descriptor, EventData::new_u64(0), wanted)?;
        }
        Ok(Group(epoll))
    }
}

/// A group that the reactor watches.
#[derive(Debug)]
pub(crate) struct Watched<'a> {
    reactor: Arc<Reactor>,
    group: &'a Group,
    id: u64,
}

/// Begins to watch a group, which wakes nobody before it is armed.
pub(crate) fn watch(group: &Group) -> io::Result<Watched<'_>> {
    let reactor = reactor()?;
    let id = reactor.lock().number();
    epoll::add(&reactor.epoll, &group.0, EventData::new_u64(id), EventFlags::ONESHOT)?;
    Ok(Watched { reactor, group, id })
}

impl Watched<'_> {
    /// Wakes once when something in the group is ready, which may be the case now.
    pub(crate) fn arm(&self, waker: &Waker) -> io::Result<()> {
        self.reactor.lock().groups.insert(self.id, waker.clone());
        let flags = EventFlags::IN | EventFlags::ONESHOT;
        Ok(epoll::modify(&self.reactor.epoll, &self.group.0, EventData::new_u64(self.id), flags)?)
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        let _ = epoll::delete(&self.reactor.epoll, &self.group.0);
        let waker = self.reactor.lock().groups.remove(&self.id);
        // Without the lock: dropping the last handle to what waits may do anything.
        drop(waker);
    }
}

/// A wake at a time; forgotten when it is dropped.
#[derive(Debug)]
#[must_use = "dropping the alarm ends it"]
pub struct Alarm {
    reactor: Arc<Reactor>,
    key: (Instant, u64),
}

impl Alarm {
    pub(crate) fn set(time: Instant, waker: Waker) -> Result<Alarm, Error> {
        let reactor = reactor().map_err(Error::system("start the thread that waits"))?;
        let mut waiting = reactor.lock();
        let key = (time, waiting.number());
        waiting.alarms.insert(key, waker);
        let is_first = waiting.alarms.first_key_value().is_some_and(|(first, _)| *first == key);
        let set = if is_first { reactor.set_clock(Some(time)) } else { Ok(()) };
        drop(waiting);
        // In this order: it is forgotten when the clock cannot be set.
        let alarm = Alarm { reactor, key };
        set.map_err(Error::system("set a timer"))?;
        Ok(alarm)
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        let waker = self.reactor.lock().alarms.remove(&self.key);
        drop(waker);
    }
}

fn reactor() -> io::Result<Arc<Reactor>> {
    let mut reactor = REACTOR.get().lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(reactor) = &*reactor {
        return Ok(Arc::clone(reactor));
    }
    let new = Arc::new(Reactor::new()?);
    let own = Arc::clone(&new);
    thread::start("reactor", move || own.run())?;
    *reactor = Some(Arc::clone(&new));
    Ok(new)
}

impl Reactor {
    fn new() -> io::Result<Reactor> {
        let gate = no_fork();
        let epoll = PrivateFd::new(epoll::create(CreateFlags::CLOEXEC)?).resident();
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let clock = PrivateFd::new(timerfd_create(TimerfdClockId::Monotonic, flags)?).resident();
        drop(gate);
        epoll::add(&epoll, &clock, EventData::new_u64(CLOCK), EventFlags::IN)?;
        Ok(Reactor { epoll, clock, waiting: Mutex::default() })
    }

    fn run(&self) {
        let mut wakers = Vec::new();
        loop {
            let mut space = [MaybeUninit::uninit(); MOST_EVENTS];
            let found: &[_] = match epoll::wait(&self.epoll, &mut space, None) {
                Ok((found, _)) => found,
                Err(Errno::INTR) => continue,
                // Only a mistake of ours leads here: those who wait would never be woken.
                Err(errno) => unreachable!("the reactor cannot wait: {errno}"),
            };
            let mut waiting = self.lock();
            for event in found {
                let token = event.data.u64();
                if token == CLOCK {
                    self.take_due(&mut waiting, &mut wakers);
                } else {
                    wakers.extend(waiting.groups.remove(&token));
                }
            }
            drop(waiting);
            wakers.drain(..).for_each(Waker::wake);
        }
    }

    /// Takes the alarms that are due, and sets the clock to the next one.
    fn take_due(&self, waiting: &mut Waiting, wakers: &mut Vec<Waker>) {
        let _ = rustix::io::read(&self.clock, &mut [0_u8; 8]);
        let now = Instant::now();
        while let Some(first) = waiting.alarms.first_entry()
            && first.key().0 <= now
        {
            wakers.push(first.remove());
        }
        let next = waiting.alarms.first_key_value().map(|((time, _), _)| *time);
        if let Err(error) = self.set_clock(next) {
            tracing::error!(%error, "cannot set a timer");
        }
    }

    fn set_clock(&self, time: Option<Instant>) -> io::Result<()> {
        // Zero would stop it: what is due already is due soon.
        let rest =
            time.map(|time| time.saturating_duration_since(Instant::now()).max(std::time::Duration::from_nanos(1)));
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let far = Timespec { tv_sec: i64::from(u32::MAX), tv_nsec: 0 };
        let it_value = rest.map_or(zero, |rest| Timespec::try_from(rest).unwrap_or(far).min(far));
        let timer = Itimerspec { it_interval: zero, it_value };
        timerfd_settime(&self.clock, TimerfdTimerFlags::empty(), &timer)?;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

impl AsFd for Group {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
