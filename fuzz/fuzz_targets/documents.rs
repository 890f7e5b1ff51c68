//! Any text as a workflow, see `pushflow_core::graph::fuzz::document`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pushflow_core::graph::fuzz::document(bytes));
