//! [`Gate`]: where tasks of tests wait, by the primitive that parks a thread or a coroutine.

use std::sync::{Arc, Mutex};
use std::task::Waker;

use pushflow_core::wait;

/// Tasks arrive and wait until it opens. Clones are the same gate.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    open: bool,
    arrived: usize,
    wakers: Vec<Waker>,
}

impl Gate {
    /// Arrives, and waits until the gate opens.
    pub(crate) fn pass(&self) {
        self.0.lock().unwrap().arrived += 1;
        self.changed();
        self.wait_for(|state| state.open);
    }

    /// Arrives, and goes on.
    pub(crate) fn knock(&self) {
        self.0.lock().unwrap().arrived += 1;
        self.changed();
    }

    /// Waits until so many have arrived.
    pub(crate) fn wait_arrived(&self, count: usize) {
        self.wait_for(|state| state.arrived >= count);
    }

    pub(crate) fn open(&self) {
        self.0.lock().unwrap().open = true;
        self.changed();
    }

    fn changed(&self) {
        let wakers = std::mem::take(&mut self.0.lock().unwrap().wakers);
        wakers.into_iter().for_each(Waker::wake);
    }

    fn wait_for(&self, is: impl Fn(&State) -> bool) {
        wait::block(None, |waker| {
            let mut state = self.0.lock().unwrap();
            if is(&state) {
                return Some(());
            }
            state.wakers.push(waker.clone());
            None
        });
    }
}

/// Opens its gate when it goes.
pub(crate) struct Opens(pub(crate) Gate);

impl Drop for Opens {
    fn drop(&mut self) {
        self.0.open();
    }
}
