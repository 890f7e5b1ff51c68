//! What is sent ahead to a worker that turns out to be busy.

use libtest_mimic::Trial;
use pushflow_core::Payload;
use pushflow_core::handle::Handle;

use crate::backends::Setup;
use crate::gates::{Gate, start};
use crate::suite::wait;

pub(crate) fn trials() -> Vec<Trial> {
    trials![a_busy_worker_keeps_what_it_runs]
}

/// One worker is held; what it is sent ahead is recalled by the other one, many times more than it has slots.
fn a_busy_worker_keeps_what_it_runs() {
    for setup in Setup::all().filter(|setup| !setup.scaling) {
        let pool = setup.make();
        let gate = Gate::new();
        let echo = |count: usize| -> Vec<Handle> { (0..count).map(|_| start(&pool, "echo", Payload::new())).collect() };
        // Calls are short: more are sent ahead.
        echo(500).into_iter().for_each(|handle| assert!(wait(handle).is_ok()));
        let (mut busy, held) = gate.occupy(&pool, "gate", 1);
        for _ in 0..5 {
            echo(500).into_iter().for_each(|handle| assert!(wait(handle).is_ok(), "{}", setup.name()));
            assert_eq!(pool.stats().running.len(), 1, "{}: the held one is not known any more", setup.name());
        }
        drop(held);
        assert!(wait(busy.remove(0)).is_ok(), "{}", setup.name());
    }
}
