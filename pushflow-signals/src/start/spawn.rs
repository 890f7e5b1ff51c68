//! Start by executing the program afresh.

use std::ffi::{CStr, CString, OsStr};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;

use rustix::process::Pid;

use super::Role;
use super::fork::pid_of;
use crate::error::Error;
use crate::fork_local::{PrivateFd, no_fork};
use crate::sys::{self, Leads};
use crate::{custodian, tree};

/// Executes this program again in a role, with a socket as its standard input; returns its id and the other end.
///
/// `place` is where it is found in the tree, if anywhere. It starts on a thread that lives as long as this process, for the
/// parent-death signals of what is started. All signals are blocked in it: it takes them when it can.
pub(crate) fn execute(role: Role, title: &'static CStr, place: Option<String>) -> Result<(Pid, PrivateFd), Error> {
    custodian::run(move || {
        let environment = environment(role, place);
        let _gate = no_fork();
        let (own, others) = UnixStream::pair().map_err(Error::system("create a socket"))?;
        let own = PrivateFd::new(own);
        let leads = match role {
            Role::Process => Leads::Group,
            // Away from the terminal and the group of the client, which are signalled as a whole.
            Role::Forkserver => Leads::Session,
        };
        let pid = sys::execute_again(title, &environment, others.as_fd(), leads);
        let pid = pid.map_err(Error::system("execute this program again"))?;
        Ok((pid_of(u32::try_from(pid).unwrap_or(0))?, own))
    })?
}

/// The environment of this process, but for two variables.
fn environment(role: Role, place: Option<String>) -> Vec<CString> {
    let (variable, value) = role.variable();
    let ours = [(variable, Some(value.to_owned())), (tree::VARIABLE, place)];
    let others = std::env::vars_os().filter(|(name, _)| ours.iter().all(|(known, _)| name != known));
    let others = others.map(|(name, value)| [name.as_bytes(), b"=", value.as_bytes()].concat());
    let ours = ours.iter().filter_map(|(name, value)| {
        value.as_ref().map(|value| [name.as_bytes(), b"=", OsStr::new(value).as_bytes()].concat())
    });
    // The system's own text has no NUL inside.
    others.chain(ours).filter_map(|text| CString::new(text).ok()).collect()
}
