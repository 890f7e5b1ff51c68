//! Random workflows, executed in every order that there could be.
//!
//! [`Stepped`] keeps what it is given until it is told to run one execution, which a seed chooses: so any order of
//! completions can be stepped through, and repeated. Whatever the order each run ends, tells every failure, and what does not
//! depend on the order is the same. Every pool, those of processes too: `tests/processes/workflows/`.

#[path = "../processes/workflows/stepped.rs"]
mod stepped;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use pushflow_core::engine::{Keep, Network, Report, RunOptions, Status, compile};
use pushflow_core::graph::{Format, LoadOptions, Node, load_text};
use pushflow_core::{Context, Outcome, Payload, Pool, Task, TaskError, Value};
use pushflow_pools::ThreadPool;

use stepped::{Stepped, simulate};

/// How often each node is executed and with what, in any order of these.
type Executions = BTreeMap<String, Vec<String>>;

struct Random {
    text: String,
    /// Whether each node has one outcome, whatever the order.
    trace: Arc<Mutex<Executions>>,
}

/// What a link is to be: source, target, kind.
type RandomLink = (usize, usize, u8);

/// A workflow of nodes that add what they are given and some of which fail.
fn workflow(nodes: usize, links: &[RandomLink], failing: u16) -> Random {
    let node = |index: usize| {
        let kind = if failing & (1 << index) == 0 { "add" } else { "fail" };
        format!(
            r#"{{"id": "n{index}", "task_type": "simple", "task_identifier": "{kind}", "default_inputs": [{{"name": "own", "value": {index}}}]}}"#
        )
    };
    let mut seen = std::collections::HashSet::new();
    let link = |(source, target, kind): &RandomLink| {
        let attributes = match kind % 6 {
            0 | 1 => format!(r#""data_mapping": [{{"source_output": "sum", "target_input": "from{source}"}}]"#),
            2 => format!(
                r#""data_mapping": [{{"source_output": "sum", "target_input": "from{source}"}}], "conditions": [{{"source_output": "odd", "value": {}}}]"#,
                source % 2 == 0
            ),
            3 => r#""on_error": true"#.to_owned(),
            4 => format!(
                r#""data_mapping": [{{"source_output": "sum", "target_input": "from{source}"}}], "required": false, "cache_if_optional": true"#
            ),
            _ => r#""required": false"#.to_owned(),
        };
        format!(r#"{{"source": "n{source}", "target": "n{target}", {attributes}}}"#)
    };
    let links: Vec<String> = links.iter().filter(|(from, to, _)| seen.insert((*from, *to))).map(link).collect();
    let nodes: Vec<String> = (0..nodes).map(node).collect();
    Random {
        text: format!(r#"{{"nodes": [{}], "links": [{}]}}"#, nodes.join(","), links.join(",")),
        trace: Arc::default(),
    }
}

impl Random {
    /// Compiles it; `None` when the links make no workflow.
    fn network(&self) -> Option<Arc<Network>> {
        let graph = load_text(&self.text, Format::Json, &LoadOptions::default()).ok()?;
        let resolve = |node: &Node| -> Result<Arc<dyn Task>, TaskError> {
            let fails = node.task_identifier.as_deref() == Some("fail");
            let trace = Arc::clone(&self.trace);
            Ok(Arc::new(move |inputs: &Payload, ctx: &Context<'_>| -> Outcome {
                let seen: Vec<String> =
                    inputs.iter().map(|(key, value)| format!("{key}={}", value.python_repr())).collect();
                trace.lock().unwrap().entry(ctx.node().to_owned()).or_default().push(seen.join(" "));
                let sum: i64 = inputs.iter().filter_map(|(_, value)| value.as_int()).sum();
                if fails {
                    return Err(TaskError::message(format!("{} failed", ctx.node())));
                }
                Ok([("sum", Value::Int(sum % 1000)), ("odd", Value::Bool(sum % 2 == 1))].into())
            }))
        };
        compile(&graph, &resolve).ok().map(Arc::new)
    }

    /// The executions since the last call.
    fn executions(&self) -> Executions {
        let mut executions = std::mem::take(&mut *self.trace.lock().unwrap());
        executions.values_mut().for_each(|of_node| of_node.sort());
        executions
    }
}

fn failures(report: &Report) -> Vec<(String, String)> {
    let mut failures: Vec<(String, String)> =
        report.failures.iter().map(|failure| (failure.node.to_string(), failure.message.clone())).collect();
    failures.sort();
    failures
}

fn nodes(report: &Report) -> Vec<String> {
    report.nodes.iter().map(|(id, outputs)| format!("{} {outputs:?}", id.index())).collect()
}

/// Links from earlier nodes to later ones.
fn forward() -> impl Strategy<Value = Vec<RandomLink>> {
    let link = (0_usize..8, 0_usize..8, 0_u8..6).prop_map(|(from, to, kind)| (from.min(to), from.max(to), kind));
    prop::collection::vec(link, 0..14).prop_map(|links| links.into_iter().filter(|(from, to, _)| from != to).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Without optional links every node is executed at most once, with the same inputs in every order.
    #[test]
    fn required_links_give_the_same_in_every_order(links in forward(), failing in any::<u16>(), seed in any::<u64>()) {
        let links: Vec<RandomLink> = links.into_iter().map(|(from, to, _)| (from, to, 0)).collect();
        let random = workflow(8, &links, failing & 0b1001_0000);
        let Some(network) = random.network() else { return Ok(()) };
        let options = || RunOptions::default().keep(Keep::All);
        let in_place = network.run_in_place(options());
        let expected = (random.executions(), failures(&in_place), nodes(&in_place), in_place.status);
        for seed in seed..seed.saturating_add(5) {
            let report = simulate(&network, seed, options());
            let found = (random.executions(), failures(&report), nodes(&report), report.status);
            prop_assert_eq!(&found, &expected, "{}", random.text);
        }
        let pool = Arc::new(ThreadPool::builder().workers(3).build().unwrap());
        let report = network.run(pool, options());
        let found = (random.executions(), failures(&report), nodes(&report), report.status);
        prop_assert_eq!(found, expected, "{}", random.text);
    }

    /// Any links, loops too: every order ends, and an order is the same each time; failures that nobody handles are told.
    #[test]
    fn every_order_ends_and_can_be_repeated(
        links in prop::collection::vec((0_usize..7, 0_usize..7, 0_u8..6), 0..14),
        failing in any::<u16>(),
        seed in any::<u64>(),
    ) {
        let random = workflow(7, &links, failing & 0b101_0010);
        let Some(network) = random.network() else { return Ok(()) };
        let options = || RunOptions::default().keep(Keep::All).max_iterations(Some(4));
        let (mut outcomes, mut traces) = (Vec::new(), Vec::new());
        for _ in 0..2 {
            let report = simulate(&network, seed, options());
            prop_assert!(matches!(report.status, Status::Finished | Status::Failed));
            prop_assert_eq!(report.error.is_some(), report.output.as_ref().is_some_and(|data| data.get("WorkflowException").is_some()));
            outcomes.push((format!("{:?}", report.output), failures(&report), nodes(&report)));
            traces.push(random.executions());
        }
        prop_assert_eq!(&outcomes[0], &outcomes[1]);
        prop_assert_eq!(&traces[0], &traces[1]);
        prop_assert!(traces[0].values().all(|executions| executions.len() <= 4));
        let pool = Arc::new(ThreadPool::builder().workers(3).build().unwrap());
        let report = network.run(pool, options());
        prop_assert!(matches!(report.status, Status::Finished | Status::Failed), "{}", random.text);
        network.run_in_place(options());
    }

    /// A run that is stopped after some steps ends in every order, and tells what it did not start.
    #[test]
    fn a_stop_after_any_step_ends_the_run(links in forward(), steps in 0_usize..10, seed in any::<u64>()) {
        let random = workflow(8, &links, 0);
        let Some(network) = random.network() else { return Ok(()) };
        let pool = Arc::new(Stepped::default());
        let run = network.start(Arc::clone(&pool) as Arc<dyn Pool>, RunOptions::default());
        let mut rng = fastrand::Rng::with_seed(seed);
        for _ in 0..steps {
            pool.step(|count| rng.usize(..count));
        }
        run.stop("enough");
        let before = random.executions().values().map(Vec::len).sum::<usize>();
        let waiting = pool.waiting.lock().unwrap().len();
        while pool.step(|count| rng.usize(..count)) {}
        prop_assert!(run.is_ended());
        let report = run.wait();
        prop_assert_eq!(report.status, Status::Stopped);
        prop_assert_eq!((random.executions().len(), report.failures.len()), (0, waiting), "{} started before", before);
    }

    /// A pool that goes away with what waits in it ends the run: all of it is told as lost.
    #[test]
    fn a_pool_that_goes_away_ends_the_run(links in forward(), steps in 0_usize..10, seed in any::<u64>()) {
        let random = workflow(8, &links, 0);
        let Some(network) = random.network() else { return Ok(()) };
        let pool = Arc::new(Stepped::default());
        let run = network.start(Arc::clone(&pool) as Arc<dyn Pool>, RunOptions::default());
        let mut rng = fastrand::Rng::with_seed(seed);
        for _ in 0..steps {
            pool.step(|count| rng.usize(..count));
        }
        let waiting = std::mem::take(&mut *pool.waiting.lock().unwrap());
        let count = waiting.len();
        drop(waiting);
        prop_assert!(run.is_ended());
        prop_assert_eq!(run.wait().failures.len(), count);
    }
}

/// Priorities, pools by name and resources change the order, and nothing else.
#[test]
fn a_gate_changes_the_order_only() {
    let mut random = fastrand::Rng::with_seed(7);
    for round in 0..200 {
        let links: Vec<RandomLink> = (0..random.usize(0..12))
            .map(|_| (random.usize(0..8), random.usize(0..8), 0))
            .filter(|(from, to, _)| from != to)
            .map(|(from, to, kind)| (from.min(to), from.max(to), kind))
            .collect();
        let plain = workflow(8, &links, random.u16(..) & 0b1001_0000);
        let mut gated = workflow(8, &links, 0);
        gated.text.clone_from(&plain.text);
        for index in 0..8 {
            let settings = match random.u8(..4) {
                0 => format!(r#""pushflow": {{"priority": {}}}, "#, random.i8(-3..3)),
                1 => r#""pushflow": {"pool": "other"}, "#.to_owned(),
                2 => r#""pushflow": {"resources": {"gpu": 1}}, "#.to_owned(),
                _ => String::new(),
            };
            let id = format!(r#"{{"id": "n{index}", "#);
            gated.text = gated.text.replacen(&id, &format!("{id}{settings}"), 1);
        }
        let (Some(network), Some(other)) = (plain.network(), gated.network()) else { continue };
        let report = network.run_in_place(RunOptions::default().keep(Keep::All));
        let expected = (plain.executions(), failures(&report), nodes(&report));
        let (pool, second) = (Arc::new(Stepped::default()), Arc::new(Stepped::default()));
        let options = RunOptions::default().keep(Keep::All).resource("gpu", 1.0);
        let options = options.pool("other", Arc::clone(&second) as Arc<dyn Pool>);
        let run = other.start(Arc::clone(&pool) as Arc<dyn Pool>, options);
        while pool.step(|count| random.usize(..count)) || second.step(|count| random.usize(..count)) {}
        assert!(run.is_ended(), "round {round}: {}", gated.text);
        let report = run.wait();
        assert_eq!((gated.executions(), failures(&report), nodes(&report)), expected, "round {round}: {}", gated.text);
    }
}
