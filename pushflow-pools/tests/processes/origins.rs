//! [`Single`]: one execution with what the run of a workflow may say about it: node, timeout, listener.

use std::borrow::Cow;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pushflow_core::event::{Event, Listener, RunId, Stream};
use pushflow_core::interrupt::Interruption;
use pushflow_core::pool::{Done, Origin, Outcome, Ready, Subject};
use pushflow_core::{Execution, Payload, Pool, Task, TaskError};

use crate::LONG;
use crate::gates::named;

/// An execution that is to be made.
#[derive(Clone)]
pub(crate) struct Single {
    pub(crate) task: Arc<dyn Task>,
    pub(crate) node: String,
    pub(crate) attempt: u32,
    pub(crate) timeout: Option<Duration>,
    pub(crate) listener: Option<Listener>,
}

/// What comes of it.
#[derive(Debug)]
pub(crate) struct Pending(Receiver<Outcome>);

impl Single {
    pub(crate) fn new(task: &str) -> Single {
        Single { task: named(task), node: String::new(), attempt: 1, timeout: None, listener: None }
    }

    pub(crate) fn timeout(mut self, timeout: Duration) -> Single {
        self.timeout = Some(timeout);
        self
    }

    pub(crate) fn node(mut self, node: impl Into<String>, attempt: u32) -> Single {
        (self.node, self.attempt) = (node.into(), attempt);
        self
    }

    pub(crate) fn listener(mut self, listener: &Listener) -> Single {
        self.listener = Some(Arc::clone(listener));
        self
    }

    pub(crate) fn start(self, pool: &dyn Pool, inputs: Payload) -> Pending {
        let (done, outcome) = channel();
        let attempt = self.attempt;
        let under_way = UnderWay { single: self, interruption: Interruption::new(), done };
        pool.submit(Execution::new(Arc::new(under_way), 0, attempt, inputs)).unwrap();
        Pending(outcome)
    }
}

impl Pending {
    #[track_caller]
    pub(crate) fn wait(&self) -> Outcome {
        self.0.recv_timeout(LONG).expect("no outcome")
    }
}

struct UnderWay {
    single: Single,
    interruption: Interruption,
    done: Sender<Outcome>,
}

impl Origin for UnderWay {
    fn subject(&self, _slot: u32) -> Subject<'_> {
        let Single { task, node, timeout, listener, .. } = &self.single;
        let (interruption, listener) = (&self.interruption, listener.as_ref());
        Subject { task, node, run: RunId::default(), interruption, listener, timeout: *timeout }
    }

    fn prepare<'a>(&'a self, _slot: u32, _attempt: u32, data: &'a Payload) -> Result<Cow<'a, Payload>, TaskError> {
        Ok(Cow::Borrowed(data))
    }

    fn complete(self: Arc<Self>, done: Done, _ready: &mut Ready) {
        // The test may have given up.
        let _ = self.done.send(done.outcome);
    }
}

/// What a listener was told, by tasks and their outputs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Told {
    Progress { node: String, fraction: f64 },
    Message { node: String, text: String },
    Output { node: String, attempt: u32, stream: Stream, text: String, dropped_bytes: u64 },
}

/// Remembers what a listener was told.
#[derive(Clone, Default)]
pub(crate) struct Ear(Arc<Mutex<Vec<Told>>>);

impl Ear {
    pub(crate) fn listener(&self) -> Listener {
        let ear = self.clone();
        Arc::new(move |event: &Event<'_>| {
            let told = match *event {
                Event::Progress { node, fraction } => Told::Progress { node: node.to_owned(), fraction },
                Event::Message { node, text } => Told::Message { node: node.to_owned(), text: text.to_owned() },
                Event::Output { node, attempt, stream, text, dropped_bytes } => {
                    Told::Output { node: node.to_owned(), attempt, stream, text: text.to_owned(), dropped_bytes }
                }
                _ => return,
            };
            ear.0.lock().unwrap().push(told);
        })
    }

    pub(crate) fn take(&self) -> Vec<Told> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}
