//! The stages of stopping, and an end by a signal.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::sync::mpsc;

use pushflow_signals::{Signal, Stage, StopStages, end_by_signal};

use crate::{Test, again, is_child, tests};

pub(crate) const TESTS: &[Test] = tests![three_signals_are_three_stages_and_the_last_is_seen_by_the_parent,];

fn three_signals_are_three_stages_and_the_last_is_seen_by_the_parent() {
    const TEST: &str = "stages::three_signals_are_three_stages_and_the_last_is_seen_by_the_parent";
    if is_child(TEST) {
        let (says, said) = mpsc::channel();
        let _stages = StopStages::watch(&[Signal::INTERRUPT, Signal::TERMINATE], move |stage, signal| {
            says.send((stage, signal)).unwrap()
        })
        .unwrap();
        println!("\nready");
        for (stage, signal) in said {
            println!("{stage:?} {signal}");
            std::io::stdout().flush().unwrap();
            if stage == Stage::Kill {
                end_by_signal(signal);
            }
        }
        return;
    }
    let mut child = again(TEST).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line == "ready"));
    let pid = child.id().to_string();
    for (signal, answer) in [("INT", "Stop SIGINT"), ("TERM", "Interrupt SIGTERM"), ("INT", "Kill SIGINT")] {
        let kill = std::process::Command::new("kill").args(["-s", signal, &pid]).status().unwrap();
        assert!(kill.success());
        assert_eq!(lines.next().as_deref(), Some(answer));
    }
    assert_eq!(child.wait().unwrap().signal(), Some(2));
}
