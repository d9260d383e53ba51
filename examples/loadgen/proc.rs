//! What the kernel knows of a process: CPU time, memory, open files.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::time::Duration;

use crate::error::{Doing, Result};

/// The unit of the times in `/proc/<pid>/stat`; Linux shows hundredths of a second to programs
/// whatever it counts in itself.
const TICK: Duration = Duration::from_millis(10);

/// How far the two clocks may be apart by rounding alone.
const ROUNDING: Duration = Duration::from_millis(30);

/// CPU time used by a process up to some moment, by two clocks.
#[derive(Debug, Clone, Default)]
pub(crate) struct CpuTime {
    /// Exact, for each living thread by its id.
    threads: BTreeMap<u32, Duration>,
    /// In ticks, with the threads that have ended.
    process: Duration,
}

impl CpuTime {
    /// Reads both clocks of a process.
    ///
    /// # Errors
    /// There is no such process, or it is not ours to look at.
    pub(crate) fn of(pid: u32) -> Result<CpuTime> {
        let read = || -> io::Result<CpuTime> {
            let process = parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat"))?)?;
            let mut threads = BTreeMap::new();
            for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
                let entry = entry?;
                let id = entry.file_name().to_str().and_then(|name| name.parse().ok());
                // A thread may end while its siblings are read, and a kernel may lack the clock.
                let clock = fs::read_to_string(entry.path().join("schedstat"));
                if let (Some(id), Ok(clock)) = (id, clock) {
                    threads.insert(id, parse_schedstat(&clock)?);
                }
            }
            Ok(CpuTime { threads, process })
        };
        read().doing(|| format!("could not read the CPU time of process {pid}"))
    }

    /// CPU time used since `earlier`: by the exact clock, unless threads that ended took time with
    /// them that only the coarse one still knows.
    pub(crate) fn since(&self, earlier: &CpuTime) -> Duration {
        let used = |(id, now): (&u32, &Duration)| {
            now.saturating_sub(earlier.threads.get(id).copied().unwrap_or_default())
        };
        let exact: Duration = self.threads.iter().map(used).sum();
        let coarse = self.process.saturating_sub(earlier.process);
        if coarse > exact + ROUNDING { coarse } else { exact }
    }
}

/// Memory of a process, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) resident: u64,
    /// The most that was ever resident.
    pub(crate) peak: u64,
}

impl Memory {
    /// Reads the memory of a process.
    ///
    /// # Errors
    /// There is no such process.
    pub(crate) fn of(pid: u32) -> Result<Memory> {
        let status = fs::read_to_string(format!("/proc/{pid}/status"));
        status
            .and_then(|text| parse_status(&text))
            .doing(|| format!("could not read the memory of process {pid}"))
    }
}

/// How many files and sockets a process has open.
///
/// # Errors
/// There is no such process, or it is not ours to look at.
pub(crate) fn open_files(pid: u32) -> Result<u64> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd"));
    let count = entries.map(|entries| entries.count() as u64);
    count.doing(|| format!("could not count the open files of process {pid}"))
}

/// Raises the soft limit of open files to the hard one, and checks that `files` fit.
///
/// # Errors
/// Even the hard limit is lower.
pub(crate) fn allow_open_files(files: usize) -> Result<()> {
    let limit =
        rlimit::increase_nofile_limit(u64::MAX).doing(|| "could not raise the limit of open files".into())?;
    if limit >= files as u64 {
        return Ok(());
    }
    let few = format!("{files} open files are needed, the hard limit is {limit} (see ulimit -Hn)");
    Err(crate::error::Error::Unmet(few))
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("cannot read {what}"))
}

/// User and system time of `/proc/<pid>/stat`. The name before them may contain anything, so the
/// fields are counted from its closing parenthesis.
fn parse_stat(text: &str) -> io::Result<Duration> {
    let fields = text.rsplit_once(')').map(|(_, rest)| rest.split_ascii_whitespace());
    let mut times = fields.ok_or_else(|| invalid("stat"))?.skip(11).map(str::parse::<u32>);
    match (times.next(), times.next()) {
        (Some(Ok(user)), Some(Ok(system))) => Ok(TICK * user + TICK * system),
        _ => Err(invalid("stat")),
    }
}

/// The first field of `/proc/<pid>/task/<tid>/schedstat`: nanoseconds on a CPU.
fn parse_schedstat(text: &str) -> io::Result<Duration> {
    let nanos = text.split_ascii_whitespace().next().and_then(|field| field.parse().ok());
    nanos.map(Duration::from_nanos).ok_or_else(|| invalid("schedstat"))
}

fn parse_status(text: &str) -> io::Result<Memory> {
    let kib = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|rest| rest.trim().strip_suffix(" kB"));
        number.and_then(|number| number.trim().parse::<u64>().ok()).ok_or_else(|| invalid(name))
    };
    Ok(Memory { resident: kib("VmRSS:")? * 1024, peak: kib("VmHWM:")? * 1024 })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn a_process_name_with_parentheses_and_spaces_does_not_shift_the_times() {
        let text = "42 (op) s (hub) S 1 2 3 4 5 6 7 8 9 10 123 45 0 0 20 0 3 0 99";
        assert_eq!(parse_stat(text).unwrap(), Duration::from_millis(1680));
        assert!(parse_stat("42 (opshub) S 1").is_err());
    }

    #[test]
    fn memory_is_read_in_bytes() {
        let text = "Name:\topshub\nVmHWM:\t   2048 kB\nVmRSS:\t   1024 kB\n";
        let memory = parse_status(text).unwrap();
        assert_eq!(memory, Memory { resident: 1 << 20, peak: 2 << 20 });
        assert!(parse_status("Name:\tkthread\n").is_err());
    }

    #[test]
    fn threads_that_ended_are_counted_by_the_coarse_clock() {
        let millis = Duration::from_millis;
        let before = CpuTime { threads: [(1, millis(100)), (2, millis(500))].into(), process: millis(600) };
        let after = CpuTime { threads: [(1, millis(150))].into(), process: millis(1_000) };
        assert_eq!(after.since(&before), millis(400));
        let exact = CpuTime {
            threads: [(1, millis(103)), (2, millis(501)), (3, millis(1))].into(),
            process: millis(600),
        };
        assert_eq!(exact.since(&before), millis(5));
    }

    #[test]
    fn this_process_can_be_read() {
        let pid = std::process::id();
        let before = CpuTime::of(pid).unwrap();
        // Ends only if this thread's own work shows.
        while CpuTime::of(pid).unwrap().since(&before) < Duration::from_millis(5) {
            std::hint::black_box((0..10_000u64).map(std::hint::black_box).sum::<u64>());
        }
        assert!(Memory::of(pid).unwrap().resident > 0);
        assert!(open_files(pid).unwrap() > 0);
    }
}
