//! What goes over a link beside a stream of bytes: descriptors, and its end.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

use pushflow_signals::{Link, Process, StartMethod};

use crate::{Test, limit, tests};

pub(crate) const TESTS: &[Test] = tests![
    a_thousand_descriptors_pass,
    wrong_numbers_of_descriptors_are_refused,
    who_may_open_no_more_descriptors_hears_of_it,
    nothing_there_and_the_end_are_told_apart,
    the_end_of_one_direction_leaves_the_other,
    handles_share_one_end,
];

/// An open file that says `text`.
fn file() -> std::fs::File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"text").unwrap();
    file
}

fn a_thousand_descriptors_pass() {
    let file = file();
    for method in StartMethod::ALL {
        let process = Process::builder("holds descriptors").method(method);
        let mut process = process.start().unwrap();
        let link = process.take_link().unwrap();
        let mut left = 1000;
        while left > 0 {
            let some = left.min(Link::MOST_DESCRIPTORS);
            assert_eq!(link.send(b"0123456789", &vec![file.as_fd(); some]).unwrap(), 10);
            left -= some;
        }
        link.shutdown_write().unwrap();
        let mut said = Vec::new();
        (&link).read_to_end(&mut said).unwrap();
        assert!(said.ends_with(b"160 bytes, 1000 descriptors"), "{method}: {}", said.escape_ascii());
        assert!(process.wait(limit()).unwrap().status.success(), "{method}");
    }
}

fn wrong_numbers_of_descriptors_are_refused() {
    let mut process = Process::builder("echo link").start().unwrap();
    let link = process.take_link().unwrap();
    let file = file();
    let kind = |bytes: &[u8], descriptors: &[BorrowedFd<'_>]| link.send(bytes, descriptors).unwrap_err().kind();
    assert_eq!(kind(b"", &[file.as_fd()]), ErrorKind::InvalidInput);
    assert_eq!(kind(b"a", &[file.as_fd(); Link::MOST_DESCRIPTORS + 1]), ErrorKind::InvalidInput);
    assert_eq!(link.send(b"", &[]).unwrap(), 0);
}

fn who_may_open_no_more_descriptors_hears_of_it() {
    let file = file();
    for method in StartMethod::ALL {
        let mut process = Process::builder("has few descriptors").method(method).start().unwrap();
        let link = process.take_link().unwrap();
        link.send(b"a", &[file.as_fd(); Link::MOST_DESCRIPTORS]).unwrap();
        link.send(b"b", &[]).unwrap();
        let mut said = Vec::new();
        (&link).read_to_end(&mut said).unwrap();
        assert!(said.ends_with(b"too many are open here"), "{method}: {}", said.escape_ascii());
        assert!(process.wait(limit()).unwrap().status.success(), "{method}");
    }
}

fn nothing_there_and_the_end_are_told_apart() {
    for method in StartMethod::ALL {
        let mut process = Process::builder("echo link").method(method).start().unwrap();
        let link = process.take_link().unwrap();
        let mut none = Vec::new();
        assert_eq!(link.receive_now(&mut [0], &mut none).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(link.send(b"a", &[]).unwrap(), 1);
        let mut answer = [0];
        assert_eq!(link.receive(&mut answer, &mut none).unwrap(), 1);
        assert_eq!(answer, *b"b");
        // Killed with something unread, or not.
        let _ = link.send(b"aaaa", &[]);
        process.kill();
        assert!(process.wait(limit()).is_ok());
        while link.receive_now(&mut answer, &mut none).unwrap() > 0 {}
        assert_eq!(link.receive(&mut answer, &mut none).unwrap(), 0, "{method}");
        assert_eq!(link.send(b"a", &[]).unwrap_err().kind(), ErrorKind::BrokenPipe, "{method}");
        assert!(none.is_empty());
    }
}

fn the_end_of_one_direction_leaves_the_other() {
    let mut process = Process::builder("echo link").start().unwrap();
    let link = process.take_link().unwrap();
    link.send(b"ab", &[]).unwrap();
    link.shutdown_write().unwrap();
    let mut said = Vec::new();
    (&link).read_to_end(&mut said).unwrap();
    assert!(said.starts_with(b"bc"), "{}", said.escape_ascii());
    assert_eq!((&link).write(b"a").unwrap_err().kind(), ErrorKind::BrokenPipe);
}

fn handles_share_one_end() {
    let mut process = Process::builder("echo link").start().unwrap();
    let link = process.take_link().unwrap();
    let other = link.share();
    drop(link);
    (&other).write_all(b"a").unwrap();
    let mut answer = [0];
    (&other).read_exact(&mut answer).unwrap();
    assert_eq!(answer, *b"b");
    drop(other);
    assert!(process.wait(limit()).unwrap().status.success());
}
