//! The standard output and error of a process: pipes to its parent, which a process that is not daemonic may outlive.

use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{FileType, Mode, OFlags, fcntl_getfl, fcntl_setfl, fstat, open};
use rustix::io::{Errno, fcntl_dupfd_cloexec, retry_on_intr};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, PidfdFlags, getppid, pidfd_open};
use rustix::stdio::{dup2_stderr, dup2_stdout};

use crate::daemonic;
use crate::error::Error;
use crate::fork_local::{ForkLocal, PrivateFd, no_fork};
use crate::link::Link;
use crate::thread;

/// The end of a pipe that its maker reads, without waiting.
///
/// A process that [outlives its parent](outlive_parent) waits for this to be read, also when it has been dropped: it is to be
/// kept until the process has ended.
#[derive(Debug)]
pub struct PipeReader(PrivateFd);

/// The end of a pipe that is sent over a [`Link`] and then dropped: the reader sees its end when all copies are closed.
#[derive(Debug)]
pub struct PipeWriter(PrivateFd);

/// One of the two outputs of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Output {
    Stdout,
    Stderr,
}

/// Whether the end of the parent is looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Unwatched,
    Watched,
    /// It has ended: there are no outputs any more.
    Outlived,
}

#[derive(Debug, Default)]
struct Streams {
    phase: Phase,
    /// Of a process of this crate.
    parent: Option<Parent>,
    stdout: Stream,
    stderr: Stream,
}

#[derive(Debug, Default)]
struct Stream {
    redirected: bool,
    /// A second reading end of its pipe, which keeps the pipe from breaking when the parent is killed.
    reader: Option<PrivateFd>,
}

#[derive(Debug)]
struct Parent {
    pid: u32,
    link: Weak<PrivateFd>,
}

static STREAMS: ForkLocal<Mutex<Streams>> = ForkLocal::new(Mutex::default);

/// Makes a pipe for an output of a process: the writer is for the process, which [`redirect`]s to it.
///
/// # Errors
///
/// When the system refuses.
pub fn pipe() -> io::Result<(PipeReader, PipeWriter)> {
    let _gate = no_fork();
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
    let (reader, writer) = (PrivateFd::new(reader), PrivateFd::new(writer));
    fcntl_setfl(&reader, fcntl_getfl(&reader)? | OFlags::NONBLOCK)?;
    Ok((PipeReader(reader), PipeWriter(writer)))
}

impl PipeReader {
    /// Reads what is there; returns how many bytes, 0 at the end.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when there is nothing yet; when the system refuses.
    pub fn read(&self, into: &mut [u8]) -> io::Result<usize> {
        Ok(retry_on_intr(|| rustix::io::read(&self.0, &mut *into))?)
    }
}

impl AsFd for PipeReader {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsFd for PipeWriter {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Puts descriptors in the place of this process's standard output and error, whoever writes to them: `print!`, C
/// libraries, commands. `None` leaves one as it is.
///
/// What `std` still held of the output goes to where it went before. May be called any number of times. When the parent has
/// been [outlived](outlive_parent) the null device is put there instead.
///
/// # Errors
///
/// When what is held cannot be written, or when the system refuses.
pub fn redirect(stdout: Option<OwnedFd>, stderr: Option<OwnedFd>) -> io::Result<()> {
    // Nobody prints between the flush and the replacement. This lock first: a fork takes them in this order.
    let mut held = io::stdout().lock();
    held.flush()?;
    let mut streams = lock();
    // Both are moved out of the way before one takes the place of the other.
    let stdout = stdout.map(apart).transpose()?;
    let stderr = stderr.map(apart).transpose()?;
    for (output, descriptor) in [(Output::Stdout, stdout), (Output::Stderr, stderr)] {
        let Some(descriptor) = descriptor else { continue };
        match streams.phase {
            Phase::Unwatched => {}
            Phase::Watched => streams.stream(output).reader = reader_of(&descriptor)?,
            Phase::Outlived => {
                output.replace(null()?.as_fd())?;
                continue;
            }
        }
        output.replace(descriptor.as_fd())?;
        streams.stream(output).redirected = true;
    }
    Ok(())
}

/// Writes what standard error takes without waiting; returns how many bytes, 0 when it takes none now.
///
/// For who must not wait for whoever reads it.
///
/// # Errors
///
/// When nobody reads it any more; when it is closed.
pub fn print_error(bytes: &[u8]) -> io::Result<usize> {
    // A pipe that says it has room takes this much at once. pipe(7), PIPE_BUF
    const AT_ONCE: usize = 4096;
    let stderr = rustix::stdio::stderr();
    let mut fds = [PollFd::new(&stderr, PollFlags::OUT)];
    let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
    match poll(&mut fds, Some(&now)) {
        Ok(0) | Err(Errno::INTR) => return Ok(0),
        Ok(_) => {}
        Err(errno) => return Err(errno.into()),
    }
    match retry_on_intr(|| rustix::io::write(stderr, &bytes[..bytes.len().min(AT_ONCE)])) {
        Err(Errno::AGAIN) => Ok(0),
        other => Ok(other?),
    }
}

/// Makes reads and writes of a descriptor return at once where they would wait. fcntl(2), `O_NONBLOCK`.
///
/// # Errors
///
/// When the system refuses.
pub fn set_nonblocking(descriptor: BorrowedFd<'_>) -> io::Result<()> {
    Ok(fcntl_setfl(descriptor, fcntl_getfl(descriptor)? | OFlags::NONBLOCK)?)
}

/// Takes the standard input and output of this process over for a protocol: input is empty from then on, and what is
/// printed goes to standard error.
///
/// # Errors
///
/// When the system refuses.
pub fn take_standard_streams() -> io::Result<(OwnedFd, OwnedFd)> {
    let writer = fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)?;
    let errors = fcntl_dupfd_cloexec(rustix::stdio::stderr(), 3)?;
    let reader = crate::sys::take_standard_input()?;
    redirect(Some(errors), None)?;
    Ok((reader, writer))
}

/// Lets this process print on when its parent has ended, into nothing: for tasks that are to run to their end.
///
/// Without it, who prints to a pipe that its parent has read from gets an error, at which `print!` and `eprint!` panic. It
/// concerns what was or will be [redirected](redirect): when the parent has ended, or the link is shut in both directions,
/// the null device is put in its place, and what is still written to the pipes is read and forgotten, also that of
/// commands. Nothing breaks in between: this process has the pipes open for reading, too.
///
/// Does nothing in a process that ends with its parent, and in a program that was not started by this crate; nor the second
/// time.
///
/// # Errors
///
/// When the system refuses the descriptors or the thread that looks for the end.
pub fn outlive_parent() -> Result<(), Error> {
    let mut streams = lock();
    let Some(parent) = &streams.parent else { return Ok(()) };
    if daemonic::is_tied() || streams.phase != Phase::Unwatched {
        return Ok(());
    }
    let (pid, link) = (parent.pid, parent.link.upgrade());
    let parent = watch_parent(pid).map_err(Error::system("watch the parent"))?;
    for output in [Output::Stdout, Output::Stderr] {
        let stream = streams.stream(output);
        if stream.redirected {
            let reader = match output {
                Output::Stdout => reader_of(io::stdout()),
                Output::Stderr => reader_of(io::stderr()),
            };
            stream.reader = reader.map_err(Error::system("keep an output open"))?;
        }
    }
    let null = null().map_err(Error::system("open the null device"))?;
    thread::start("streams", move || outlive(parent, link, &null)).map_err(Error::system("start a thread"))?;
    streams.phase = Phase::Watched;
    Ok(())
}

/// Tells who started this process.
pub(crate) fn begin(parent: u32, link: &Link) {
    lock().parent = Some(Parent { pid: parent, link: link.downgrade() });
}

/// Waits for the end of the parent, puts the null device in the place of the outputs, and reads what was on the way.
fn outlive(parent: Option<PrivateFd>, link: Option<Arc<PrivateFd>>, null: &PrivateFd) {
    if let Some(parent) = parent {
        let mut fds = vec![PollFd::new(&parent, PollFlags::IN)];
        // Its end alone, which is told unasked: what it brings is for others. A parent that ends in order shuts it, reads
        // nothing more, and waits.
        fds.extend(link.as_ref().map(|link| PollFd::new(&**link, PollFlags::empty())));
        if retry_on_intr(|| poll(&mut fds, None)).is_err() {
            return;
        }
    }
    let mut streams = lock();
    streams.phase = Phase::Outlived;
    let mut readers = Vec::new();
    for output in [Output::Stdout, Output::Stderr] {
        let stream = streams.stream(output);
        // Without the lock of the output, which whoever waits for room in the pipe holds. It fails for no reason that time
        // would heal.
        if stream.redirected {
            let _ = output.replace(null.as_fd());
        }
        readers.extend(stream.reader.take());
    }
    drop(streams);
    drain(readers);
}

/// Reads and forgets until nobody has the other ends any more.
fn drain(mut readers: Vec<PrivateFd>) {
    let mut forgotten = vec![0; 1 << 16];
    while !readers.is_empty() {
        let mut fds: Vec<PollFd<'_>> = readers.iter().map(|reader| PollFd::new(reader, PollFlags::IN)).collect();
        if retry_on_intr(|| poll(&mut fds, None)).is_err() {
            return;
        }
        drop(fds);
        readers.retain(|reader| !matches!(rustix::io::read(reader, &mut forgotten), Ok(0)));
    }
}

/// Returns what becomes readable when the parent ends; `None` when it has ended.
fn watch_parent(parent: u32) -> io::Result<Option<PrivateFd>> {
    let Some(pid) = i32::try_from(parent).ok().and_then(Pid::from_raw) else { return Ok(None) };
    let gate = no_fork();
    let pidfd = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(pidfd) => PrivateFd::new(pidfd).resident(),
        Err(Errno::SRCH) => return Ok(None),
        Err(errno) => return Err(errno.into()),
    };
    drop(gate);
    // Only now is it known whose descriptor it is: one that has ended before has left its number to anybody.
    Ok((getppid() == Some(pid)).then_some(pidfd))
}

/// Opens the other end of a pipe; `None` of what is no pipe, and cannot break.
fn reader_of(output: impl AsFd) -> io::Result<Option<PrivateFd>> {
    let output = output.as_fd();
    if FileType::from_raw_mode(fstat(output)?.st_mode) != FileType::Fifo {
        return Ok(None);
    }
    let path = format!("/proc/self/fd/{}", output.as_raw_fd());
    let _gate = no_fork();
    let reader = open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?;
    Ok(Some(PrivateFd::new(reader).resident()))
}

fn null() -> io::Result<PrivateFd> {
    let _gate = no_fork();
    let null = open("/dev/null", OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    Ok(PrivateFd::new(null).resident())
}

/// Moves a descriptor away from the numbers of the standard streams.
fn apart(descriptor: OwnedFd) -> io::Result<OwnedFd> {
    if descriptor.as_raw_fd() > 2 { Ok(descriptor) } else { Ok(fcntl_dupfd_cloexec(&descriptor, 3)?) }
}

impl Output {
    fn replace(self, by: BorrowedFd<'_>) -> io::Result<()> {
        Ok(retry_on_intr(|| match self {
            Output::Stdout => dup2_stdout(by),
            Output::Stderr => dup2_stderr(by),
        })?)
    }
}

impl Streams {
    fn stream(&mut self, output: Output) -> &mut Stream {
        match output {
            Output::Stdout => &mut self.stdout,
            Output::Stderr => &mut self.stderr,
        }
    }
}

fn lock() -> MutexGuard<'static, Streams> {
    STREAMS.get().lock().unwrap_or_else(PoisonError::into_inner)
}
