use std::sync::Arc;

use proptest::prelude::*;
use pushflow_core::error::LostWorker;
use pushflow_core::value::{Array, Buffer, Dtype, Map, Opaque};
use pushflow_core::{ErrorKind, Key, Outcome, Payload, TaskError, Value};

use super::{BESIDE_BYTES, Decoder, Encoder, MOST_BESIDE, Malformed};

fn encoded(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    Encoder::new(&mut bytes, None).value(value).unwrap();
    bytes
}

fn decoded(bytes: &[u8]) -> Result<Value, Malformed> {
    decoded_with(bytes, Vec::new())
}

fn decoded_with(bytes: &[u8], beside: Vec<Buffer>) -> Result<Value, Malformed> {
    let mut decoder = Decoder::new(bytes, beside);
    let value = decoder.value()?;
    decoder.finish().map(|()| value)
}

fn complaint(bytes: &[u8]) -> String {
    decoded(bytes).unwrap_err().to_string()
}

fn buffer() -> impl Strategy<Value = Buffer> {
    prop_oneof![
        20 => prop::collection::vec(any::<u8>(), 0..300).prop_map(Buffer::from),
        1 => (0_usize..3).prop_map(|more| Buffer::from(vec![7; BESIDE_BYTES - 1 + more])),
    ]
}

fn array() -> impl Strategy<Value = Value> {
    (0_u8..13, prop::collection::vec(0_usize..5, 0..4)).prop_map(|(dtype, shape)| {
        let dtype = Dtype::from_number(dtype).unwrap();
        let bytes = shape.iter().product::<usize>() * dtype.size_bytes();
        Array::new(dtype, shape, vec![3; bytes].into()).unwrap().into()
    })
}

/// What an opaque value looks like.
fn shown() -> impl Strategy<Value = Value> {
    prop_oneof![any::<i64>().prop_map(Value::from), prop::collection::vec(any::<f64>(), 0..4).prop_map(Value::list)]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        Just(Value::Missing),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "-?[1-9][0-9]{20,60}".prop_map(|digits| Value::integer(&digits).unwrap()),
        any::<u64>().prop_map(|bits| Value::Float(f64::from_bits(bits))),
        ".{0,40}".prop_map(Value::from),
        "[a-z]{240,270}".prop_map(Value::from),
        buffer().prop_map(Value::from),
        array(),
        (".{0,5}", ".{0,30}", buffer(), prop::option::of(shown())).prop_map(|(kind, type_name, data, shown)| {
            Value::Opaque(Arc::new(Opaque { kind: kind.into(), type_name: type_name.into(), data, shown }))
        }),
    ];
    leaf.prop_recursive(5, 60, 12, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..12).prop_map(Value::from),
            prop::collection::vec((".{0,30}", inner), 0..12).prop_map(Value::map),
        ]
    })
}

fn payload() -> impl Strategy<Value = Payload> {
    let key = prop_oneof![any::<u64>().prop_map(Key::Position), ".{0,30}".prop_map(Key::from)];
    prop::collection::vec((key, value()), 0..20).prop_map(|entries| entries.into_iter().collect())
}

fn lost_worker() -> impl Strategy<Value = LostWorker> {
    let ended = (any::<Option<u32>>(), any::<Option<i32>>(), any::<Option<i32>>());
    (ended, any::<Option<u64>>(), any::<bool>(), lines()).prop_map(|((pid, exit_code, signal), peak, oom, stderr)| {
        let mut lost = LostWorker::default();
        (lost.pid, lost.exit_code, lost.signal) = (pid, exit_code, signal);
        (lost.peak_memory_bytes, lost.out_of_memory, lost.stderr) = (peak, oom, stderr);
        lost
    })
}

fn lines() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(".{0,30}", 0..5)
}

fn error() -> impl Strategy<Value = TaskError> {
    (0_u8..10, ".{0,30}", ".{0,300}", lines(), prop::option::of(lost_worker())).prop_map(
        |(kind, type_name, message, lines, lost)| {
            let error = TaskError::new(ErrorKind::from_number(kind).unwrap(), type_name, message).with_traceback(lines);
            match lost {
                Some(lost) => error.with_lost_worker(lost),
                None => error,
            }
        },
    )
}

/// Debug prints all of an error, and of an outcome what `==` would compare, save for the contents of buffers.
fn parts(outcome: &Outcome) -> String {
    format!("{outcome:?}")
}

proptest! {
    #[test]
    fn outcomes_come_back(outcome in prop_oneof![payload().prop_map(Ok), error().prop_map(Err)]) {
        let mut inline = Vec::new();
        Encoder::new(&mut inline, None).outcome(&outcome).unwrap();
        let mut decoder = Decoder::new(&inline, Vec::new());
        let back = decoder.outcome().unwrap();
        decoder.finish().unwrap();
        prop_assert_eq!(parts(&back), parts(&outcome));
        let lost = |outcome: &Outcome| outcome.as_ref().err().and_then(|error| error.lost_worker().cloned());
        prop_assert_eq!(lost(&back), lost(&outcome));

        let (mut bytes, mut beside) = (Vec::new(), Vec::new());
        Encoder::new(&mut bytes, Some(&mut beside)).outcome(&outcome).unwrap();
        prop_assert!(beside.iter().all(|buffer| buffer.as_bytes().len() >= BESIDE_BYTES));
        let mut decoder = Decoder::new(&bytes, beside);
        let beside = decoder.outcome().unwrap();
        decoder.finish().unwrap();

        // Compared by their bytes: a NaN is not equal to itself, and Debug does not show buffers.
        for back in [back, beside] {
            let mut again = Vec::new();
            Encoder::new(&mut again, None).outcome(&back).unwrap();
            prop_assert_eq!(&again, &inline);
        }
    }

    #[test]
    fn what_is_cut_short_is_malformed(value in value(), cut in any::<prop::sample::Index>()) {
        let bytes = encoded(&value);
        prop_assert!(decoded(&bytes[..cut.index(bytes.len())]).is_err());
    }

    #[test]
    fn changed_bytes_are_another_value_or_malformed(
        value in value(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = encoded(&value);
        for (index, byte) in changes {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        if let Ok(value) = decoded(&bytes) {
            prop_assert_eq!(encoded(&value), bytes);
        }
    }

    #[test]
    fn any_bytes_are_a_value_or_malformed(bytes in prop::collection::vec(prop_oneof![0_u8..14, any::<u8>()], 0..200)) {
        if let Ok(value) = decoded(&bytes) {
            prop_assert_eq!(encoded(&value), bytes.clone());
        }
        let buffers = || vec![Buffer::from(vec![1; 8]), Buffer::from(Vec::new())];
        match Decoder::new(&bytes, buffers()).outcome() {
            Ok(outcome) => Encoder::new(&mut Vec::new(), None).outcome(&outcome).unwrap(),
            Err(error) => prop_assert!(error.at() <= bytes.len() as u64),
        }
    }
}

#[test]
fn a_nan_keeps_its_bits() {
    let bits = 0xFFF4_0000_DEAD_BEEF;
    let Ok(Value::Float(number)) = decoded(&encoded(&Value::Float(f64::from_bits(bits)))) else { panic!("no float") };
    assert_eq!(number.to_bits(), bits);
}

#[test]
fn small_messages_stay_small() {
    let mut bytes = Vec::new();
    Encoder::new(&mut bytes, None).outcome(&Ok(Payload::single("x", 300))).unwrap();
    assert_eq!(bytes, [0, 1, 2, b'x', 4, 44, 1, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn large_buffers_go_beside_and_are_the_same_memory() {
    let (small, large) = (Buffer::from(vec![1; BESIDE_BYTES - 1]), Buffer::from(vec![2; BESIDE_BYTES]));
    let value = Value::list([Value::from(large.clone()), small.clone().into(), large.clone().into()]);
    let (mut bytes, mut beside) = (Vec::new(), Vec::new());
    Encoder::new(&mut bytes, Some(&mut beside)).value(&value).unwrap();
    assert_eq!(beside.len(), 2);
    let back = decoded_with(&bytes, beside.clone()).unwrap();
    let Some([Value::Bytes(first), Value::Bytes(_), Value::Bytes(_)]) = back.as_list() else { panic!("{back:?}") };
    assert!(first.ptr_eq(&large));

    let fails = |beside: Vec<Buffer>| decoded_with(&bytes, beside).unwrap_err().to_string();
    assert!(fails(vec![large.clone()]).starts_with("malformed message: no buffer beside at byte"));
    assert!(fails(vec![large.clone(), small]).starts_with("malformed message: a buffer of 65535 bytes beside at byte"));
    assert!(fails(vec![large; 3]).starts_with("malformed message: 1 more buffers beside at byte"));
}

#[test]
fn no_more_buffers_go_beside_than_a_message_carries() {
    let large = Value::from(Buffer::from(vec![2; BESIDE_BYTES]));
    let value = Value::list((0..MOST_BESIDE + 2).map(|_| large.clone()));
    let (mut bytes, mut beside) = (Vec::new(), Vec::new());
    Encoder::new(&mut bytes, Some(&mut beside)).value(&value).unwrap();
    assert_eq!(beside.len(), MOST_BESIDE);
    assert_eq!(decoded_with(&bytes, beside), Ok(value));
}

#[test]
fn errors_say_what_was_found_where() {
    let cases: [(&[u8], &str); 14] = [
        (b"", "0 bytes of 1 at byte 0, expected a value"),
        (b"\x00\x00", "1 more bytes at byte 1, expected the end"),
        (b"\x0D", "tag 13 at byte 0, expected a value"),
        (b"\x04\x01\x02", "2 bytes of 8 at byte 1, expected an integer"),
        (b"\x07\x05abc", "3 bytes of 5 at byte 2, expected a text"),
        (b"\x07\x03a\xFFb", "bytes that are not UTF-8 at byte 3, expected a text"),
        (b"\x07\xFD\x03\x00abc", "size 3 in too many bytes at byte 1, expected a text"),
        (
            b"\x09\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x00",
            "18446744073709551615 items in 1 bytes at byte 1, expected a number of items",
        ),
        (b"\x05\x0212", "other text at byte 0, expected digits of an integer beyond 64 bits"),
        (
            b"\x05\x1500000000000000000000000000000000"[..23].as_ref(),
            "other text at byte 0, expected digits of an integer beyond 64 bits",
        ),
        (b"\x0A\x02\x01a\x00\x01a\x00", "1 keys of 2 entries at byte 0, expected distinct keys"),
        (b"\x0B\x63", "number 99 at byte 1, expected a type of elements"),
        (b"\x0B\x00\x02\x03\x02\x00\x05abcde", "5 bytes of bool at byte 0, expected as many as the shape asks for"),
        (b"\x08\x02", "place 2 of a buffer at byte 1, expected bytes"),
    ];
    for (bytes, expected) in cases {
        assert_eq!(complaint(bytes), format!("malformed message: {expected}"), "{bytes:?}");
    }
    let mut huge = vec![0x0B, 10, 2];
    huge.extend([0xFF; 9]);
    huge.extend([2, 0, 0]);
    assert_eq!(
        complaint(&huge),
        "malformed message: 0 bytes of float64 at byte 0, expected as many as the shape asks for"
    );
    let twice = Decoder::new(b"\x02\x02a\x00\x02a\x00", Vec::new()).payload().unwrap_err().to_string();
    assert_eq!(twice, "malformed message: key `a` twice at byte 0, expected distinct keys");
}

#[test]
fn maps_keep_their_order() {
    let map: Map = ["z", "a", "m"].into_iter().zip([1, 2, 3]).map(|(k, v)| (k.into(), Value::from(v))).collect();
    let Ok(Value::Map(back)) = decoded(&encoded(&map.into())) else { panic!("not a map") };
    assert!(back.keys().eq(["z", "a", "m"]));
}
