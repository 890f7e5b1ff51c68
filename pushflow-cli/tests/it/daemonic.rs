//! `pushflow daemonic` and `pushflow pools`.

use serde_json::Value;

use crate::matrix::REFUSAL;
use crate::{answer, pushflow, stdout};

const METHODS: [&str; 3] = ["forkserver", "spawn", "fork"];

/// Runs the command `daemonic` and returns its object.
pub(crate) fn daemonic() -> Value {
    let directory = tempfile::tempdir().unwrap();
    let output = pushflow(directory.path()).args(["daemonic", "--output-format", "json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    answer(&output)
}

fn listed<'a>(ways: &[&'a str]) -> Vec<String> {
    let of = |method: &'a str| ways.iter().map(move |way| format!("{way}('{method}')"));
    METHODS.into_iter().flat_map(of).collect()
}

/// The predecessor's lists, and more.
#[test]
fn the_lists_are_those_of_the_predecessor_and_more() {
    let found = daemonic();
    let list = |name: &str| -> Vec<String> { serde_json::from_value(found[name].clone()).unwrap() };
    assert_eq!(list("daemonic"), listed(&["mppool", "bpool", "daemonic mpprocess", "daemonic bprocess"]));
    let mut others = listed(&["nd_mppool", "cfpool", "nd_cfpool", "mpprocess", "bprocess"]);
    others.push("command()".to_owned());
    assert_eq!(list("non_daemonic"), others);
}

#[test]
fn only_what_is_daemonic_may_not_start_processes() {
    let found = daemonic();
    let children = found["children"].as_array().unwrap();
    assert_eq!(children.len(), 9 * 3 + 1);
    for child in children {
        let is_daemonic = child["daemonic"].as_bool().unwrap();
        let may = &child["may_start"];
        assert_eq!(may["processes"].as_bool(), Some(!is_daemonic), "{child}");
        assert_eq!((&may["billiard_processes"], &may["commands"]), (&true.into(), &true.into()), "{child}");
        assert_eq!(child["refusal"].as_str(), is_daemonic.then_some(REFUSAL), "{child}");
    }
}

#[test]
fn both_are_shown_to_people() {
    let directory = tempfile::tempdir().unwrap();
    let show = |command: &str| stdout(&pushflow(directory.path()).arg(command).output().unwrap());
    let text = show("daemonic");
    for part in [
        "started as          start method  daemonic  may start processes  processes of billiard  commands\n",
        "mppool              forkserver    yes       no                   yes                    yes\n",
        "cfpool              fork          no        yes                  yes                    yes\n",
        &format!("\nno: {REFUSAL}\n\nDaemonic:\n mppool('forkserver')\n"),
        "\nNon-Daemonic:\n nd_mppool('forkserver')\n",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    let text = show("pools");
    for part in ["gevent ", "thread ", "process (default)  as concurrent.futures ", "billiard ", "scaling "] {
        assert!(text.lines().any(|line| line.starts_with(part)), "{part:?} begins no line of {text}");
    }
    let output = pushflow(directory.path()).args(["pools", "--output-format=json"]).output().unwrap();
    let pools = answer(&output);
    let default: Vec<_> = pools["pools"].as_array().unwrap().iter().filter(|pool| pool["default"] == true).collect();
    assert_eq!((default.len(), &default[0]["name"]), (1, &"process".into()));
}
