//! Workers are killed at random while executions run: each has one outcome, and nothing is left.
//!
//! `PUSHFLOW_STORM_SECONDS=3600 cargo test --release -p pushflow-pools --test processes storm` goes on for that long.

use std::borrow::Cow;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use pushflow_core::error::ErrorKind;
use pushflow_core::event::RunId;
use pushflow_core::interrupt::Interruption;
use pushflow_core::pool::{Done, Origin, Ready, Subject};
use pushflow_core::value::Buffer;
use pushflow_core::{Execution, Payload, Pool, Task, TaskError, Value};
use pushflow_signals::StartMethod;
use pushflow_signals::leaks::Snapshot;

use crate::LONG;
use crate::backends::BACKENDS;
use crate::gates::named;

/// Names the part that this program plays, executed again: alone, so that it can see what is left.
pub(crate) const PART: &str = "storm";
const SECONDS: &str = "PUSHFLOW_STORM_SECONDS";
/// Executions of one round; five rounds are a storm.
const EXECUTIONS: usize = 20_000;
/// How many are under way at most.
const AHEAD: usize = 2000;
const WORKERS: usize = 3;

pub(crate) fn trials() -> Vec<Trial> {
    trials![a_hundred_thousand_executions_amid_kills]
}

fn a_hundred_thousand_executions_amid_kills() {
    let directory = tempfile::tempdir().unwrap();
    let mut part = crate::program(PART);
    // Of its own: others may leave something in that of all.
    part.env("TMPDIR", directory.path());
    assert!(part.status().unwrap().success(), "see above");
}

/// Plays the storm, once or for as long as it is asked to.
pub(crate) fn play() -> ExitCode {
    let seconds = std::env::var(SECONDS).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let end = Instant::now() + Duration::from_secs(seconds);
    let seed = std::env::var("PUSHFLOW_STORM_SEED").ok().and_then(|text| text.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("PUSHFLOW_STORM_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    pushflow_signals::warm_up().unwrap();
    // In the coroutine environment it starts what lives as long as the process.
    println!("the pool by default: {}", pushflow_pools::factory::default_name().unwrap());
    let (mut executions, mut kills, mut lost) = (0, 0, 0);
    loop {
        for backend in BACKENDS {
            let methods = [StartMethod::Forkserver, StartMethod::Fork, StartMethod::Spawn];
            let method = methods[random.usize(..methods.len())];
            let before = Snapshot::take().unwrap();
            let (of_round, killed) = round(&mut random, backend.builder().start_method(method));
            let left = before.compare().unwrap();
            assert!(of_round <= killed, "{of_round} executions were lost to {killed} kills");
            assert!(left.is_empty(), "{} by {method} left:\n{left}", backend.name);
            executions += EXECUTIONS;
            kills += killed;
            lost += of_round;
        }
        println!("{executions} executions, {kills} workers killed, {lost} executions lost");
        if Instant::now() >= end {
            return ExitCode::SUCCESS;
        }
    }
}

/// One pool; returns how many executions were lost, and how many workers were killed.
fn round(random: &mut fastrand::Rng, builder: pushflow_pools::process::ProcessPoolBuilder) -> (usize, usize) {
    let builder = builder.workers(WORKERS).grace(Duration::from_millis(500));
    let pool = Arc::new(builder.build().unwrap());
    let storm = Arc::new(Storm::new());
    let over = AtomicBool::new(false);
    let killed = std::thread::scope(|scope| {
        let killer = scope.spawn(|| {
            let mut random = fastrand::Rng::new();
            let mut killed = 0;
            while !over.load(Ordering::Relaxed) {
                // The moment is the subject.
                std::thread::sleep(Duration::from_micros(random.u64(500..15_000)));
                let workers = pool.worker_ids();
                if let Some(pid) = random.choice(&workers) {
                    let pid = nix::unistd::Pid::from_raw(pid.cast_signed());
                    killed += usize::from(nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).is_ok());
                }
            }
            killed
        });
        for slot in 0..EXECUTIONS {
            storm.wait_for_room();
            let data = storm.data(slot, random);
            let origin = Arc::clone(&storm) as Arc<dyn Origin>;
            let slot = u32::try_from(slot).unwrap();
            Pool::submit(&*pool, Execution::new(origin, slot, 1, data)).unwrap();
        }
        pool.close();
        pool.join(Some(LONG)).unwrap_or_else(|error| panic!("{error}: {:?} of {pool:?}", storm.missing()));
        over.store(true, Ordering::Relaxed);
        killer.join().unwrap()
    });
    assert_eq!(storm.missing(), Vec::<usize>::new());
    (storm.lost.load(Ordering::Relaxed), killed)
}

/// Where all executions of a round come from.
struct Storm {
    tasks: [Arc<dyn Task>; 6],
    interruption: Interruption,
    /// How many outcomes each has had.
    outcomes: Vec<AtomicU8>,
    lost: AtomicUsize,
    under_way: Mutex<usize>,
    less: Condvar,
}

/// Which task a slot runs: most of them succeed.
const ECHO: usize = 0;

impl Storm {
    fn new() -> Storm {
        Storm {
            tasks: ["echo", "panic_quietly", "raise", "exit", "sleep", "last_byte"].map(named),
            interruption: Interruption::new(),
            outcomes: (0..EXECUTIONS).map(|_| AtomicU8::new(0)).collect(),
            lost: AtomicUsize::new(0),
            under_way: Mutex::new(0),
            less: Condvar::new(),
        }
    }

    fn kind(slot: usize) -> usize {
        match slot % 200 {
            kind @ 1..6 => kind,
            _ => ECHO,
        }
    }

    fn data(&self, slot: usize, random: &mut fastrand::Rng) -> Payload {
        *self.under_way.lock().unwrap() += 1;
        match Storm::kind(slot) {
            3 => Payload::single("code", 3),
            4 => Payload::single("ms", 1),
            5 => Payload::single("data", Buffer::from(vec![1; random.usize(1..200_000)])),
            _ => Payload::single("n", slot),
        }
    }

    fn wait_for_room(&self) {
        let under_way = self.under_way.lock().unwrap();
        let (room, timeout) = self.less.wait_timeout_while(under_way, LONG, |count| *count >= AHEAD).unwrap();
        drop(room);
        assert!(!timeout.timed_out(), "nothing completes: {:?}", self.missing());
    }

    fn missing(&self) -> Vec<usize> {
        (0..EXECUTIONS).filter(|slot| self.outcomes[*slot].load(Ordering::Relaxed) != 1).take(10).collect()
    }
}

impl Origin for Storm {
    fn subject(&self, slot: u32) -> Subject<'_> {
        Subject {
            task: &self.tasks[Storm::kind(slot as usize)],
            node: "",
            run: RunId::default(),
            interruption: &self.interruption,
            listener: None,
            timeout: None,
        }
    }

    fn prepare<'a>(&'a self, _slot: u32, _attempt: u32, data: &'a Payload) -> Result<Cow<'a, Payload>, TaskError> {
        Ok(Cow::Borrowed(data))
    }

    fn complete(self: Arc<Self>, done: Done, _ready: &mut Ready) {
        let slot = done.slot as usize;
        assert_eq!(self.outcomes[slot].fetch_add(1, Ordering::Relaxed), 0, "two outcomes of {slot}");
        let kind = Storm::kind(slot);
        match done.outcome {
            Err(error) if error.kind() == ErrorKind::Lost => {
                self.lost.fetch_add(usize::from(kind != 3), Ordering::Relaxed);
            }
            Err(error) => {
                let wanted = [None, Some(ErrorKind::Panicked), Some(ErrorKind::Raised), None, None, None][kind];
                assert_eq!(Some(error.kind()), wanted, "{error:?}");
            }
            Ok(outputs) => match kind {
                ECHO => assert_eq!(outputs.get("n"), Some(&Value::from(slot))),
                5 => assert_eq!(outputs.get("last"), Some(&Value::Int(1))),
                kind => assert_eq!(kind, 4),
            },
        }
        *self.under_way.lock().unwrap() -= 1;
        self.less.notify_one();
    }
}
