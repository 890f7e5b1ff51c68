//! The tasks of these tests: named, so that workers find them.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use pushflow_core::{Context, Outcome, Payload, Task, TaskError, Value, register_task, registry};

/// A stack that is too small for what `overflow` puts on it.
const DEEP: u64 = 1 << 40;

fn text<'a>(inputs: &'a Payload, name: &str) -> Result<&'a str, TaskError> {
    inputs.get(name).and_then(Value::as_str).ok_or_else(|| TaskError::message(format!("no text `{name}`")))
}

fn int(inputs: &Payload, name: &str) -> Result<i64, TaskError> {
    inputs.get(name).and_then(Value::as_int).ok_or_else(|| TaskError::message(format!("no integer `{name}`")))
}

register_task!("echo", |inputs, _| Ok(inputs.clone()));
register_task!("pid", |_, _| Ok(Payload::single("pid", std::process::id())));
register_task!("raise", |_, _| Err(TaskError::message("no")));
register_task!("panic", |_, _| panic!("as expected"));
register_task!("panic_quietly", |_, _| std::panic::resume_unwind(Box::new("as expected")));

/// Says that it has begun, then waits until the other side hangs up.
fn gate(inputs: &Payload, _: &Context<'_>) -> Outcome {
    let mut stream = UnixStream::connect(text(inputs, "socket")?)?;
    stream.write_all(&std::process::id().to_le_bytes())?;
    stream.read_to_end(&mut Vec::new())?;
    Ok(inputs.clone())
}
register_task!("gate", gate);

/// As `gate`, but as a task should wait: it ends when it is interrupted.
fn cooperate(inputs: &Payload, ctx: &Context<'_>) -> Outcome {
    let mut stream = UnixStream::connect(text(inputs, "socket")?)?;
    stream.write_all(&std::process::id().to_le_bytes())?;
    ctx.sleep(Duration::from_secs(3600));
    ctx.check()?;
    Ok(Payload::new())
}
register_task!("cooperate", cooperate);

register_task!("forever", |_, ctx| {
    ctx.sleep(Duration::from_secs(3600));
    ctx.check().map(|()| Payload::new())
});

/// As `gate`, but looks instead of waiting.
fn spin(inputs: &Payload, ctx: &Context<'_>) -> Outcome {
    let mut stream = UnixStream::connect(text(inputs, "socket")?)?;
    stream.write_all(&std::process::id().to_le_bytes())?;
    while !ctx.is_interrupted() {
        std::hint::spin_loop();
    }
    Err(TaskError::interrupted())
}
register_task!("spin", spin);

register_task!("is_interrupted", |_, ctx| ctx.check().map(|()| Payload::new()));
register_task!("sleep", |inputs, _| {
    // A task that takes this long and cannot be broken off is the subject.
    std::thread::sleep(Duration::from_millis(int(inputs, "ms")?.unsigned_abs()));
    Ok(inputs.clone())
});

register_task!("exit", |inputs, _| std::process::exit(i32::try_from(int(inputs, "code")?)?));
register_task!("abort", |_, _| std::process::abort());
register_task!("overflow", |_, _| Ok(Payload::single("depth", i64::try_from(deeper(DEEP))?)));

#[expect(unconditional_recursion, reason = "it is to overflow the stack")]
#[inline(never)]
fn deeper(depth: u64) -> u64 {
    let room = std::hint::black_box([depth; 64]);
    deeper(depth + 1) + room[usize::try_from(depth % 64).unwrap_or(0)]
}

/// Kills this process by a signal.
fn kill(inputs: &Payload, _: &Context<'_>) -> Outcome {
    eprintln!("about to be killed");
    let signal = nix::sys::signal::Signal::try_from(i32::try_from(int(inputs, "signal")?)?)?;
    nix::sys::signal::kill(nix::unistd::getpid(), signal)?;
    loop {
        std::thread::park();
    }
}
register_task!("kill", kill);

/// The socket to the parent: the only one that this process has.
fn sockets() -> Vec<i32> {
    let all = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let is_socket = |entry: &std::fs::DirEntry| {
        std::fs::read_link(entry.path()).is_ok_and(|target| target.to_string_lossy().starts_with("socket:"))
    };
    all.filter(is_socket).filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

register_task!("close_channel", |_, _| {
    for socket in sockets() {
        let _ = nix::unistd::close(socket);
    }
    Ok(Payload::new())
});
register_task!("write_garbage", |_, _| {
    for socket in sockets() {
        // The sockets of signal handlers are among them, which does no harm.
        let _ = nix::unistd::write(socket, &[0xEE; 4096]);
    }
    Ok(Payload::new())
});
register_task!("fork_and_return", |_, _| {
    let copy = matches!(fork::fork(), Ok(fork::Fork::Child));
    Ok(Payload::single("copy", copy))
});
register_task!("block_sigterm", |inputs, ctx| {
    let mut blocked = nix::sys::signal::SigSet::empty();
    blocked.add(nix::sys::signal::Signal::SIGTERM);
    blocked.add(nix::sys::signal::Signal::SIGINT);
    blocked.thread_block()?;
    gate(inputs, ctx)
});
register_task!("print", |inputs, _| {
    let (lines, text) = (int(inputs, "lines")?, text(inputs, "text")?);
    for line in 0..lines {
        println!("{text} {line}");
        eprintln!("{text} to stderr {line}");
    }
    Ok(Payload::single("lines", lines))
});
register_task!("deep", |_, _| {
    let mut value = Value::Null;
    for _ in 0..2000 {
        value = Value::list([value]);
    }
    // Dropping it takes as much stack as reading it would.
    Ok(Payload::single("deep", value))
});
register_task!("large", |inputs, _| {
    let bytes = usize::try_from(int(inputs, "bytes")?)?;
    Ok(Payload::single("data", pushflow_core::value::Buffer::from(vec![7; bytes])))
});
register_task!("sealed", |inputs, _| {
    use pushflow_signals::memory::Draft;
    let draft = Draft::new(usize::try_from(int(inputs, "bytes")?)?)?;
    Ok(Payload::single("data", pushflow_core::value::Buffer::new(draft.seal()?)))
});
register_task!("last_byte", |inputs, _| {
    let Some(Value::Bytes(data)) = inputs.get("data") else { return Err(TaskError::message("no bytes")) };
    Ok(Payload::single("last", data.as_bytes().last().copied().unwrap_or(0)))
});
register_task!("progress", |_, ctx| {
    ctx.progress(0.5);
    ctx.message("half way");
    Ok(Payload::new())
});
register_task!("log", |_, _| {
    tracing::warn!(answer = 42, "something to know");
    Ok(Payload::single("pid", std::process::id()))
});
register_task!("log_in_a_thread", |_, _| {
    let logs = std::thread::spawn(|| tracing::warn!(answer = 42, "something to know"));
    logs.join().map_err(|_| TaskError::message("the thread panicked"))?;
    Ok(Payload::single("pid", std::process::id()))
});
register_task!("complain", |inputs, _| {
    let (lines, text) = (int(inputs, "lines")?, text(inputs, "text")?);
    (0..lines).for_each(|line| eprintln!("{text} {line}"));
    Ok(Payload::single("lines", lines))
});
register_task!("allocate", |inputs, _| {
    let kept = vec![1_u8; usize::try_from(int(inputs, "bytes")?)?];
    std::mem::forget(std::hint::black_box(kept));
    Ok(Payload::single("pid", std::process::id()))
});
register_task!("remember", |inputs, _| {
    // Seen by later tasks of the same worker.
    nested::REMEMBERED.lock().map_err(|_| TaskError::message("poisoned"))?.push(inputs.clone());
    Ok(Payload::new())
});
/// Succeeds for whoever comes first to a place.
fn first(inputs: &Payload, _: &Context<'_>) -> Outcome {
    std::fs::File::create_new(text(inputs, "file")?)?;
    Ok(Payload::new())
}
register_task!("first", first);
register_task!("recall", |_, _| {
    let remembered = nested::REMEMBERED.lock().map_err(|_| TaskError::message("poisoned"))?;
    remembered.last().cloned().ok_or_else(|| TaskError::message("nothing is remembered"))
});

/// Notes in a file that it was run, then does what it is told to.
fn count(inputs: &Payload, ctx: &Context<'_>) -> Outcome {
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(text(inputs, "file")?)?;
    file.write_all(b".")?;
    registry::find(text(inputs, "then")?)?.run(inputs, ctx)
}
register_task!("count", count);

/// Does what it is told to, then leaves a file.
fn leave(inputs: &Payload, ctx: &Context<'_>) -> Outcome {
    registry::find(text(inputs, "then")?)?.run(inputs, ctx)?;
    std::fs::write(text(inputs, "file")?, b"")?;
    Ok(Payload::new())
}
register_task!("leave", leave);

/// Makes a pool of the type, and says why there is none.
fn build(inputs: &Payload, _: &Context<'_>) -> Outcome {
    let backend = crate::backends::Backend::named(text(inputs, "pool")?);
    let backend = backend.ok_or_else(|| TaskError::message("no such pool"))?;
    backend.builder().workers(1).start_method(text(inputs, "method")?.parse()?).build()?;
    Ok(Payload::new())
}
register_task!("build", build);

pub(crate) mod nested {
    //! A task that has a pool of its own.

    use std::sync::{Arc, Mutex};

    use pushflow_core::handle::Handle;

    use super::*;
    use crate::backends::Backend;

    pub(super) static REMEMBERED: Mutex<Vec<Payload>> = Mutex::new(Vec::new());

    /// Has `echo` run in a pool in a pool in ..., `depth` deep.
    fn nest(inputs: &Payload, _: &Context<'_>) -> Outcome {
        let (depth, method, kind) = (int(inputs, "depth")?, text(inputs, "method")?, text(inputs, "pool")?);
        let backend = Backend::named(kind).ok_or_else(|| TaskError::message("no such pool"))?;
        let pool = backend.builder().workers(1).start_method(method.parse()?).build()?;
        let task = if depth > 1 { "nest" } else { "echo" };
        let inputs = inputs.clone().with("depth", depth - 1);
        let pid = std::process::id();
        let outputs = Handle::submit(&pool, Arc::new(registry::find(task)?), inputs)?.wait()?;
        Ok(outputs.with(format!("pid{depth}"), pid))
    }
    register_task!("nest", nest);
}
