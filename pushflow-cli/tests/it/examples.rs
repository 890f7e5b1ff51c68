//! The examples of the repository, run as their README says.

use std::path::Path;

use serde_json::Value;

use crate::{answer, pushflow};

fn run(workflow: &str, options: &[&str]) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let arguments = ["run", workflow, "--outputs", "all", "--output-format", "json"];
    let output = pushflow(root).args(arguments).args(options).output().unwrap();
    let answer = answer(&output);
    assert_eq!(output.status.code(), Some(0), "{answer}");
    answer
}

#[test]
fn checksums_are_joined_into_a_report() {
    let answer = run("examples/checksums/workflow.json", &[]);
    let expected = "\
fox.txt        45 bytes   2 lines  26e3df02e41ff53b
masses.csv     56 bytes   4 lines  7d64e9ff06d35039
numbers.txt    19 bytes   4 lines  c45d3a272228cc54
";
    assert_eq!(answer["result"]["out"], expected);
    assert_eq!(answer["nodes"].as_object().unwrap().len(), 5);
}

#[test]
fn the_loop_ends_when_the_condition_holds() {
    for options in [&[][..], &["-pn", "step:0=100"], &["--pool", "in_place"]] {
        let answer = run("examples/until/workflow.json", options);
        assert_eq!(answer["result"]["out"], "the square root of 2 is 1.414213562\n");
    }
}

#[test]
fn the_failure_is_rescued() {
    let answer = run("examples/rescue/workflow.yaml", &[]);
    assert_eq!(answer["result"]["out"], "6\n");
    assert_eq!(answer["failures"], serde_json::json!([]));
    assert!(answer["nodes"].get("fetch").is_none());
}
