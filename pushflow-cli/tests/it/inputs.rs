//! Inputs and options.

use std::fs;

use crate::{answer, directory_with, nodes, pushflow, run_json, stderr};

fn echo() -> String {
    nodes(&[echo_node("a")])
}

fn echo_node(id: &str) -> String {
    let inputs = r#"[{"name": "_capture_output", "value": true}]"#;
    format!(
        r#"{{"id": "{id}", "label": "A", "task_type": "script", "task_identifier": "echo", "default_inputs": {inputs}}}"#
    )
}

#[test]
fn inputs_come_from_json_and_yaml_files() {
    let directory = directory_with("w.json", &echo());
    fs::write(directory.path().join("i.json"), r#"[{"name": "x", "value": 1}, {"id": "a", "name": 0, "value": "b"}]"#)
        .unwrap();
    fs::write(directory.path().join("i.yaml"), "- {name: x, value: 1}\n- {label: A, name: 0, value: b}\n").unwrap();
    for file in ["i.json", "i.yaml"] {
        let arguments = ["run", "w.json", "--inputs", file, "--output-format", "json"];
        let output = pushflow(directory.path()).args(arguments).output().unwrap();
        assert_eq!(answer(&output)["result"]["out"], "-x 1 b\n", "{file}");
    }
}

#[test]
fn inputs_come_from_parameters_of_ewoks() {
    let parameters = ["-p", "x=1", "-pn", "a:y=[1]", "-pl", "A:z=text", "-pt", "cho:u=true", "-pa", "v=", "-ps", "0=p"];
    let (code, answer) = run_json(&echo(), &parameters);
    assert_eq!((code, &answer["result"]["out"]), (0, &serde_json::json!("-x 1 -y [1] -u True -z text -v p\n")));
}

/// `--inputs` is a file, unless it is what ewoks once had.
#[test]
fn deprecated_options_of_ewoks_select_nodes() {
    for (parameters, expected) in [
        (&["-p", "A:x=1", "--input-node-id", "label"][..], "-x 1\n"),
        (&["-p", "cho:x=1", "--input-node-id", "taskid"], "-x 1\n"),
        (&["-p", "a:x=1", "--input-node-id", "id"], "-x 1\n"),
        (&["-p", "x=1", "--inputs", "start"], "-x 1\n"),
    ] {
        assert_eq!(run_json(&echo(), parameters).1["result"]["out"], expected, "{parameters:?}");
    }
    let chain = crate::workflow(
        &[r#"{"id": "s", "task_type": "script", "task_identifier": "true"}"#.to_owned(), echo_node("a")],
        &[r#"{"source": "s", "target": "a"}"#],
    );
    let (code, answer) = run_json(&chain, &["-p", "x=1", "--inputs", "all"]);
    assert_eq!((code, &answer["result"]["out"]), (0, &serde_json::json!("-x 1\n")), "{answer}");
}

#[test]
fn a_workflow_may_be_given_as_its_text() {
    let directory = tempfile::tempdir().unwrap();
    let run = |text: &str| {
        pushflow(directory.path()).args(["run", text, "-p", "x=1", "--output-format", "json"]).output().unwrap()
    };
    assert_eq!(answer(&run(&format!(" {}", echo())))["result"]["out"], "-x 1\n");
    let wrong = run(r#"{"nodes": [{"id": "a", "method": }]}"#);
    assert_eq!((wrong.status.code(), answer(&wrong)["error"]["line"].as_u64()), (Some(3), Some(1)));
}

#[test]
fn of_one_input_the_later_option_in_the_order_of_ewoks_counts() {
    for (parameters, expected) in [
        (["-pn", "a:x=node", "-p", "a:x=plain"], "-x node\n"),
        (["-pa", "x=all", "-pn", "a:x=node"], "-x all\n"),
        (["-ps", "x=start", "-pl", "A:x=label"], "-x start\n"),
    ] {
        assert_eq!(run_json(&echo(), &parameters).1["result"]["out"], expected, "{parameters:?}");
    }
}

#[test]
fn unusable_inputs_are_refused() {
    let directory = directory_with("w.json", &echo());
    fs::write(directory.path().join("bad.json"), "[\n{]").unwrap();
    let cases = [
        (["--inputs", "none.json"], 2, "none.json: there is no such file"),
        (["--inputs", "bad.json"], 2, "bad.json:2:2: "),
        (["-pn", "b:x=1"], 3, "there is no node 'b'"),
        (["-p", "x"], 2, "expected [ID:]NAME=VALUE, found `x`"),
        (["-o", "timeout=0"], 2, "option `timeout` must be a number of seconds above 0, found 0"),
    ];
    for (arguments, code, part) in cases {
        let output = pushflow(directory.path()).args(["run", "w.json"]).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert!(stderr(&output).contains(part), "{}", stderr(&output));
    }
}

#[test]
fn start_data_and_number_of_workers_are_options() {
    let options =
        ["-o", r#"startargs=[{"name": 0, "value": "start"}]"#, "-o", "max_workers=0", "-o", "scaling_workers=false"];
    let (code, answer) = run_json(&echo(), &options);
    assert_eq!((code, &answer["result"]["out"]), (0, &serde_json::json!("start\n")));
}

#[test]
fn an_unknown_option_is_ignored_with_a_warning() {
    let directory = directory_with("w.json", &echo());
    let output = pushflow(directory.path()).args(["run", "w.json", "-o", "persistent=true"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(stderr(&output).starts_with("warning: option `persistent` is not known and ignored\n"));
}
