//! `pushflow man`: manual pages.

use std::fs;
use std::io;
use std::path::Path;

use clap::CommandFactory;
use clap_mangen::Man;

use crate::arguments::Arguments;
use crate::display::out;
use crate::exit_code;

pub(super) fn run(directory: Option<&Path>) -> u8 {
    let written = match directory {
        None => page().map(|page| out::result(&String::from_utf8_lossy(&page))),
        Some(directory) => {
            fs::create_dir_all(directory).and_then(|()| clap_mangen::generate_to(Arguments::command(), directory))
        }
    };
    match written {
        Ok(()) => exit_code::OK,
        Err(error) => {
            let place = directory.map_or_else(String::new, |directory| format!("{}: ", directory.display()));
            out::say(&format!("error: {place}{error}"));
            exit_code::INTERNAL
        }
    }
}

fn page() -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    Man::new(Arguments::command()).render(&mut page)?;
    Ok(page)
}
