//! Any text as inputs, see `pushflow_core::graph::fuzz::inputs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pushflow_core::graph::fuzz::inputs(bytes));
