//! The table of the matrix, for people and as JSON.

use std::fmt::Write;

use serde::Serialize;

use super::axes::Environment;
use super::promise::Verdict;
use super::tally::{Counts, Tally};
use super::watch::{Plan, Results};
use crate::display::table::Table;

/// All of it as one JSON object.
#[derive(Serialize)]
pub(crate) struct Object<'a> {
    as_promised: bool,
    stopped: bool,
    repeat: u64,
    totals: Counts,
    cells: Vec<CellObject<'a>>,
}

#[derive(Serialize)]
struct CellObject<'a> {
    pool: &'a str,
    kind: &'a str,
    start_method: Option<String>,
    nested_start_method: Option<String>,
    scaling: bool,
    environment: &'static str,
    promised: Verdict,
    as_promised: bool,
    counts: &'a Counts,
    refusal: Option<&'a str>,
    troubles: &'a [String],
}

impl<'a> Object<'a> {
    pub(crate) fn new(results: &'a Results, plan: Plan) -> Object<'a> {
        let cell = |tally: &'a Tally| CellObject {
            pool: &tally.cell.pool,
            kind: &tally.cell.kind,
            start_method: tally.cell.outside.map(|method| method.to_string()),
            nested_start_method: tally.cell.inside.map(|method| method.to_string()),
            scaling: tally.cell.scaling,
            environment: tally.cell.environment.name(),
            promised: tally.promised(),
            as_promised: tally.is_as_promised(),
            counts: &tally.counts,
            refusal: tally.refusal.as_deref(),
            troubles: &tally.troubles,
        };
        Object {
            as_promised: is_as_promised(results),
            stopped: results.stopped,
            repeat: plan.repeat,
            totals: totals(&results.tallies),
            cells: results.tallies.iter().map(cell).collect(),
        }
    }
}

/// Whether all cells came out as promised, and there was one.
pub(crate) fn is_as_promised(results: &Results) -> bool {
    !results.stopped && !results.tallies.is_empty() && results.tallies.iter().all(Tally::is_as_promised)
}

fn totals<'a>(tallies: impl IntoIterator<Item = &'a Tally>) -> Counts {
    let mut totals = Counts::default();
    tallies.into_iter().for_each(|tally| totals.add(&tally.counts));
    totals
}

/// The tables of all environments, what went wrong, and the totals.
pub(crate) fn text(results: &Results, plan: Plan) -> String {
    let mut text = String::new();
    for environment in [Environment::Plain, Environment::Coroutines] {
        let tallies: Vec<&Tally> =
            results.tallies.iter().filter(|tally| tally.cell.environment == environment).collect();
        if !tallies.is_empty() {
            let heading = match environment {
                Environment::Plain => "Workflow tasks in each pool type (plain environment)",
                Environment::Coroutines => "Workflow tasks in each pool type (coroutine environment)",
            };
            let _ = writeln!(text, "{heading}\n\n{}", table(&tallies));
        }
    }
    let mut refusals: Vec<&str> = results.tallies.iter().filter_map(|tally| tally.refusal.as_deref()).collect();
    refusals.sort_unstable();
    refusals.dedup();
    for refusal in refusals {
        let _ = writeln!(text, "refused: {refusal}");
    }
    for tally in results.tallies.iter().filter(|tally| !tally.is_as_promised()) {
        let _ = writeln!(text, "\n{}: {}", tally.cell, counts(&tally.counts));
        for trouble in &tally.troubles {
            let _ = writeln!(text, "  {}", trouble.replace('\n', "\n  "));
        }
    }
    let totals = totals(&results.tallies);
    let verdict = match (is_as_promised(results), results.stopped) {
        (true, _) => "as promised",
        (false, true) => "stopped",
        (false, false) => "NOT as promised",
    };
    let cells = results.tallies.len();
    let _ = writeln!(text, "{cells} cells, {} runs of each: {}: {verdict}", plan.repeat, sums(&totals));
    text
}

/// A line for each pool, a column for each kind.
fn table(tallies: &[&Tally]) -> String {
    let mut kinds: Vec<&str> = Vec::new();
    let mut pools: Vec<&str> = Vec::new();
    for tally in tallies {
        if !kinds.contains(&tally.cell.kind.as_str()) {
            kinds.push(&tally.cell.kind);
        }
        if !pools.contains(&tally.cell.pool.as_str()) {
            pools.push(&tally.cell.pool);
        }
    }
    let mut table = Table::new(std::iter::once("pool").chain(kinds.iter().copied()));
    for pool in pools {
        let of = |kind: &&str| {
            let of = tallies.iter().filter(|tally| tally.cell.pool == pool && tally.cell.kind == **kind);
            counts(&totals(of.copied()))
        };
        table.row(std::iter::once(pool.to_owned()).chain(kinds.iter().map(of)));
    }
    table.to_string()
}

/// Those that are not 0.
fn counts(counts: &Counts) -> String {
    let named = counts.named().into_iter().filter(|(_, count)| *count > 0);
    let text: Vec<String> = named.map(|(name, count)| format!("{name} {count}")).collect();
    if text.is_empty() { "-".to_owned() } else { text.join(", ") }
}

/// All but what was skipped, if nothing was.
fn sums(counts: &Counts) -> String {
    let named = counts.named().into_iter().filter(|(name, count)| *count > 0 || *name != "skipped");
    named.map(|(name, count)| format!("{count} {name}")).collect::<Vec<_>>().join(", ")
}
