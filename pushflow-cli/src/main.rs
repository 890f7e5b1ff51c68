//! The command `pushflow`.

fn main() {}
