//! What a node may say.

use super::*;

#[test]
fn every_way_to_name_a_task() {
    for (attributes, task_type, identifier) in [
        (r#""task_type": "class", "task_identifier": "m.C""#, "class", Some("m.C")),
        (r#""task_type": "ppfport""#, "ppfport", None),
        (r#""task_type": "simple", "task_identifier": "x""#, "simple", Some("x")),
        (r#""class": "m.C""#, "class", Some("m.C")),
        (r#""method": "m.f""#, "method", Some("m.f")),
        (r#""ppfmethod": "m.f""#, "ppfmethod", Some("m.f")),
        (r#""ppfport": "input""#, "ppfport", None),
        (r#""script": "s.sh""#, "script", Some("s.sh")),
        (r#""notebook": "n.ipynb""#, "notebook", Some("n.ipynb")),
        (r#""task": "t", "task_generator": "m.g""#, "generated", Some("t")),
    ] {
        let graph = load(&nodes(&format!(r#"{{"id": "a", {attributes}}}"#))).unwrap();
        let node = &graph.nodes[0];
        assert_eq!((node.task_type.as_str(), node.task_identifier.as_deref()), (task_type, identifier));
    }
}

#[test]
fn a_task_has_to_be_complete() {
    let missing = format!("Task 'a' {NO_TASK}");
    let error = refused("{\"nodes\": [\n  {\"id\": \"a\"}]}", "ValueError", &missing);
    assert_eq!(place(&error), (2, 3));
    refused(&nodes(r#"{"id": "a", "method": "m.f", "class": "m.C"}"#), "ValueError", &missing);
    refused(&nodes(r#"{"id": "a", "label": "the label"}"#), "ValueError", &format!("Task 'the label' {NO_TASK}"));
    refused(&nodes(r#"{"id": ["s", "n"]}"#), "ValueError", &format!("Task 's:n' {NO_TASK}"));
    refused(&document(&["a"], r#"{"source": "nope", "target": "a"}"#), "ValueError", &format!("Task 'nope' {NO_TASK}"));
    for (attributes, message) in [
        (r#""task_type": "method""#, "node attribute 'task_identifier' is missing"),
        (r#""task_type": "graph""#, "node attribute 'task_identifier' is missing"),
        (
            r#""task_type": "ppfport", "task_identifier": "x""#,
            "node attribute 'task_identifier' should not be used when 'task_type' is 'ppfport'",
        ),
        (r#""task_type": "generated", "task_identifier": "x""#, "node attribute 'task_generator' is missing"),
        (
            r#""task_type": "method", "task_identifier": "x", "task_generator": "g""#,
            "node attribute 'task_generator' should only be specified when 'task_type' is 'generated'",
        ),
    ] {
        refused(&nodes(&format!(r#"{{"id": "a", {attributes}}}"#)), "ValueError", message);
    }
    assert_eq!(load(&nodes(r#"{"method": "m.f"}"#)).unwrap_err().type_name(), "TypeError");
    // As editors of workflows write what was not filled in.
    for attributes in [
        r#""task_type": "ppfport", "task_identifier": null"#,
        r#""task_type": "ppfport", "task_identifier": """#,
        r#""task_type": "method", "task_identifier": "x", "task_generator": null"#,
        r#""task_type": "method", "task_identifier": "x", "task_generator": """#,
    ] {
        assert!(load(&nodes(&format!(r#"{{"id": "a", {attributes}}}"#))).is_ok(), "{attributes}");
    }
}

#[test]
fn a_second_definition_overwrites_key_by_key() {
    let text = nodes(
        r#"{"id": "a", "method": "m.f", "label": "one", "force_start_node": true},
           {"id": "b", "method": "m.f"}, {"id": "a", "label": "two"}"#,
    );
    let graph = load(&text).unwrap();
    assert_eq!(ids(&graph), ["a", "b"]);
    assert_eq!((graph.nodes[0].label().as_str(), graph.nodes[0].force_start_node), ("two", true));
}

#[test]
fn names_of_default_inputs() {
    let with = |entry: &str| nodes(&format!(r#"{{"id": "a", "method": "m.f", "default_inputs": [{entry}]}}"#));
    let graph = load(&with(r#"{"name": 0, "value": 1}, {"name": "0", "value": 2}"#)).unwrap();
    assert_eq!(*graph.nodes[0].default_inputs, [(Key::Position(0), 1.into()), (Key::from("0"), 2.into())]);
    refused(&with(r#"{"name": -1, "value": 1}"#), "ValueError", "Negative argument positions are not allowed");
    refused(&with(r#"{"name": "x"}"#), "KeyError", "'value'");
    refused(&with(r#"{"value": 1}"#), "KeyError", "'name'");
}

#[test]
fn settings_of_this_engine_are_understood() {
    let written = r#"{"pool":"thread","python":"venv/bin/python","retries":2,"retry_on":["lost","OSError"],"timeout":1.5,"resources":{"gpu":1},"priority":-3}"#;
    let graph = load(&nodes(&format!(r#"{{"id": "a", "method": "m.f", "pushflow": {written}}}"#))).unwrap();
    let settings = graph.nodes[0].settings.as_ref().unwrap();
    assert_eq!((settings.pool.as_deref(), settings.retries, settings.priority), (Some("thread"), Some(2), -3));
    assert_eq!(settings.retry_on.as_deref(), Some(&["lost".into(), "OSError".into()][..]));
    assert_eq!(settings.timeout, Some(std::time::Duration::from_millis(1500)));
    assert_eq!(serde_json::to_string(&Value::map(settings.entries())).unwrap(), written);
    assert!(graph.warnings.is_empty());
    let backoff = r#"{"count":3,"delay":0.5,"factor":3.0,"max_delay":60.0}"#;
    let graph =
        load(&nodes(&format!(r#"{{"id": "a", "method": "m.f", "pushflow": {{"retries": {backoff}}}}}"#))).unwrap();
    let settings = graph.nodes[0].settings.as_ref().unwrap();
    assert_eq!(serde_json::to_string(&settings.entries()[0].1).unwrap(), backoff);
    assert_eq!(settings.backoff.unwrap().after(2), std::time::Duration::from_millis(1500));
    let nothing = r#"{"id": "a", "method": "m.f", "pushflow": {"retries": null, "timeout": null, "resources": null}}"#;
    assert_eq!(load(&nodes(nothing)).unwrap().nodes[0].settings.as_deref(), Some(&Settings::default()));
}

#[test]
fn unknown_and_unusable_settings_are_refused() {
    let with = |settings: &str| nodes(&format!("{{\"id\": \"a\", \"method\": \"m.f\",\n\"pushflow\": {settings}}}"));
    let known = "kind, pool, python, retries, retry_on, timeout, resources, priority";
    let message =
        format!("unknown key 'retry' under 'pushflow' of a node, expected one of: {known}; did you mean 'retry_on'?");
    let error = refused(&with(r#"{"pool": "thread", "retry": 1}"#), "ValueError", &message);
    assert_eq!(place(&error), (2, 41));
    let message =
        "'retries' of a node: expected an integer of 0 or more, or an object with 'count' and 'delay', found -1";
    refused(&with(r#"{"retries": -1}"#), "ValueError", message);
    let message = "'timeout' of a node: expected a number of seconds above 0, found 0";
    refused(&with(r#"{"timeout": 0}"#), "ValueError", message);
    for settings in [
        "[]",
        r#"{"pool": 1}"#,
        r#"{"python": ["python3"]}"#,
        r#"{"retries": 1.5}"#,
        r#"{"retries": true}"#,
        r#"{"retries": {}}"#,
        r#"{"retries": {"count": 1, "dealy": 1}}"#,
        r#"{"retries": {"count": 1, "delay": -1}}"#,
        r#"{"retries": {"count": 1, "factor": 0.5}}"#,
        r#"{"retry_on": "lost"}"#,
        r#"{"retry_on": [1]}"#,
        r#"{"timeout": "1"}"#,
        r#"{"resources": {"gpu": -1}}"#,
        r#"{"resources": 1}"#,
        r#"{"priority": "high"}"#,
    ] {
        let error = load(&with(settings)).unwrap_err();
        assert_eq!(place(&error).0, 2, "{settings}");
    }
}

#[test]
fn the_kind_of_a_node_is_a_name_or_an_object() {
    let kind = |written: &str| {
        let text = format!(r#"{{"id": "a", "method": "m.f", "pushflow": {{"kind":{written}}}}}"#);
        let graph = load(&nodes(&text)).unwrap();
        assert!(graph.warnings.is_empty());
        let settings = graph.nodes[0].settings.as_deref().unwrap().clone();
        let again = serde_json::to_string(&Value::map(settings.entries())).unwrap();
        (settings.kind, again)
    };
    let pool = r#"{"name":"cfpool","start_method":"spawn","workers":2,"soft_time_limit":1.0,"hard_time_limit":2.5,"grace":0.5,"max_tasks_per_child":3,"max_memory_per_child":1000000}"#;
    for written in [r#""simple""#, r#""mppool""#, pool, r#"{"name":"bprocess","daemonic":true}"#] {
        assert_eq!(kind(written).1, format!(r#"{{"kind":{written}}}"#));
    }
    let (found, _) = kind(pool);
    let found = found.unwrap();
    assert_eq!((found.name.as_str(), found.start_method.as_deref(), found.workers), ("cfpool", Some("spawn"), Some(2)));
    assert_eq!((found.daemonic, found.max_memory_per_child), (false, Some(1_000_000)));
    assert_eq!(kind("null").0, None);
    let (found, again) = kind(r#"{"workers": null, "grace": null, "name": "cfpool", "start_method": null}"#);
    assert_eq!((found.unwrap().workers, again.as_str()), (None, r#"{"kind":"cfpool"}"#));
}

#[test]
fn unknown_and_unusable_kinds_are_refused_with_their_place() {
    let with =
        |kind: &str| nodes(&format!("{{\"id\": \"a\", \"method\": \"m.f\",\n\"pushflow\": {{\"kind\": {kind}}}}}"));
    let kinds = "simple, cfpool, mppool, mpprocess, bpool, bprocess";
    let message = format!("unknown kind 'pool' of a node, expected one of: {kinds}");
    assert_eq!(place(&refused(&with(r#""pool""#), "ValueError", &message)), (2, 22));
    assert_eq!(place(&refused(&with(r#"{"name": "pool"}"#), "ValueError", &message)), (2, 31));
    let options = "name, start_method, workers, soft_time_limit, hard_time_limit, grace, max_tasks_per_child, \
                   max_memory_per_child";
    for key in ["daemonic", "start method"] {
        let message = format!("unknown key '{key}' of the kind 'cfpool' of a node, expected one of: {options}");
        let error = refused(&with(&format!(r#"{{"name": "cfpool", "{key}": 1}}"#)), "ValueError", &message);
        assert_eq!(place(&error).0, 2);
    }
    let message = format!("'kind' of a node needs a 'name', one of: {kinds}");
    refused(&with("{}"), "ValueError", &message);
    refused(&with(r#"{"name": null}"#), "ValueError", &message);
    let message = "'start_method' of a node: expected one of forkserver, spawn, fork, found 'thread'";
    refused(&with(r#"{"name": "mppool", "start_method": "thread"}"#), "ValueError", message);
    for kind in [
        "1",
        "[]",
        r#"{"name": 1}"#,
        r#"{"name": "cfpool", "workers": 0}"#,
        r#"{"name": "cfpool", "workers": 1.5}"#,
        r#"{"name": "bprocess", "workers": 1}"#,
        r#"{"name": "bprocess", "daemonic": 1}"#,
        r#"{"name": "simple", "grace": 1}"#,
        r#"{"name": "cfpool", "grace": 0}"#,
        r#"{"name": "cfpool", "soft_time_limit": "1"}"#,
        r#"{"name": "cfpool", "hard_time_limit": -1}"#,
        r#"{"name": "cfpool", "max_memory_per_child": -1}"#,
    ] {
        let error = load(&with(kind)).unwrap_err();
        assert_eq!(place(&error).0, 2, "{kind}");
    }
}

#[test]
fn settings_of_a_sub_graph_are_warned_of() {
    let text = nodes(r#"{"id": "s", "graph": {"nodes": [{"id": "a", "method": "m.f"}]}, "pushflow": {"retries": 1}}"#);
    let graph = load(&text).unwrap();
    assert_eq!(graph.warnings.len(), 1);
    assert_eq!(graph.warnings[0].message, "'pushflow' of node 's' has no effect, as it is a sub-graph");
}
