//! The worker program: its sources, and what an interpreter is given to start it.

use serde::Serialize;

/// What the interpreter executes first; it reads the rest from its link.
pub(super) const BOOTSTRAP: &str = include_str!("../../python/bootstrap.py");

macro_rules! modules {
    ($($name:literal => $file:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../python/pushflow_worker/", $file)))),*]
    };
}

const MODULES: &[(&str, &str)] = modules! {
    "pushflow_worker" => "__init__.py",
    "pushflow_worker.announce" => "announce.py",
    "pushflow_worker.boot" => "boot.py",
    "pushflow_worker.channel" => "channel.py",
    "pushflow_worker.codec" => "codec.py",
    "pushflow_worker.errors" => "errors.py",
    "pushflow_worker.ewoks" => "ewoks.py",
    "pushflow_worker.forkserver" => "forkserver.py",
    "pushflow_worker.imports" => "imports.py",
    "pushflow_worker.interface" => "interface.py",
    "pushflow_worker.interrupts" => "interrupts.py",
    "pushflow_worker.leaving" => "leaving.py",
    "pushflow_worker.logs" => "logs.py",
    "pushflow_worker.memory" => "memory.py",
    "pushflow_worker.tasks" => "tasks.py",
    "pushflow_worker.traces" => "traces.py",
    "pushflow_worker.values" => "values.py",
    "pushflow_worker.worker" => "worker.py",
};

/// As what the program is to live.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Settings {
    /// Whether it ends with its parent.
    pub(super) daemonic: bool,
    /// Whether its tasks may start processes.
    pub(super) children: bool,
    /// Whether it forks workers, and is none itself.
    pub(super) forks: bool,
    /// Whether these execute the interpreter again, and read what they are from their own links.
    pub(super) afresh: bool,
    /// The modules that it imports before it forks any.
    pub(super) pre_import: Vec<String>,
    /// Whether it says what keeps it from that.
    pub(super) tells: bool,
}

/// Returns what an interpreter reads from its link before all else: the length, and the sources with the settings.
pub(super) fn sources(settings: &Settings) -> Vec<u8> {
    #[derive(Serialize)]
    struct Sources<'a> {
        modules: std::collections::BTreeMap<&'static str, &'static str>,
        settings: &'a Settings,
    }
    let sources = Sources { modules: MODULES.iter().copied().collect(), settings };
    let text = serde_json::to_vec(&sources).expect("texts and truths are JSON");
    [&(text.len() as u64).to_le_bytes(), text.as_slice()].concat()
}
