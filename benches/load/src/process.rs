//! What the kernel tells of a process.

use std::{fs, io, time::Duration};

/// Units that the kernel counts CPU time in, a second. Not to be changed by anybody on Linux.
const TICKS: u64 = 100;

/// A process on this machine.
#[derive(Clone, Copy, Debug)]
pub struct Process(pub u32);

/// The memory of a process, KiB.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub struct Memory {
    /// Resident.
    pub rss_kib: u64,
    /// Of that, what is its own: heap and stacks.
    pub anonymous_kib: u64,
    /// Of that, files: mostly the program itself.
    pub file_kib: u64,
    /// The most that was resident.
    pub peak_kib: u64,
    /// Threads.
    pub threads: u64,
}

impl Process {
    /// CPU time used so far.
    pub fn cpu(self) -> io::Result<Duration> {
        let stat = Stat::of(self.0)?;
        Ok(time(stat.own))
    }

    /// CPU time used so far by the process and its children, those that ended among them.
    pub fn cpu_with_children(self) -> io::Result<Duration> {
        let own = Stat::of(self.0)?;
        let mut ticks = own.own + own.ended_children;
        for entry in fs::read_dir("/proc")?.flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            // One that has ended meanwhile is no error.
            if let Ok(stat) = Stat::of(pid)
                && stat.parent == self.0
            {
                ticks += stat.own + stat.ended_children;
            }
        }
        Ok(time(ticks))
    }

    /// What is resident now.
    pub fn memory(self) -> io::Result<Memory> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0))?;
        let value = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
        };
        Ok(Memory {
            rss_kib: value("VmRSS"),
            anonymous_kib: value("RssAnon"),
            file_kib: value("RssFile"),
            peak_kib: value("VmHWM"),
            threads: value("Threads"),
        })
    }

    /// Lets the peak start again from what is resident now.
    pub fn forget_peak(self) -> io::Result<()> {
        fs::write(format!("/proc/{}/clear_refs", self.0), "5")
    }
}

/// What is used here of `/proc/PID/stat`.
struct Stat {
    parent: u32,
    own: u64,
    ended_children: u64,
}

impl Stat {
    fn of(pid: u32) -> io::Result<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        Self::parse(&text).ok_or_else(|| io::Error::other(format!("/proc/{pid}/stat: {text}")))
    }

    /// The second field is the program's name in brackets, and may have spaces and brackets in it.
    fn parse(text: &str) -> Option<Self> {
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        // The first of these is the third of the line.
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        Some(Self {
            parent: fields.get(1)?.parse().ok()?,
            own: number(14)? + number(15)?,
            ended_children: number(16)? + number(17)?,
        })
    }
}

fn time(ticks: u64) -> Duration {
    Duration::from_millis(ticks * 1000 / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_stat_is_read() {
        let line = "42 (a (b) c) S 7 42 42 0 -1 4194560 100 0 0 0 11 22 33 44 20 0 1 0 9 1 1";
        let stat = Stat::parse(line).unwrap();
        assert_eq!((stat.parent, stat.own, stat.ended_children), (7, 33, 77));
    }

    #[test]
    fn this_process_is_known() {
        let own = Process(std::process::id());
        let memory = own.memory().unwrap();
        assert!(memory.rss_kib > 0 && memory.peak_kib >= memory.anonymous_kib);
        assert!(memory.threads >= 1);
        // In this order: both only grow.
        let alone = own.cpu().unwrap();
        assert!(own.cpu_with_children().unwrap() >= alone);
    }
}
