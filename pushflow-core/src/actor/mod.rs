//! Actors: what receives triggers and triggers what is downstream.
//!
//! Their names are those of the predecessor's classes. Each file holds one actor: what it is told when it is made, and
//! what it does with data. None knows of another, nor of a run: the [engine](crate::engine) keeps their state, per run,
//! and carries what they pass on.

mod attempts;
mod conditional;
mod error_handler;
mod fork;
mod input_merge;
mod join;
mod name_mapper;
mod placement;
mod request_status;
mod router;
mod start;
mod stop;
mod submodel;
mod task;

pub use attempts::{Attempts, Backoff};
pub use conditional::{ConditionalActor, Wanted};
pub use error_handler::{ERROR_INSTANCE, ERROR_KEY, ErrorHandler, error_payload};
pub use fork::ForkActor;
pub use input_merge::{InputMergeActor, MergeInput, MergeState};
pub use join::{JoinActor, JoinState};
pub use name_mapper::NameMapperActor;
pub use placement::Placement;
pub use request_status::RequestStatus;
pub use router::{PortName, RouterActor};
pub use start::StartActor;
pub use stop::{StopActor, Stored};
pub use submodel::{Port, Submodel};
pub use task::{Identity, Passes, PythonActor, TaskActor};

/// Any actor, as a network holds it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Actor {
    /// Where a run begins.
    Start(StartActor),
    /// Where results are collected.
    Stop(StopActor),
    /// Runs a task.
    Task(Box<TaskActor>),
    /// Passes data on to all.
    Fork(ForkActor),
    /// Waits for all its connections.
    Join(JoinActor),
    /// Chooses a port by a value.
    Router(Box<RouterActor>),
    /// Lets data pass when conditions hold.
    Conditional(Box<ConditionalActor>),
    /// Renames outputs to inputs.
    NameMapper(Box<NameMapperActor>),
    /// Merges what arrives over several links.
    InputMerge(Box<InputMergeActor>),
    /// Passes errors on.
    ErrorHandler(ErrorHandler),
    /// Sets the status of the run.
    RequestStatus(RequestStatus),
    /// Way into or out of a sub-model.
    Port(Port),
}

macro_rules! into_actor {
    ($($type:ident => $variant:ident $(($wrap:path))?;)*) => {
        $(impl From<$type> for Actor {
            fn from(actor: $type) -> Actor {
                Actor::$variant($($wrap)?(actor))
            }
        })*
    };
}

into_actor! {
    StartActor => Start;
    StopActor => Stop;
    TaskActor => Task (Box::new);
    ForkActor => Fork;
    JoinActor => Join;
    RouterActor => Router (Box::new);
    ConditionalActor => Conditional (Box::new);
    NameMapperActor => NameMapper (Box::new);
    InputMergeActor => InputMerge (Box::new);
    ErrorHandler => ErrorHandler;
    RequestStatus => RequestStatus;
    Port => Port;
}
