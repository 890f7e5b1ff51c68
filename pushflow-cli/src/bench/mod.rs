//! Comparing pools: ours with each other, and with those of Python.
//!
//! A *case* is a pool with its start method, its number of workers, and what is measured of it. In each round every case is
//! measured once, one after the other, so that all sides see the same machine; the first round warms up and does not
//! count. Each measurement of a case is done by a process of its own: this program for our pools, an interpreter for the
//! others. It gets the case as one line of JSON, and prints its figures as one line of JSON; one that does not end in
//! time is ended with all below it, and has an error in place of figures.

pub(crate) mod case;
pub(crate) mod compare;
pub(crate) mod measure;
pub(crate) mod peers;
pub(crate) mod report;
pub(crate) mod rounds;
