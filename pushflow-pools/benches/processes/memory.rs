//! The memory of a worker that has run some calls.

use std::collections::HashMap;
use std::fs;

use crate::ours::{METHODS, TYPES, warm_up};
use crate::{procspawn_pool, python};

/// KiB of one worker, as the kernel counts them.
pub(crate) struct Memory {
    pub(crate) resident: f64,
    pub(crate) proportional: f64,
    pub(crate) private: f64,
}

/// Prints a table of all pools.
pub(crate) fn print() {
    println!("\n{:<44} {:>12} {:>12} {:>12}", "memory of a worker, KiB", "resident", "proportional", "private");
    for (name, builder) in TYPES {
        for method in METHODS {
            let pool = builder().workers(2).start_method(method).build().unwrap();
            warm_up(&pool);
            line("*", &format!("{name}, {method}"), &Memory::of(pool.worker_ids()));
        }
    }
    let pool = procspawn::Pool::new(2).unwrap();
    line(" ", "procspawn", &Memory::of(procspawn_pool::workers(&pool)));
    drop(pool);
    for (who, memory) in python::memory() {
        line(" ", &who, &memory);
    }
}

fn line(mark: &str, who: &str, memory: &Memory) {
    let Memory { resident, proportional, private } = memory;
    println!("{mark} {who:<42} {resident:>12.0} {proportional:>12.0} {private:>12.0}");
}

impl Memory {
    /// Of one of these processes, on average.
    fn of(pids: impl IntoIterator<Item = u32>) -> Memory {
        let (mut count, mut sum) = (0.0, Memory { resident: 0.0, proportional: 0.0, private: 0.0 });
        for pid in pids {
            let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
            let fields: HashMap<&str, f64> = text.lines().filter_map(field).collect();
            count += 1.0;
            sum.resident += fields["Rss"];
            sum.proportional += fields["Pss"];
            sum.private += fields["Private_Clean"] + fields["Private_Dirty"];
        }
        let Memory { resident, proportional, private } = sum;
        Memory { resident: resident / count, proportional: proportional / count, private: private / count }
    }
}

fn field(line: &str) -> Option<(&str, f64)> {
    let (name, rest) = line.split_once(':')?;
    Some((name, rest.trim().strip_suffix(" kB")?.parse().ok()?))
}
