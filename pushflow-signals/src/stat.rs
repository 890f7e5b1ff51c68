//! [`Stat`]: what the system says about a process.

/// What `/proc/PID/stat` says. proc(5).
#[derive(Clone, Debug)]
pub(crate) struct Stat {
    pub(crate) pid: u32,
    pub(crate) name: String,
    pub(crate) state: char,
    pub(crate) parent: u32,
    flags: u32,
    /// Where its code ends: 0 in the midst of an exec, up to the last of it, and of its end.
    code_end: u64,
    /// Where its environment begins and ends. Set by an exec before the end of the code, and one after the other.
    environment: (u64, u64),
    pub(crate) threads: u32,
    /// In clock ticks since the system started.
    pub(crate) start: u64,
}

/// A thread of the kernel's. `PF_KTHREAD` of the kernel's `sched.h`.
const KERNEL_THREAD: u32 = 0x0020_0000;

impl Stat {
    /// Returns `None` for a process that is not there.
    pub(crate) fn of(pid: u32) -> Option<Stat> {
        Stat::parse(pid, &std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    fn parse(pid: u32, text: &str) -> Option<Stat> {
        // The name is in parentheses and may have some itself.
        let (head, rest) = text.rsplit_once(')')?;
        let (_, name) = head.split_once('(')?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        Some(Stat {
            pid,
            name: name.to_owned(),
            state: fields.first()?.chars().next()?,
            parent: fields.get(1)?.parse().ok()?,
            flags: fields.get(6)?.parse().ok()?,
            code_end: fields.get(24)?.parse().ok()?,
            environment: (fields.get(47)?.parse().ok()?, fields.get(48)?.parse().ok()?),
            threads: fields.get(17)?.parse().ok()?,
            start: fields.get(19)?.parse().ok()?,
        })
    }

    /// Whether it is a program that has not ended.
    pub(crate) fn is_alive(&self) -> bool {
        !matches!(self.state, 'Z' | 'X') && self.flags & KERNEL_THREAD == 0
    }

    /// Whether it was executed with an empty environment.
    pub(crate) fn has_no_environment(&self) -> bool {
        self.code_end != 0 && self.environment.0 == self.environment.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive() {
        let own = Stat::of(std::process::id()).unwrap();
        assert!(own.is_alive() && !own.has_no_environment());
        assert_eq!(own.parent, std::os::unix::process::parent_id());
    }

    #[test]
    fn names_may_have_parentheses() {
        let mut fields = vec!["0"; 50];
        for (index, field) in [(0, "Z"), (1, "3"), (6, "4194560"), (19, "9182"), (24, "5"), (47, "7"), (48, "7")] {
            fields[index] = field;
        }
        let text = format!("7 (a) b (c) {}", fields.join(" "));
        let stat = Stat::parse(7, &text).unwrap();
        assert_eq!((stat.name.as_str(), stat.state, stat.parent, stat.start), ("a) b (c", 'Z', 3, 9182));
        assert!(!stat.is_alive() && stat.has_no_environment());
        assert!(Stat::parse(7, "").is_none() && Stat::parse(7, "7 (a) Z").is_none());
    }
}
