//! Functions on pools, with their own types.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use pushflow_core::event::RunId;
use pushflow_core::handle::Handle;
use pushflow_core::pool::{Ready, Rejected};
use pushflow_core::value::{Array, Buffer, Dtype};
use pushflow_core::{
    Context, ErrorKind, Execution, Key, Outcome, Payload, Pool, PoolError, Task, TaskError, Value, registry,
};
use pushflow_pools::typed::{Calls, Function, Pace};
use pushflow_pools::{ThreadPool, task};
use serde::{Deserialize, Serialize};

use crate::suite::LONG;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Point {
    x: f64,
    label: Option<String>,
}

/// A gate that functions wait at, by its number, as they share nothing else.
#[derive(Default)]
struct Gates(Mutex<HashMap<u64, bool>>, Condvar);

static GATES: std::sync::LazyLock<Gates> = std::sync::LazyLock::new(Gates::default);

impl Gates {
    /// Returns the number of a new gate.
    fn build() -> u64 {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        NEXT.fetch_add(1, Ordering::Relaxed)
    }

    fn open(gate: u64) {
        GATES.0.lock().unwrap().insert(gate, true);
        GATES.1.notify_all();
    }

    fn wait(gate: u64) {
        let gates = GATES.0.lock().unwrap();
        let (_gates, timeout) =
            GATES.1.wait_timeout_while(gates, LONG, |gates| !gates.get(&gate).copied().unwrap_or(false)).unwrap();
        assert!(!timeout.timed_out(), "the gate never opened");
    }
}

task! {
    /// Adds two numbers.
    pub fn add(a: i64, b: i64) -> i64 { a + b }

    #[inline]
    pub(crate) fn square(x: i64) -> i64 { x * x }

    fn nothing() {}

    fn parse(text: String) -> Result<i64, std::num::ParseIntError> { text.parse() }

    fn read(path: String) -> std::io::Result<String> { std::fs::read_to_string(path) }

    fn nested(deep: Vec<Vec<i64>>) -> Result<Option<Vec<i64>>, TaskError> { Ok(deep.into_iter().next()) }

    fn lines(text: String) -> std::io::Result<Vec<String>> { std::io::BufRead::lines(text.as_bytes()).collect() }

    fn own_error(fails: bool) -> Result<(), TaskError> {
        if fails { Err(TaskError::new(ErrorKind::Raised, "MyError", "mine")) } else { Ok(()) }
    }

    fn fails_on_odd(mut x: i64) -> Result<i64, TaskError> {
        x += 1;
        match x % 4 {
            0 => panic!("panicked at {}", x - 1),
            2 => Err(TaskError::message(format!("failed at {}", x - 1)).with_traceback(["line".to_owned()])),
            _ => Ok(x - 1),
        }
    }

    fn moved(point: Point, by: f64,) -> Point { Point { x: point.x + by, ..point } }

    fn same(data: Buffer) -> Buffer { data }

    fn same_array(data: Array) -> Array { data }

    fn same_value(value: Value) -> Value { value }

    fn attempt(ctx: &Context<'_>) -> u32 { ctx.attempt() }

    fn until_interrupted(ctx: &Context<'_>, gate: u64) -> Result<(), TaskError> {
        Gates::open(gate);
        ctx.sleep(LONG);
        ctx.check()
    }

    fn pass(gate: u64) -> u64 {
        Gates::wait(gate);
        gate
    }

    fn pass_or_go(gate: Option<u64>) -> Option<u64> {
        gate.inspect(|gate| Gates::wait(*gate))
    }

    fn no_value() -> HashMap<(i64, i64), i64> { HashMap::from([((1, 2), 3)]) }

    fn takes_map(map: HashMap<(i64, i64), i64>) -> usize { map.len() }

    #[cfg(any())]
    fn never(x: NotThere) {}

    #[expect(clippy::too_many_arguments, reason = "as many as there may be")]
    fn twelve(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8, j: u8, k: u8, l: u8) -> Vec<u8> {
        vec![a, b, c, d, e, f, g, h, i, j, k, l]
    }
}

/// Names that the macro might use itself.
mod names {
    pushflow_pools::task! {
        pub(super) fn inputs(error: u8, ctx: u8) -> u8 { error + ctx }
        pub(super) fn result() -> Result<u8, std::fmt::Error> { Ok(1) }
        pub(super) fn returned() {}
    }
}

fn pool() -> ThreadPool {
    ThreadPool::builder().workers(2).build().unwrap()
}

type Test = Result<(), Box<dyn std::error::Error>>;

#[test]
fn functions_are_called() -> Test {
    let pool = pool();
    let sum: i64 = pool.submit(add::call(1, 2))?.wait()?;
    assert_eq!(sum, 3);
    assert_eq!(pool.submit(square.call(4))?.wait()?, 16);
    assert_eq!(pool.submit(square.call_with((5,)))?.wait()?, 25);
    pool.submit(nothing::call())?.wait()?;
    let point = Point { x: 1.5, label: Some("a".into()) };
    assert_eq!(pool.submit(moved::call(point.clone(), 1.0))?.wait()?, Point { x: 2.5, ..point });
    assert_eq!(pool.submit(attempt::call())?.wait()?, 1);
    assert_eq!(pool.submit(twelve::call(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12))?.wait()?.len(), 12);
    assert_eq!(pool.submit(names::inputs::call(1, 2))?.wait()? + pool.submit(names::result::call())?.wait()?, 4);
    assert_eq!(pool.submit(nested::call(vec![vec![1], vec![]]))?.wait()?, Some(vec![1]));
    assert_eq!(pool.submit(lines::call("a\nb".into()))?.wait()?, ["a", "b"]);
    assert_eq!(add::here(1, 2), 3);
    assert_eq!(add.name(), concat!(module_path!(), "::add"));
    let copies: [Function<(i64, i64), i64>; 2] = [add, add];
    assert_eq!(pool.submit(copies[1].call(2, 2))?.wait()?, 4);
    Ok(())
}

#[test]
fn errors_keep_their_types() -> Test {
    let pool = pool();
    assert_eq!(pool.submit(parse::call("12".into()))?.wait()?, 12);
    let error = pool.submit(parse::call("x".into()))?.wait().unwrap_err();
    assert_eq!((error.kind(), error.type_name().as_str()), (ErrorKind::Raised, "ParseIntError"));
    let error = pool.submit(read::call("/nowhere".into()))?.wait().unwrap_err();
    assert_eq!(error.type_name(), "Error");
    let error = pool.submit(own_error::call(true))?.wait().unwrap_err();
    assert_eq!((error.type_name().as_str(), error.text()), ("MyError", "mine"));
    let error = pool.submit(fails_on_odd::call(3))?.wait().unwrap_err();
    assert_eq!((error.kind(), error.text()), (ErrorKind::Panicked, "panicked at 3"));
    pool.close();
    assert!(matches!(pool.submit(add::call(1, 2)), Err(PoolError::Closed)));
    assert!(matches!(pool.map(square, [1]), Err(PoolError::Closed)));
    assert!(matches!(pool.imap(square, [1]), Err(PoolError::Closed)));
    assert!(matches!(pool.imap_unordered(square, [1]), Err(PoolError::Closed)));
    assert_eq!(pool.map(square, [])?.count(), 0);
    Ok(())
}

#[test]
fn what_does_not_convert_is_named() -> Test {
    let pool = pool();
    let error = pool.submit(no_value::call())?.wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Delivery);
    assert!(error.text().contains("no_value") && error.text().contains("a tuple cannot be a key"), "{error}");
    let error = pool.submit(takes_map::call(HashMap::from([((1, 2), 3)])))?.wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Inputs);
    assert!(error.text().contains("argument 0") && error.text().contains("takes_map"), "{error}");
    for chunk in [1, 2] {
        let items = [HashMap::new(), HashMap::from([((1, 2), 3)]), HashMap::new()];
        let lengths: Vec<_> = pool.map_chunked(takes_map, items, chunk)?.collect();
        assert!(lengths[0].is_ok() && lengths[2].is_ok());
        assert!(lengths[1].as_ref().is_err_and(|error| error.text().contains("argument 0")), "{lengths:?}");
    }
    Ok(())
}

#[test]
fn untyped_calls_are_checked() {
    let task = registry::find(add.name()).unwrap();
    let run = |inputs: Payload| task.run(&inputs, &Context::new("", RunId::default(), 1));
    let three = Payload::single("return_value", 3);
    assert_eq!(run(Payload::from([(0, 1), (1, 2)])).unwrap(), three);
    assert_eq!(run(Payload::from([("b", 1), ("a", 2)])).unwrap(), three);
    assert_eq!(run(Payload::from([(Key::Position(0), 1), (Key::from("b"), 2)])).unwrap(), three);
    for (inputs, message) in [
        (Payload::single(0, 1), "takes 2 arguments (a, b), found 1"),
        (Payload::from([(0, 1), (1, 2), (2, 3)]), "takes 2 arguments (a, b), found 3"),
        (Payload::from([("a", 1), ("c", 2)]), "got no argument `b`"),
        (Payload::from([("a", Value::Int(1)), ("b", "x".into())]), "argument `b`"),
        (Payload::from([("a", Value::Int(1)), ("b", "x".into())]), "expected i64, found text \"x\""),
    ] {
        let error = run(inputs).unwrap_err();
        assert_eq!((error.kind(), error.type_name().as_str()), (ErrorKind::Inputs, "TypeError"));
        assert!(error.text().contains(message) && error.text().contains(add.name()), "{error}");
    }
}

/// A pool that does with an execution what it is told, at once.
struct Elsewhere<F>(F);

impl<F> std::fmt::Debug for Elsewhere<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Elsewhere")
    }
}

impl<F: Fn(&Execution) -> Outcome + Send + Sync> Pool for Elsewhere<F> {
    fn submit(&self, execution: Execution) -> Result<(), Rejected> {
        let outcome = self.0(&execution);
        execution.complete(outcome, &mut Ready::default());
        Ok(())
    }

    fn close(&self) {}

    fn join(&self, _: Option<Duration>) -> Result<(), PoolError> {
        Ok(())
    }
}

#[test]
fn a_result_of_another_type_is_an_error() -> Test {
    // As a worker of another version might give.
    let texts = Elsewhere(|_: &Execution| Ok(Payload::single("return_value", "text")));
    let empty = Elsewhere(|_: &Execution| Ok(Payload::new()));
    let lists = Elsewhere(|_: &Execution| Ok(Payload::single("return_value", Value::list(["a", "b"]))));
    let check = |error: TaskError, messages: [&str; 2]| {
        assert_eq!((error.kind(), error.type_name().as_str()), (ErrorKind::Delivery, "TypeError"));
        assert!(messages.iter().all(|message| error.text().contains(message)), "{error}");
    };
    let text = "expected i64, found text \"text\"";
    check(Calls::on(&texts).submit(add::call(1, 2))?.wait().unwrap_err(), [add.name(), text]);
    check(Calls::on(&empty).submit(add::call(1, 2))?.wait().unwrap_err(), [add.name(), "no `return_value`"]);
    for pool in [&texts as &dyn Pool, &empty] {
        let results: Vec<_> = Calls::on(pool).map_chunked(square, 0..3, 2)?.collect();
        assert_eq!(results.len(), 3);
        results.into_iter().for_each(|result| check(result.unwrap_err(), [square.name(), "gave no list of"]));
    }
    let results = Calls::on(&lists).map_chunked(square, 0..2, 2)?;
    results.for_each(|result| check(result.unwrap_err(), [square.name(), "expected i64, found text"]));
    Ok(())
}

#[test]
fn buffers_are_shared() -> Test {
    let pool = pool();
    let buffer = Buffer::from(vec![7; 1000]);
    assert!(pool.submit(same::call(buffer.clone()))?.wait()?.ptr_eq(&buffer));
    let array = Array::new(Dtype::U8, [10, 100], buffer.clone())?;
    assert!(pool.submit(same_array::call(array))?.wait()?.data().ptr_eq(&buffer));
    let value = Value::list([Value::Missing, Value::Bytes(buffer.clone())]);
    assert_eq!(pool.submit(same_value::call(value.clone()))?.wait()?, value);
    for chunk in [1, 3] {
        for data in pool.map_chunked(same, vec![buffer.clone(); 10], chunk)? {
            assert!(data?.ptr_eq(&buffer));
        }
    }
    Ok(())
}

#[test]
fn maps_keep_the_order() -> Test {
    let pool = pool();
    let wanted: Vec<i64> = (0..1000).map(|x| x * x).collect();
    let all: Vec<i64> = pool.map(square, 0..1000)?.collect::<Result<_, _>>()?;
    assert_eq!(all, wanted);
    // Without a known length, the table grows.
    let all: Vec<i64> = pool.map(square, (0..1000).filter(|_| true))?.collect::<Result<_, _>>()?;
    assert_eq!(all, wanted);
    let all: Vec<i64> = pool.imap(square, 0..1000)?.collect::<Result<_, _>>()?;
    assert_eq!(all, wanted);
    let sums: Vec<i64> = pool.starmap(add, [(1, 2), (3, 4)])?.collect::<Result<_, _>>()?;
    assert_eq!(sums, [3, 7]);
    for chunk in [0, 1, 2, 7, 999, 1000, 1001] {
        let map = pool.map_chunked(square, 0..1000, chunk)?;
        assert_eq!(map.len(), 1000);
        assert_eq!(map.collect::<Result<Vec<_>, _>>()?, wanted);
        for window in [1, 3] {
            let pace = Pace { chunk, window: Some(window) };
            assert_eq!(pool.imap_with(square, 0..1000, pace)?.collect::<Result<Vec<_>, _>>()?, wanted);
            let mut numbered: Vec<(usize, i64)> = pool
                .imap_unordered_with(square, 0..1000, pace)?
                .map(|(index, result)| result.map(|result| (index, result)))
                .collect::<Result<_, _>>()?;
            numbered.sort_unstable();
            assert_eq!(numbered, wanted.iter().copied().enumerate().collect::<Vec<_>>());
        }
    }
    let sums: Vec<i64> = pool.starmap_chunked(add, (0..10).map(|x| (x, x)), 3)?.collect::<Result<_, _>>()?;
    assert_eq!(sums, (0..10).map(|x| 2 * x).collect::<Vec<_>>());
    assert_eq!(Calls::on(&pool).map_chunked(square, [2], 5)?.next().unwrap()?, 4);
    Ok(())
}

#[test]
fn an_item_that_fails_fails_no_other() -> Test {
    let pool = pool();
    let wanted = |x: i64, result: &Result<i64, TaskError>| match (x % 4, result) {
        (3, Err(error)) => error.kind() == ErrorKind::Panicked && error.text() == format!("panicked at {x}"),
        (1, Err(error)) => {
            (error.kind(), error.text()) == (ErrorKind::Raised, &*format!("failed at {x}"))
                && error.traceback() == ["line"]
        }
        (_, Ok(y)) => x == *y,
        _ => false,
    };
    for chunk in [1, 4, 5, 100] {
        let results: Vec<_> = pool.map_chunked(fails_on_odd, 0..50, chunk)?.collect();
        assert_eq!(results.len(), 50);
        for (x, result) in (0..).zip(&results) {
            assert!(wanted(x, result), "{x}: {result:?}");
        }
        for (index, result) in pool.imap_unordered_with(fails_on_odd, 0..50, Pace { chunk, window: None })? {
            assert!(wanted(i64::try_from(index)?, &result), "{index}: {result:?}");
        }
    }
    Ok(())
}

#[test]
fn waits_are_bounded() -> Test {
    let pool = pool();
    let gate = Gates::build();
    let pending = pool.submit(pass::call(gate))?;
    let begin = Instant::now();
    let pending = pending.wait_timeout(Duration::from_millis(10)).unwrap_err();
    assert!(begin.elapsed() >= Duration::from_millis(10) && !pending.is_done());
    Gates::open(gate);
    assert_eq!(pending.wait_timeout(LONG).unwrap()?, gate);
    Ok(())
}

#[test]
fn calls_and_maps_are_interrupted() -> Test {
    let pool = pool();
    let gate = Gates::build();
    let pending = pool.submit(until_interrupted::call(gate))?;
    Gates::wait(gate);
    pending.interrupt();
    assert_eq!(pending.wait().unwrap_err().kind(), ErrorKind::Interrupted);
    for chunk in [1, 3] {
        let gates: Vec<u64> = (0..20).map(|_| Gates::build()).collect();
        let map = pool.map_chunked(until_interrupted, gates.clone(), chunk)?;
        Gates::wait(gates[0]);
        map.interrupt();
        assert_eq!(map.filter(|item| item.as_ref().is_err_and(|e| e.kind() == ErrorKind::Interrupted)).count(), 20);
    }
    Ok(())
}

#[test]
fn imap_takes_no_more_than_its_window() -> Test {
    let pool = pool();
    for chunk in [1, 5] {
        let taken = AtomicUsize::new(0);
        let items = (0_i64..).inspect(|_| {
            taken.fetch_add(1, Ordering::Relaxed);
        });
        let mut imap = pool.imap_with(square, items, Pace { chunk, window: Some(3) })?;
        for given in 0..100 {
            assert!(
                taken.load(Ordering::Relaxed) <= given + 4 * chunk,
                "{} after {given}",
                taken.load(Ordering::Relaxed)
            );
            assert_eq!(imap.next().unwrap()?, i64::try_from(given * given)?);
        }
    }
    // No room is taken before it is needed.
    let endless = Pace { chunk: 1, window: Some(usize::MAX) };
    assert_eq!(pool.imap_with(square, 0..10, endless)?.count(), 10);
    assert_eq!(pool.imap_unordered_with(square, 0..10, endless)?.count(), 10);
    // The default is documented: four for each worker or processor.
    let taken = AtomicUsize::new(0);
    let _imap = pool.imap(square, (0_i64..).inspect(|_| _ = taken.fetch_add(1, Ordering::Relaxed)))?;
    let processors = std::thread::available_parallelism()?.get();
    assert_eq!(taken.load(Ordering::Relaxed), 4 * processors.max(2));
    Ok(())
}

#[test]
fn unordered_results_come_as_they_are_done() -> Test {
    let pool = pool();
    let gate = Gates::build();
    let mut results = pool.imap_unordered(pass_or_go, [Some(gate), None, None])?;
    let mut early: Vec<usize> = results.by_ref().take(2).map(|(index, _)| index).collect();
    early.sort_unstable();
    assert_eq!(early, [1, 2]);
    Gates::open(gate);
    assert_eq!(results.next().map(|(index, result)| (index, result.unwrap())), Some((0, Some(gate))));
    assert!(results.next().is_none());
    Ok(())
}

#[test]
fn what_is_dropped_goes_on() -> Test {
    task! {
        fn count_up(counter: u64) -> u64 {
            COUNTERS[usize::try_from(counter).unwrap()].fetch_add(1, Ordering::SeqCst)
        }
    }
    static COUNTERS: [AtomicU64; 4] = [const { AtomicU64::new(0) }; 4];
    let pool = pool();
    let pace = Pace { chunk: 2, window: Some(10) };
    drop(pool.submit(count_up::call(0))?);
    drop(pool.map(count_up, [1; 100])?);
    drop(pool.imap_with(count_up, [2; 100], pace)?);
    drop(pool.imap_unordered_with(count_up, [3; 100], pace)?);
    drop(pool);
    assert_eq!([0, 1, 2, 3].map(|index: usize| COUNTERS[index].load(Ordering::SeqCst)), [1, 100, 20, 20]);
    Ok(())
}

/// Items of which the fifth is a panic.
fn panicking() -> impl Iterator<Item = i64> {
    (0..).inspect(|x| assert!(*x < 5, "as expected"))
}

#[test]
fn an_iterator_that_panics_hangs_nobody() -> Test {
    let pool = pool();
    for chunk in [1, 3] {
        assert!(catch_unwind(AssertUnwindSafe(|| pool.map_chunked(square, panicking(), chunk))).is_err());
        let mut imap = pool.imap_with(square, panicking(), Pace { chunk, window: Some(1) })?;
        let mut results = Vec::new();
        let mut panics = 0;
        loop {
            match catch_unwind(AssertUnwindSafe(|| imap.next())) {
                Ok(Some(result)) => results.push(result?),
                Ok(None) => break,
                Err(_) => panics += 1,
            }
        }
        // Nothing is lost of what was taken from it.
        assert_eq!((results, panics), (vec![0, 1, 4, 9, 16], 1));
    }
    assert_eq!(pool.submit(add::call(1, 1))?.wait()?, 2);
    Ok(())
}

#[test]
fn a_pool_that_closes_ends_lazy_maps() -> Test {
    let pool = pool();
    let mut imap = pool.imap_with(square, 0.., Pace { chunk: 1, window: Some(2) })?;
    assert_eq!(imap.next().unwrap()?, 0);
    pool.close();
    let rest: Vec<_> = imap.collect();
    assert_eq!(rest.len(), 2);
    assert_eq!(*rest[0].as_ref().unwrap(), 1);
    assert_eq!(rest[1].as_ref().unwrap_err().kind(), ErrorKind::Closed);
    Ok(())
}

#[test]
fn a_map_under_which_the_pool_closes_has_an_outcome_for_each_item() -> Test {
    for at in [1, 10, 99] {
        let pool = pool();
        let items = (0..100).inspect(|x| {
            if *x == at {
                pool.close()
            }
        });
        let results: Vec<_> = pool.map(square, items)?.collect();
        let at = usize::try_from(at)?;
        assert!(results.iter().take(at).all(Result::is_ok), "{results:?}");
        assert!(results.iter().skip(at).all(|item| item.as_ref().is_err_and(|e| e.kind() == ErrorKind::Closed)));
        assert_eq!(results.len(), 100);
    }
    Ok(())
}

#[test]
fn dropping_the_pool_ends_waits() -> Test {
    let pool = ThreadPool::builder().workers(1).build()?;
    let map = pool.map(square, 0..1000)?;
    drop(pool);
    assert_eq!(map.filter(Result::is_ok).count(), 1000);
    Ok(())
}

#[test]
fn full_pools_make_wait_or_refuse() -> Test {
    let pool = ThreadPool::builder().workers(1).max_pending(Some(2)).build()?;
    let all: Vec<i64> = pool.map(square, 0..1000)?.collect::<Result<_, _>>()?;
    assert_eq!(all.len(), 1000);
    assert_eq!(pool.imap(square, 0..1000)?.filter(Result::is_ok).count(), 1000);
    let gate = Gates::build();
    let mut waiting = Vec::new();
    let refused = loop {
        match pool.try_submit(pass::call(gate)) {
            Ok(pending) => waiting.push(pending),
            Err(reason) => break reason,
        }
    };
    assert!(matches!(refused, PoolError::Full { pending: 2 }), "{refused:?}");
    Gates::open(gate);
    waiting.into_iter().for_each(|pending| assert_eq!(pending.wait().unwrap(), gate));
    Ok(())
}

#[test]
fn a_million_items_pass() -> Test {
    task! {
        fn unchanged(x: u32) -> u32 { x }
    }
    let pool = pool();
    let results = pool.map(unchanged, 0..1_000_000)?;
    assert!((0..1_000_000).zip(results).all(|(x, result)| result.unwrap() == x));
    let results = pool.map_chunked(unchanged, 0..1_000_000, 1000)?;
    assert!((0..1_000_000).zip(results).all(|(x, result)| result.unwrap() == x));
    Ok(())
}

#[test]
fn results_are_awaited() -> Test {
    let pool = pool();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build()?;
    let gate = Gates::build();
    let (sum, squares, passed) = runtime.block_on(async {
        let sum = pool.submit(add::call(1, 2))?.await;
        let squares: Result<Vec<i64>, _> = pool.map_chunked(square, 0..100, 7)?.gather().await.into_iter().collect();
        let waiting = pool.map(pass, [gate; 3])?;
        tokio::spawn(async move { Gates::open(gate) });
        Ok::<_, PoolError>((sum, squares, tokio::spawn(waiting.gather()).await.unwrap()))
    })?;
    assert_eq!(sum?, 3);
    assert_eq!(squares?, (0..100).map(|x| x * x).collect::<Vec<_>>());
    assert_eq!(passed.into_iter().filter(Result::is_ok).count(), 3);
    Ok(())
}

#[test]
fn any_pool_runs_functions() -> Test {
    let pool: Arc<dyn Pool> = Arc::new(pool());
    let calls = Calls::on(&*pool);
    assert_eq!(calls.submit(add::call(1, 2))?.wait()?, 3);
    assert_eq!(calls.imap(square, [3])?.next().unwrap()?, 9);
    Ok(())
}

#[test]
fn a_worker_process_could_make_a_chunk_again() -> Test {
    let pool = Elsewhere(|execution: &Execution| {
        let recipe = execution.subject().task.recipe().expect("every function has one");
        let inputs = execution.prepare()?;
        registry::make(&recipe.kind, &recipe.settings)?.run(&inputs, &Context::new("", RunId::default(), 1))
    });
    let calls = Calls::on(&pool);
    assert_eq!(calls.submit(add::call(1, 2))?.wait()?, 3);
    for chunk in [1, 4] {
        let all: Vec<i64> = calls.map_chunked(square, 0..10, chunk)?.collect::<Result<_, _>>()?;
        assert_eq!(all, (0..10).map(|x| x * x).collect::<Vec<_>>());
    }
    // What is no chunk is an error.
    let task: Arc<dyn Task> = Arc::new(registry::find(add.name())?);
    let odd = Payload::from([("arguments", Value::list([1])), ("arity", 2.into()), ("count", 1.into())]);
    let chunk = registry::make("pushflow::chunk", &add.name().into())?;
    assert_eq!(chunk.run(&odd, &Context::new("", RunId::default(), 1)).unwrap_err().kind(), ErrorKind::Inputs);
    assert!(registry::make("pushflow::chunk", &"nothing".into()).is_err_and(|e| e.kind() == ErrorKind::Unavailable));
    assert!(Handle::submit(&pool, task, odd)?.wait().is_err());
    Ok(())
}
