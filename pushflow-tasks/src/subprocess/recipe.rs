//! A [`Subprocess`] on its way to a worker process.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::sync::Arc;
use std::time::Duration;

use pushflow_core::task::Recipe;
use pushflow_core::value::{Buffer, from_value_ref, to_value};
use pushflow_core::{Task, TaskError, Value, register_task_kind};
use serde::{Deserialize, Serialize};

use super::command::{Output, Subprocess};

/// The name of the kind; a function of a program could be called `subprocess`.
const KIND: &str = "pushflow-tasks subprocess";

register_task_kind!(KIND, make);

/// What a worker needs to know. Texts of the system are bytes.
#[derive(Serialize, Deserialize)]
struct Settings {
    program: Buffer,
    args: Vec<Buffer>,
    env: Vec<(Buffer, Option<Buffer>)>,
    cwd: Option<Buffer>,
    stdin: Option<Buffer>,
    output: Output,
    merge_stderr: bool,
    check: bool,
    grace: Duration,
}

/// Returns from what [`make`] makes the command again.
pub(super) fn recipe(command: &Subprocess) -> Option<Recipe> {
    let Subprocess { program, args, env, cwd, stdin, output, merge_stderr, check, grace } = command;
    let settings = Settings {
        program: bytes(program),
        args: args.iter().map(|argument| bytes(argument)).collect(),
        env: env.iter().map(|(name, value)| (bytes(name), value.as_deref().map(bytes))).collect(),
        cwd: cwd.as_ref().map(|directory| bytes(directory.as_os_str())),
        stdin: stdin.clone(),
        output: *output,
        merge_stderr: *merge_stderr,
        check: *check,
        grace: *grace,
    };
    let settings = to_value(&settings).expect("bytes, truths and a duration are values");
    Some(Recipe { kind: KIND.into(), settings })
}

fn make(settings: &Value) -> Result<Arc<dyn Task>, TaskError> {
    let Settings { program, args, env, cwd, stdin, output, merge_stderr, check, grace } = from_value_ref(settings)?;
    Ok(Arc::new(Subprocess {
        program: text(&program),
        args: args.iter().map(text).collect(),
        env: env.iter().map(|(name, value)| (text(name), value.as_ref().map(text))).collect(),
        cwd: cwd.as_ref().map(|directory| text(directory).into()),
        stdin,
        output,
        merge_stderr,
        check,
        grace,
    }))
}

fn bytes(text: &OsStr) -> Buffer {
    text.as_bytes().to_vec().into()
}

fn text(bytes: &Buffer) -> OsString {
    OsString::from_vec(bytes.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use pushflow_core::registry;

    use super::*;

    fn os() -> impl Strategy<Value = OsString> {
        prop::collection::vec(any::<u8>(), 0..8).prop_map(OsString::from_vec)
    }

    fn output() -> impl Strategy<Value = Output> {
        let all = [Output::Capture, Output::Stream, Output::CaptureAndStream, Output::Inherit, Output::Null];
        prop::sample::select(all.to_vec())
    }

    prop_compose! {
        fn command()(
            program in os(),
            args in prop::collection::vec(os(), 0..4),
            env in prop::collection::vec((os(), prop::option::of(os())), 0..4),
            cwd in prop::option::of(os()),
            stdin in prop::option::of(prop::collection::vec(any::<u8>(), 0..64)),
            output in output(),
            merge_stderr: bool,
            check: bool,
            grace: Duration,
        ) -> Subprocess {
            let (cwd, stdin) = (cwd.map(Into::into), stdin.map(Into::into));
            Subprocess { program, args, env, cwd, stdin, output, merge_stderr, check, grace }
        }
    }

    proptest! {
        /// What is made has the same recipe, which has every setting in it.
        #[test]
        fn nothing_is_lost_on_the_way(command in command()) {
            let recipe = recipe(&command).unwrap();
            let made = registry::make(&recipe.kind, &recipe.settings).unwrap();
            prop_assert_eq!(made.recipe(), Some(recipe.clone()));
            let Settings { args, grace, stdin, .. } = from_value_ref(&recipe.settings).unwrap();
            prop_assert_eq!(args.iter().map(text).collect::<Vec<_>>(), command.args);
            prop_assert_eq!((grace, stdin), (command.grace, command.stdin));
        }
    }

    #[test]
    fn what_is_no_recipe_is_an_error() {
        assert!(registry::make(KIND, &Value::Null).is_err());
        assert!(registry::make(KIND, &Value::map([("program", "sh")])).is_err());
    }
}
