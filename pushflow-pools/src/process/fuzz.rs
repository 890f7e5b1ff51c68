//! The door for the fuzz targets: what has to hold for any bytes. No part of the interface.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::sync::OnceLock;

use pushflow_core::Outcome;
use pushflow_core::value::Buffer;

use super::ProcessPool;
use super::call::Call;
use super::codec::{Decoder, Encoder};
use super::frame::FrameReader;
use super::hello::Hello;
use super::lane::{Lane, LaneId};
use super::receive::receive;
use super::shared::Shared;
use super::wire::Wire;

/// Takes the bytes for a message with buffers beside, and checks that what it means survives another trip.
///
/// The first byte is the number of buffers beside, the bytes after it their sizes.
pub fn values(input: &[u8]) {
    let Some((count, rest)) = input.split_first() else { return };
    let Some((sizes, body)) = rest.split_at_checked(usize::from(count % 4)) else { return };
    let beside: Vec<Buffer> = sizes.iter().map(|size| Buffer::from(vec![*size; usize::from(*size)])).collect();
    let mut decoder = Decoder::new(body, beside);
    let Ok(outcome) = decoder.outcome() else { return };
    if decoder.finish().is_err() {
        return;
    }
    let again = encoded(&outcome);
    if sizes.is_empty() {
        assert_eq!(again, body, "there is one encoding of everything");
    }
    let mut decoder = Decoder::new(&again, Vec::new());
    let second = decoder.outcome().expect("what was encoded is decoded");
    decoder.finish().expect("nothing else was encoded");
    // Compared by their bytes: a NaN is not equal to itself.
    assert_eq!(encoded(&second), again);
}

fn encoded(outcome: &Outcome) -> Vec<u8> {
    let mut bytes = Vec::new();
    Encoder::new(&mut bytes, None).outcome(outcome).expect("what was decoded is not too deep");
    bytes
}

/// Takes the bytes for a stream, cut into pieces, and checks that the frames in it make up what was read.
///
/// The first byte is the size of the pieces.
pub fn frames(input: &[u8]) {
    let [piece, stream @ ..] = input else { return };
    let mut reader = FrameReader::default();
    let (mut rest, mut again) = (stream, Vec::new());
    while !rest.is_empty() {
        let spare = reader.spare();
        let count = usize::from(*piece).max(1).min(spare.len()).min(rest.len());
        spare[..count].copy_from_slice(&rest[..count]);
        reader.advance(count);
        rest = &rest[count..];
        loop {
            match reader.next() {
                Ok(Some((header, body))) => {
                    again.extend_from_slice(&header.encode(body.len()).expect("it came in a frame"));
                    again.extend_from_slice(body);
                }
                Ok(None) => break,
                Err(error) => {
                    let at = usize::try_from(error.at()).expect("the input is in memory");
                    assert!(again.len() <= at && at < stream.len(), "{error}");
                    assert!(stream.starts_with(&again));
                    return;
                }
            }
        }
    }
    assert_eq!(again.len() + reader.unfinished(), stream.len());
    assert!(stream.starts_with(&again));
}

/// Takes the bytes for what a worker is told, and checks that it would be told again with the same.
///
/// The first byte is even for a greeting, odd for a call.
pub fn worker(input: &[u8]) {
    let [which, body @ ..] = input else { return };
    let mut again = Vec::new();
    let mut encoder = Encoder::new(&mut again, None);
    if which % 2 == 0 {
        let Ok(hello) = Hello::read(body) else { return };
        hello.write(&mut encoder);
        assert_eq!(Hello::read(&again), Ok(hello));
    } else {
        let Ok(call) = Call::read(body, Vec::new()) else { return };
        call.write(&mut encoder).expect("what was decoded is not too deep");
        assert_eq!(again, body, "there is one encoding of everything");
    }
}

/// As much as a pipe takes without a reader. pipe(7)
const PIPE_BYTES: usize = 64 << 10;

/// Takes the bytes for all that a worker ever writes, and checks that its parent finds the end or a fault.
pub fn parent(input: &[u8]) {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    let shared = SHARED.get_or_init(|| Shared::new(ProcessPool::builder(), 1).expect("there is a poller"));
    let (reader, mut writer) = io::pipe().expect("there is a pipe");
    writer.write_all(&input[..input.len().min(PIPE_BYTES)]).expect("the pipe has room");
    drop(writer);
    let reader = File::from(OwnedFd::from(reader));
    // Nothing is written.
    let writer = reader.try_clone().expect("there is a descriptor");
    let lane = Lane::new(LaneId(1), None, Wire::Streams { reader, writer });
    let received = receive(&lane, shared);
    assert!(received.ended || received.broken.is_some());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_was_found_stays_fixed() {
        let run = |name: &str, target: fn(&[u8])| {
            let folder = format!("{}/../fuzz/seeds/{name}", env!("CARGO_MANIFEST_DIR"));
            for seed in std::fs::read_dir(folder).unwrap() {
                target(&std::fs::read(seed.unwrap().path()).unwrap());
            }
        };
        run("values", values);
        run("frames", frames);
        run("worker", worker);
        run("parent", parent);
    }

    proptest! {
        #[test]
        fn a_parent_survives_whatever_a_worker_writes(
            frames in prop::collection::vec((1_u8..13, 0_u8..3, prop::collection::vec(0_u8..16, 0..60)), 0..10),
            garbage in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let mut stream = Vec::new();
            for (kind, id, body) in frames {
                stream.extend([body.len() as u8, 0, 0, 0, 1, kind, 0, 0, id, 0, 0, 0, 0, 0, 0, 0]);
                stream.extend(body);
            }
            stream.extend(garbage);
            parent(&stream);
        }
    }
}
