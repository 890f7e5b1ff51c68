//! The compatibility matrix: which kinds of tasks can be used in which pools, measured.
//!
//! A *cell* is a pool, a kind, the start methods of the pool and of what is nested, with scaling or without, and the
//! environment. Each cell is run by a process of its own, which is this program: it makes the pool, runs the task, ends the
//! pool, looks at what is left, and says in one line what came of it; that is a *run*, and there may be many. The process
//! that compares them watches over it:
//!
//! | event | then |
//! | --- | --- |
//! | a line | is counted; the time of the next run begins |
//! | the time of a run is over | it is told where each process below the cell waits; all are killed; the run counts as hung, the rest is run by another process |
//! | the process ends before it has said all | the run counts as failed, with how it ended; the rest is run by another process |
//! | it has ended, and something that it started has not | the last run counts as leaked, and that is killed |
//! | [`MOST_BROKEN`](watch::MOST_BROKEN) processes of a cell have hung or ended early | the rest of its runs is given up |
//! | Ctrl-C, SIGTERM | no cell is started any more, those that run are killed with all below them; the table has what there is |

pub(crate) mod axes;
pub(crate) mod cell;
pub(crate) mod promise;
pub(crate) mod table;
pub(crate) mod tally;
pub(crate) mod watch;
