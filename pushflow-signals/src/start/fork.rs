//! Start by a true fork of this process. The discipline is in the crate's README.

use std::io::{ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::process::{Pid, WaitId, WaitIdOptions, setpgid, waitid};

use super::{live, panic_hook};
use crate::boot::Boot;
use crate::entry::{Inside, Returned};
use crate::error::Error;
use crate::fork_local::{PrivateFd, at_rest};
use crate::stat::Stat;
use crate::sys::{self, Side};
use crate::{custodian, interrupt, signal, thread};

/// The body of a forked process.
pub(crate) type Closure = Box<dyn FnOnce(&mut Inside) -> Returned + Send>;

/// Children that turn out unfit, one after the other, before it is given up.
const MOST_TRIES: u32 = 10;

/// Forks this process; the child runs the closure. Returns its id and the parent's end of the link.
pub(crate) fn start(boot: Boot, body: Closure) -> Result<(Pid, PrivateFd), Error> {
    custodian::run(move || {
        panic_hook::shield();
        for attempt in 0..MOST_TRIES {
            // A process that has no other threads leaves no lock held.
            let is_alone = Stat::of(std::process::id()).is_some_and(|stat| stat.threads == 1);
            let mut rest = at_rest();
            let (own, others) = UnixStream::pair().map_err(Error::system("create a socket"))?;
            // No handler may run in the child before it has its own descriptors.
            let blocked = sys::signal::Blocked::all();
            match sys::fork().map_err(Error::system("fork"))? {
                Side::Parent(pid) => {
                    drop(blocked);
                    drop(others);
                    let own = rest.private(own);
                    drop(rest);
                    let pid = pid_of(pid)?;
                    // It fails when the child has done it, or has ended.
                    let _ = setpgid(Some(pid), Some(pid));
                    if is_alone || says_fit(&own) {
                        return Ok((pid, own));
                    }
                    let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED);
                }
                Side::Child => {
                    signal::forked();
                    interrupt::disarm();
                    rest.forked();
                    drop(own);
                    if let Ok(input) = sys::take_standard_input() {
                        drop(input);
                    }
                    if !is_alone {
                        say_fit_or_end(&others, attempt);
                    }
                    // The signals stay blocked until it can take them: `live`.
                    std::mem::forget(blocked);
                    live(boot, others, body)
                }
            }
        }
        Err(Error::System { action: "fork a process that can start threads", source: ErrorKind::WouldBlock.into() })
    })?
}

const FIT: u8 = b'f';

/// In the child: says that it can start threads, or ends.
///
/// Each thread of `std` takes a lock of `std` at its beginning and its end. When another thread held it at the fork no
/// thread ever begins here, and nobody can release it: then the parent forks once more.
fn say_fit_or_end(link: &UnixStream, attempt: u32) {
    // On a busy machine a thread may begin late: more patience each time.
    let patience = Duration::from_millis(20) * 2_u32.pow(attempt);
    let mut link = link;
    if !thread::can_begin(patience) || link.write_all(&[FIT]).is_err() {
        sys::exit_now(UNFIT);
    }
}

/// Exit code of a child that its parent replaces by another.
const UNFIT: i32 = 125;

fn says_fit(link: &PrivateFd) -> bool {
    let mut said = [0];
    let read = rustix::io::retry_on_intr(|| rustix::io::read(link, &mut said));
    read == Ok(1) && said == [FIT]
}

pub(super) fn pid_of(id: u32) -> Result<Pid, Error> {
    let pid = i32::try_from(id).ok().and_then(Pid::from_raw);
    pid.ok_or(Error::System { action: "fork", source: ErrorKind::InvalidData.into() })
}
