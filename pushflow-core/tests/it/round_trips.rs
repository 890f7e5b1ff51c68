//! Laws: what is written and read again is the same.

use proptest::prelude::*;
use pushflow_core::graph::{Format, LoadOptions, load_text, parse_value};
use pushflow_core::{Payload, Value};

/// Anything that JSON can hold.
fn value() -> impl Strategy<Value = Value> {
    let number = prop_oneof![
        any::<i64>().prop_map(Value::Int),
        any::<f64>().prop_filter("JSON has no such number", |number| number.is_finite()).prop_map(Value::Float),
        "-?[1-9][0-9]{19,40}".prop_map(|digits| Value::integer(&digits).expect("digits are an integer")),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number,
        any::<String>().prop_map(Value::from),
        prop_oneof![Just("yes"), Just("~"), Just("1e3"), Just("0x10"), Just("- a"), Just("null"), Just("2024-01-01")]
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|entries| Value::map(entries.iter().map(|(key, value)| (key.as_str(), value.clone())))),
        ]
    })
}

fn read(text: &str, format: Format) -> Value {
    let graph = load_text(text, format, &LoadOptions::default()).unwrap_or_else(|error| panic!("{error}: {text}"));
    graph.nodes[0].default_inputs[0].1.clone()
}

proptest! {
    #[test]
    fn values_come_back_from_a_document(value in value()) {
        let written = serde_json::to_string(&value).unwrap();
        let text = format!(
            r#"{{"nodes": [{{"id": "a", "method": "m.f", "default_inputs": [{{"name": "x", "value": {written}}}]}}]}}"#
        );
        prop_assert_eq!(&read(&text, Format::Json), &value);
        // Flow style is YAML too.
        prop_assert_eq!(&read(&text, Format::Yaml), &value);
    }

    #[test]
    fn values_come_back(value in value()) {
        let written = serde_json::to_string(&value).unwrap();
        prop_assert_eq!(parse_value(&written, Format::Json).unwrap(), value);
    }

    #[test]
    fn payloads_are_written_in_their_order(names in prop::collection::hash_set("[a-z]{1,4}", 0..20)) {
        let payload: Payload = names.iter().map(|name| (name.as_str(), 1)).collect();
        let written: Vec<String> = names.iter().map(|name| format!(r#""{name}":1"#)).collect();
        prop_assert_eq!(serde_json::to_string(&payload).unwrap(), format!("{{{}}}", written.join(",")));
    }
}
