//! Large values: handed on without being copied, in any number.

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::Trial;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use pushflow_core::error::ErrorKind;
use pushflow_core::handle::Handle;
use pushflow_core::value::{Array, Buffer, Dtype};
use pushflow_core::{Payload, Pool, Value};
use pushflow_signals::memory::Sealed;

use crate::backends::Setup;
use crate::gates::start;
use crate::output::memory;
use crate::suite::{is_usable, wait};

/// The parts that this program plays: their memory and their descriptors are their own.
pub(crate) const SEALED: &str = "large values are held";
pub(crate) const FEW: &str = "few descriptors";

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        sealed_memory_is_handed_on_and_not_copied,
        arrays_are_handed_on,
        many_buffers_come_in_one_payload,
        sizes_around_the_limit_come_back,
        a_parent_without_descriptors_has_outcomes,
    ]
}

fn all() -> impl Iterator<Item = Setup> {
    Setup::all().filter(|setup| !setup.scaling)
}

fn data(outputs: &Payload) -> &Buffer {
    match outputs.get("data") {
        Some(Value::Bytes(buffer)) => buffer,
        Some(Value::Array(array)) => array.data(),
        other => panic!("{other:?}"),
    }
}

fn sealed_memory_is_handed_on_and_not_copied() {
    assert!(crate::program(SEALED).status().unwrap().success(), "see above");
}

pub(crate) fn hold_sealed() -> ExitCode {
    for setup in all() {
        let pool = setup.make();
        is_usable(&pool);
        let before = memory("VmHWM");
        for (task, bytes, last) in [("sealed", 1_usize << 30, 0), ("large", 100 << 20, 7)] {
            let outputs = wait(start(&pool, task, Payload::single("bytes", bytes))).unwrap();
            assert_eq!(data(&outputs).owner::<Sealed>().map(Sealed::len), Some(bytes), "{task} by {}", setup.name());
            // To another and on: nobody copies.
            let same = wait(start(&pool, "echo", outputs)).unwrap();
            assert!(data(&same).owner::<Sealed>().is_some());
            let handles: Vec<Handle> = (0..4).map(|_| start(&pool, "last_byte", same.clone())).collect();
            for handle in handles {
                assert_eq!(wait(handle).unwrap().get("last"), Some(&Value::from(last)), "{task} by {}", setup.name());
            }
        }
        let grown = memory("VmHWM") - before;
        assert!(grown < 30 << 20, "{}: {grown} bytes more", setup.name());
    }
    ExitCode::SUCCESS
}

fn arrays_are_handed_on() {
    for setup in all() {
        let pool = setup.make();
        let bytes: Vec<u8> = (0..8_u32 << 17).map(|n| n.to_le_bytes()[0]).collect();
        let array = Array::new(Dtype::F64, [1 << 10, 1 << 7], Buffer::from(bytes)).unwrap();
        let inputs = Payload::single("data", Value::Array(array.into()));
        let outputs = wait(start(&pool, "echo", inputs.clone())).unwrap();
        assert_eq!(outputs, inputs, "{}", setup.name());
        assert!(data(&outputs).owner::<Sealed>().is_some(), "{}", setup.name());
    }
}

fn many_buffers_come_in_one_payload() {
    let pool = all().next().unwrap().make();
    let buffer = |n: u32| Value::from(Buffer::from(vec![n.to_le_bytes()[0]; 64 << 10]));
    let inputs: Payload = (0..1000).map(|n| (format!("n{n}"), buffer(n))).collect();
    assert!(wait(start(&pool, "echo", inputs.clone())).unwrap() == inputs);
    is_usable(&pool);
}

fn sizes_around_the_limit_come_back() {
    for setup in Setup::all() {
        let pool = setup.make();
        let sizes = [0, 1, (64 << 10) - 1, 64 << 10, (64 << 10) + 1, 1 << 20];
        let inputs = |bytes: usize| Payload::single("data", Buffer::from(vec![3; bytes]));
        let handles: Vec<Handle> = sizes.iter().map(|bytes| start(&pool, "echo", inputs(*bytes))).collect();
        for (bytes, handle) in sizes.into_iter().zip(handles) {
            assert!(wait(handle).unwrap() == inputs(bytes), "{bytes} bytes by {}", setup.name());
        }
    }
}

fn a_parent_without_descriptors_has_outcomes() {
    assert!(crate::program(FEW).status().unwrap().success(), "see above");
}

pub(crate) fn have_few_descriptors() -> ExitCode {
    const FEW: u64 = 128;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    pushflow_signals::warm_up().unwrap();
    for setup in all() {
        let pool: Arc<dyn Pool> = setup.make();
        is_usable(&pool);
        setrlimit(Resource::RLIMIT_NOFILE, FEW, hard).unwrap();
        // Results that are kept keep their descriptors, until there are no more.
        let mut kept = Vec::new();
        let errors: Vec<_> = (0..20)
            .filter_map(|_| {
                let inputs: Payload =
                    (0..10).map(|n| (format!("n{n}"), Value::from(Buffer::from(vec![1; 64 << 10])))).collect();
                wait(start(&pool, "echo", inputs)).map(|outputs| kept.push(outputs)).err()
            })
            .collect();
        assert!(!kept.is_empty() && !errors.is_empty(), "{}: {} kept", setup.name(), kept.len());
        for error in &errors {
            assert!(matches!(error.kind(), ErrorKind::Lost | ErrorKind::Raised | ErrorKind::Delivery), "{error:?}");
        }
        let handles: Vec<Handle> = (0..20).map(|_| start(&pool, "echo", Payload::new())).collect();
        handles.into_iter().for_each(|handle| drop(wait(handle)));
        drop(kept);
        setrlimit(Resource::RLIMIT_NOFILE, soft, hard).unwrap();
        is_usable(&pool);
        pool.close();
        pool.join(Some(crate::LONG)).unwrap();
    }
    ExitCode::SUCCESS
}
