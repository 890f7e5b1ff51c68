//! A family of every kind of relative, several levels deep, below a parent that is a program of its own.
//!
//! ```text
//! parent -+- polite   daemonic, ends in order at SIGTERM; below it the same again, up to the depth
//!         +- deaf     daemonic, does not listen to SIGTERM
//!         +- other    not daemonic, writes a file once its link has ended
//!         +- command  with one process in the background, and one that has left its group and session
//! ```

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitCode, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use pushflow_signals::signal::Watch;
use pushflow_signals::{
    Children, Command, Inside, Output, Process, ProcessBuilder, Returned, Signal, StartMethod, register_process,
};

use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::raw::WithRawSiginfo;

use crate::{lives, program, wait_for};

register_process!("polite", polite);
register_process!("deaf", deaf);
register_process!("other", other);

pub(crate) const PART: &str = "a parent";
const PLAN: &str = "PUSHFLOW_SIGNALS_TEST_PLAN";
const WAY: &str = "PUSHFLOW_SIGNALS_TEST_WAY";

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What a relative has below it, and what it notes where.
struct Plan {
    method: StartMethod,
    depth: u32,
    directory: PathBuf,
    /// From the parent down, a letter for each.
    path: String,
}

/// How the parent ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Return,
    Exit,
    Panic,
    /// By a signal that comes from outside.
    Signal,
    /// The same; it has a handler of its own for SIGINT.
    SignalButInterrupt,
}

/// A parent that runs, with all its family.
pub(crate) struct Parent {
    pub(crate) child: Child,
    directory: tempfile::TempDir,
}

impl Parent {
    /// Starts a family and waits until all of it is there.
    pub(crate) fn start(method: StartMethod, depth: u32, way: Way) -> Parent {
        let directory = tempfile::tempdir().unwrap();
        let plan = Plan { method, depth, directory: directory.path().to_owned(), path: String::new() };
        let mut command = program(PART);
        command.env(PLAN, plan.text()).env(WAY, format!("{way:?}"));
        // In a group of its own, as a shell at a terminal starts it.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "{method} {depth} {way:?}");
        Parent { child, directory }
    }

    pub(crate) fn pid(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.child)
    }

    /// Returns the notes of a kind: the paths of those who made them.
    pub(crate) fn notes(&self, kind: &str) -> Vec<String> {
        let names = std::fs::read_dir(self.directory.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let mut notes: Vec<String> = names
            .filter_map(|name| name.to_str()?.strip_suffix(kind)?.strip_suffix('.').map(ToOwned::to_owned))
            .collect();
        notes.sort();
        notes
    }

    pub(crate) fn read(&self, path: &str, kind: &str) -> String {
        std::fs::read_to_string(note(self.directory.path(), path, kind)).unwrap()
    }

    /// Returns who of the family lives still.
    pub(crate) fn survivors(&self) -> Vec<String> {
        let lives = |path: &String| lives(self.read(path, "up").trim().parse().unwrap());
        self.notes("up").into_iter().filter(lives).collect()
    }

    /// Waits until nobody of the family lives. All have got what ends them, so the wait is for the kernel only.
    pub(crate) fn wait_until_gone(&self) {
        wait_for("the family is gone", || self.survivors().is_empty());
    }
}

/// Of a test that fails before it has ended the parent.
impl Drop for Parent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Plays the parent.
pub(crate) fn play() -> ExitCode {
    let plan = Plan::parse(&std::env::var(PLAN).unwrap());
    let way = std::env::var(WAY).unwrap();
    if way == "SignalButInterrupt" {
        ctrlc::set_handler(|| {}).unwrap();
    }
    plan.found().unwrap();
    println!("ready");
    match way.as_str() {
        "Return" => ExitCode::from(3),
        "Exit" => std::process::exit(7),
        "Panic" => panic!("as it was asked to"),
        _ => loop {
            std::thread::park();
        },
    }
}

impl Plan {
    fn text(&self) -> String {
        format!("{},{},{},{}", self.method, self.depth, self.path, self.directory.display())
    }

    fn parse(text: &str) -> Plan {
        let [method, depth, path, directory] = text.splitn(4, ',').collect::<Vec<_>>().try_into().unwrap();
        let (method, depth) = (method.parse().unwrap(), depth.parse().unwrap());
        Plan { method, depth, path: path.to_owned(), directory: directory.into() }
    }

    /// Starts all children, at depth 0 the command alone, and returns when they and what is below them are there. They are in nobody's hands then, but
    /// in the family's.
    fn found(&self) -> Result<(), Failure> {
        if self.depth == 0 {
            return self.command();
        }
        let long = Duration::from_secs(30);
        let polite = Process::builder("polite").daemonic().children(Children::Allow).grace(long);
        let deaf = Process::builder("deaf").daemonic().grace(Duration::from_millis(50));
        for (letter, builder) in [("p", polite), ("d", deaf), ("o", Process::builder("other"))] {
            self.begin(letter, builder)?;
        }
        self.command()
    }

    fn begin(&self, letter: &str, builder: ProcessBuilder) -> Result<(), Failure> {
        let path = format!("{}{letter}", self.path);
        let below = Plan { method: self.method, depth: self.depth - 1, directory: self.directory.clone(), path };
        let mut process = builder.method(self.method).input(below.text()).start()?;
        let mut link = process.take_link().ok_or("a link")?;
        link.read_exact(&mut [0])?;
        std::mem::forget((process, link));
        Ok(())
    }

    fn command(&self) -> Result<(), Failure> {
        let [own, background, away] =
            ["c", "cb", "cs"].map(|path| note(&self.directory, &format!("{}{path}", self.path), "up"));
        let write = |path: &Path| format!("echo $$ > '{0}.new'; mv '{0}.new' '{0}'", path.display());
        let script = format!(
            "trap : INT; trap ': > \"{}\"; exit' TERM
            sh -c \"{}; exec sleep 1000\" & setsid sh -c \"{}; exec sleep 1000\" & {}; while :; do wait; sleep 0.01; done",
            note(&self.directory, &format!("{}c", self.path), "term").display(),
            write(&background).replace('$', "\\$"),
            write(&away).replace('$', "\\$"),
            write(&own)
        );
        let command = Command::new("sh").args(["-c", &script]).stdout(Output::Null).grace(Duration::from_secs(30));
        std::mem::forget(command.start()?);
        wait_for("a command", || [&own, &background, &away].iter().all(|path| path.exists()));
        Ok(())
    }

    fn note(&self, kind: &str, text: &str) -> std::io::Result<()> {
        std::fs::write(note(&self.directory, &self.path, kind), text)
    }

    fn arrive(&self, inside: &mut Inside) -> Result<(), Failure> {
        self.note("up", &std::process::id().to_string())?;
        Ok(inside.link.write_all(b"!")?)
    }
}

fn note(directory: &Path, path: &str, kind: &str) -> PathBuf {
    directory.join(format!("{path}.{kind}"))
}

/// Counts SIGINT without a claim on it, as a handler of the user's would.
struct Interrupts {
    signals: SignalsInfo<WithRawSiginfo>,
    count: usize,
}

impl Interrupts {
    fn count() -> std::io::Result<Interrupts> {
        Ok(Interrupts { signals: SignalsInfo::new([signal_hook::consts::SIGINT])?, count: 0 })
    }

    /// Makes a note of each that has come.
    fn note(&mut self, plan: &Plan) -> std::io::Result<()> {
        for _ in self.signals.pending() {
            self.count += 1;
            plan.note(&format!("interrupt{}", self.count), "")?;
        }
        Ok(())
    }
}

fn polite(inside: &mut Inside) -> Returned {
    let plan = Plan::parse(std::str::from_utf8(&inside.input)?);
    let (says, said) = mpsc::channel();
    let _watch = Watch::new(&[Signal::TERMINATE], move |_| says.send(()).unwrap())?;
    if plan.depth > 0 {
        plan.found()?;
    }
    // After the forks: what are forked inherit the registry of this library, but not its handlers.
    let mut interrupts = Interrupts::count()?;
    plan.arrive(inside)?;
    while said.recv_timeout(Duration::from_millis(1)).is_err() {
        interrupts.note(&plan)?;
    }
    interrupts.note(&plan)?;
    plan.note("term", "")?;
    Ok(Vec::new())
}

fn deaf(inside: &mut Inside) -> Returned {
    let plan = Plan::parse(std::str::from_utf8(&inside.input)?);
    let _watch = Watch::new(&[Signal::TERMINATE], |_| {})?;
    plan.arrive(inside)?;
    loop {
        std::thread::park();
    }
}

fn other(inside: &mut Inside) -> Returned {
    let plan = Plan::parse(std::str::from_utf8(&inside.input)?);
    let mut interrupts = Interrupts::count()?;
    plan.arrive(inside)?;
    inside.link.set_nonblocking(true)?;
    while inside.link.read(&mut [0]).is_err() {
        interrupts.note(&plan)?;
        // Two things may come, an interruption and the end of the link, and only one of them can be waited for.
        std::thread::sleep(Duration::from_millis(1));
    }
    // Longer than whoever does not wait takes to end.
    std::thread::sleep(Duration::from_millis(100));
    interrupts.note(&plan)?;
    plan.note("done", "")?;
    Ok(Vec::new())
}
