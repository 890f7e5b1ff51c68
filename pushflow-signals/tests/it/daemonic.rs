//! Who is daemonic, and who may have children.

use pushflow_signals::{Children, Process, StartMethod};

use crate::{Test, limit, tests};

pub(crate) const TESTS: &[Test] = tests![the_rule_and_its_exceptions, the_rule_holds_further_down];

const REFUSED: &str = "daemonic processes are not allowed to have children";

fn says(daemonic: bool, children: Children, method: StartMethod) -> String {
    let builder = Process::builder("daemonic").method(method).children(children);
    let builder = if daemonic { builder.daemonic() } else { builder };
    String::from_utf8(builder.start().unwrap().wait(limit()).unwrap().returned.unwrap()).unwrap()
}

fn the_rule_and_its_exceptions() {
    assert!(!pushflow_signals::daemonic::is_daemonic() && pushflow_signals::daemonic::may_have_children());
    for method in StartMethod::ALL {
        // Daemonic, may have children, commands run; an exempt process starts; a plain one starts.
        assert_eq!(says(false, Children::ByRule, method), "false true true true / true", "{method}");
        assert_eq!(says(true, Children::ByRule, method), format!("true false true true / {REFUSED}"), "{method}");
        assert_eq!(says(true, Children::Allow, method), "true true true true / true", "{method}");
    }
}

fn the_rule_holds_further_down() {
    for method in StartMethod::ALL {
        for depth in 2..=3 {
            let way = format!("{method},").repeat(depth - 1);
            let builder = Process::builder("daemonic").method(method).daemonic().children(Children::Allow).input(way);
            let returned = builder.start().unwrap().wait(limit()).unwrap().returned.unwrap();
            assert_eq!(
                String::from_utf8(returned).unwrap(),
                format!("true false true true / {REFUSED}"),
                "{method} {depth}"
            );
        }
    }
}
