//! What it costs to load a workflow document and to compile it, for each node, and to merge payloads.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pushflow_core::engine::{RunOptions, compile};
use pushflow_core::graph::{Format, LoadOptions, Node, load_text};
use pushflow_core::{Context, Key, Outcome, Payload, Task, TaskError, Value};

fn chain(nodes: usize) -> String {
    let node = |index| format!(r#"{{"id": "n{index}", "task_type": "method", "task_identifier": "m.f"}}"#);
    let link = |index: usize| format!(r#"{{"source": "n{}", "target": "n{index}", "map_all_data": true}}"#, index - 1);
    let (all, links): (Vec<String>, Vec<String>) = ((0..nodes).map(node).collect(), (1..nodes).map(link).collect());
    format!(r#"{{"graph": {{"id": "chain"}}, "nodes": [{}], "links": [{}]}}"#, all.join(","), links.join(","))
}

fn pass_on(inputs: &Payload, _: &Context<'_>) -> Outcome {
    Ok(inputs.clone())
}

fn resolve(_: &Node) -> Result<Arc<dyn Task>, TaskError> {
    Ok(Arc::new(pass_on))
}

fn documents(criterion: &mut Criterion) {
    for nodes in [100, 10_000] {
        let (json, options) = (chain(nodes), LoadOptions::default());
        let yaml = json.replace(r#""map_all_data": true"#, r#""map_all_data": yes"#);
        let mut group = criterion.benchmark_group("chain");
        group.throughput(Throughput::Elements(nodes as u64)).sample_size(10).measurement_time(Duration::from_secs(2));
        for (name, text, format) in [("load JSON", &json, Format::Json), ("load YAML", &yaml, Format::Yaml)] {
            group.bench_function(BenchmarkId::new(name, nodes), |bencher| {
                bencher.iter(|| load_text(black_box(text), format, &options).unwrap());
            });
        }
        let graph = Arc::new(load_text(&json, Format::Json, &options).unwrap());
        group.bench_function(BenchmarkId::new("compile", nodes), |bencher| {
            bencher.iter(|| compile(black_box(&graph), &resolve).unwrap());
        });
        let network = compile(&graph, &resolve).unwrap();
        group.bench_function(BenchmarkId::new("run in place", nodes), |bencher| {
            bencher.iter(|| network.run_in_place(RunOptions::default()));
        });
        group.finish();
    }
}

fn payloads(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("merge");
    for entries in [4, 64] {
        let payload = |prefix: &str| -> Payload {
            (0..entries).map(|index| (Key::from(format!("{prefix}{index}").as_str()), Value::Int(index))).collect()
        };
        let (one, other) = (payload("a"), payload("b"));
        group.bench_function(BenchmarkId::new("two of", entries), |bencher| {
            bencher.iter(|| Payload::merge_all([black_box(&one), black_box(&other)]));
        });
    }
    group.finish();
}

criterion_group!(benches, documents, payloads);
criterion_main!(benches);
