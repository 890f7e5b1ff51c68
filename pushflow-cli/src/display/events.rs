//! Events of a run, as they happen.

use std::sync::PoisonError;

use pushflow_core::event::{Event, Stream};
use serde::Serialize;

use super::{Display, human, out};
use crate::answer::Answer;
use crate::values::Format;

/// An event as one line of JSON.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum EventView<'a> {
    Started { node: &'a str, attempt: u32 },
    Finished { node: &'a str },
    Failed { node: &'a str, kind: &'static str, r#type: &'a str, message: &'a str, handled: bool },
    Retrying { node: &'a str, attempt: u32, kind: &'static str, r#type: &'a str, message: &'a str },
    Progress { node: &'a str, fraction: f64 },
    Message { node: &'a str, text: &'a str },
    Output { node: &'a str, attempt: u32, stream: &'static str, text: &'a str, dropped_bytes: u64 },
}

/// The last line: the answer.
#[derive(Serialize)]
pub(super) struct Ended<'a> {
    event: &'static str,
    #[serde(flatten)]
    answer: Answer<'a>,
}

impl<'a> Ended<'a> {
    pub(super) fn new(answer: Answer<'a>) -> Ended<'a> {
        Ended { event: "ended", answer }
    }
}

pub(super) fn show(display: &Display, event: &Event<'_>) {
    if display.format == Format::Jsonl {
        if let Some(view) = view(event) {
            out::json_line(&view);
        }
        return;
    }
    match event {
        Event::Failed { node, error, handled } => failed(display, node, error.text(), *handled),
        Event::Retrying { node, attempt, error } if display.format == Format::Human => {
            out::say(&format!("failed (try {attempt}, trying again): {node}: {}", error.text()));
        }
        Event::Message { node, text } if display.format != Format::Quiet => out::say(&format!("{node}: {text}")),
        Event::Output { node, text, dropped_bytes, .. } if display.format != Format::Quiet => {
            if *dropped_bytes > 0 {
                out::say(&format!("{node}: [{dropped_bytes} bytes before this were dropped: they were too many]"));
            }
            text.lines().for_each(|line| out::say(&format!("{node}: {line}")));
        }
        Event::Started { node, .. } if display.verbose => out::say(&format!("started: {node}")),
        Event::Finished { node } if display.verbose => out::say(&format!("finished: {node}")),
        Event::Progress { node, fraction } if display.verbose => {
            out::say(&format!("{node}: {:.0} %", fraction * 100.0));
        }
        _ => {}
    }
}

fn failed(display: &Display, node: &str, message: &str, handled: bool) {
    let is_wanted = match display.format {
        Format::Human => true,
        Format::Quiet => !handled,
        Format::Json | Format::Jsonl => display.verbose,
    };
    if is_wanted {
        let place = display.place_of(node).filter(|_| !handled && display.format == Format::Human);
        out::say(&human::failure(node, message, handled, place));
    }
    if !handled {
        let mut shown = display.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.insert((node.to_owned(), message.to_owned()));
    }
}

fn view<'a>(event: &Event<'a>) -> Option<EventView<'a>> {
    Some(match *event {
        Event::Started { node, attempt } => EventView::Started { node, attempt },
        Event::Finished { node } => EventView::Finished { node },
        Event::Failed { node, error, handled } => EventView::Failed {
            node,
            kind: error.kind().name(),
            r#type: error.type_name(),
            message: error.text(),
            handled,
        },
        Event::Retrying { node, attempt, error } => EventView::Retrying {
            node,
            attempt,
            kind: error.kind().name(),
            r#type: error.type_name(),
            message: error.text(),
        },
        Event::Progress { node, fraction } => EventView::Progress { node, fraction },
        Event::Message { node, text } => EventView::Message { node, text },
        Event::Output { node, attempt, stream, text, dropped_bytes } => {
            let stream = match stream {
                Stream::Stdout => "stdout",
                Stream::Stderr => "stderr",
            };
            EventView::Output { node, attempt, stream, text, dropped_bytes }
        }
        _ => return None,
    })
}
