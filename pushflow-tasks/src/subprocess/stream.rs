//! Output that is told line by line while the command runs.

use pushflow_core::Context;
use pushflow_signals::Stream;

/// Longer lines are told in pieces.
const LONGEST: usize = 64 * 1024;

/// The two streams of a command, split into lines.
pub(super) struct Lines {
    out: Line,
    err: Line,
}

/// One stream.
struct Line {
    /// What there is of a line that has not ended.
    partial: Vec<u8>,
    /// All bytes, if they are kept.
    kept: Option<Vec<u8>>,
}

impl Lines {
    /// Both streams at their beginning; whether all that comes is kept.
    pub(super) fn new(keep: bool) -> Lines {
        let line = || Line { partial: Vec::new(), kept: keep.then(Vec::new) };
        Lines { out: line(), err: line() }
    }

    /// Takes a piece of output and tells the lines that end in it.
    pub(super) fn take(&mut self, stream: Stream, bytes: &[u8], ctx: &Context<'_>) {
        let line = match stream {
            Stream::Stdout => &mut self.out,
            Stream::Stderr => &mut self.err,
        };
        line.take(bytes, ctx);
    }

    /// Tells what is left, and returns what was kept of the output and the error output.
    pub(super) fn end(mut self, ctx: &Context<'_>) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
        for line in [&mut self.out, &mut self.err] {
            if !line.partial.is_empty() {
                line.tell(ctx);
            }
        }
        (self.out.kept, self.err.kept)
    }
}

impl Line {
    fn take(&mut self, bytes: &[u8], ctx: &Context<'_>) {
        if let Some(kept) = &mut self.kept {
            kept.extend_from_slice(bytes);
        }
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.partial.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.partial.len() > LONGEST {
                self.tell(ctx);
            }
        }
    }

    fn tell(&mut self, ctx: &Context<'_>) {
        let line = self.partial.strip_suffix(b"\n").unwrap_or(&self.partial);
        ctx.message(&String::from_utf8_lossy(line));
        self.partial.clear();
    }
}
