//! Memory that processes share, and what is none.

use std::io::ErrorKind;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::fs::{MemfdFlags, Mode, OFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create, open};

use pushflow_signals::memory::{Draft, Sealed, SharedWords};
use pushflow_signals::poller::Poller;
use pushflow_signals::{Link, Process, StartMethod};

use crate::{Test, again, is_child, limit, tests};

pub(crate) const TESTS: &[Test] = tests![
    sealed_memory_goes_there_and_back,
    what_is_sealed_cannot_be_changed,
    what_is_not_sealed_is_refused,
    what_is_not_sealed_is_refused_by_who_receives_it,
    nothing_is_memory_too,
    what_is_handed_on_takes_no_memory,
    words_are_shared,
    words_of_another_size_are_refused,
    a_forked_process_has_no_descriptor_of_its_parents,
];

/// A file in memory with what seals there are.
fn file(bytes: &[u8], seals: SealFlags) -> OwnedFd {
    let file = memfd_create("test", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
    assert_eq!(rustix::io::write(&file, bytes).unwrap(), bytes.len());
    fcntl_add_seals(&file, seals).unwrap();
    file
}

fn copy(of: impl AsFd) -> OwnedFd {
    of.as_fd().try_clone_to_owned().unwrap()
}

/// Everything that might be taken for sealed memory.
fn impostors() -> Vec<(&'static str, OwnedFd)> {
    let (shrink, grow, write) = (SealFlags::SHRINK, SealFlags::GROW, SealFlags::WRITE);
    let plain = |path: &str, flags| open(path, flags | OFlags::CLOEXEC, Mode::empty()).unwrap();
    vec![
        ("unsealed", file(b"text", SealFlags::empty())),
        ("without a seal against writing", file(b"text", shrink | grow)),
        ("with a seal against later writing", file(b"text", shrink | grow | SealFlags::FUTURE_WRITE)),
        ("that may shrink", file(b"text", write | grow)),
        ("that may grow", file(b"text", write | shrink)),
        ("for ever unsealed", file(b"text", SealFlags::SEAL)),
        ("without seals", memfd_create("test", MemfdFlags::CLOEXEC).unwrap()),
        ("a file", tempfile::tempfile().unwrap().into()),
        ("a file of a tmpfs", tempfile::tempfile_in("/dev/shm").unwrap().into()),
        ("a pipe", rustix::pipe::pipe().unwrap().0),
        ("a socket", std::os::unix::net::UnixStream::pair().unwrap().0.into()),
        ("a directory", plain("/tmp", OFlags::RDONLY)),
        ("a path", plain("/tmp", OFlags::PATH)),
        ("a device", plain("/dev/zero", OFlags::RDONLY)),
        ("an event", rustix::event::eventfd(0, rustix::event::EventfdFlags::CLOEXEC).unwrap()),
    ]
}

fn receive(link: &Link) -> OwnedFd {
    let mut received = Vec::new();
    assert_eq!(link.receive(&mut [0], &mut received).unwrap(), 1);
    received.pop().unwrap()
}

fn sealed_memory_goes_there_and_back() {
    for method in StartMethod::ALL {
        let mut process = Process::builder("reads memory").method(method).start().unwrap();
        let link = process.take_link().unwrap();
        for text in ["", "a", &"some text ".repeat(1 << 18)] {
            let sealed = Sealed::copy_of(text.as_bytes()).unwrap();
            link.send(b"!", &[sealed.as_fd()]).unwrap();
            drop(sealed);
            let answer = Sealed::from_fd(receive(&link)).unwrap();
            assert!(answer.as_ref() == text.to_ascii_uppercase().as_bytes(), "{method}");
        }
        drop(link);
        assert!(process.wait(limit()).unwrap().status.success(), "{method}");
    }
}

fn what_is_sealed_cannot_be_changed() {
    let mut draft = Draft::new(4).unwrap();
    draft.copy_from_slice(b"text");
    for sealed in [draft.seal().unwrap(), Sealed::copy_of(b"text").unwrap()] {
        assert_eq!(rustix::io::pwrite(&sealed, b"x", 0).unwrap_err(), rustix::io::Errno::PERM);
        assert!(ftruncate(&sealed, 2).is_err() && ftruncate(&sealed, 10_000).is_err());
        assert_eq!(fcntl_add_seals(&sealed, SealFlags::FUTURE_WRITE).unwrap_err(), rustix::io::Errno::PERM);
        assert_eq!(sealed.as_ref(), b"text");
    }
}

fn what_is_not_sealed_is_refused() {
    for (what, descriptor) in impostors() {
        let refused = Sealed::from_fd(descriptor).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidData, "{what}");
    }
    let sealed = Sealed::from_fd(file(b"text", SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE)).unwrap();
    assert_eq!(sealed.as_ref(), b"text");
}

fn what_is_not_sealed_is_refused_by_who_receives_it() {
    let mut process = Process::builder("reads memory").start().unwrap();
    let link = process.take_link().unwrap();
    let mut none = Vec::new();
    for (what, descriptor) in impostors() {
        link.send(b"!", &[descriptor.as_fd()]).unwrap();
        let mut said = [0; 100];
        let count = link.receive(&mut said, &mut none).unwrap();
        let said = std::str::from_utf8(&said[..count]).unwrap();
        assert!(["memory that is not sealed", "not a file in memory"].contains(&said), "{what}: {said}");
    }
    // It has taken no harm.
    link.send(b"!", &[Sealed::copy_of(b"text").unwrap().as_fd()]).unwrap();
    assert_eq!(Sealed::from_fd(receive(&link)).unwrap().as_ref(), b"TEXT");
}

fn nothing_is_memory_too() {
    let mut draft = Draft::new(0).unwrap();
    assert!(draft.is_empty() && draft.iter_mut().next().is_none());
    for sealed in [draft.seal().unwrap(), Sealed::copy_of(b"").unwrap()] {
        let again = Sealed::from_fd(copy(&sealed)).unwrap();
        assert!(sealed.is_empty() && again.is_empty() && again.as_ref() == b"");
    }
    let words = SharedWords::create(0).unwrap();
    assert!(words.words().is_empty());
    assert!(SharedWords::from_fd(copy(&words), 0).unwrap().words().is_empty());
    assert!(Draft::new(usize::MAX).is_err() && Draft::new(isize::MAX.unsigned_abs()).is_err());
    assert!(SharedWords::create(usize::MAX).is_err());
}

fn what_is_handed_on_takes_no_memory() {
    const TEST: &str = "memory::what_is_handed_on_takes_no_memory";
    if !is_child(TEST) {
        assert!(again(TEST).status().unwrap().success());
        return;
    }
    let sealed = Draft::new(1 << 30).unwrap().seal().unwrap();
    let again = Sealed::from_fd(copy(&sealed)).unwrap();
    assert_eq!(again.len(), 1 << 30);
    let resident = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = resident.split(' ').nth(1).unwrap().parse().unwrap();
    assert!(pages * 4096 < 64 << 20, "{pages} pages");
}

fn words_are_shared() {
    for method in StartMethod::ALL {
        let words = SharedWords::create(2).unwrap();
        words.words()[0].store(3, Ordering::Relaxed);
        let mut process = Process::builder("counts in memory").method(method).start().unwrap();
        process.take_link().unwrap().send(b"!", &[words.as_fd()]).unwrap();
        for _ in 0..10_000 {
            words.words()[1].fetch_add(1, Ordering::Relaxed);
        }
        assert!(process.wait(limit()).unwrap().status.success(), "{method}");
        assert_eq!(words.words()[1].load(Ordering::Relaxed), 40_000, "{method}");
    }
}

fn words_of_another_size_are_refused() {
    let fixed = SealFlags::SHRINK | SealFlags::GROW;
    let kind = |descriptor, words| SharedWords::from_fd(descriptor, words).unwrap_err().kind();
    let words = SharedWords::create(2).unwrap();
    for wrong in [0, 1, 3, 1 << 40] {
        assert_eq!(kind(copy(&words), wrong), ErrorKind::InvalidData, "{wrong}");
    }
    assert_eq!(kind(file(&[0; 17], fixed), 2), ErrorKind::InvalidData);
    assert_eq!(kind(file(&[0; 16], SealFlags::SHRINK), 2), ErrorKind::InvalidData);
    assert_eq!(kind(file(&[0; 16], SealFlags::GROW), 2), ErrorKind::InvalidData);
    assert_eq!(kind(file(&[0; 16], fixed | SealFlags::WRITE), 2), ErrorKind::InvalidData);
    assert!(SharedWords::from_fd(file(&[0; 16], fixed), 2).is_ok());
    for (what, descriptor) in impostors() {
        assert_eq!(kind(descriptor, 2), ErrorKind::InvalidData, "{what}");
    }
}

/// What a closure has brought along can be read, and does no harm.
fn a_forked_process_has_no_descriptor_of_its_parents() {
    const TEST: &str = "memory::a_forked_process_has_no_descriptor_of_its_parents";
    if !is_child(TEST) {
        assert!(again(TEST).status().unwrap().success());
        return;
    }
    let poller = Poller::new().unwrap();
    let sealed = Sealed::copy_of(b"text").unwrap();
    let mut draft = Draft::new(10_000).unwrap();
    draft.fill(b'x');
    let words = SharedWords::create(1).unwrap();
    let parents = Arc::new((poller, sealed, words, std::sync::Mutex::new(Some(draft))));
    let brought = Arc::clone(&parents);
    let mut process = Process::closure(move |inside| {
        for entry in std::fs::read_dir("/proc/self/fd")? {
            let target = std::fs::read_link(entry?.path()).unwrap_or_default();
            let target = target.to_string_lossy();
            assert!(!target.contains("memfd") && !target.contains("eventpoll"), "{target}");
        }
        let (poller, sealed, words, draft) = &*brought;
        assert!(poller.wait(&mut Vec::new(), None).is_err());
        poller.wake();
        assert_eq!(sealed.as_ref(), b"text");
        assert!(Sealed::from_fd(copy(sealed)).is_err());
        words.words()[0].store(7, Ordering::Relaxed);
        let draft = draft.lock().unwrap().take().ok_or("a draft")?;
        let draft = std::thread::spawn(move || draft[0]).join();
        assert!(draft.is_err());
        inside.link.send(b"!", &[])?;
        // Until the parent has sealed what this one cannot see.
        inside.link.receive(&mut [0], &mut Vec::new())?;
        Ok(Vec::new())
    })
    .start()
    .unwrap();
    let link = process.take_link().unwrap();
    assert_eq!(link.receive(&mut [0], &mut Vec::new()).unwrap(), 1);
    let (poller, sealed, words, draft) = &*parents;
    let draft = draft.lock().unwrap().take().unwrap().seal().unwrap();
    assert!(draft.len() == 10_000 && draft.as_ref().iter().all(|byte| *byte == b'x'));
    assert_eq!(words.words()[0].load(Ordering::Relaxed), 7);
    assert_eq!(sealed.as_ref(), b"text");
    let begin = std::time::Instant::now();
    let timeout = std::time::Duration::from_millis(1);
    poller.wait(&mut Vec::new(), Some(timeout)).unwrap();
    assert!(begin.elapsed() >= timeout, "the child woke the poller of its parent");
    drop(link);
    assert!(process.wait(limit()).unwrap().status.success());
}
