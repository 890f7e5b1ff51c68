//! [`Interpreter`]: which Python runs the tasks.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use pushflow_core::{ErrorKind, TaskError};

/// The variable that names the interpreter.
const VARIABLE: &str = "PUSHFLOW_PYTHON";

/// An interpreter of Python.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interpreter(PathBuf);

impl Interpreter {
    /// Finds an interpreter: the one that is named, else that of `PUSHFLOW_PYTHON`, of the active virtual environment, or
    /// `python3`.
    ///
    /// # Errors
    ///
    /// When there is no such program.
    pub fn choose(named: Option<&OsStr>) -> Result<Interpreter, TaskError> {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        if let Some(named) = named {
            return Interpreter::named(named, "`--python` names");
        }
        if let Some(named) = variable(VARIABLE) {
            return Interpreter::named(&named, "`PUSHFLOW_PYTHON` names");
        }
        if let Some(environment) = variable("VIRTUAL_ENV") {
            let python = Path::new(&environment).join("bin/python");
            return Interpreter::named(python.as_os_str(), "the active virtual environment has");
        }
        Interpreter::named(OsStr::new("python3"), "the default is")
    }

    /// Finds the interpreter that a node names.
    ///
    /// # Errors
    ///
    /// When there is no such program.
    pub(super) fn of_node(label: &str, name: &OsStr) -> Result<Interpreter, TaskError> {
        Interpreter::named(name, &format!("node '{label}' names"))
    }

    /// Returns its path; its name, where it was found by that.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Whether it is a script that finds the interpreter and executes it, as those of pyenv are, not the interpreter itself.
    pub(super) fn is_script(&self) -> bool {
        let mut first = [0; 2];
        File::open(&self.0).and_then(|mut file| file.read_exact(&mut first)).is_ok() && &first == b"#!"
    }

    fn named(name: &OsStr, who: &str) -> Result<Interpreter, TaskError> {
        let name: OsString = name.into();
        let path = Path::new(&name);
        let found = if path.components().count() > 1 {
            // A relative one would mean something else once the working directory is another.
            std::path::absolute(path).ok().filter(|path| is_program(path))
        } else {
            let places = std::env::var_os("PATH").unwrap_or_default();
            let found = std::env::split_paths(&places).map(|place| place.join(path)).find(|path| is_program(path));
            found.and_then(|found| std::path::absolute(found).ok())
        };
        found.map(Interpreter).ok_or_else(|| {
            let shown = name.to_string_lossy();
            let message =
                format!("there is no Python interpreter to run Python tasks: {who} '{shown}', which is no program");
            TaskError::new(ErrorKind::Unavailable, "FileNotFoundError", message)
        })
    }
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_looked_for_and_a_path_is_taken() {
        let sh = Interpreter::choose(Some(OsStr::new("sh"))).unwrap();
        assert!(sh.path().is_absolute() && sh.path().ends_with("sh"));
        assert_eq!(Interpreter::choose(Some(sh.path().as_os_str())).unwrap(), sh);
        for missing in ["no-such-python", "/no/such/python", "/", "/etc/passwd"] {
            let error = Interpreter::choose(Some(OsStr::new(missing))).unwrap_err();
            assert_eq!(error.type_name(), "FileNotFoundError");
            assert!(error.text().contains(&format!("'{missing}'")), "{error}");
        }
    }
}
