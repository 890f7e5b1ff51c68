//! Results and lines for people.

use std::fmt::Write;

use pushflow_core::graph::Place;
use pushflow_core::{Payload, Value};

use super::harmless::harmless;
use crate::outcome::RunOutcome;

/// The text of a result: `name: value` lines; a text that is all there is, as it is.
pub(super) fn result(result: &Payload) -> String {
    let mut entries = result.iter();
    if let (Some((_, Value::Str(text))), None) = (entries.next(), entries.next()) {
        let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        return format!("{text}{end}");
    }
    block(result, "")
}

/// A payload below a heading.
pub(super) fn section(name: &str, payload: &Payload) -> String {
    format!("[{}]\n{}", harmless(name).replace('\n', "\\n"), block(payload, ""))
}

/// The outputs of nodes, one section each.
pub(super) fn nodes(nodes: &[(String, Payload)]) -> String {
    nodes.iter().map(|(name, outputs)| section(name, outputs) + "\n").collect()
}

/// A failed execution.
pub(super) fn failure(node: &str, message: &str, handled: bool, place: Option<&Place>) -> String {
    let handled = if handled { " (handled by a link)" } else { "" };
    let place = place.map_or_else(String::new, |place| format!("\n  at {place}"));
    format!("failed{handled}: {node}: {message}{place}")
}

/// The last line.
pub(super) fn summary(outcome: &RunOutcome) -> String {
    let report = &outcome.report;
    let status = report.status.name().replace('_', " ");
    let plural = if report.started == 1 { "" } else { "s" };
    let seconds = outcome.elapsed.as_secs_f64();
    format!("{status}: {} execution{plural}, {} failed, {seconds:.2} s", report.started, report.failed)
}

fn block(payload: &Payload, indent: &str) -> String {
    let mut block = String::new();
    for (key, value) in payload.iter() {
        let name = harmless(&key.to_string()).replace('\n', "\\n");
        let written = match value {
            Value::Str(text) if text.trim_end_matches('\n').contains('\n') => {
                let lines: String = text.lines().map(|line| format!("{indent}  {}\n", harmless(line))).collect();
                write!(block, "{indent}{name}:\n{lines}")
            }
            Value::Str(text) if !text.trim().is_empty() => {
                writeln!(block, "{indent}{name}: {}", harmless(text.trim_end_matches('\n')))
            }
            value => writeln!(block, "{indent}{name}: {}", serde_json::to_string(value).unwrap_or_default()),
        };
        written.expect("a String takes everything");
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_names_and_values() {
        let payload = Payload::from([
            ("return_code", Value::Int(0)),
            ("out", "one\ntwo\n".into()),
            ("err", "".into()),
            ("line", "text\n".into()),
            ("list", Value::list([1, 2])),
            ("esc", "\u{1b}[2J".into()),
        ]);
        let text = "return_code: 0\nout:\n  one\n  two\nerr: \"\"\nline: text\nlist: [1,2]\nesc: \\u{1b}[2J\n";
        assert_eq!(result(&payload), text);
    }

    #[test]
    fn a_text_alone_is_raw() {
        assert_eq!(result(&Payload::single("return_value", "a\nb")), "a\nb\n");
        assert_eq!(result(&Payload::single("return_value", "a\n")), "a\n");
        assert_eq!(result(&Payload::new()), "");
    }
}
