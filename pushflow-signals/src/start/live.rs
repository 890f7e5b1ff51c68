//! The life of a process of this crate, from its first line to its last.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{Signal, getppid, set_parent_process_death_signal, setpgid};

use super::forkserver;
use crate::boot::{Boot, Told};
use crate::daemonic;
use crate::entry::{self, Inside, Returned};
use crate::link::Link;
use crate::{family, interrupt, streams, sys, tree};

/// The variable that tells the program, executed again, what it is.
const VARIABLE: &str = "PUSHFLOW_START";

/// What the program is when it is executed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Process,
    Forkserver,
}

static INITIALIZED: AtomicBool = AtomicBool::new(false);

/// Makes this program able to be executed again as a process: to be called first in `main`.
///
/// In a process that was started as one it does not return. Elsewhere it does next to nothing. What comes before it is
/// executed in each process that is started by [`StartMethod::Spawn`](crate::StartMethod), and once for
/// [`StartMethod::Forkserver`](crate::StartMethod).
pub fn init() {
    INITIALIZED.store(true, Ordering::Relaxed);
    let role = std::env::var(VARIABLE).ok();
    let Some(role) = role.as_deref().and_then(Role::from_name) else { return };
    sys::set_variable(VARIABLE, None);
    let link = sys::take_standard_input().map(UnixStream::from);
    match (role, link) {
        (Role::Forkserver, Ok(control)) => forkserver::serve(control),
        (Role::Process, Ok(link)) => begin(link),
        (_, Err(_)) => sys::exit_now(NOT_STARTED),
    }
}

/// Whether this program has called [`init`].
pub fn is_initialized() -> bool {
    INITIALIZED.load(Ordering::Relaxed)
}

/// Exit code of a process that did not begin.
const NOT_STARTED: i32 = 125;
/// Exit code of a process whose body returned an error.
const FAILED: i32 = 1;
/// Exit code of a process whose body panicked, as that of any Rust program.
const PANICKED: i32 = 101;

/// Ends this process at once, with nothing of what is done at the end of one: for a copy of a process that somebody has
/// forked without this crate, and that must not go on as what it was copied from.
pub fn leave_copy() -> ! {
    sys::exit_now(0)
}

impl Role {
    fn from_name(name: &str) -> Option<Role> {
        match name {
            "process" => Some(Role::Process),
            "forkserver" => Some(Role::Forkserver),
            _ => None,
        }
    }

    /// The variable to set for a program that is to play this role.
    pub(crate) fn variable(self) -> (&'static str, &'static str) {
        match self {
            Role::Process => (VARIABLE, "process"),
            Role::Forkserver => (VARIABLE, "forkserver"),
        }
    }
}

/// Reads what a process is to be, and becomes it.
pub(super) fn begin(mut link: UnixStream) -> ! {
    let Ok(boot) = Boot::read(&mut link) else { sys::exit_now(NOT_STARTED) };
    let Ok(body) = entry::find(&boot.name) else { sys::exit_now(NOT_STARTED) };
    live(boot, link, body)
}

/// Lives the life of a process that has just begun: in its group, with its signals, up to its last word.
pub(crate) fn live(mut boot: Boot, link: UnixStream, body: impl FnOnce(&mut Inside) -> Returned) -> ! {
    daemonic::become_process(boot.daemonic, boot.tied, boot.children);
    // Its parent does the same, so that whoever is first has done it before anybody signals the group.
    let _ = setpgid(None, None);
    if boot.tied {
        let _ = set_parent_process_death_signal(Some(Signal::KILL));
        // The parent may have ended before the setting took effect.
        if getppid().is_none_or(|parent| parent.as_raw_nonzero().get().unsigned_abs() != boot.parent) {
            sys::exit_now(NOT_STARTED);
        }
    }
    tree::settle(&boot.tree);
    let armed = interrupt::arm();
    let mut inside = Inside { input: std::mem::take(&mut boot.input), link: Link::of(link) };
    streams::begin(boot.parent, &inside.link);
    let told = if let Err(error) = armed {
        Told::Failed(error.to_string())
    } else {
        let body = || {
            // From here on an interruption is for what runs; one that came earlier is delivered now.
            sys::signal::unblock_all();
            body(&mut inside)
        };
        tell(catch_unwind(AssertUnwindSafe(|| interrupt::run(body).0)))
    };
    family::end();
    let _ = std::io::stdout().flush();
    let code = match &told {
        Told::Returned(_) => 0,
        Told::Failed(_) => FAILED,
        Told::Panicked(_) => PANICKED,
    };
    // A parent that has ended does not listen.
    let _ = told.write(&mut inside.link);
    sys::exit_now(code)
}

fn tell(result: Result<Returned, Box<dyn std::any::Any + Send>>) -> Told {
    match result {
        Ok(Ok(bytes)) => Told::Returned(bytes),
        Ok(Err(error)) => Told::Failed(error.to_string()),
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().copied();
            let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
            Told::Panicked(text.unwrap_or("the process panicked").to_owned())
        }
    }
}
