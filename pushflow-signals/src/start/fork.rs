//! Start by a true fork of this process. The discipline is in the crate's README.

use std::os::unix::net::UnixStream;

use rustix::process::{Pid, setpgid};

use super::{live, panic_hook};
use crate::boot::Boot;
use crate::entry::{Inside, Returned};
use crate::error::Error;
use crate::fork_local::{PrivateFd, at_rest};
use crate::sys::{self, Side};
use crate::{custodian, interrupt, signal};

/// The body of a forked process.
pub(crate) type Closure = Box<dyn FnOnce(&mut Inside) -> Returned + Send>;

/// Forks this process; the child runs the closure. Returns its id and the parent's end of the link.
pub(crate) fn start(boot: Boot, body: Closure) -> Result<(Pid, PrivateFd), Error> {
    custodian::run(move || {
        panic_hook::shield();
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
                Ok((pid, own))
            }
            Side::Child => {
                signal::forked();
                interrupt::disarm();
                rest.forked();
                drop(own);
                if let Ok(input) = sys::take_standard_input() {
                    drop(input);
                }
                // They stay blocked until it can take them: `live`.
                std::mem::forget(blocked);
                live(boot, others, body)
            }
        }
    })?
}

pub(super) fn pid_of(id: u32) -> Result<Pid, Error> {
    let pid = i32::try_from(id).ok().and_then(Pid::from_raw);
    pid.ok_or(Error::System { action: "fork", source: std::io::ErrorKind::InvalidData.into() })
}
