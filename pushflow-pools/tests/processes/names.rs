//! Pools by their names.

use libtest_mimic::Trial;
use pushflow_core::pool::Shutdown;
use pushflow_core::{Payload, PoolError};
use pushflow_pools::factory::{self, PoolSettings};
use pushflow_signals::StartMethod;

use crate::LONG;
use crate::gates::start;

const PROCESSES: [&str; 6] = ["process", "ndprocess", "multiprocessing", "ndmultiprocessing", "billiard", "scaling"];

pub(crate) fn trials() -> Vec<Trial> {
    let made = PROCESSES.into_iter().flat_map(|name| {
        [false, true].into_iter().map(move |scaling| {
            Trial::test(format!("names::{name}::scaling_{scaling}"), move || {
                a_name_makes_a_pool(name, scaling);
                Ok(())
            })
        })
    });
    let all = Trial::test("names::all_are_known", || {
        assert!(PROCESSES.iter().all(|name| factory::names().any(|known| known == *name)));
        Ok(())
    });
    made.chain([all]).collect()
}

fn a_name_makes_a_pool(name: &str, scaling: bool) {
    for method in StartMethod::ALL.into_iter().map(Some).chain([None]) {
        let settings = PoolSettings { workers: Some(2), scaling, start_method: method, ..PoolSettings::default() };
        let pool = factory::create(name, &settings).unwrap();
        let handles: Vec<_> = (0..5).map(|_| start(&pool, "pid", Payload::new())).collect();
        let mut pids: Vec<_> =
            handles.into_iter().map(|handle| handle.wait().unwrap().get("pid").unwrap().as_int().unwrap()).collect();
        pids.sort_unstable();
        pids.dedup();
        assert!(pids.len() <= 2 && !pids.contains(&std::process::id().into()), "{pids:?}");
        pool.shutdown(Shutdown { wait: true, timeout: Some(LONG), interrupt: false }).unwrap();
    }
    let none = PoolSettings { workers: Some(0), scaling, ..PoolSettings::default() };
    assert!(matches!(factory::create(name, &none), Err(PoolError::Workers { found: 0, .. })));
}
