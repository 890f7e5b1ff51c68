//! Log events of workers: sent by a subscriber in the worker, emitted again in the parent.

use std::fmt::Write;
use std::sync::Arc;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Metadata, Subscriber, span};

use super::codec::{Decoder, Malformed};
use super::frame::Kind;
use super::mouth::Mouth;

/// Sends events to the parent. Spans are not sent; an event brings its own fields.
pub(super) struct Forwarder {
    mouth: Arc<Mouth>,
    most: LevelFilter,
}

impl Forwarder {
    /// Creates one that sends what the parent wants to hear.
    pub(super) fn new(mouth: Arc<Mouth>, most: u8) -> Forwarder {
        Forwarder { mouth, most: from_number(most).map_or(LevelFilter::OFF, LevelFilter::from_level) }
    }
}

/// Returns the most detailed level that anybody in this process wants to hear; 0 for none.
pub(super) fn wanted() -> u8 {
    LevelFilter::current().into_level().map_or(0, number)
}

fn number(level: Level) -> u8 {
    match level {
        Level::ERROR => 1,
        Level::WARN => 2,
        Level::INFO => 3,
        Level::DEBUG => 4,
        Level::TRACE => 5,
    }
}

fn from_number(number: u8) -> Option<Level> {
    match number {
        1 => Some(Level::ERROR),
        2 => Some(Level::WARN),
        3 => Some(Level::INFO),
        4 => Some(Level::DEBUG),
        5 => Some(Level::TRACE),
        _ => None,
    }
}

impl Subscriber for Forwarder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= self.most
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.most)
    }

    fn new_span(&self, _span: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _span: &span::Id, _values: &span::Record<'_>) {}

    fn record_follows_from(&self, _span: &span::Id, _follows: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        let metadata = event.metadata();
        self.mouth.say(Kind::Log, 0, |encoder| {
            encoder.u8(number(*metadata.level()));
            encoder.text(metadata.target());
            encoder.text(&text.message);
            encoder.text(&text.fields);
        });
    }

    fn enter(&self, _span: &span::Id) {}

    fn exit(&self, _span: &span::Id) {}
}

/// The fields of an event as text.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let written = if field.name() == "message" {
            write!(self.message, "{value:?}")
        } else {
            let gap = if self.fields.is_empty() { "" } else { " " };
            write!(self.fields, "{gap}{}={value:?}", field.name())
        };
        // Writing to memory does not fail; what a value's own `Debug` does is its own.
        let _ = written;
    }
}

/// Emits an event of a worker in this process. Its own target is a field: that of an event is fixed in the program.
pub(super) fn emit(worker: Option<u32>, decoder: &mut Decoder<'_>) -> Result<(), Malformed> {
    let level = decoder.u8("a level")?;
    let (target, message) = (decoder.text("a target")?, decoder.text("a message")?);
    let fields = decoder.text("fields")?;
    match from_number(level).unwrap_or(Level::ERROR) {
        Level::ERROR => tracing::error!(target: "pushflow::worker", worker, from = target, fields, "{message}"),
        Level::WARN => tracing::warn!(target: "pushflow::worker", worker, from = target, fields, "{message}"),
        Level::INFO => tracing::info!(target: "pushflow::worker", worker, from = target, fields, "{message}"),
        Level::DEBUG => tracing::debug!(target: "pushflow::worker", worker, from = target, fields, "{message}"),
        Level::TRACE => tracing::trace!(target: "pushflow::worker", worker, from = target, fields, "{message}"),
    }
    Ok(())
}
