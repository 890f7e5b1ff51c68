//! Workers that are forked from an interpreter which has imported modules already.

use std::sync::Arc;

use pushflow_core::Value;
use pushflow_core::engine::RunOptions;
use pushflow_tasks::Tasks;

use super::{Case, GRACE, LONG, Setup, network_by, node};

pub(crate) const CASES: &[Case] = &[
    ("what_imports_start_threads_is_not_forked", what_imports_start_threads_is_not_forked),
    ("what_imports_do_to_signals_is_no_harm", what_imports_do_to_signals_is_no_harm),
    ("what_is_said_to_files_of_the_server_is_written_once", what_is_said_to_files_of_the_server_is_written_once),
];

/// Imports modules in advance; returns whether a worker has one of them already, and whether it was forked.
fn with(setup: Setup, modules: &[&str]) -> (bool, bool) {
    let tasks = Tasks::new().grace(GRACE).pre_import(modules.iter().map(|name| (*name).to_owned()).collect());
    let what = format!("['{}' in sys.modules, 'pushflow_worker.forkserver' in sys.modules]", modules[0]);
    let nodes = node("a", "method", "make", &format!(r#""what": "{what}""#));
    let report = setup.run_by(&tasks, &nodes, "", RunOptions::default());
    assert_eq!(report.failures, vec![]);
    let found = report.output.unwrap().get("return_value").cloned().unwrap();
    match found.as_list() {
        Some([Value::Bool(is_there), Value::Bool(is_forked)]) => (*is_there, *is_forked),
        _ => panic!("{found:?}"),
    }
}

fn what_imports_start_threads_is_not_forked(setup: Setup) {
    let is_forked = setup.is_forked();
    assert_eq!(with(setup, &["colorsys"]), (is_forked, is_forked));
    assert_eq!(with(setup, &["starts_thread"]), (false, false));
    assert_eq!(with(setup, &["starts_safe_thread"]), (is_forked, is_forked));
    // The others are imported, and the task runs.
    assert_eq!(with(setup, &["colorsys", "no_such_module"]), (is_forked, is_forked));
}

/// A server whose modules have blocked all signals, or ignore the end of children, hears of the ends of its workers.
fn what_imports_do_to_signals_is_no_harm(setup: Setup) {
    for module in ["blocks_signals", "ignores_children"] {
        assert_eq!(with(setup, &[module]), (setup.is_forked(), setup.is_forked()), "{module}");
        let tasks = Tasks::new().grace(GRACE).pre_import(vec![module.to_owned()]);
        let report = setup.run_by(&tasks, &node("a", "method", "vanish", ""), "", RunOptions::default());
        let message = &report.failures[0].message;
        assert!(message.contains("exited with code 3"), "{module}: {message}");
    }
}

/// A module that is imported in advance opens a file, to which it says something, and so do tasks in several workers.
fn what_is_said_to_files_of_the_server_is_written_once(setup: Setup) {
    if !setup.is_forked() {
        return;
    }
    let tasks = Tasks::new().grace(GRACE).pre_import(vec!["opens_file".to_owned()]);
    let run = |function: &str, inputs: &str| {
        let nodes = node("a", "method", function, inputs).replace("tasks.", "opens_file.");
        // A pool, and a worker, of its own.
        let network = Arc::new(network_by(&tasks, &nodes, ""));
        let pool = setup.make_with(1, LONG).unwrap();
        let report = network.start(Arc::clone(&pool), RunOptions::default()).wait();
        assert_eq!(report.failures, vec![]);
        pool.close();
        pool.join(Some(LONG)).unwrap();
        report.output.unwrap().get("return_value").cloned().unwrap()
    };
    run("say", r#""word": "first""#);
    run("say", r#""word": "second""#);
    assert_eq!(run("hear", ""), Value::from("at import, first, second, "));
}
