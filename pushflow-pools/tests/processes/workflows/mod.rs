//! Random workflows give the same in place, on a deterministic scheduler that makes one step after the other, and on every pool.
//!
//! Two kinds. [`blocks`] are built so that no order of ends decides what is executed: that has to be the same everywhere, amid any
//! number of ends at once. [`tangles`] have any links. The scheduler goes through all orders in which their executions can end;
//! where there is one answer to all of them, every pool has to give it; where there are several, a pool on which ends are told one
//! after the other has to give one of these.
//!
//! `PUSHFLOW_WORKFLOWS=10000 cargo test --release -p pushflow-pools --test processes workflows` tries so many of each.

mod answer;
mod blocks;
mod orders;
mod serial;
pub(crate) mod stepped;
mod tangles;
mod tasks;

use std::collections::HashMap;
use std::error::Error;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use pushflow_core::engine::{Network, RunOptions, compile};
use pushflow_core::event::Event;
use pushflow_core::graph::{Format, Graph, LoadOptions, Node, load_text};
use pushflow_core::{Pool, Task, TaskError, registry};
use pushflow_pools::factory::{self, PoolSettings};

use crate::LONG;

use answer::Watched;
use serial::Serial;

/// Names the part that this program plays, executed again: in the coroutine environment.
pub(crate) const PART: &str = "workflows";
const COUNT: &str = "PUSHFLOW_WORKFLOWS";
/// Orders of one workflow that are gone through.
const MOST_ORDERS: usize = 1000;
/// Rounds of what would go round for ever.
const MOST_ROUNDS: u64 = 2;

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        blocks_give_the_same_everywhere,
        tangles_give_what_some_order_gives,
        tries_come_late_on_every_pool,
        all_holds_in_the_coroutine_environment,
    ]
}

/// The pools of every name, with and without scaling, and how they are called.
fn pools() -> Vec<(String, Arc<dyn Pool>)> {
    let of_name = |name: &'static str| {
        [false, true].into_iter().map(move |scaling| {
            let settings = PoolSettings { workers: Some(2), scaling, ..PoolSettings::default() };
            (format!("{name}, scaling: {scaling}"), factory::create(name, &settings).unwrap())
        })
    };
    factory::names().filter(|name| *name != "scaling").flat_map(of_name).collect()
}

fn load(text: &str) -> Result<(Graph, Arc<Network>), Box<dyn Error>> {
    let graph = load_text(text, Format::Json, &LoadOptions::default())?;
    let resolve = |node: &Node| -> Result<Arc<dyn Task>, TaskError> {
        let name = node.task_identifier.as_deref().unwrap_or_default();
        Ok(Arc::new(registry::find(name).map_err(|error| TaskError::message(error.to_string()))?))
    };
    let network = compile(&graph, &resolve)?;
    Ok((graph, Arc::new(network)))
}

fn run<S: Strategy>(cases: u32, strategy: &S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let asked = std::env::var(COUNT).ok().and_then(|text| text.parse().ok());
    let config = Config {
        cases: asked.unwrap_or(cases),
        source_file: Some(file!()),
        max_shrink_iters: 500,
        max_global_rejects: 100_000,
        ..Config::default()
    };
    if let Err(error) = TestRunner::new(config).run(strategy, test) {
        panic!("{error}");
    }
}

/// What has to be the same is.
macro_rules! same {
    ($found:expr, $expected:expr, $where:expr, $text:expr) => {
        if $found != $expected {
            let message = format!("{}: {:#?}\nexpected: {:#?}\nof {}", $where, $found, $expected, $text);
            return Err(TestCaseError::fail(message));
        }
    };
}

fn blocks_give_the_same_everywhere() {
    let pools = pools();
    let strategy = (blocks::blocks(), proptest::num::u64::ANY, proptest::num::u64::ANY);
    run(30, &strategy, |(block, priorities, seed)| {
        let text = blocks::document(&block, priorities);
        let (graph, network) = load(&text).map_err(|error| TestCaseError::fail(format!("{error} in {text}")))?;
        let end_nodes: Vec<String> =
            graph.end_nodes.iter().map(|node| graph.nodes[*node].label().to_string()).collect();
        let check = |answer: &answer::Answer, place: &str| {
            answer.check(&end_nodes).map_err(|problem| TestCaseError::fail(format!("{place}: {problem} in {text}")))
        };
        let watched = Watched::default();
        let expected = watched.answer(&network, &network.run_in_place(watched.options()));
        if expected.facts.is_refused() {
            return Err(TestCaseError::reject("many rounds of many branches"));
        }
        check(&expected, "in place")?;
        for seed in seed..seed.saturating_add(10) {
            let answer = watched.answer(&network, &stepped::simulate(&network, seed, watched.options()));
            same!(answer.facts, expected.facts, format!("stepped by {seed}"), text);
            check(&answer, "stepped")?;
        }
        for (name, pool) in &pools {
            let answer = watched.answer(&network, &network.run(Arc::clone(pool), watched.options()));
            same!(answer.facts, expected.facts, name, text);
            check(&answer, name)?;
        }
        Ok(())
    });
}

fn tangles_give_what_some_order_gives() {
    let pools = pools();
    let in_turn: Vec<(String, Arc<dyn Pool>)> = pools
        .iter()
        .map(|(name, pool)| (name.clone(), Arc::new(Serial::new(Arc::clone(pool))) as Arc<dyn Pool>))
        .collect();
    let (one, several) = (AtomicUsize::new(0), AtomicUsize::new(0));
    run(30, &tangles::tangles(), |(nodes, links)| {
        let text = tangles::document(&nodes, &links);
        let Ok((_, network)) = load(&text) else { return Err(TestCaseError::reject("no workflow")) };
        let Some(answers) = orders::every_answer(&network, MOST_ORDERS, MOST_ROUNDS) else {
            return Err(TestCaseError::reject("many orders"));
        };
        let watched = Watched::bounded(MOST_ROUNDS);
        let answer = watched.answer(&network, &network.run_in_place(watched.options()));
        same!(answers.contains(&answer), true, format!("in place: {answer:#?}"), text);
        let (pools, count) = if answers.len() == 1 { (&pools, &one) } else { (&in_turn, &several) };
        count.fetch_add(1, Ordering::Relaxed);
        for (name, pool) in pools {
            let answer = watched.answer(&network, &network.run(Arc::clone(pool), watched.options()));
            same!(answers.contains(&answer), true, format!("{name}: {answer:#?}, of {}", answers.len()), text);
        }
        Ok(())
    });
    println!("of one answer: {}, of several: {}", one.into_inner(), several.into_inner());
}

/// Nobody waits for these runs: the tries are made by the runs themselves.
fn tries_come_late_on_every_pool() {
    let node = |index| {
        let retries = r#"{"retries": {"count": 1, "delay": 0.02}}"#;
        let task = tasks::RETRY;
        format!(r#"{{"id": "n{index}", "task_type": "simple", "task_identifier": "{task}", "pushflow": {retries}}}"#)
    };
    let nodes: Vec<String> = (0..5).map(node).collect();
    let (_, network) = load(&format!(r#"{{"nodes": [{}]}}"#, nodes.join(","))).unwrap();
    for (name, pool) in pools() {
        let (told, times) = mpsc::channel();
        let listener = move |event: &Event<'_>| {
            if let Event::Started { node, attempt } = event {
                told.send(((*node).to_owned(), *attempt, Instant::now())).unwrap();
            }
        };
        drop(network.start(Arc::clone(&pool), RunOptions::default().listener(Arc::new(listener))));
        let mut first = HashMap::new();
        for _ in 0..10 {
            let (node, attempt, time) = times.recv_timeout(LONG).unwrap();
            let before = if attempt == 1 { first.insert(node, time) } else { first.remove(&node) };
            let waited = before.map(|before| time - before);
            assert!(
                (attempt == 1) == waited.is_none_or(|waited| waited < Duration::from_millis(20)),
                "{name}: {waited:?}"
            );
        }
        drop(pool);
        assert!(times.recv_timeout(LONG).is_err(), "{name}: nothing else starts");
    }
}

fn all_holds_in_the_coroutine_environment() {
    let mut part = crate::program(PART);
    part.env("PUSHFLOW_COROUTINES", "1");
    assert!(part.status().unwrap().success(), "see above");
}

pub(crate) fn play() -> ExitCode {
    blocks_give_the_same_everywhere();
    tangles_give_what_some_order_gives();
    tries_come_late_on_every_pool();
    ExitCode::SUCCESS
}
