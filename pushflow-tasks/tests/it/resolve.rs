//! From `task_type` to tasks.

use pushflow_core::engine::TaskResolver;
use pushflow_core::{ErrorKind, Payload, TaskError, register_task};
use pushflow_tasks::Tasks;

use crate::{node, run};

register_task!("test.answer", |_inputs, _ctx| Ok(Payload::single("answer", 42)));

fn refusal(json: &str) -> TaskError {
    match Tasks::new().resolve(&node(json)) {
        Ok(_) => panic!("there is a task for {json}"),
        Err(error) => error,
    }
}

#[test]
fn simple_tasks_are_found_by_their_name() {
    let task = Tasks::new().resolve(&node(r#"{"id": "a", "task_type": "simple", "task_identifier": "test.answer"}"#));
    assert_eq!(run(&*task.unwrap(), Payload::new()).unwrap(), Payload::single("answer", 42));
    let error = refusal(r#"{"id": "a", "task_type": "simple", "task_identifier": "test.question"}"#);
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.text().contains("test.question") && error.text().contains("test.answer"), "{error}");
}

#[test]
fn an_unknown_kind_is_the_error_that_users_know() {
    let error = refusal(r#"{"id": "a", "task_type": "nope", "task_identifier": "x.y"}"#);
    let expected = "Task 'a' requires the 'class', 'method', 'ppfmethod', 'ppfport', 'script', 'notebook', 'task' or 'task_type' key";
    assert_eq!((error.type_name().as_str(), error.text()), ("ValueError", expected));
}

#[test]
fn python_tasks_need_an_interpreter() {
    let tasks = Tasks::new().python(Some("/no/such/python"));
    for kind in ["method", "class", "ppfmethod", "notebook"] {
        let node = node(&format!(r#"{{"id": "a", "task_type": "{kind}", "task_identifier": "m.f"}}"#));
        let Err(error) = tasks.resolve(&node) else { panic!("there is a task for {kind}") };
        assert_eq!((error.kind(), error.type_name().as_str()), (ErrorKind::Unavailable, "FileNotFoundError"));
        assert!(error.text().contains("'/no/such/python'"), "{error}");
    }
}

#[test]
fn every_kind_that_is_listed_resolves() {
    for kind in Tasks::kinds() {
        let identifier = if kind == "ppfport" { "" } else { r#", "task_identifier": "test.answer""# };
        let generator = if kind == "generated" { r#", "task_generator": "m.f""# } else { "" };
        let node = node(&format!(r#"{{"id": "a", "task_type": "{kind}"{identifier}{generator}}}"#));
        let task = Tasks::new().python(Some("sh")).resolve(&node);
        assert!(task.is_ok(), "{kind}");
    }
}
