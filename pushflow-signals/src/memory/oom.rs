//! What the kernel has killed for want of memory.

use std::path::{Path, PathBuf};

/// Returns how many processes the kernel's OOM killer has killed, as far as can be seen from here; `None` when the system does
/// not say.
///
/// Compared before and after the end of a process by SIGKILL it tells a probable reason. Counted are those of this process's
/// control group, which may be all of a container; else those of the whole system.
///
/// Semantics: `oom_kill` in `memory.events` of control groups v2, in `memory.oom_control` of v1, in `/proc/vmstat`.
pub fn oom_kills() -> Option<u64> {
    let read = |path: &Path| std::fs::read_to_string(path).ok();
    let own = |name: &str| read(&Path::new("/proc").join(name)).unwrap_or_default();
    let mut places = places(&own("self/cgroup"), &own("self/mountinfo"));
    places.push("/proc/vmstat".into());
    // A hierarchy without the controller, or the root of one, has no such file.
    places.iter().find_map(|place| count(&read(place)?))
}

/// Returns where the count of a process's control group may be: from `/proc/self/cgroup` and `/proc/self/mountinfo`.
fn places(groups: &str, mounts: &str) -> Vec<PathBuf> {
    let v2 = groups.lines().find_map(|line| line.strip_prefix("0::"));
    let v1 = groups.lines().find_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        controllers.split(',').any(|controller| controller == "memory").then_some(path)
    });
    let v2 = v2.and_then(|path| Some(mounted(path, mounts, |kind, _| kind == "cgroup2")?.join("memory.events")));
    let has_memory =
        |kind: &str, options: &str| kind == "cgroup" && options.split(',').any(|option| option == "memory");
    let v1 = v1.and_then(|path| Some(mounted(path, mounts, has_memory)?.join("memory.oom_control")));
    v2.into_iter().chain(v1).collect()
}

/// Returns the directory of a control group, by the mount whose kind and options are the right ones. proc(5).
fn mounted(group: &str, mounts: &str, is_it: impl Fn(&str, &str) -> bool) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        let mut kind = kind.split(' ');
        if !is_it(kind.next()?, kind.nth(1)?) {
            return None;
        }
        let mut place = place.split(' ').skip(3);
        let (root, point) = (place.next()?, place.next()?);
        // In a container a part of the tree may be mounted, whose root is then this group or above it.
        let below = Path::new(group).strip_prefix(root).unwrap_or(Path::new(""));
        Some(Path::new(point).join(below))
    })
}

/// Reads the count from lines of a name and a number.
fn count(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(groups: &str, mounts: &str) -> Vec<String> {
        places(groups, mounts).into_iter().map(|place| place.display().to_string()).collect()
    }

    #[test]
    fn counts_are_read() {
        assert_eq!(count("low 0\nhigh 0\nmax 3\noom 2\noom_kill 5\noom_group_kill 1\n"), Some(5));
        assert_eq!(count("oom_kill_disable 0\nunder_oom 0\noom_kill 7\n"), Some(7));
        assert_eq!(count("nr_free_pages 1\noom_kill 0\n"), Some(0));
        assert_eq!(count("oom_kill_disable 0\nunder_oom 0\n"), None);
        assert_eq!(count("oom_kill many\n"), None);
        assert_eq!(count(""), None);
    }

    #[test]
    fn the_group_is_found() {
        let v2 =
            "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n";
        assert_eq!(found("0::/user.slice/a b\n", v2), ["/sys/fs/cgroup/user.slice/a b/memory.events"]);
        assert_eq!(found("0::/\n", v2), ["/sys/fs/cgroup/memory.events"]);
        let both = "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
                    35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
                    41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let groups = "8:pids:/\n4:cpuset,memory:/job/7\n1:name=systemd:/\n0::/\n";
        let places = ["/sys/fs/cgroup/unified/memory.events", "/sys/fs/cgroup/memory/job/7/memory.oom_control"];
        assert_eq!(found(groups, both), places);
        // A container without a namespace of groups, where its own is mounted as the root.
        let inner = "35 31 0:32 /docker/5 /sys/fs/cgroup/memory ro master:9 - cgroup cgroup rw,memory\n";
        assert_eq!(found("4:memory:/docker/5\n", inner), ["/sys/fs/cgroup/memory/memory.oom_control"]);
        assert_eq!(found("4:memory:/docker/5/x\n", inner), ["/sys/fs/cgroup/memory/x/memory.oom_control"]);
        assert_eq!(found("4:memory:/docker/55\n", inner), ["/sys/fs/cgroup/memory/memory.oom_control"]);
    }

    #[test]
    fn what_does_not_parse_is_no_group() {
        for text in ["", "\n", "0\n", "4:memory\n", "0::", "a b c - d\n", " - cgroup2 \n", "1 2 3 / - cgroup2 x y\n"] {
            for mounts in ["", "\n", "a b c - cgroup2 d\n", " - \n", "1 2 3 / - cgroup2 x y\n", text] {
                assert_eq!(found(text, mounts), [""; 0], "{text:?} {mounts:?}");
            }
        }
    }

    #[test]
    fn this_system_counts() {
        assert!(oom_kills().is_some());
    }
}
