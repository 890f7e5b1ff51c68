//! The pools of Python, when there is an interpreter.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use pushflow_signals::{Command, Output};

/// The program that measures them.
const PROGRAM: &str = include_str!("peer.py");

/// An interpreter, with the pools that it can import.
#[derive(Debug)]
pub(crate) struct Peers {
    interpreter: PathBuf,
    /// The program, in a file: workers that are started afresh import it again.
    script: tempfile::TempDir,
    pub(crate) pools: Vec<String>,
}

/// How long it may take to say which there are.
const PATIENCE: Duration = Duration::from_secs(60);

impl Peers {
    /// Looks for an interpreter: the one that is asked for, else `PUSHFLOW_PYTHON`, the virtual environment, `python3`. `None`
    /// when none was asked for, and there is none.
    pub(crate) fn find(wanted: Option<&str>) -> Result<Option<Peers>, String> {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let environment = || variable("VIRTUAL_ENV").map(|directory| directory.join("bin/python"));
        let named = wanted.map(PathBuf::from).or_else(|| variable("PUSHFLOW_PYTHON"));
        let is_named = named.is_some();
        let interpreter = named.or_else(environment).unwrap_or_else(|| "python3".into());
        let script = tempfile::tempdir().map_err(|error| format!("cannot make a directory: {error}"))?;
        std::fs::write(script.path().join("peer.py"), PROGRAM).map_err(|error| format!("cannot write: {error}"))?;
        let mut peers = Peers { interpreter, script, pools: Vec::new() };
        match peers.list() {
            Ok(pools) => peers.pools = pools,
            Err(problem) if is_named => return Err(format!("{}: {problem}", peers.interpreter.display())),
            Err(_) => return Ok(None),
        }
        Ok(Some(peers))
    }

    fn list(&self) -> Result<Vec<String>, String> {
        let deadline = Instant::now().checked_add(PATIENCE);
        let child = self.command("--list").stderr(Output::Null).start().map_err(|error| error.to_string())?;
        let finished = child.wait(deadline).map_err(|error| error.to_string())?;
        let said = finished.stdout.unwrap_or_default();
        serde_json::from_slice(&said).map_err(|_| format!("it does not say which pools it has: {}", finished.status))
    }

    /// The command that measures a case, or does what else the program can do.
    pub(crate) fn command(&self, argument: &str) -> Command {
        let script = self.script.path().join("peer.py");
        Command::new(&self.interpreter).args([script.into_os_string(), argument.into()]).stdout(Output::Capture)
    }
}

/// Whether a pool of Python has processes that are started by one of several methods.
pub(crate) fn has_processes(pool: &str) -> bool {
    matches!(pool, "concurrent.futures.ProcessPoolExecutor" | "multiprocessing.Pool" | "billiard.Pool")
}
