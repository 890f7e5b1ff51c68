//! What a run of the command costs from its start to its end, with workflows that do next to nothing.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]
#![expect(clippy::disallowed_methods, reason = "the command is started as a shell does it")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};

fn run(directory: &Path, arguments: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pushflow"));
    let status = command.args(arguments).current_dir(directory).stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(status.unwrap().success(), "{arguments:?}");
}

fn commands(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().unwrap();
    let workflow = r#"{"nodes": [{"id": "a", "task_type": "subprocess", "task_identifier": "true"}]}"#;
    std::fs::write(directory.path().join("w.json"), workflow).unwrap();
    let mut group = criterion.benchmark_group("command");
    group.sample_size(20).measurement_time(Duration::from_secs(3));
    for arguments in [
        &["--version"][..],
        &["check", "w.json"],
        &["run", "w.json", "--pool", "in_place"],
        &["run", "w.json", "--pool", "thread"],
        &["run", "w.json", "--pool", "process"],
        &["run", "w.json", "--pool", "multiprocessing"],
    ] {
        group.bench_function(arguments.join(" "), |bencher| bencher.iter(|| run(directory.path(), arguments)));
    }
    group.finish();
}

criterion_group!(benches, commands);
criterion_main!(benches);
