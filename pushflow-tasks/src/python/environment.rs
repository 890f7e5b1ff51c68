//! [`Environment`]: an interpreter as the home of tasks, and how its workers are started.

use std::io::Write;
use std::sync::Arc;

use pushflow_core::PoolError;
use pushflow_core::task::Home;
use pushflow_pools::process::{Launched, Launcher, Wanted};
use pushflow_signals::{Children, Error, Program};

use super::interpreter::Interpreter;
use super::program::{self, Settings};

/// An interpreter with what it has imported beforehand.
#[derive(Clone, Debug)]
pub struct Environment {
    interpreter: Interpreter,
}

impl Environment {
    /// Describes the environment of an interpreter.
    pub fn new(interpreter: Interpreter) -> Environment {
        Environment { interpreter }
    }

    /// Returns the interpreter.
    pub fn interpreter(&self) -> &Interpreter {
        &self.interpreter
    }

    /// Returns the home of its tasks.
    pub fn home(&self) -> Home {
        let key = format!("python {}", self.interpreter.path().display());
        let launcher: Arc<dyn Launcher> = Arc::new(self.clone());
        Home::new(key, launcher)
    }
}

impl Launcher for Environment {
    fn launch(&self, wanted: &Wanted) -> Result<Launched, PoolError> {
        let refused = |error: Error| PoolError::Start { source: error.into() };
        // No buffering by blocks: what a task prints is to be there when it crashes.
        let program = Program::new(self.interpreter.path()).arg("-u").arg("-c").arg(program::BOOTSTRAP);
        let mut builder = program.process().map_err(refused)?;
        builder = builder.children(wanted.children).grace(wanted.grace);
        if wanted.daemonic {
            builder = builder.daemonic();
        }
        if wanted.exempt {
            builder = builder.exempt();
        }
        let mut process = builder.start().map_err(refused)?;
        let mut link = process.take_link().ok_or(PoolError::Closed)?;
        let settings = Settings { daemonic: wanted.daemonic, children: wanted.children == Children::Allow };
        match link.write_all(&program::sources(&settings)) {
            // It has ended already, which the pool will see.
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(PoolError::System { action: "tell an interpreter what to run", source: error })
            }
            _ => Ok(Launched { link, process }),
        }
    }
}
