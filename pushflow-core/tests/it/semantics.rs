//! How compiled workflows execute: each rule with a small workflow of its own, in place.

use pushflow_core::engine::{Keep, RunOptions, Status};
use pushflow_core::{Key, Payload, Value};

use crate::workflow::{ALL, ON_ERROR, defaults, execute, join, link, node};

/// `a -> b`: links overwrite defaults, and what is not mapped does not come.
#[test]
fn links_overwrite_defaults() {
    let nodes = join(&[
        node("a", "echo", &defaults(&[(r#""x""#, "1"), (r#""y""#, "2")])),
        node("b", "say", &defaults(&[(r#""z""#, "0"), (r#""w""#, "5")])),
    ]);
    let mapped = link("a", "b", r#", "data_mapping": [{"source_output": "x", "target_input": "z"}]"#);
    let (report, _) = execute(&nodes, &mapped, RunOptions::default());
    assert_eq!(report.output.unwrap().get("got"), Some(&Value::from("z=1 w=5")));
    let (_, trace) = execute(&nodes, &link("a", "b", ""), RunOptions::default());
    assert_eq!(trace, ["a(x=1 y=2)", "b(z=0 w=5)"], "a link without mapping only triggers");
}

/// `a -> c <- b`: required links are merged in the order of the nodes, not of the links or of arrival.
#[test]
fn merging_is_in_node_order() {
    let nodes = join(&[
        node("a", "echo", &defaults(&[(r#""x""#, "1")])),
        node("b", "echo", &defaults(&[(r#""x""#, "2")])),
        node("c", "say", ""),
    ]);
    for order in [["a", "b"], ["b", "a"]] {
        let links = join(&order.map(|source| link(source, "c", ALL)));
        let (report, trace) = execute(&nodes, &links, RunOptions::default());
        assert_eq!(report.output.unwrap().get("got"), Some(&Value::from("x=2")));
        assert_eq!(trace.len(), 3, "a join executes once");
    }
}

/// ```text
/// a -> b (required), a -> c -> b (optional)
/// ```
#[test]
fn optional_data_executes_again() {
    let nodes = join(&[node("a", "echo", &defaults(&[(r#""x""#, "1")])), node("c", "count", ""), node("b", "say", "")]);
    let optional = r#", "map_all_data": true, "required": false"#;
    let links = join(&[link("a", "b", ALL), link("a", "c", ""), link("c", "b", optional)]);
    let (_, trace) = execute(&nodes, &links, RunOptions::default());
    assert_eq!(trace, ["a(x=1)", "b(x=1)", "c()", "b(x=1 n=1)"]);
}

/// `n -> n` until the condition fails: a loop needs no way in when its node starts.
#[test]
fn a_loop_runs_until_its_condition() {
    let nodes =
        join(&[node("n", "count", r#", "force_start_node": true"#), node("check", "echo", ""), node("end", "say", "")]);
    let back = r#", "map_all_data": true, "conditions": [{"source_output": "n", "value": null}]"#;
    let out = r#", "map_all_data": true, "conditions": [{"source_output": "n", "value": 4}]"#;
    let links = join(&[link("n", "check", ALL), link("check", "n", back), link("check", "end", out)]);
    let (report, trace) = execute(&nodes, &links, RunOptions::default());
    assert_eq!(report.output.unwrap().get("got"), Some(&Value::from("n=4")));
    assert_eq!(trace.len(), 9);
}

/// `b <- a -> c`: of two conditions of a link about one output the last has to hold, but else is for neither value.
#[test]
fn else_is_for_values_that_no_condition_names() {
    let conditions = |values: &str| format!(r#", "map_all_data": true, "conditions": [{values}]"#);
    let twice = conditions(r#"{"source_output": "x", "value": 3}, {"source_output": "x", "value": 4}"#);
    let links =
        join(&[link("a", "b", &twice), link("a", "c", &conditions(r#"{"source_output": "x", "value": null}"#))]);
    for (x, taken) in [("3", ""), ("4", "b(x=4)"), ("5", "c(x=5)")] {
        let nodes = join(&[node("a", "echo", &defaults(&[(r#""x""#, x)])), node("b", "say", ""), node("c", "say", "")]);
        let (_, trace) = execute(&nodes, &links, RunOptions::default());
        assert_eq!(trace[1..].join(" "), taken);
    }
}

#[test]
fn all_ends_and_the_last_result() {
    let nodes = join(&[node("a", "say", ""), node("b", "say", ""), node("c", "fail", "")]);
    let (report, _) = execute(&nodes, "", RunOptions::default().keep(Keep::End));
    assert_eq!(report.output.unwrap().get("who"), Some(&Value::from("b")), "a result outranks errors");
    assert_eq!(report.nodes.len(), 2);
    assert_eq!((report.status, report.failures.len(), report.error), (Status::Failed, 1, None));
    let (report, _) = execute(&nodes, &link("a", "b", ""), RunOptions::default().keep(Keep::All));
    assert_eq!(report.nodes.len(), 2);
}

#[test]
fn an_error_alone_is_the_outcome() {
    let nodes = join(&[node("a", "fail", &defaults(&[(r#""message""#, r#""too bad""#)]))]);
    let (report, _) = execute(&nodes, "", RunOptions::default());
    let error = report.error.unwrap();
    assert_eq!(error.type_name, "TaskExecutionError");
    assert_eq!(error.message, "Execution failed for ewoks task 'a' (id: 'a', task: 'fail'): too bad");
    assert_eq!(report.failures, [error]);
    let (report, _) = execute(&node("p", "panic", ""), "", RunOptions::default());
    assert_eq!(report.failures[0].kind.name(), "panicked");
}

/// `a` fails; the handler gets the inputs that came by links and the error, no defaults.
#[test]
fn a_handler_gets_link_inputs_and_the_error() {
    let nodes = join(&[
        node("s", "echo", &defaults(&[(r#""x""#, "1")])),
        node("a", "fail", &defaults(&[(r#""message""#, r#""too bad""#)])),
        node("h", "echo", ""),
    ]);
    let (report, _) = execute(&nodes, &join(&[link("s", "a", ALL), link("a", "h", ON_ERROR)]), RunOptions::default());
    assert_eq!((report.failures.len(), report.failed), (0, 1), "a handled failure is none of the run");
    // The handler passes the error on as its own output, so the run ends with an error all the same.
    let output = report.output.unwrap();
    let names: Vec<String> = output.iter().map(|(key, _)| key.to_string()).collect();
    assert_eq!(names, ["x", "WorkflowException", "WorkflowExceptionInstance"]);
    let error = output.get("WorkflowException").and_then(Value::as_map).unwrap();
    assert!(error["errorMessage"].as_str().unwrap().ends_with("too bad"));
}

/// A link that maps an output that is not there is an error of its source: links before it have been used.
#[test]
fn what_cannot_be_delivered_is_an_error_of_the_source() {
    let nodes = join(&[node("a", "say", ""), node("b", "say", ""), node("c", "say", ""), node("d", "say", "")]);
    let bad = r#", "data_mapping": [{"source_output": "nope", "target_input": "x"}]"#;
    let links = join(&[link("a", "b", ""), link("a", "c", bad), link("a", "d", "")]);
    let (report, trace) = execute(&nodes, &links, RunOptions::default());
    assert_eq!(trace, ["a()", "b()"]);
    let failure = &report.failures[0];
    assert_eq!(
        (failure.node.as_str(), failure.type_name.as_str(), failure.message.as_str()),
        ("a", "KeyError", "'nope'")
    );
    assert_eq!(report.output.unwrap().get("who"), Some(&Value::from("b")));
}

/// An error while mapping the payload of an error is a failure of the run.
#[test]
fn an_error_on_the_way_to_a_handler_is_not_lost() {
    let nodes = join(&[node("a", "fail", ""), node("h", "say", "")]);
    let bad = r#", "on_error": true, "data_mapping": [{"source_output": "message", "target_input": "x"}]"#;
    let (report, trace) = execute(&nodes, &link("a", "h", bad), RunOptions::default());
    assert_eq!(trace.len(), 1);
    assert_eq!((report.status, report.failures.len()), (Status::Failed, 1));
    assert_eq!(report.error.unwrap().type_name, "KeyError");
}

/// Positions of arguments that did not come become null, also over defaults.
#[test]
fn positions_are_completed() {
    let nodes = join(&[node("a", "count", ""), node("b", "say", &defaults(&[("0", "5")]))]);
    let mapped = r#", "data_mapping": [{"source_output": "n", "target_input": 1}]"#;
    let (_, trace) = execute(&nodes, &link("a", "b", mapped), RunOptions::default());
    assert_eq!(trace[1], "b(0=None 1=1)");
}

#[test]
fn start_data_is_overwritten_by_links_and_overwrites_defaults() {
    let nodes = join(&[node("a", "echo", &defaults(&[(r#""x""#, "1"), (r#""y""#, "1")]))]);
    let options = RunOptions::default().data(Payload::from([(Key::from("y"), 2)]));
    let (_, trace) = execute(&nodes, "", options);
    assert_eq!(trace, ["a(x=1 y=2)"]);
}

#[test]
fn nothing_at_the_end_is_no_error() {
    let nodes = join(&[node("a", "count", ""), node("b", "say", "")]);
    let never = r#", "conditions": [{"source_output": "n", "value": 7}]"#;
    let (report, trace) = execute(&nodes, &link("a", "b", never), RunOptions::default());
    assert_eq!((report.status, report.output, trace.len()), (Status::Finished, None, 1));
}
