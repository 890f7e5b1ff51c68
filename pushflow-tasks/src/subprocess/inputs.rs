//! The inputs of a `subprocess` node, over the settings of a [`Subprocess`].

use std::collections::BTreeMap;
use std::ffi::OsString;

use pushflow_core::payload::Key;
use pushflow_core::{Payload, Value};

use super::argument::argument;
use super::command::{Output, Subprocess};
use super::error::SubprocessError;

const KNOWN: &str = "argv, env, cwd, stdin, capture, stream, check, and positions";

/// Returns the command with its inputs applied.
pub(super) fn apply(command: &Subprocess, inputs: &Payload) -> Result<Subprocess, SubprocessError> {
    let mut command = command.clone();
    let mut positional: BTreeMap<u64, &Value> = BTreeMap::new();
    let (mut capture, mut stream) = (None, None);
    for (key, value) in inputs.iter() {
        if value.is_missing() {
            continue;
        }
        if let Some(position) = position(key) {
            positional.insert(position, value);
            continue;
        }
        let Key::Name(name) = key else { continue };
        match name.as_str() {
            "argv" => command.args = arguments(value)?,
            "env" => command.env.extend(variables(value)?),
            "cwd" => command.cwd = Some(argument_of("cwd", value)?.into()),
            "stdin" => command.stdin = stdin(value)?,
            "capture" => capture = Some(truth("capture", value)?),
            "stream" => stream = Some(truth("stream", value)?),
            "check" => command.check = truth("check", value)?,
            unknown => {
                return Err(input(format!("unknown input '{unknown}' of a subprocess task, expected: {KNOWN}")));
            }
        }
    }
    for (position, value) in positional {
        command.args.push(argument_of(&format!("argument {position}"), value)?);
    }
    if capture.is_some() || stream.is_some() {
        command.output = output(capture.unwrap_or(true), stream);
    }
    Ok(command)
}

/// Semantics: an integer name or a text of digits is a position.
pub(crate) fn position(key: &Key) -> Option<u64> {
    match key {
        Key::Position(position) => Some(*position),
        Key::Name(name) if !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit()) => {
            Some(name.parse().unwrap_or(u64::MAX))
        }
        Key::Name(_) => None,
    }
}

fn output(capture: bool, stream: Option<bool>) -> Output {
    match (capture, stream) {
        (true, Some(true)) => Output::CaptureAndStream,
        (true, _) => Output::Capture,
        (false, Some(false)) => Output::Null,
        (false, _) => Output::Stream,
    }
}

fn arguments(value: &Value) -> Result<Vec<OsString>, SubprocessError> {
    let items = value.as_list().ok_or_else(|| unexpected("argv", "a list of arguments", value))?;
    let items = items.iter().enumerate();
    items.map(|(index, item)| argument_of(&format!("item {index} of 'argv'"), item)).collect()
}

fn variables(value: &Value) -> Result<Vec<(OsString, Option<OsString>)>, SubprocessError> {
    if *value == Value::Null {
        return Ok(Vec::new());
    }
    let map = value.as_map().ok_or_else(|| unexpected("env", "an object of variables", value))?;
    map.iter()
        .map(|(name, value)| {
            let text = match value {
                Value::Null => None,
                value => Some(argument_of(&format!("variable '{name}'"), value)?),
            };
            Ok((OsString::from(name.as_str()), text))
        })
        .collect()
}

fn stdin(value: &Value) -> Result<Option<pushflow_core::value::Buffer>, SubprocessError> {
    match value {
        Value::Null => Ok(None),
        Value::Str(text) => Ok(Some(text.as_bytes().to_vec().into())),
        Value::Bytes(bytes) => Ok(Some(bytes.clone())),
        other => Err(unexpected("stdin", "text or bytes", other)),
    }
}

fn truth(name: &str, value: &Value) -> Result<bool, SubprocessError> {
    value.as_bool().ok_or_else(|| unexpected(name, "true or false", value))
}

fn argument_of(name: &str, value: &Value) -> Result<OsString, SubprocessError> {
    argument(value).ok_or_else(|| unexpected(name, "text, a number or bytes", value))
}

fn unexpected(name: &str, expected: &str, found: &Value) -> SubprocessError {
    input(format!("{name} must be {expected}, found {}", found.type_name()))
}

fn input(message: String) -> SubprocessError {
    SubprocessError::Input { message }
}
