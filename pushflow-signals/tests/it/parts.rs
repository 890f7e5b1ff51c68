//! What the processes of the tests do.

use std::io::{Read, Write};
use std::time::Duration;

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
register_process!("wait and write", wait_and_write);
register_process!("tree", tree);
register_process!("count interrupts", count_interrupts);
register_process!("waits", waits);
register_process!("counts", counts);
register_process!("idle", idle);
register_process!("runs", runs);
register_process!("shuts", shuts);
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
        std::thread::sleep(Duration::from_secs(1000));
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
    std::thread::sleep(Duration::from_millis(200));
    Ok(Vec::new())
}

/// Waits until its parent has ended, then writes to the file of its input.
fn wait_and_write(inside: &mut Inside) -> Returned {
    inside.link.write_all(b"!")?;
    while inside.link.read(&mut [0])? > 0 {}
    std::thread::sleep(Duration::from_millis(20));
    std::fs::write(std::str::from_utf8(&inside.input)?, "done")?;
    Ok(Vec::new())
}

/// A daemonic tree: `methods` down, each level with a command that has a process in the background.
fn tree(inside: &mut Inside) -> Returned {
    let (method, rest) = way(&inside.input);
    let script = "setsid sleep 1000 & sleep 1000 & wait";
    let command = Command::new("sh").args(["-c", script]).stdout(Output::Null).start()?;
    if let Some(method) = method {
        let mut below =
            Process::builder("tree").method(method).daemonic().children(Children::Allow).input(rest).start()?;
        // Ready when all below is.
        let mut link = below.take_link().ok_or("a link")?;
        link.read_exact(&mut [0])?;
        inside.link.write_all(b"!")?;
        std::thread::sleep(Duration::from_secs(1000));
        drop(below);
    } else {
        inside.link.write_all(b"!")?;
        std::thread::sleep(Duration::from_secs(1000));
    }
    drop(command);
    Ok(Vec::new())
}

/// Counts how often SIGINT comes until its parent says a byte.
fn count_interrupts(inside: &mut Inside) -> Returned {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let _watch = pushflow_signals::signal::Watch::new(&[Signal::INTERRUPT], |_| {
        COUNT.fetch_add(1, Ordering::SeqCst);
    })?;
    inside.link.write_all(b"!")?;
    inside.link.read_exact(&mut [0])?;
    Ok(COUNT.load(Ordering::SeqCst).to_string().into_bytes())
}
