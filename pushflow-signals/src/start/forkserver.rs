//! Start by a small process of the same program, which forks; and the guard that survives this process.
//!
//! The server forks *siblings*: the processes that it makes are children of the process that asked. It lives until its
//! control socket ends. When that was not announced, its client was killed, and it kills what the client has left behind.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::parent_id;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use rustix::process::Pid;

use super::fork::pid_of;
use super::live::{begin, is_initialized};
use super::{Role, spawn};
use crate::error::Error;
use crate::family;
use crate::fork_local::{self, ForkLocal, PrivateFd, no_fork};
use crate::kin::Kin;
use crate::sys::{self, Side};
use crate::tree;

/// A request with a link: fork.
const FORK: u8 = 1;
/// The client ends in order.
const LEAVE: u8 = 2;

static SERVER: ForkLocal<Mutex<Option<Server>>> = ForkLocal::new(Mutex::default);

struct Server {
    control: PrivateFd,
    kin: Kin,
}

/// Has a process forked that begins with what its link brings; returns its id and the parent's end of the link.
pub(crate) fn start() -> Result<(Pid, PrivateFd), Error> {
    let mut server = lock();
    for _ in 0..2 {
        let running = match &mut *server {
            Some(running) => running,
            none => none.insert(Server::start()?),
        };
        // Only now: who waits for the custodian must not hold the gate, which the custodian may be waiting for.
        let gate = no_fork();
        let (own, others) = UnixStream::pair().map_err(Error::system("create a socket"))?;
        let own = PrivateFd::new(own);
        let answer = running.ask(others.as_fd());
        drop(others);
        drop(gate);
        if let Ok(answer) = answer {
            let pid = pid_of(u32::try_from(answer).map_err(|_| refused(answer))?)?;
            // What the process says itself is the same, unless it has been killed already.
            let _ = read_number(&own);
            return Ok((pid, own));
        }
        // Somebody has killed the server. It may have forked before, and then the process says which one it is.
        *server = None;
        if let Ok(pid) = read_number(&own) {
            return Ok((pid_of(u32::try_from(pid).unwrap_or(0))?, own));
        }
    }
    Err(Error::System { action: "reach the fork server", source: std::io::ErrorKind::BrokenPipe.into() })
}

/// Starts the server, if this program can: it guards what this process starts, should it be killed.
pub(crate) fn guard() {
    let mut server = lock();
    if server.is_none() && is_initialized() {
        // Somebody may have killed it at once. Without it there is less safety, but nothing else is missing.
        *server = Server::start().or_else(|_| Server::start()).ok();
    }
}

/// Starts the fork server now, so that the first process by [`StartMethod::Forkserver`](crate::StartMethod) finds it there.
///
/// Otherwise the first process or command starts it, which takes about as long as executing the program.
///
/// # Errors
///
/// [`Error::NotInitialized`] when the program does not call [`init`](crate::init); when the system refuses.
pub fn warm_up() -> Result<(), Error> {
    if !is_initialized() {
        return Err(Error::NotInitialized { method: crate::StartMethod::Forkserver });
    }
    // So that the server is told when this process ends in order, and is reaped.
    family::look_after()?;
    let mut server = lock();
    if server.is_none() {
        *server = Some(Server::start()?);
    }
    Ok(())
}

/// Returns the process id of the server, if there is one.
pub(crate) fn pid() -> Option<u32> {
    lock().as_ref().map(|server| server.kin.pid())
}

/// Lets the server go, at the end of this process.
pub(crate) fn leave() {
    if let Some(server) = lock().take() {
        let _ = rustix::io::write(&server.control, &[LEAVE]);
        server.kin.wait_until(Instant::now().checked_add(Duration::from_secs(1)));
    }
}

fn refused(answer: i32) -> Error {
    Error::System { action: "fork", source: std::io::Error::from_raw_os_error(answer.wrapping_neg()) }
}

fn lock() -> MutexGuard<'static, Option<Server>> {
    SERVER.get().lock().unwrap_or_else(PoisonError::into_inner)
}

impl Server {
    fn start() -> Result<Server, Error> {
        let (pid, control) = spawn::execute(Role::Forkserver, c"pushflow-forkserver", None)?;
        let kin = Kin::new(pid).map_err(Error::system("watch a process"))?.resident();
        let server = Server { control: control.resident(), kin };
        let about = format!("{} {}\n", std::process::id(), tree::own());
        write_all(&server.control, about.as_bytes()).map_err(Error::system("reach the fork server"))?;
        Ok(server)
    }

    /// Sends a link and reads the answer: a process id, or the negative number of an error.
    fn ask(&self, link: BorrowedFd<'_>) -> io::Result<i32> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let links = [link];
        ancillary.push(SendAncillaryMessage::ScmRights(&links));
        loop {
            match sendmsg(&self.control, &[IoSlice::new(&[FORK])], &mut ancillary, SendFlags::NOSIGNAL) {
                Ok(_) => break,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        read_number(&self.control)
    }
}

/// Serves a client until it ends.
pub(super) fn serve(control: UnixStream) -> ! {
    // It was executed with all signals blocked, and stays so: it survives what its client may survive, and what it forks has
    // them blocked until it can take them.
    let Ok((client, place)) = read_client(&control) else { sys::exit_now(0) };
    loop {
        match receive(&control) {
            Ok(Some((FORK, Some(link)))) => {
                let answer = match sys::fork_sibling() {
                    Ok(Side::Child) => {
                        drop(control);
                        fork_local::advance();
                        // Should the server be killed before it has answered, its client learns from here whom to reap.
                        let _ = write_all(&link, &own_pid().to_le_bytes());
                        begin(UnixStream::from(link));
                    }
                    Ok(Side::Parent(pid)) => i32::try_from(pid).unwrap_or(-libc::EINVAL),
                    Err(error) => -error.raw_os_error().unwrap_or(libc::EINVAL),
                };
                drop(link);
                if write_all(&control, &answer.to_le_bytes()).is_err() {
                    break;
                }
            }
            Ok(Some((LEAVE, _))) => sys::exit_now(0),
            Ok(Some(_)) => {
                // The link did not come through.
                if write_all(&control, &(-libc::EMFILE).to_le_bytes()).is_err() {
                    break;
                }
            }
            Ok(None) | Err(_) => break,
        }
    }
    // The client was killed: nobody else is left who knows what it had executed. Its descriptors are closed before its
    // children get their parent-death signals: until then a command of its may still start something.
    let limit = Instant::now() + Duration::from_secs(5);
    while parent_id() == client && Instant::now() < limit {
        std::thread::sleep(Duration::from_micros(100));
    }
    tree::sweep(&place);
    sys::exit_now(0)
}

/// Reads one request; `None` at the end.
fn receive(control: &UnixStream) -> io::Result<Option<(u8, Option<OwnedFd>)>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut request = [0];
    let received = loop {
        let mut parts = [IoSliceMut::new(&mut request)];
        match recvmsg(control, &mut parts, &mut ancillary, RecvFlags::CMSG_CLOEXEC) {
            Ok(received) => break received,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    };
    let mut link = None;
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(links) = message {
            link = links.last();
        }
    }
    Ok((received.bytes > 0).then_some((request[0], link)))
}

/// Reads the process id of the client and its place, a line.
fn read_client(control: &UnixStream) -> io::Result<(u32, String)> {
    let mut line = Vec::new();
    loop {
        let mut byte = [0];
        read_exact(control, &mut byte)?;
        if byte == *b"\n" {
            break;
        }
        line.extend(byte);
    }
    let line = String::from_utf8_lossy(&line);
    let parsed = line.split_once(' ').and_then(|(client, place)| Some((client.parse().ok()?, place.to_owned())));
    parsed.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn read_number(from: impl AsFd) -> io::Result<i32> {
    let mut number = [0; 4];
    read_exact(from, &mut number)?;
    Ok(i32::from_le_bytes(number))
}

/// As the kernel numbers them, positive.
fn own_pid() -> i32 {
    rustix::process::getpid().as_raw_pid()
}

fn read_exact(from: impl AsFd, mut into: &mut [u8]) -> io::Result<()> {
    while !into.is_empty() {
        match rustix::io::read(&from, &mut *into) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => into = &mut into[count..],
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

fn write_all(to: &impl AsFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(to, bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that does not answer is not left behind.
        self.kin.signal(rustix::process::Signal::KILL);
        let _ = self.kin.reap(true);
    }
}
