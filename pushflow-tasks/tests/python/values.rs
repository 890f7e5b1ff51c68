//! What goes into a Python task, comes out of it, and goes from one to the next.

use std::path::Path;
use std::process::Command;

use pushflow_core::graph::{Format, LoadOptions, load_text};
use pushflow_core::{Value, engine};
use pushflow_tasks::Tasks;
use serde_json::json;

use super::{Case, Setup, VALUE, link, node};

pub(crate) const CASES: &[Case] = &[
    ("a_function_is_called", a_function_is_called),
    ("files_of_one_name_are_two_modules", files_of_one_name_are_two_modules),
    ("arguments_have_names_and_positions", arguments_have_names_and_positions),
    ("values_are_the_same_afterwards", values_are_the_same_afterwards),
    ("objects_reach_the_next_task", objects_reach_the_next_task),
    ("a_dictionary_is_carried_along", a_dictionary_is_carried_along),
    ("conditions_compare_what_comes_out", conditions_compare_what_comes_out),
    ("each_node_may_name_its_interpreter", each_node_may_name_its_interpreter),
];

/// In one workflow there are tasks of several environments.
fn each_node_may_name_its_interpreter(setup: Setup) {
    let directory = tempfile::tempdir().unwrap();
    let other = directory.path().join("venv");
    let made = Command::new("python3").args(["-m", "venv", "--without-pip"]).arg(&other).status().unwrap();
    assert!(made.success());
    let with = |id: &str, kind: &str, task: &str, python: Option<&Path>| {
        let plain = node(id, kind, task, r#""value": 1"#);
        let settings = python.map(|python| format!(r#"{{"pushflow": {{"python": {}}}, "#, json!(python)));
        settings.map_or(plain.clone(), |settings| plain.replacen('{', &settings, 1))
    };
    let python = other.join("bin/python");
    let nodes = [
        with("a", "method", "where", None),
        with("b", "method", "where", Some(&python)),
        with("c", "method", "where", None),
    ];
    let links = [link("a", "b", VALUE), link("b", "c", VALUE)];
    let report = setup.run(&nodes.join(","), &links.join(","));
    assert_eq!(report.failures, []);
    let found = report.output.unwrap().get("return_value").cloned().unwrap();
    let prefixes: Vec<&str> = found.as_list().unwrap()[1..].iter().map(|prefix| prefix.as_str().unwrap()).collect();
    assert_eq!((prefixes[0], prefixes[1]), (prefixes[2], other.to_str().unwrap()), "{prefixes:?}");
    assert_ne!(prefixes[0], prefixes[1]);

    let missing = with("a", "method", "where", Some(Path::new("no-such-python")));
    let text = format!(r#"{{"nodes": [{missing}], "links": []}}"#);
    let graph = load_text(&text, Format::Json, &LoadOptions::default()).unwrap();
    let error = engine::compile(&graph, &Tasks::new()).unwrap_err().to_string();
    assert!(error.contains("node 'a' names 'no-such-python', which is no program"), "{error}");
}

fn a_function_is_called(setup: Setup) {
    assert_eq!(setup.returned("add", r#""a": 1, "b": 2"#), Value::Int(3));
    let file = setup.run(&node("a", "method", "add", r#""a": 1"#).replace("tasks.add", "./tasks.py::add"), "");
    assert_eq!(file.output.unwrap().get("return_value"), Some(&Value::Int(11)));
}

/// Also when a module of that name is imported already: of the interpreter, or from another file.
fn files_of_one_name_are_two_modules(setup: Setup) {
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, format!("def add(value):\n    return value + '{text}'\n")).unwrap();
        format!("{}::", path.display())
    };
    let files = [place("one/steps.py", "a"), place("other/steps.py", "b"), place("one/socket.py", "c")];
    let again = files[0].replace("/one/", "/other/../one/");
    let nodes: Vec<String> = files
        .iter()
        .chain([&again])
        .enumerate()
        .map(|(number, file)| {
            let inputs = if number == 0 { r#""value": """# } else { "" };
            node(&number.to_string(), "method", "add", inputs).replace("tasks.", file)
        })
        .collect();
    let links: Vec<String> =
        (1..nodes.len()).map(|number| link(&(number - 1).to_string(), &number.to_string(), VALUE)).collect();
    let report = setup.run(&nodes.join(","), &links.join(","));
    assert_eq!(report.failures, []);
    assert_eq!(report.output.unwrap().get("return_value"), Some(&Value::from("abca")));
}

fn arguments_have_names_and_positions(setup: Setup) {
    let wanted = Value::list([Value::list([Value::Int(1), Value::from("x")]), Value::map([("k", Value::Null)])]);
    assert_eq!(setup.returned("echo", r#""0": 1, "1": "x", "k": null"#), wanted);
}

fn values_are_the_same_afterwards(setup: Setup) {
    let big = "123456789012345678901234567890";
    let inputs = format!(
        r#""value": [null, true, 1, -9223372036854775808, {big}, 1.5, -0.0, 1e300, "ä€\u0000", [], {{}}, {{"k": [[1]]}}]"#
    );
    let value = setup.returned("same", &inputs);
    let text = serde_json::to_string(&value).unwrap();
    assert_eq!(
        text,
        format!(r#"[null,true,1,-9223372036854775808,{big},1.5,-0.0,1e+300,"ä€\u0000",[],{{}},{{"k":[[1]]}}]"#)
    );
    let floats = setup.returned("make", r#""what": "[float('nan'), float('inf')]""#);
    assert!(
        matches!(floats.as_list(), Some([Value::Float(nan), Value::Float(inf)]) if nan.is_nan() && inf.is_infinite())
    );
    let Value::Bytes(bytes) = setup.returned("make", r#""what": "bytes(range(256)) * 1000""#) else {
        panic!("no bytes")
    };
    assert!(bytes.as_bytes().chunks(256).all(|chunk| chunk.iter().copied().eq(0..=255)));
    assert_eq!(bytes.as_bytes().len(), 256_000);
}

fn objects_reach_the_next_task(setup: Setup) {
    let cases = [
        ("(1, (2, 3))", "tuple (1, (2, 3))", "[1,[2,3]]"),
        ("[(1, 2)]", "list [(1, 2)]", "[[1,2]]"),
        ("{1: 'a'}", "dict {1: 'a'}", r#"{"1":"a"}"#),
        ("{3}", "set {3}", r#"{"__set__":[3]}"#),
        ("1+2j", "complex (1+2j)", r#"{"__repr__":"complex"}"#),
        ("bytes(3)", r"bytes b'\\x00\\x00\\x00'", r#"{"__bytes__":"000000"}"#),
        (
            "10**5000 % 10**30 + 10**40",
            "int 10000000000000000000000000000000000000000",
            "10000000000000000000000000000000000000000",
        ),
        ("True", "bool True", "true"),
        (r"'\\ud800'", r"str '\\ud800'", r#""#),
    ];
    for (what, described, shown) in cases {
        let nodes = [node("a", "method", "make", &format!(r#""what": "{what}""#)), node("b", "method", "describe", "")]
            .join(",");
        let report = setup.run(&nodes, &link("a", "b", VALUE));
        assert_eq!(report.failures, []);
        let found = report.output.unwrap().get("return_value").unwrap().clone();
        let described: String = serde_json::from_str(&format!("\"{described}\"")).unwrap();
        assert_eq!(found.as_str(), Some(described.as_str()), "{what}");
        if !shown.is_empty() {
            let value = setup.returned("make", &format!(r#""what": "{what}""#));
            assert_eq!(serde_json::to_string(&value).unwrap(), shown);
        }
    }
}

fn a_dictionary_is_carried_along(setup: Setup) {
    let nodes = [
        node("a", "ppfmethod", "carry", r#""value": 1, "x": 5"#),
        node("b", "ppfmethod", "carry", r#""value": 100"#),
        r#"{"id": "c", "task_type": "ppfport"}"#.to_owned(),
    ]
    .join(",");
    let condition = r#", "map_all_data": true, "conditions": [{"source_output": "value", "value": 2}]"#;
    let links = [link("a", "b", condition), link("b", "c", r#", "map_all_data": true"#)].join(",");
    let report = setup.run(&nodes, &links);
    let text = serde_json::to_string(&report.output.unwrap()).unwrap();
    assert_eq!(text, r#"{"_ppfdict":{"value":3,"x":5,"last":[2]}}"#);
}

/// A link is taken by what Python says is equal.
fn conditions_compare_what_comes_out(setup: Setup) {
    for (what, wanted, is_taken) in
        [("1 == 1", "1", true), ("2.0", "2", true), ("(1,)", "1", false), ("'a'", "\"a\"", true), ("None", "0", false)]
    {
        let nodes =
            [node("a", "method", "make", &format!(r#""what": "{what}""#)), node("b", "method", "add", r#""a": 1"#)];
        let condition = format!(r#", "conditions": [{{"source_output": "return_value", "value": {wanted}}}]"#);
        let report = setup.run(&nodes.join(","), &link("a", "b", &condition));
        assert_eq!(report.failures, []);
        assert_eq!(report.output.is_some(), is_taken, "{what} {wanted}");
    }
}
