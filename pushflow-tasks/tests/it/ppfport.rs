//! The ends of sub-workflows.

use pushflow_core::payload::Key;
use pushflow_core::{Payload, Value};
use pushflow_tasks::ppfport::PpfPort;

use crate::run;

#[test]
fn carried_values_overwrite_inputs() {
    let inputs =
        Payload::from([("a", Value::Int(1)), ("b", Value::Int(2)), ("_ppfdict", Value::map([("b", 3), ("c", 4)]))]);
    let outputs = run(&PpfPort, inputs).unwrap();
    assert_eq!(outputs, Payload::single("_ppfdict", Value::map([("a", 1), ("b", 3), ("c", 4)])));
}

#[test]
fn positions_are_passed_on() {
    let outputs = run(&PpfPort, Payload::single(Key::Position(0), 1)).unwrap();
    assert_eq!(outputs, Payload::single("_ppfdict", Value::map([("0", 1)])));
}

#[test]
fn what_is_no_dictionary_is_an_error() {
    let error = run(&PpfPort, Payload::single("_ppfdict", 1)).unwrap_err();
    assert_eq!(error.type_name(), "TypeError");
}
