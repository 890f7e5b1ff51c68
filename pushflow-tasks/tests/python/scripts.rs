//! An interpreter that is named by a script, as those of pyenv are.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use pushflow_core::Value;
use pushflow_core::engine::{Report, RunOptions};
use pushflow_tasks::Tasks;
use tempfile::TempDir;

use super::{Case, GRACE, Setup, link, node};

pub(crate) const CASES: &[Case] = &[
    ("a_script_that_finds_the_interpreter_is_spared", a_script_that_finds_the_interpreter_is_spared),
    ("a_virtual_environment_behind_a_script_stays_one", a_virtual_environment_behind_a_script_stays_one),
    (
        "an_interpreter_that_does_not_know_itself_is_found_each_time",
        an_interpreter_that_does_not_know_itself_is_found_each_time,
    ),
    (
        "what_the_script_has_started_is_replaced_when_it_is_killed",
        what_the_script_has_started_is_replaced_when_it_is_killed,
    ),
];

/// A script that executes an interpreter, and counts how often.
struct Script {
    place: TempDir,
}

impl Script {
    /// `says` is what it does before, `options` are those of the interpreter.
    fn new(python: &str, says: &str, options: &str) -> Script {
        let script = Script { place: tempfile::tempdir().unwrap() };
        let starts = script.starts();
        let text = format!("#!/bin/sh\necho >> '{}'\n{says}\nexec '{python}' {options} \"$@\"\n", starts.display());
        fs::write(script.path(), text).unwrap();
        fs::set_permissions(script.path(), fs::Permissions::from_mode(0o755)).unwrap();
        script
    }

    fn path(&self) -> PathBuf {
        self.place.path().join("python")
    }

    fn starts(&self) -> PathBuf {
        self.place.path().join("starts")
    }

    fn count(&self) -> usize {
        fs::read_to_string(self.starts()).unwrap().lines().count()
    }

    fn tasks(&self) -> Tasks {
        Tasks::new().grace(GRACE).python(Some(self.path()))
    }

    /// Runs an expression in several workers, after each other; returns what they found.
    fn run(&self, setup: Setup, what: &str) -> [Value; 4] {
        let nodes = node("a", "method", "make", &format!(r#""what": "{what}""#));
        [(); 4].map(|()| returned(&setup.run_by(&self.tasks(), &nodes, "", RunOptions::default())))
    }
}

fn returned(report: &Report) -> Value {
    assert_eq!(report.failures, vec![]);
    report.output.as_ref().unwrap().get("return_value").unwrap().clone()
}

/// The interpreter that the tests run on, itself.
fn interpreter(setup: Setup) -> String {
    setup.returned("make", r#""what": "sys.executable""#).as_str().unwrap().to_owned()
}

fn a_script_that_finds_the_interpreter_is_spared(setup: Setup) {
    let python = interpreter(setup);
    let script = Script::new(&python, "export SAID='by the script'; umask 027; ulimit -n 512", "-X said=so");
    let what = "[os.environ['SAID'], sys._xoptions['said'], sys.executable, 'PUSHFLOW_LINK' in os.environ, os.umask(0o27), limit()]";
    let expected = Value::list([
        Value::from("by the script"),
        "so".into(),
        python.as_str().into(),
        Value::Bool(false),
        Value::Int(0o27),
        Value::Int(512),
    ]);
    for found in script.run(setup, what) {
        assert_eq!(found, expected, "{}", setup.name());
    }
    // Two workers afresh, and what starts all others.
    assert_eq!(script.count(), if setup.is_forked() { 1 } else { 3 }, "{}", setup.name());
}

fn a_virtual_environment_behind_a_script_stays_one(setup: Setup) {
    if setup.is_forked() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let made = place.path().join("venv");
    let mut command = Command::new(interpreter(setup));
    let made_it = command.args(["-m", "venv", "--without-pip"]).arg(&made).status().unwrap();
    assert!(made_it.success());
    let python = made.join("bin/python");
    let script = Script::new(python.to_str().unwrap(), "", "");
    let found = Value::from(format!("{} {}", made.display(), python.display()));
    for said in script.run(setup, "sys.prefix + ' ' + sys.executable") {
        assert_eq!(said, found);
    }
    assert_eq!(script.count(), 3);
}

fn an_interpreter_that_does_not_know_itself_is_found_each_time(setup: Setup) {
    if setup.is_forked() {
        return;
    }
    let python = interpreter(setup);
    for wrong in ["", "/bin/sh", "/no/such/program"] {
        let place = tempfile::tempdir().unwrap();
        let customized = format!("import sys\nsys.executable = {wrong:?}\n");
        fs::write(place.path().join("sitecustomize.py"), customized).unwrap();
        let script = Script::new(&python, &format!("export PYTHONPATH='{}'", place.path().display()), "");
        for said in script.run(setup, "sys.executable") {
            assert_eq!(said, Value::from(wrong));
        }
        assert!(script.count() >= 5, "{wrong:?}: {}", script.count());
    }
}

fn what_the_script_has_started_is_replaced_when_it_is_killed(setup: Setup) {
    let script = Script::new(&interpreter(setup), "", "");
    let is_below_it = "os.path.samefile('/proc/self/exe', '/proc/%d/exe' % os.getppid())";
    assert_eq!(script.run(setup, is_below_it)[3], Value::Bool(true));
    let before = script.count();
    // Another worker dies with it, and may have begun with the task by then.
    let again = node("b", "method", "add", r#""a": 1"#);
    let again = again.replacen('{', r#"{"pushflow": {"retries": 2, "retry_on": ["lost"]}, "#, 1);
    let nodes = [node("a", "method", "kill_parent", ""), again].join(",");
    for _ in 0..3 {
        let links = link("a", "b", r#", "on_error": true"#);
        let report = setup.run_by(&script.tasks(), &nodes, &links, RunOptions::default());
        assert_eq!(report.failures, vec![]);
        assert!(report.failed >= 1 && report.output.is_some(), "{} failed", report.failed);
    }
    let more = script.count() - before;
    assert!((1..=3).contains(&more), "{more} more");
}
