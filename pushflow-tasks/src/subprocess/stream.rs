//! Output that is told line by line while the command runs.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;

use pushflow_core::Context;
use pushflow_signals::Callback;

/// Lines that may wait to be told; then the command waits too.
const WAITING: usize = 1024;
/// Longer lines are told in pieces.
const LONGEST: usize = 64 * 1024;

/// The two streams of a command.
pub(super) struct Streams {
    pub(super) out: Stream,
    pub(super) err: Stream,
    lines: Mutex<Option<Receiver<String>>>,
}

/// One stream of a command, split into lines.
pub(super) struct Stream(Arc<Mutex<State>>);

struct State {
    /// Where lines go; `None` once the command has ended.
    lines: Option<SyncSender<String>>,
    /// The line that has not ended.
    partial: Vec<u8>,
    /// All bytes, if they are kept.
    kept: Option<Vec<u8>>,
}

impl Streams {
    pub(super) fn new(keep: bool) -> Streams {
        let (sender, lines) = sync_channel(WAITING);
        Streams {
            out: Stream::new(sender.clone(), keep),
            err: Stream::new(sender, keep),
            lines: Mutex::new(Some(lines)),
        }
    }
}

impl Stream {
    fn new(lines: SyncSender<String>, keep: bool) -> Stream {
        let kept = keep.then(Vec::new);
        Stream(Arc::new(Mutex::new(State { lines: Some(lines), partial: Vec::new(), kept })))
    }

    /// Returns what takes the output as it comes.
    pub(super) fn callback(&self) -> Callback {
        let state = Arc::clone(&self.0);
        Arc::new(move |bytes| lock(&state).take(bytes))
    }

    /// Returns what was kept.
    pub(super) fn take(&self) -> Vec<u8> {
        lock(&self.0).kept.take().unwrap_or_default()
    }

    fn close(&self) {
        let mut state = lock(&self.0);
        if !state.partial.is_empty() {
            state.tell();
        }
        state.lines = None;
    }
}

impl State {
    fn take(&mut self, bytes: &[u8]) {
        if let Some(kept) = &mut self.kept {
            kept.extend_from_slice(bytes);
        }
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.partial.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.partial.len() > LONGEST {
                self.tell();
            }
        }
    }

    fn tell(&mut self) {
        let line = std::mem::take(&mut self.partial);
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        if let Some(lines) = &self.lines {
            // It fails when nobody listens any more.
            let _ = lines.send(String::from_utf8_lossy(line).into_owned());
        }
    }
}

/// Tells the lines of a command while it runs; returns what running it returned.
///
/// The thread that waits for a command calls back with what outlives it, which a task's context does not: a second
/// thread, which ends with the command, tells the lines.
pub(super) fn forward<R>(streams: &Streams, ctx: &Context<'_>, run: impl FnOnce() -> R) -> io::Result<R> {
    let lines = lock(&streams.lines).take();
    std::thread::scope(|scope| {
        let tell = move || lines.into_iter().flatten().for_each(|line| ctx.message(&line));
        Builder::new().name("pushflow-output".to_owned()).spawn_scoped(scope, tell)?;
        // Closes the streams also when running panics: the scope waits for the other thread.
        let _closed = Closing(streams);
        Ok(run())
    })
}

struct Closing<'s>(&'s Streams);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.out.close();
        self.0.err.close();
    }
}

/// Locks; a holder that panicked has left a state of which every part is usable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
