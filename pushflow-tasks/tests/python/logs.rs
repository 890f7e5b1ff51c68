//! What Python tasks say by `logging` and `warnings` reaches the parent, with the node and the try that it is of.

use std::process::{Command, ExitCode};
use std::sync::Arc;

use pushflow_core::engine::RunOptions;
use pushflow_core::event::Event;

use super::{Case, Setup, node, setups};

pub(crate) const CASES: &[Case] = &[("what_is_logged_names_node_and_attempt", what_is_logged_names_node_and_attempt)];

/// Says that this program is the parent that hears, executed again: who wants to hear is the same for a whole process.
pub(crate) const PART: &str = "PUSHFLOW_TEST_LOGS";

fn what_is_logged_names_node_and_attempt(setup: Setup) {
    let heard = Command::new(std::env::current_exe().unwrap()).env(PART, setup.name()).output().unwrap();
    let heard = String::from_utf8(heard.stderr).unwrap();
    for attempt in [1, 2] {
        let tag = format!("node='a' attempt={attempt}");
        let has = |level: &str, text: &str| {
            let said = format!("{level} pushflow::worker: {text}");
            let is_it = |line: &&str| line.contains(&said) && line.contains(&tag);
            heard.lines().filter(is_it).count()
        };
        assert_eq!(has("WARN", "careful: 7"), 1, "{heard}");
        assert_eq!(has("INFO", "by the way"), 1, "{heard}");
        // The end of what is said of it.
        let is_end = |line: &&str| line.contains("ZeroDivisionError: division by zero") && line.contains(&tag);
        assert_eq!(heard.lines().filter(is_end).count(), 1, "{heard}");
        let printed = format!("OUTPUT a {attempt} ");
        let warned = heard.lines().filter(|line| line.starts_with(&printed) && line.contains("UserWarning: odd"));
        assert_eq!(warned.count(), 1, "{heard}");
    }
    assert_eq!(heard.matches("ERROR pushflow::worker: went wrong").count(), 2, "{heard}");
    assert!(heard.contains("from=\"test.tasks\""), "{heard}");
    assert!(!heard.contains("not heard"), "{heard}");
}

/// Plays the parent.
pub(crate) fn play(name: &str) -> ExitCode {
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::INFO)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let setup = setups().into_iter().find(|setup| setup.name() == name).unwrap();
    let options = RunOptions::default().listener(Arc::new(|event: &Event<'_>| {
        if let Event::Output { node, attempt, text, .. } = event {
            eprintln!("OUTPUT {node} {attempt} {}", text.replace('\n', " "));
        }
    }));
    let node = node("a", "method", "log_and_fail", "");
    setup.run_with(&node.replacen('{', r#"{"pushflow": {"retries": 1}, "#, 1), "", options);
    ExitCode::SUCCESS
}
