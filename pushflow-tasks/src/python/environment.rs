//! [`Environment`]: an interpreter as the home of tasks, and how its workers are started.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pushflow_core::PoolError;
use pushflow_core::task::Home;
use pushflow_pools::process::{Attended, Launched, Launcher, Wanted};
use pushflow_signals::fork_local::ForkLocal;
use pushflow_signals::{Children, Error, Forker, Link, Process, Program, StartMethod};

use super::interpreter::Interpreter;
use super::program::{self, Settings};

/// How long a fork server may take to answer: at first it imports what was asked for.
const ANSWER: Duration = Duration::from_secs(60);
/// How often a fork server is started that was not there any more.
const TRIES: u32 = 2;

/// An interpreter with what it has imported beforehand.
#[derive(Clone, Debug)]
pub struct Environment {
    interpreter: Interpreter,
    pre_import: Vec<String>,
    /// Whether it says what keeps it from that, and from forking then.
    tells: bool,
}

/// Fork servers of this process, by what they are. There for as long as it lives: what they have imported is not imported
/// again.
static FORKERS: ForkLocal<Mutex<BTreeMap<Key, Known>>> = ForkLocal::new(Mutex::default);

/// The home of the tasks, and as what workers are to live: daemonic, with children, anywhere.
type Key = (String, bool, bool, bool);

/// What is known of a fork server.
enum Known {
    Forks(Arc<Mutex<Forker>>),
    /// It has said why not.
    Refuses,
}

impl Environment {
    /// Describes the environment of an interpreter.
    pub fn new(interpreter: Interpreter) -> Environment {
        Environment { interpreter, pre_import: Vec::new(), tells: true }
    }

    /// Sets the modules, or files, that are imported once for all workers.
    #[must_use]
    pub fn pre_import(mut self, modules: Vec<String>) -> Environment {
        self.pre_import = modules;
        self
    }

    /// Has it say nothing about what cannot be imported, or keeps it from forking: who did not ask for that need not know.
    #[must_use]
    pub fn quietly(mut self) -> Environment {
        self.tells = false;
        self
    }

    /// Returns the interpreter.
    pub fn interpreter(&self) -> &Interpreter {
        &self.interpreter
    }

    /// Returns the home of its tasks.
    pub fn home(&self) -> Home {
        let launcher: Arc<dyn Launcher> = Arc::new(self.clone());
        Home::new(self.key(), launcher)
    }

    fn key(&self) -> String {
        format!("python {} {}", self.interpreter.path().display(), self.pre_import.join(" "))
    }

    /// Starts the interpreter, as a worker or as a fork server.
    fn start(&self, wanted: &Wanted, forks: bool) -> Result<Process, PoolError> {
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
        if forks && wanted.daemonic {
            // It has children whatever its tasks may have.
            builder = builder.children(Children::Allow);
        }
        builder.start().map_err(refused)
    }

    /// Says to an interpreter what to run.
    fn say(&self, link: &Link, wanted: &Wanted, forks: bool) -> Result<(), PoolError> {
        let settings = Settings {
            daemonic: wanted.daemonic,
            children: wanted.children == Children::Allow,
            forks,
            pre_import: if forks { self.pre_import.clone() } else { Vec::new() },
            tells: self.tells,
        };
        let mut link = link;
        match link.write_all(&program::sources(&settings)) {
            // It has ended already, which will be seen.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(PoolError::System { action: "tell an interpreter what to run", source: error })
            }
            _ => Ok(()),
        }
    }

    /// Executes an interpreter afresh.
    fn spawn(&self, wanted: &Wanted) -> Result<Launched, PoolError> {
        let mut process = self.start(wanted, false)?;
        let link = process.take_link().ok_or(PoolError::Closed)?;
        self.say(&link, wanted, false)?;
        Ok(Launched { link, process: Attended::Own(process) })
    }

    /// Has a worker forked; `None` when that is not to be had.
    fn forked(&self, wanted: &Wanted, is_given_up: &dyn Fn() -> bool) -> Result<Option<Launched>, PoolError> {
        for _ in 0..TRIES {
            let Some(forker) = self.forker(wanted)? else { return Ok(None) };
            let answer = forker.lock().unwrap_or_else(PoisonError::into_inner).one_more(ANSWER, is_given_up);
            match answer {
                Ok(Some((link, adopted))) => return Ok(Some(Launched { link, process: Attended::Adopted(adopted) })),
                Ok(None) => {
                    forkers().insert(self.forker_key(wanted), Known::Refuses);
                    return Ok(None);
                }
                // It goes on importing: somebody may want the next one.
                Err(_) if is_given_up() => return Err(PoolError::Closed),
                Err(error) => {
                    tracing::warn!(%error, "a fork server of interpreters is lost");
                    let mut forkers = forkers();
                    let is_it = |known: &Known| matches!(known, Known::Forks(known) if Arc::ptr_eq(known, &forker));
                    if forkers.get(&self.forker_key(wanted)).is_some_and(is_it) {
                        forkers.remove(&self.forker_key(wanted));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Returns the fork server; `None` when it has said that it cannot fork.
    fn forker(&self, wanted: &Wanted) -> Result<Option<Arc<Mutex<Forker>>>, PoolError> {
        let mut forkers = forkers();
        match forkers.get(&self.forker_key(wanted)) {
            Some(Known::Forks(known)) => return Ok(Some(Arc::clone(known))),
            Some(Known::Refuses) => return Ok(None),
            None => {}
        }
        let forker = Forker::new(self.start(wanted, true)?).map_err(refused)?;
        self.say(forker.link(), wanted, true)?;
        let forker = Arc::new(Mutex::new(forker));
        forkers.insert(self.forker_key(wanted), Known::Forks(Arc::clone(&forker)));
        Ok(Some(forker))
    }

    fn forker_key(&self, wanted: &Wanted) -> Key {
        (self.key(), wanted.daemonic, wanted.children == Children::Allow, wanted.exempt)
    }
}

impl Launcher for Environment {
    fn launch(&self, wanted: &Wanted, is_given_up: &dyn Fn() -> bool) -> Result<Launched, PoolError> {
        if wanted.method != StartMethod::Spawn
            && let Some(launched) = self.forked(wanted, is_given_up)?
        {
            return Ok(launched);
        }
        self.spawn(wanted)
    }
}

fn forkers() -> MutexGuard<'static, BTreeMap<Key, Known>> {
    FORKERS.get().lock().unwrap_or_else(PoisonError::into_inner)
}

fn refused(error: Error) -> PoolError {
    PoolError::Start { source: error.into() }
}
