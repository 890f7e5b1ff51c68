//! Start by executing the program afresh.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use rustix::process::Pid;

use super::Role;
use crate::error::Error;
use crate::fork_local::{PrivateFd, no_fork};
use crate::{custodian, tree};

/// Executes this program again in a role, with a socket as its standard input; returns its id and the other end.
///
/// `place` is where it is found in the tree, if anywhere. It starts on a thread that lives as long as this process, for the
/// parent-death signals of what is started.
pub(crate) fn execute(role: Role, title: &'static str, place: Option<String>) -> Result<(Pid, PrivateFd), Error> {
    custodian::run(move || {
        let _gate = no_fork();
        let (own, others) = UnixStream::pair().map_err(Error::system("create a socket"))?;
        let own = PrivateFd::new(own);
        #[expect(clippy::disallowed_methods, reason = "this is the place where the program is executed again")]
        let mut command = Command::new("/proc/self/exe");
        let (variable, value) = role.variable();
        command.arg0(title).env(variable, value).stdin(Stdio::from(OwnedFd::from(others))).process_group(0);
        match place {
            Some(place) => command.env(tree::VARIABLE, place),
            None => command.env_remove(tree::VARIABLE),
        };
        let started = command.spawn().map_err(Error::system("execute this program again"))?;
        Ok((Pid::from_child(&started), own))
    })?
}
