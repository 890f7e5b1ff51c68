//! `pushflow pools`: the pool types of this build.

use clap::Args;
use pushflow_pools::factory;
use serde::Serialize;

use crate::display::out;
use crate::display::table::Table;
use crate::exit_code;
use crate::values::TextOrJson;

#[derive(Args, Debug)]
pub(crate) struct PoolsArgs {
    /// How to show them.
    #[arg(long, value_enum, default_value_t = TextOrJson::Human)]
    output_format: TextOrJson,
}

/// What is known of a pool type.
#[derive(Clone, Copy, Debug, Serialize)]
struct About {
    name: &'static str,
    is: &'static str,
    workers: &'static str,
    lost_worker: &'static str,
    has_start_methods: bool,
    default: bool,
}

const FAILS: &str = "its task fails with the cause; the rest goes on";
const REPLACED: &str = "replaced; its task fails with the cause";

const ABOUT: [(&str, &str, &str, &str); 8] = [
    ("gevent", "coroutines, bounded or not; alias coroutine", "coroutines, started on demand", "a panic is an outcome"),
    ("thread", "work-stealing threads", "threads, started with the pool", "a panic is an outcome"),
    ("process", "as concurrent.futures", "non-daemonic, started on demand", FAILS),
    ("ndprocess", "as process, explicitly non-daemonic", "non-daemonic, started on demand", FAILS),
    ("multiprocessing", "as multiprocessing.Pool", "daemonic, started with the pool", REPLACED),
    ("ndmultiprocessing", "as multiprocessing, non-daemonic", "non-daemonic, started with the pool", REPLACED),
    ("billiard", "as billiard.Pool, also in daemonic processes", "daemonic, started with the pool", REPLACED),
    ("scaling", "as process, one worker for each task that runs", "non-daemonic, reused warm", FAILS),
];

pub(super) fn run(args: &PoolsArgs) -> u8 {
    let default = match factory::default_name() {
        Ok(default) => default,
        Err(error) => {
            out::say(&format!("error: {error}"));
            return exit_code::USAGE;
        }
    };
    let pools: Vec<About> = factory::names().map(|name| about(name, default)).collect();
    match args.output_format {
        TextOrJson::Human => out::result(&text(&pools)),
        TextOrJson::Json => out::json_line(&serde_json::json!({ "pools": pools })),
    }
    exit_code::OK
}

fn about(name: &'static str, default: &str) -> About {
    let known = ABOUT.iter().find(|(known, ..)| *known == name).copied();
    let (_, is, workers, lost_worker) = known.unwrap_or((name, "", "", ""));
    let has_start_methods = factory::has_processes(name);
    About { name, is, workers, lost_worker, has_start_methods, default: name == default }
}

fn text(pools: &[About]) -> String {
    let mut table = Table::new(["name", "is", "workers", "when a worker is lost", "start methods"]);
    for About { name, is, workers, lost_worker, has_start_methods, default } in pools {
        let name = if *default { format!("{name} (default)") } else { (*name).to_owned() };
        let methods = if *has_start_methods { "forkserver (default), spawn, fork" } else { "-" };
        table.row([name, (*is).to_owned(), (*workers).to_owned(), (*lost_worker).to_owned(), methods.to_owned()]);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pool_of_this_build_is_described() {
        for name in factory::names() {
            assert!(!about(name, "process").is.is_empty(), "{name}");
        }
    }
}
