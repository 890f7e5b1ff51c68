//! Workers that are forked from an interpreter which has imported modules already.

use pushflow_core::Value;
use pushflow_core::engine::RunOptions;
use pushflow_tasks::Tasks;

use super::{Case, GRACE, Setup, node};

pub(crate) const CASES: &[Case] =
    &[("what_imports_start_threads_is_not_forked", what_imports_start_threads_is_not_forked)];

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
