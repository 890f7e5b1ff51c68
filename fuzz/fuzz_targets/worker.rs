//! Any bytes, see `pushflow_pools::process::fuzz::worker`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pushflow_pools::process::fuzz::worker(bytes));
