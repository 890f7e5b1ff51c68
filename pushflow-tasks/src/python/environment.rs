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
/// How many workers a script starts itself, before there is a server that spares it: with fewer, another interpreter costs more.
const BY_SCRIPT: u32 = 2;

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

/// The home of the tasks, what becomes of what it forks, and as what workers are to live: daemonic, with children, anywhere.
type Key = (String, Forked, bool, bool, bool);

/// What is known of a fork server.
enum Known {
    /// So many workers that it could have forked.
    Spared(u32),
    Forks(Arc<Mutex<Forker>>),
    /// It has said why not.
    Refuses,
}

/// What is forked for this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Forked {
    /// A worker, which has what the server has imported.
    Warm,
    /// An interpreter that is executed again, because the named program is a script, which takes its time to find it.
    Afresh,
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
    fn start(&self, wanted: &Wanted, forks: Option<Forked>) -> Result<Process, PoolError> {
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
        if forks.is_some() && wanted.daemonic {
            // It has children whatever its tasks may have.
            builder = builder.children(Children::Allow);
        }
        builder.start().map_err(refused)
    }

    /// Says to an interpreter what to run.
    fn say(&self, link: &Link, wanted: &Wanted, forks: Option<Forked>) -> Result<(), PoolError> {
        let settings = Settings {
            daemonic: wanted.daemonic,
            children: wanted.children == Children::Allow,
            forks: forks.is_some(),
            afresh: forks == Some(Forked::Afresh),
            pre_import: if forks == Some(Forked::Warm) { self.pre_import.clone() } else { Vec::new() },
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
        let mut process = self.start(wanted, None)?;
        let link = process.take_link().ok_or(PoolError::Closed)?;
        self.say(&link, wanted, None)?;
        Ok(Launched { link, process: Attended::Own(process) })
    }

    /// Has a worker forked; `None` when that is not to be had.
    fn forked(
        &self,
        forked: Forked,
        wanted: &Wanted,
        is_given_up: &dyn Fn() -> bool,
    ) -> Result<Option<Launched>, PoolError> {
        let key = self.forker_key(forked, wanted);
        for _ in 0..TRIES {
            let Some(forker) = self.forker(forked, wanted)? else { return Ok(None) };
            let answer = forker.lock().unwrap_or_else(PoisonError::into_inner).one_more(ANSWER, is_given_up);
            match answer {
                Ok(Some((link, adopted))) => {
                    if forked == Forked::Afresh {
                        self.say(&link, wanted, None)?;
                    }
                    return Ok(Some(Launched { link, process: Attended::Adopted(adopted) }));
                }
                Ok(None) => {
                    forkers().insert(key, Known::Refuses);
                    return Ok(None);
                }
                // It goes on importing: somebody may want the next one.
                Err(_) if is_given_up() => return Err(PoolError::Closed),
                Err(error) => {
                    tracing::warn!(%error, "a fork server of interpreters is lost");
                    let mut forkers = forkers();
                    let is_it = |known: &Known| matches!(known, Known::Forks(known) if Arc::ptr_eq(known, &forker));
                    if forkers.get(&key).is_some_and(is_it) {
                        forkers.insert(key.clone(), Known::Spared(BY_SCRIPT));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Returns the fork server; `None` when it has said that it cannot fork, or is not worth it yet.
    fn forker(&self, forked: Forked, wanted: &Wanted) -> Result<Option<Arc<Mutex<Forker>>>, PoolError> {
        let key = self.forker_key(forked, wanted);
        let mut forkers = forkers();
        let spared = if forked == Forked::Afresh { BY_SCRIPT } else { 0 };
        match forkers.entry(key.clone()).or_insert(Known::Spared(0)) {
            Known::Forks(known) => return Ok(Some(Arc::clone(known))),
            Known::Refuses => return Ok(None),
            Known::Spared(count) if *count < spared => {
                *count += 1;
                return Ok(None);
            }
            Known::Spared(_) => {}
        }
        let forker = Forker::new(self.start(wanted, Some(forked))?).map_err(refused)?;
        self.say(forker.link(), wanted, Some(forked))?;
        let forker = Arc::new(Mutex::new(forker));
        forkers.insert(key, Known::Forks(Arc::clone(&forker)));
        Ok(Some(forker))
    }

    fn forker_key(&self, forked: Forked, wanted: &Wanted) -> Key {
        (self.key(), forked, wanted.daemonic, wanted.children == Children::Allow, wanted.exempt)
    }
}

impl Launcher for Environment {
    fn launch(&self, wanted: &Wanted, is_given_up: &dyn Fn() -> bool) -> Result<Launched, PoolError> {
        let ways =
            [(Forked::Warm, wanted.method != StartMethod::Spawn), (Forked::Afresh, self.interpreter.is_script())];
        for (forked, _) in ways.into_iter().filter(|(_, is_wanted)| *is_wanted) {
            if let Some(launched) = self.forked(forked, wanted, is_given_up)? {
                return Ok(launched);
            }
        }
        self.spawn(wanted)
    }

    fn program(&self) -> String {
        self.interpreter.path().display().to_string()
    }
}

fn forkers() -> MutexGuard<'static, BTreeMap<Key, Known>> {
    FORKERS.get().lock().unwrap_or_else(PoisonError::into_inner)
}

fn refused(error: Error) -> PoolError {
    PoolError::Start { source: error.into() }
}
