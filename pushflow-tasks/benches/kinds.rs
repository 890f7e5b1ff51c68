//! What it costs to run a task of each kind that needs nothing but this system, without any pool.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]

use std::sync::Arc;
use std::time::Duration;

use criterion::Criterion;
use pushflow_core::engine::{Network, RunOptions, Status, compile};
use pushflow_core::graph::{Format, LoadOptions, load_text};
use pushflow_core::{Context, Payload, register_task};
use pushflow_tasks::Tasks;

register_task!("pass on", |inputs: &Payload, _: &Context<'_>| Ok(inputs.clone()));

fn network(node: &str) -> Network {
    let text = format!(r#"{{"nodes": [{{"id": "a", {node}}}]}}"#);
    let graph = Arc::new(load_text(&text, Format::Json, &LoadOptions::default()).unwrap());
    compile(&graph, &Tasks::new()).unwrap()
}

fn main() {
    pushflow_signals::init();
    let mut criterion =
        Criterion::default().configure_from_args().sample_size(20).measurement_time(Duration::from_secs(3));
    let mut group = criterion.benchmark_group("kinds");
    for (name, node) in [
        ("simple", r#""task_type": "simple", "task_identifier": "pass on""#),
        ("ppfport", r#""task_type": "ppfport""#),
        ("subprocess", r#""task_type": "subprocess", "task_identifier": "true""#),
        (
            "mpprocess of simple",
            r#""task_type": "simple", "task_identifier": "pass on", "pushflow": {"kind": "mpprocess"}"#,
        ),
        ("cfpool of simple", r#""task_type": "simple", "task_identifier": "pass on", "pushflow": {"kind": "cfpool"}"#),
    ] {
        let network = network(node);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let report = network.run_in_place(RunOptions::default());
                assert_eq!(report.status, Status::Finished, "{:?}", report.failures);
            });
        });
    }
    group.finish();
    criterion.final_summary();
}
