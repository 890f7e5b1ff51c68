//! What the processes of the tests do.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::sync::atomic::Ordering;
use std::time::Duration;

use pushflow_signals::memory::{Draft, Sealed, SharedWords};
use pushflow_signals::{
    Children, Command, Inside, Output, Process, Returned, Signal, StartMethod, interrupt, register_process,
};

register_process!("upper", upper);
register_process!("fail", fail);
register_process!("panic", panics);
register_process!("exit", exit);
register_process!("echo link", echo_link);
register_process!("nest", nest);
register_process!("daemonic", daemonic);
register_process!("sleep", sleep);
register_process!("stubborn", stubborn);
register_process!("waits", waits);
register_process!("counts", counts);
register_process!("idle", idle);
register_process!("runs", runs);
register_process!("shuts", shuts);
register_process!("holds descriptors", holds_descriptors);
register_process!("has few descriptors", has_few_descriptors);
register_process!("takes memory", takes_memory);
register_process!("starts a group", starts_a_group);
register_process!("reads memory", reads_memory);
register_process!("counts in memory", counts_in_memory);
register_process!("awaits SIGINT", awaits_sigint);
register_process!("goes on", goes_on);
register_process!("twice", upper);
register_process!("twice", fail);

fn upper(inside: &mut Inside) -> Returned {
    Ok(inside.input.to_ascii_uppercase())
}

fn fail(_: &mut Inside) -> Returned {
    Err("it does not work".into())
}

fn panics(_: &mut Inside) -> Returned {
    panic!("it went wrong");
}

fn exit(inside: &mut Inside) -> Returned {
    std::process::exit(i32::from(inside.input[0]));
}

/// Answers each byte with the next one, until the parent has closed its end.
fn echo_link(inside: &mut Inside) -> Returned {
    let mut byte = [0];
    while inside.link.read(&mut byte)? == 1 && byte[0] != b'.' {
        inside.link.write_all(&[byte[0] + 1])?;
    }
    Ok(Vec::new())
}

/// The text of a way down: methods, separated by commas.
fn way(input: &[u8]) -> (Option<StartMethod>, String) {
    let text = std::str::from_utf8(input).unwrap();
    let (first, rest) = text.split_once(',').unwrap_or((text, ""));
    (first.parse().ok(), rest.to_owned())
}

/// Starts the next process of the way, and returns how deep it went.
fn nest(inside: &mut Inside) -> Returned {
    match way(&inside.input) {
        (None, _) => Ok(b"0".to_vec()),
        (Some(method), rest) => {
            let end = Process::builder("nest").method(method).input(rest).start()?.wait(crate::limit())?;
            let below: u32 = String::from_utf8(end.returned?)?.parse()?;
            Ok((below + 1).to_string().into_bytes())
        }
    }
}

/// Says whether it is daemonic, and whether it may have children: by asking, and by trying.
fn daemonic(inside: &mut Inside) -> Returned {
    // Further down first, by daemonic ones that may have children.
    if let Some((method, rest)) = std::str::from_utf8(&inside.input)?.split_once(',') {
        let below = Process::builder("daemonic").method(method.parse()?).daemonic().input(rest);
        let below = if rest.is_empty() { below } else { below.children(Children::Allow) };
        return Ok(below.start()?.wait(crate::limit())?.returned?);
    }
    use pushflow_signals::daemonic::{is_daemonic, may_have_children};
    let start = |exempt: bool| {
        let builder = Process::builder("upper");
        let builder = if exempt { builder.exempt() } else { builder };
        match builder.start().map(|process| process.wait(crate::limit()).unwrap().returned.is_ok()) {
            Ok(fine) => fine.to_string(),
            Err(error) => error.to_string(),
        }
    };
    let command = Command::new("true").start()?.wait(crate::limit())?.code() == Some(0);
    Ok(format!("{} {} {command} {} / {}", is_daemonic(), may_have_children(), start(true), start(false)).into_bytes())
}

fn sleep(inside: &mut Inside) -> Returned {
    inside.link.write_all(b"!")?;
    let slept = interrupt::sleep(Duration::from_secs(1000));
    Ok(if slept { b"slept" } else { b"woken" }.to_vec())
}

/// Does not listen to SIGINT, and with an input not to SIGTERM either.
fn stubborn(inside: &mut Inside) -> Returned {
    let deaf = (!inside.input.is_empty()).then(|| pushflow_signals::signal::Watch::new(&[Signal::TERMINATE], |_| {}));
    inside.link.write_all(b"!")?;
    loop {
        std::thread::park();
        std::hint::black_box(&deaf);
    }
}

/// Starts the next one down and waits for it; the last one down counts SIGINTs. A command says in a file that it is ready;
/// a process need not be, for early ones are kept for it.
fn waits(inside: &mut Inside) -> Returned {
    let text = String::from_utf8(std::mem::take(&mut inside.input))?;
    let [method, depth, last, ready] = text.splitn(4, ' ').collect::<Vec<_>>().try_into().map_err(|_| "four words")?;
    let depth: u32 = depth.parse()?;
    let long = Duration::from_secs(30);
    if depth == 1 && last == "command" {
        let script = "n=0; trap 'n=$((n+1))' INT; : > \"$0\"; while [ $n = 0 ]; do sleep 0.01; done; sleep 0.1
            [ $n = 1 ] && echo interrupted once";
        let command = Command::new("sh").args(["-c", script, ready]).stdout(Output::Capture).grace(long).start()?;
        return Ok(command.wait(crate::limit())?.stdout.unwrap_or_default().trim_ascii_end().to_vec());
    }
    let name = if depth == 1 { "counts" } else { "waits" };
    let input = format!("{method} {} {last} {ready}", depth - 1);
    let process = Process::builder(name).method(method.parse()?).grace(long).input(input).start()?;
    Ok(process.wait(crate::limit())?.returned?)
}

/// Counts SIGINTs from the first one on for a while.
fn counts(_: &mut Inside) -> Returned {
    let (_, interrupted) = interrupt::run(|| interrupt::sleep(Duration::from_secs(1000)));
    assert!(interrupted);
    interrupt::idle();
    let (again, _) = interrupt::run(|| interrupt::sleep(Duration::from_millis(100)));
    Ok(if again { "interrupted once" } else { "interrupted again" }.into())
}

/// Idle when SIGINT comes; then SIGUSR1 ends the wait.
fn idle(inside: &mut Inside) -> Returned {
    let (says, said) = std::sync::mpsc::channel();
    let _watch = pushflow_signals::signal::Watch::new(&[Signal::USER1], move |_| says.send(()).unwrap())?;
    interrupt::idle();
    inside.link.write_all(b"!")?;
    said.recv()?;
    let (_, interrupted) = interrupt::run(|| ());
    Ok(interrupted.to_string().into_bytes())
}

/// Interrupts itself.
fn runs(_: &mut Inside) -> Returned {
    let raise = || rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::INT).unwrap();
    interrupt::idle();
    let ((_, nested), outer) = interrupt::run(|| {
        raise();
        interrupt::run(|| interrupt::sleep(Duration::from_secs(1000)))
    });
    let (_, later) = interrupt::run(|| ());
    Ok(format!("nested {nested}, outer {outer}, later {later}").into_bytes())
}

/// Shuts its end of the link and goes on for a while.
fn shuts(inside: &mut Inside) -> Returned {
    rustix::net::shutdown(&inside.link, rustix::net::Shutdown::Both)?;
    // The parent's wait is the subject: what it costs while this goes on.
    std::thread::sleep(Duration::from_millis(200));
    Ok(Vec::new())
}

/// Receives descriptors up to the end, keeps them, and returns their number and the text that all of them refer to.
fn holds_descriptors(inside: &mut Inside) -> Returned {
    let mut held = Vec::new();
    let mut bytes = [0; 7];
    let mut count = 0;
    loop {
        match inside.link.receive(&mut bytes, &mut held)? {
            0 => break,
            received => count += received,
        }
    }
    for descriptor in &held {
        let mut text = [0; 4];
        rustix::io::pread(descriptor, &mut text, 0)?;
        assert_eq!(&text, b"text");
        assert!(rustix::io::fcntl_getfd(descriptor)?.contains(rustix::io::FdFlags::CLOEXEC));
    }
    Ok(format!("{count} bytes, {} descriptors", held.len()).into_bytes())
}

/// Receives more descriptors than it may open, then a byte.
fn has_few_descriptors(inside: &mut Inside) -> Returned {
    use rustix::process::{Resource, Rlimit, setrlimit};
    setrlimit(Resource::Nofile, Rlimit { current: Some(20), maximum: Some(20) })?;
    let open = || std::fs::read_dir("/proc/self/fd").map(Iterator::count);
    let before = open()?;
    let mut held = Vec::new();
    let error = inside.link.receive(&mut [0], &mut held).err().ok_or("an error")?;
    assert_eq!((held.len(), open()?), (0, before));
    assert_eq!(error.kind(), std::io::ErrorKind::Other);
    assert_eq!(inside.link.receive(&mut [0; 2], &mut held)?, 1);
    Ok(error.to_string().into_bytes())
}

/// Has 64 MiB at once.
fn takes_memory(_: &mut Inside) -> Returned {
    drop(std::hint::black_box(vec![1_u8; 64 << 20]));
    Ok(Vec::new())
}

/// Leaves a process in its group, whose id it says, and dies.
fn starts_a_group(inside: &mut Inside) -> Returned {
    let child = std::process::Command::new("sleep").arg("1000").spawn()?;
    inside.link.write_all(child.id().to_string().as_bytes())?;
    std::process::abort();
}

/// Receives sealed memory and sends it back in capitals, also sealed; says of what is not sealed why it is not wanted.
fn reads_memory(inside: &mut Inside) -> Returned {
    let mut received = Vec::new();
    while inside.link.receive(&mut [0], &mut received)? == 1 {
        let descriptor = received.pop().ok_or("a descriptor")?;
        match Sealed::from_fd(descriptor) {
            Ok(sealed) => {
                let mut draft = Draft::new(sealed.len())?;
                draft.copy_from_slice(&sealed.as_ref().to_ascii_uppercase());
                inside.link.send(b"!", &[draft.seal()?.as_fd()])?;
            }
            Err(error) => drop(inside.link.send(error.to_string().as_bytes(), &[])?),
        }
    }
    Ok(Vec::new())
}

/// Receives two shared words; adds the first one to the second one, many times.
fn counts_in_memory(inside: &mut Inside) -> Returned {
    let mut received = Vec::new();
    inside.link.receive(&mut [0], &mut received)?;
    let words = SharedWords::from_fd(received.pop().ok_or("a descriptor")?, 2)?;
    let [one, sum] = words.words() else { return Err("two words".into()) };
    for _ in 0..10_000 {
        sum.fetch_add(one.load(Ordering::Relaxed), Ordering::Relaxed);
    }
    Ok(Vec::new())
}

/// Asks for a SIGINT after each of its runs and waits for it, so that it does not hit the next one.
fn awaits_sigint(inside: &mut Inside) -> Returned {
    interrupt::idle();
    let (mut hit, mut missed) = (0, 0);
    for _ in 0..500 {
        let before = interrupt::received();
        let ((), interrupted) = interrupt::run(|| ());
        hit += u32::from(interrupted);
        inside.link.write_all(b"!")?;
        missed += u32::from(!interrupt::wait_received(before, crate::LONG));
    }
    let begin = std::time::Instant::now();
    let timeout = Duration::from_millis(20);
    assert!(!interrupt::wait_received(interrupt::received(), timeout) && begin.elapsed() >= timeout);
    assert!(interrupt::wait_received(interrupt::received() - 1, timeout));
    Ok(format!("{hit} hit, {missed} missed, {} received", interrupt::received()).into_bytes())
}

/// Is interrupted, and runs a command before that has been passed on, again and again.
fn goes_on(_: &mut Inside) -> Returned {
    let raise = || rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::INT).unwrap();
    interrupt::idle();
    // It holds up the thread that passes signals on.
    let (passes_on, passed_on) = std::sync::mpsc::channel();
    let _watch = pushflow_signals::signal::Watch::aside(&[Signal::INTERRUPT], move |_| {
        let _ = passed_on.recv();
    })?;
    let mut hit = 0;
    for _ in 0..5 {
        let ((), interrupted) = interrupt::run(raise);
        assert!(interrupted);
        let (finished, _) = interrupt::run(|| {
            let command = Command::new("sleep").args(["0.1"]).start()?;
            passes_on.send(())?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(command.wait(crate::limit())?)
        });
        hit += u32::from(finished?.code() != Some(0));
    }
    Ok(format!("{hit} hit").into_bytes())
}
