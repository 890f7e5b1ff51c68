//! Workers that somebody else starts: only an ordered pair of byte streams connects them with the pool.

use std::any::Any;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

use pushflow_core::interrupt::{Cause, Interruption};
use pushflow_signals::streams;

use super::call::INITIALIZER;
use super::frame::{FrameReader, Header, Kind};
use super::hello::Hello;
use super::mouth::Mouth;
use super::wire::Wire;
use super::worker::{Flow, Marks, Worker};

/// Makes the streams to one more worker.
pub type Connect = Arc<dyn Fn() -> io::Result<Connection> + Send + Sync>;

/// The streams to a worker that somebody else has started.
pub struct Connection {
    pub(super) reader: OwnedFd,
    pub(super) writer: OwnedFd,
    pub(super) keep: Option<Box<dyn Any + Send>>,
}

impl Connection {
    /// Takes over the streams: what comes from the worker, and what goes to it. They are made non-blocking.
    pub fn new(reader: impl Into<OwnedFd>, writer: impl Into<OwnedFd>) -> Connection {
        Connection { reader: reader.into(), writer: writer.into(), keep: None }
    }

    /// Keeps something as long as the worker is used: the process that has brought it about, for instance.
    #[must_use]
    pub fn keeping(mut self, keep: impl Any + Send) -> Connection {
        self.keep = Some(Box::new(keep));
        self
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("reader", &self.reader).field("writer", &self.writer).finish_non_exhaustive()
    }
}

/// Calls that wait to be run: more are not sent.
const MOST_WAITING: usize = 16;

/// Serves a pool over this process's standard input and output, until the input ends or the pool says so.
///
/// What tasks print to standard output goes to standard error: the output is the stream to the pool.
///
/// # Errors
///
/// As [`serve`].
pub fn serve_standard_streams() -> io::Result<()> {
    let (reader, writer) = streams::take_standard_streams()?;
    serve(reader, writer)
}

/// Serves a pool over a pair of streams, until the first of them ends or the pool says so.
///
/// Tasks run on the calling thread. Two more threads read what comes, and say that this worker lives.
///
/// # Errors
///
/// When a stream fails, or what comes is not understood.
pub fn serve(reader: impl Into<OwnedFd>, writer: impl Into<OwnedFd>) -> io::Result<()> {
    let (reader, writer) = (File::from(reader.into()), File::from(writer.into()));
    let mouth = Arc::new(Mouth::new(Wire::Streams { reader: reader.try_clone()?, writer }));
    let marks = Arc::new(ByFrame::default());
    let ends = Arc::clone(&marks);
    let (frames, to_do) = sync_channel(MOST_WAITING);
    let listens = Arc::clone(&marks);
    Builder::new().name("pushflow-ear".to_owned()).spawn(move || listen(&reader, &frames, &listens))?;
    let mut worker = Worker::new(Arc::clone(&mouth), marks);
    let mut _heart = None;
    while let Ok(frame) = to_do.recv() {
        let (header, body) = frame?;
        if header.kind == Kind::Call && ends.ended.load(Ordering::SeqCst) {
            break;
        }
        let heartbeat = (header.kind == Kind::Hello).then(|| Hello::read(&body).map(|hello| hello.heartbeat));
        if worker.take(header, &body)? == Flow::Exit {
            break;
        }
        if let Some(Ok(interval)) = heartbeat
            && !interval.is_zero()
        {
            _heart = Some(beat(interval, Arc::clone(&mouth))?);
        }
    }
    Ok(())
}

type Frame = io::Result<(Header, Vec<u8>)>;

/// Reads what comes; an interruption is for what runs meanwhile.
fn listen(reader: &File, frames: &SyncSender<Frame>, marks: &ByFrame) {
    let mut incoming = FrameReader::default();
    loop {
        let frame = match next(reader, &mut incoming) {
            Ok(Some(frame)) => Ok(frame),
            Ok(None) => break,
            Err(error) => Err(error),
        };
        let failed = frame.is_err();
        if let Ok((Header { kind: Kind::Interrupt, id, .. }, _)) = &frame {
            marks.interrupt(*id);
            continue;
        }
        if frames.send(frame).is_err() || failed {
            break;
        }
    }
    // Nobody wants the outcome of what runs any more, nor of what has not begun.
    marks.ended.store(true, Ordering::SeqCst);
    marks.interrupt(marks.current.load(Ordering::SeqCst));
}

fn next(mut reader: &File, incoming: &mut FrameReader) -> io::Result<Option<(Header, Vec<u8>)>> {
    loop {
        if let Some((header, body)) = incoming.next().map_err(io::Error::other)? {
            return Ok(Some((header, body.to_vec())));
        }
        match io::Read::read(&mut reader, incoming.spare()) {
            Ok(0) => return Ok(None),
            Ok(count) => incoming.advance(count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Says that the worker lives, until the returned end is dropped.
fn beat(interval: Duration, mouth: Arc<Mouth>) -> io::Result<std::sync::mpsc::Sender<()>> {
    let (alive, ended): (_, Receiver<()>) = channel();
    Builder::new().name("pushflow-heart".to_owned()).spawn(move || {
        while ended.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
            mouth.say(Kind::Heartbeat, 0, |_| {});
        }
    })?;
    Ok(alive)
}

/// A frame interrupts what runs.
#[derive(Default)]
struct ByFrame {
    current: AtomicU64,
    mark: Mutex<Interruption>,
    /// The call that was interrupted before it began, last.
    early: AtomicU64,
    /// The stream has ended.
    ended: AtomicBool,
}

impl ByFrame {
    fn interrupt(&self, call: u64) {
        let mark = self.mark.lock().unwrap_or_else(PoisonError::into_inner);
        let current = (self.current.load(Ordering::SeqCst) == call).then(|| mark.clone());
        if current.is_none() {
            self.early.store(call, Ordering::SeqCst);
        }
        drop(mark);
        if let Some(mark) = current {
            mark.interrupt(Cause::Interrupted);
        }
    }
}

impl Marks for ByFrame {
    fn make(&self, call: u64, deadline: Option<Instant>) -> Interruption {
        let new = Interruption::with_deadline(deadline);
        let mut mark = self.mark.lock().unwrap_or_else(PoisonError::into_inner);
        *mark = new.clone();
        self.current.store(call, Ordering::SeqCst);
        let is_early = self.early.load(Ordering::SeqCst) == call && call != INITIALIZER;
        drop(mark);
        if is_early {
            new.interrupt(Cause::Interrupted);
        }
        new
    }

    fn lasts(&self) -> bool {
        false
    }
}
