//! [`Cell`]: a place in the matrix, and the axes.

use std::fmt;
use std::str::FromStr;

use pushflow_pools::factory;
use pushflow_signals::StartMethod;
use pushflow_tasks::nested::Kind;

/// A combination that is tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) pool: String,
    pub(crate) kind: String,
    /// How the workers of the pool are started; `None` for workers that are no processes.
    pub(crate) outside: Option<StartMethod>,
    /// How nested processes are started; `None` for kinds without.
    pub(crate) inside: Option<StartMethod>,
    pub(crate) scaling: bool,
    pub(crate) environment: Environment,
}

/// Where pushflow waits: on threads, or on coroutines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Environment {
    /// Threads wait.
    Plain,
    /// Coroutines wait.
    Coroutines,
}

/// Kinds beside those of the table, to see what the matrix says of what goes wrong.
pub(crate) const PROBES: [&str; 3] = ["hang", "leak", "fail"];

/// The variable that enters the coroutine environment.
pub(crate) const COROUTINES: &str = "PUSHFLOW_COROUTINES";

/// Which cells are wanted; of an axis without a choice, all.
#[derive(Debug, Default)]
pub(crate) struct Choice {
    pub(crate) pools: Vec<String>,
    pub(crate) kinds: Vec<String>,
    pub(crate) outside: Vec<StartMethod>,
    pub(crate) inside: Vec<StartMethod>,
    pub(crate) scaling: Vec<bool>,
    pub(crate) environments: Vec<Environment>,
}

impl Environment {
    /// Those of this build.
    pub(crate) fn all() -> Vec<Environment> {
        let has_coroutines = factory::names().any(|name| name == "gevent");
        let coroutines = has_coroutines.then_some(Environment::Coroutines);
        std::iter::once(Environment::Plain).chain(coroutines).collect()
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Environment::Plain => "plain",
            Environment::Coroutines => "coroutines",
        }
    }
}

/// The pools of this build. `scaling` is an axis, not one of them.
pub(crate) fn pools() -> Vec<&'static str> {
    factory::names().filter(|name| !matches!(*name, "scaling" | "coroutine")).collect()
}

/// The kinds of tasks of this build, in the order of the table.
pub(crate) fn kinds() -> Vec<&'static str> {
    ["simple", "subprocess"].into_iter().chain(Kind::all().map(|kind| kind.name)).collect()
}

impl Choice {
    /// Whether each name is one of this build.
    pub(crate) fn check(&self) -> Result<(), String> {
        let unknown = |what: &str, names: &[String], known: Vec<&str>, more: &[&str]| match names
            .iter()
            .find(|name| !known.contains(&name.as_str()) && !more.contains(&name.as_str()))
        {
            Some(name) => Err(format!("unknown {what} `{name}`, this build has: {}", known.join(", "))),
            None => Ok(()),
        };
        unknown("pool", &self.pools, pools(), &[])?;
        unknown("kind", &self.kinds, kinds(), &PROBES)?;
        match self.environments.iter().find(|wanted| !Environment::all().contains(wanted)) {
            Some(wanted) => Err(format!("this build has no environment `{}`", wanted.name())),
            None => Ok(()),
        }
    }

    /// The cells, in the order of the table.
    pub(crate) fn cells(&self) -> Vec<Cell> {
        let mut cells = Vec::new();
        let scalings = if self.scaling.is_empty() { vec![false, true] } else { self.scaling.clone() };
        for environment in or_all(&self.environments, Environment::all()) {
            for pool in or_all(&self.pools, pools().into_iter().map(str::to_owned).collect()) {
                for kind in or_all(&self.kinds, kinds().into_iter().map(str::to_owned).collect()) {
                    for outside in methods(factory::has_processes(&pool), &self.outside) {
                        for inside in methods(Kind::find(&kind).is_some(), &self.inside) {
                            for scaling in scalings.iter().copied() {
                                let (pool, kind) = (pool.clone(), kind.clone());
                                cells.push(Cell { pool, kind, outside, inside, scaling, environment });
                            }
                        }
                    }
                }
            }
        }
        cells
    }
}

fn or_all<T: Clone>(wanted: &[T], all: Vec<T>) -> Vec<T> {
    if wanted.is_empty() { all } else { wanted.to_vec() }
}

/// Start methods where there are processes to start, else the one way that there is.
fn methods(has_processes: bool, wanted: &[StartMethod]) -> Vec<Option<StartMethod>> {
    if has_processes { or_all(wanted, StartMethod::ALL.to_vec()).into_iter().map(Some).collect() } else { vec![None] }
}

/// As it is given to the process of a cell.
impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cell { pool, kind, outside, inside, scaling, environment } = self;
        let method = |method: &Option<StartMethod>| method.map_or_else(|| "-".to_owned(), |method| method.to_string());
        let scaling = if *scaling { "scaling" } else { "fixed" };
        write!(f, "{pool}/{kind}/{}/{}/{scaling}/{}", method(outside), method(inside), environment.name())
    }
}

impl FromStr for Cell {
    type Err = String;

    fn from_str(text: &str) -> Result<Cell, String> {
        let wrong = || {
            format!(
                "expected POOL/KIND/START_METHOD/NESTED_START_METHOD/fixed|scaling/plain|coroutines, found `{text}`"
            )
        };
        let [pool, kind, outside, inside, scaling, environment] =
            <[&str; 6]>::try_from(text.split('/').collect::<Vec<_>>()).map_err(|_| wrong())?;
        let method = |text: &str| match text {
            "-" => Ok(None),
            text => text.parse().map(Some).map_err(|_| wrong()),
        };
        Ok(Cell {
            pool: pool.to_owned(),
            kind: kind.to_owned(),
            outside: method(outside)?,
            inside: method(inside)?,
            scaling: match scaling {
                "fixed" => false,
                "scaling" => true,
                _ => return Err(wrong()),
            },
            environment: match environment {
                "plain" => Environment::Plain,
                "coroutines" => Environment::Coroutines,
                _ => return Err(wrong()),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_what_they_are_written_as() {
        let cells = Choice::default().cells();
        for cell in &cells {
            assert_eq!(cell.to_string().parse::<Cell>().as_ref(), Ok(cell));
        }
        assert!("thread/simple/-/-/fixed".parse::<Cell>().is_err());
        assert!("thread/simple/-/-/fixed/other".parse::<Cell>().is_err());
    }

    #[test]
    fn each_combination_is_there_once() {
        let cells = Choice::default().cells();
        let of_processes = pools().into_iter().filter(|pool| factory::has_processes(pool)).count();
        let outside = of_processes * 3 + pools().len() - of_processes;
        // Two kinds without nested processes, five with three ways to start them.
        assert_eq!(cells.len(), outside * (2 + 5 * 3) * 2 * Environment::all().len());
        let one = Choice { pools: vec!["thread".to_owned()], kinds: vec!["simple".to_owned()], ..Choice::default() };
        assert_eq!(one.cells().len(), 2 * Environment::all().len());
        assert!(Choice { pools: vec!["threads".to_owned()], ..Choice::default() }.check().is_err());
        assert!(Choice { kinds: vec!["hang".to_owned()], ..Choice::default() }.check().is_ok());
    }
}
