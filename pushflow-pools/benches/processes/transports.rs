//! What carries bytes to another process and back, and is no pool: a socket, and `ipc-channel`.

use std::io::{Read, Write};
use std::thread;

use ipc_channel::ipc::{self, IpcSharedMemory};
use pushflow_signals::{Inside, Link, Process};
use serde::{Serialize, de::DeserializeOwned};

use crate::CALLS;
use crate::bench::{Bench, times};
use crate::ours::{LARGEST, SIZES};
use crate::table::{Row, Side};

pub(crate) fn round_trip(bench: &mut Bench) {
    for workers in [1, 2] {
        let case = format!("workers: {workers}");
        bench.time(Row::new("round_trip", &case, "bare socket, 64 B", Side::Transport), 1, move || {
            let mut echo = Echo::start();
            move |count| times(count, || echo.round_trip())
        });
        bench.time(Row::new("round_trip", &case, "ipc-channel", Side::Transport), 1, move || {
            let channels = Channels::start();
            move |count| times(count, || assert_eq!(channels.round_trip(7_i64), 7))
        });
    }
}

pub(crate) fn throughput(bench: &mut Bench) {
    bench.time(Row::new("throughput", "one by one", "ipc-channel", Side::Transport), CALLS, move || {
        let channels = Channels::start();
        move |count| times(count, || channels.all())
    });
}

pub(crate) fn payload(bench: &mut Bench) {
    let row = |size, way, who| Row::new("payload", format!("{size} {way}"), who, Side::Transport);
    let bytes_there = |bytes| {
        let (channels, data) = (Bytes::start(), vec![7; bytes]);
        move |count| times(count, || channels.round_trip(&data))
    };
    // A copy into shared memory, then only its descriptor travels.
    let shared_there = |bytes| {
        let (channels, data) = (Channels::start(), vec![7; bytes]);
        move |count| times(count, || check(&channels.round_trip(IpcSharedMemory::from_bytes(&data)), bytes))
    };
    let shared_on = |bytes| {
        let (channels, mut data) = (Channels::start(), IpcSharedMemory::from_bytes(&vec![7; bytes]));
        move |count| {
            times(count, || {
                data = channels.round_trip(data.clone());
                check(&data, bytes);
            })
        }
    };
    for (size, bytes) in SIZES {
        bench.time(row(size, "there and back", "ipc-channel, bytes"), 1, move || bytes_there(bytes));
        bench.time(row(size, "there and back", "ipc-channel, shared memory"), 1, move || shared_there(bytes));
        bench.time(row(size, "handed on", "ipc-channel, shared memory"), 1, move || shared_on(bytes));
    }
    let (size, bytes) = LARGEST;
    let (there, on) = ("there and back", "handed on");
    let (plain, shared) = ("ipc-channel, bytes", "ipc-channel, shared memory");
    bench.time_largest(row(size, there, plain), &row("100 MiB", there, plain), move || bytes_there(bytes));
    bench.time_largest(row(size, there, shared), &row("100 MiB", there, shared), move || shared_there(bytes));
    bench.time_largest(row(size, on, shared), &row("100 MiB", on, shared), move || shared_on(bytes));
}

fn check(data: &[u8], bytes: usize) {
    assert_eq!((data.len(), data.last()), (bytes, Some(&7)));
}

/// A forked process that sends back what it gets. It is killed when it is dropped.
struct Echo {
    link: Link,
    _process: Process,
}

impl Echo {
    fn start() -> Echo {
        let mut process = Process::closure(|inside: &mut Inside| {
            let mut buffer = [0; 64];
            while inside.link.read_exact(&mut buffer).is_ok() {
                inside.link.write_all(&buffer)?;
            }
            Ok(Vec::new())
        });
        process = process.daemonic();
        let mut process = process.start().unwrap();
        Echo { link: process.take_link().unwrap(), _process: process }
    }

    fn round_trip(&mut self) {
        let mut buffer = [7; 64];
        self.link.write_all(&buffer).unwrap();
        self.link.read_exact(&mut buffer).unwrap();
        assert_eq!(buffer[63], 7);
    }
}

/// The same over typed channels.
struct Channels<T> {
    sender: ipc::IpcSender<T>,
    receiver: ipc::IpcReceiver<T>,
    _process: Process,
}

impl<T: Serialize + DeserializeOwned + Send + 'static> Channels<T> {
    fn start() -> Channels<T> {
        let (sender, theirs) = ipc::channel::<T>().unwrap();
        let (back, receiver) = ipc::channel::<T>().unwrap();
        let process = Process::closure(move |_| {
            while let Ok(message) = theirs.recv() {
                back.send(message)?;
            }
            Ok(Vec::new())
        });
        Channels { sender, receiver, _process: process.daemonic().start().unwrap() }
    }

    fn round_trip(&self, message: T) -> T {
        self.sender.send(message).unwrap();
        self.receiver.recv().unwrap()
    }
}

impl Channels<i64> {
    /// Sends all at once, and receives at the same time.
    fn all(&self) {
        let sender = self.sender.clone();
        let sending = thread::spawn(move || {
            for x in 0..CALLS.cast_signed() {
                sender.send(x).unwrap();
            }
        });
        for x in 0..CALLS.cast_signed() {
            assert_eq!(self.receiver.recv().unwrap(), x);
        }
        sending.join().unwrap();
    }
}

/// The same over channels of bytes.
struct Bytes {
    sender: ipc::IpcBytesSender,
    receiver: ipc::IpcBytesReceiver,
    _process: Process,
}

impl Bytes {
    fn start() -> Bytes {
        let (sender, theirs) = ipc::bytes_channel().unwrap();
        let (back, receiver) = ipc::bytes_channel().unwrap();
        let process = Process::closure(move |_| {
            while let Ok(bytes) = theirs.recv() {
                back.send(&bytes)?;
            }
            Ok(Vec::new())
        });
        Bytes { sender, receiver, _process: process.daemonic().start().unwrap() }
    }

    fn round_trip(&self, data: &[u8]) {
        self.sender.send(data).unwrap();
        check(&self.receiver.recv().unwrap(), data.len());
    }
}
