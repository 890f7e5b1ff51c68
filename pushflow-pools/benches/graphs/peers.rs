//! The same graphs on other executors, with as little around them as possible.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread::JoinHandle;

use crossbeam_deque::{Injector, Steal, Stealer, Worker};
use pushflow_core::{Payload, Value};

use crate::work;

/// A graph as vectors.
pub(crate) struct Plain {
    successors: Vec<Vec<usize>>,
    incoming: Vec<u32>,
    iterations: Option<usize>,
}

/// A run of it: what has arrived at each node, and how many tasks are in flight.
pub(crate) struct Flow {
    plain: Arc<Plain>,
    missing: Vec<AtomicU32>,
    arrived: Vec<Mutex<Vec<Payload>>>,
    in_flight: AtomicU64,
    executed: AtomicU64,
    done: mpsc::SyncSender<u64>,
}

impl Plain {
    pub(crate) fn new(nodes: usize, links: &[(usize, usize)], iterations: Option<usize>) -> Plain {
        let mut plain = Plain { successors: vec![Vec::new(); nodes], incoming: vec![0; nodes], iterations };
        for (source, target) in links {
            plain.successors[*source].push(*target);
            plain.incoming[*target] += 1;
        }
        plain
    }
}

impl Flow {
    /// Starts a run: calls `spawn` for the start nodes, and returns where its end is told.
    fn start(plain: &Arc<Plain>, mut spawn: impl FnMut(&Arc<Flow>, usize, Payload)) -> mpsc::Receiver<u64> {
        let (done, receiver) = mpsc::sync_channel(1);
        let starts: Vec<usize> = (0..plain.incoming.len()).filter(|node| plain.incoming[*node] == 0).collect();
        let flow = Arc::new(Flow {
            plain: Arc::clone(plain),
            missing: plain.incoming.iter().map(|count| AtomicU32::new(*count)).collect(),
            arrived: plain.incoming.iter().map(|_| Mutex::default()).collect(),
            in_flight: AtomicU64::new(starts.len() as u64),
            executed: AtomicU64::new(0),
            done,
        });
        for node in starts {
            spawn(&flow, node, Payload::new());
        }
        receiver
    }

    /// Runs one task and what can run after it in the same place; calls `spawn` for the rest.
    fn execute(self: &Arc<Self>, mut node: usize, mut data: Payload, mut spawn: impl FnMut(usize, Payload)) {
        let mut executed = 0;
        loop {
            executed += 1;
            let outputs = work(&data);
            let mut next: Option<(usize, Payload)> = None;
            if let Some(iterations) = self.plain.iterations {
                // The loop by hand: node 1 goes back to node 0 until its output says that it is enough.
                let mut outputs = outputs;
                if node == 1 {
                    let count = outputs.get("count").and_then(Value::as_int).unwrap_or(0);
                    outputs.insert("again", count < 2 * i64::try_from(iterations).expect("a number of tasks fits"));
                }
                if node == 0 || outputs.get("again") == Some(&Value::Bool(true)) {
                    next = Some((1 - node, outputs));
                }
            } else {
                for target in &self.plain.successors[node] {
                    let Some(inputs) = self.arrive(*target, &outputs) else { continue };
                    if let Some((earlier, inputs)) = next.replace((*target, inputs)) {
                        self.in_flight.fetch_add(1, Ordering::Relaxed);
                        spawn(earlier, inputs);
                    }
                }
            }
            match next {
                Some(following) => (node, data) = following,
                None => break,
            }
        }
        self.executed.fetch_add(executed, Ordering::Relaxed);
        if self.in_flight.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.done.send(self.executed.load(Ordering::Relaxed)).expect("somebody waits");
        }
    }

    fn arrive(&self, target: usize, data: &Payload) -> Option<Payload> {
        if self.plain.incoming[target] == 1 {
            return Some(data.clone());
        }
        self.arrived[target].lock().expect("nobody panics").push(data.clone());
        if self.missing[target].fetch_sub(1, Ordering::AcqRel) > 1 {
            return None;
        }
        Some(Payload::merge_all(&*self.arrived[target].lock().expect("nobody panics")))
    }
}

/// rayon's global `spawn` in a pool of its own.
pub(crate) struct Rayon(Arc<rayon::ThreadPool>);

impl Rayon {
    pub(crate) fn start(threads: usize) -> Rayon {
        Rayon(Arc::new(rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads start")))
    }

    pub(crate) fn run(&self, plain: &Arc<Plain>) -> u64 {
        fn go(pool: &Arc<rayon::ThreadPool>, flow: &Arc<Flow>, node: usize, data: Payload) {
            let (own, flow) = (Arc::clone(pool), Arc::clone(flow));
            pool.spawn(move || flow.execute(node, data, |node, data| go(&own, &flow, node, data)));
        }
        Flow::start(plain, |flow, node, data| go(&self.0, flow, node, data)).recv().expect("the run ends")
    }
}

/// tokio's `spawn`.
pub(crate) struct Tokio(tokio::runtime::Runtime);

impl Tokio {
    pub(crate) fn start(threads: usize) -> Tokio {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).build();
        Tokio(runtime.expect("threads start"))
    }

    pub(crate) fn run(&self, plain: &Arc<Plain>) -> u64 {
        fn go(handle: &tokio::runtime::Handle, flow: &Arc<Flow>, node: usize, data: Payload) {
            let (own, flow) = (handle.clone(), Arc::clone(flow));
            handle.spawn(async move { flow.execute(node, data, |node, data| go(&own, &flow, node, data)) });
        }
        Flow::start(plain, |flow, node, data| go(self.0.handle(), flow, node, data)).recv().expect("the run ends")
    }
}

type Job = (Arc<Flow>, usize, Payload);

/// crossbeam's deques with the simplest loop around them: the floor for work stealing.
pub(crate) struct Deques {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    injector: Injector<Job>,
    stealers: Vec<Stealer<Job>>,
    stopped: AtomicBool,
    /// Number of sleepers, and what they wait at.
    sleepers: Mutex<u32>,
    wake: Condvar,
    sleeping: AtomicU32,
}

impl Deques {
    pub(crate) fn start(threads: usize) -> Deques {
        let workers: Vec<Worker<Job>> = (0..threads).map(|_| Worker::new_fifo()).collect();
        let shared = Arc::new(Shared {
            injector: Injector::new(),
            stealers: workers.iter().map(Worker::stealer).collect(),
            stopped: AtomicBool::new(false),
            sleepers: Mutex::new(0),
            wake: Condvar::new(),
            sleeping: AtomicU32::new(0),
        });
        let threads = workers.into_iter().map(|worker| {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new().spawn(move || shared.work(&worker)).expect("threads start")
        });
        Deques { threads: threads.collect(), shared }
    }

    pub(crate) fn run(&self, plain: &Arc<Plain>) -> u64 {
        let end = Flow::start(plain, |flow, node, data| {
            self.shared.injector.push((Arc::clone(flow), node, data));
            self.shared.wake_one();
        });
        end.recv().expect("the run ends")
    }
}

impl Drop for Deques {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        drop(self.shared.sleepers.lock());
        self.shared.wake.notify_all();
        self.threads.drain(..).for_each(|thread| thread.join().expect("nobody panics"));
    }
}

impl Shared {
    fn work(&self, worker: &Worker<Job>) {
        while !self.stopped.load(Ordering::SeqCst) {
            let Some((flow, node, data)) = worker.pop().or_else(|| self.find(worker)) else {
                self.sleep();
                continue;
            };
            flow.execute(node, data, |node, data| {
                worker.push((Arc::clone(&flow), node, data));
                self.wake_one();
            });
        }
    }

    fn find(&self, worker: &Worker<Job>) -> Option<Job> {
        for _ in 0..100 {
            let injected = std::iter::once_with(|| self.injector.steal_batch_and_pop(worker));
            let all = self.stealers.iter().map(Stealer::steal).chain(injected);
            if let Steal::Success(job) = all.collect::<Steal<Job>>() {
                return Some(job);
            }
            std::hint::spin_loop();
        }
        None
    }

    fn sleep(&self) {
        let sleepers = self.sleepers.lock().expect("nobody panics");
        self.sleeping.fetch_add(1, Ordering::SeqCst);
        let idle = self.injector.is_empty() && self.stealers.iter().all(Stealer::is_empty);
        if idle && !self.stopped.load(Ordering::SeqCst) {
            drop(self.wake.wait(sleepers));
        }
        self.sleeping.fetch_sub(1, Ordering::SeqCst);
    }

    fn wake_one(&self) {
        std::sync::atomic::fence(Ordering::SeqCst);
        if self.sleeping.load(Ordering::SeqCst) > 0 {
            drop(self.sleepers.lock());
            self.wake.notify_one();
        }
    }
}
