//! Programs that are run for a probe or a recovery: bounded in time and memory, gone when dropped.

use std::cell::RefCell;
use std::io;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::time::Instant;

/// The variables of the hub's own environment that a program gets. The others may hold secrets.
const HANDED_ON: [&str; 8] = ["PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "SHELL"];
/// How much of the end of each output is kept.
const TAIL_MAX_BYTES: usize = 8 * 1024;
/// How long output is awaited after the program ended, where another process holds its pipe.
const DRAIN: Duration = Duration::from_millis(100);

/// A program to run, without a shell.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) argv: Vec<String>,
    pub(super) env: Vec<(String, String)>,
    /// Whether processes that it leaves behind are killed when it ends by itself.
    pub(super) kill_left_behind: bool,
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    /// None when a signal ended it.
    pub(super) code: Option<i32>,
    pub(super) signal: Option<i32>,
    /// The last line that is not blank, of standard output before standard error.
    pub(super) last_line: Option<String>,
}

/// Kills the whole group when dropped, unless it was let go.
struct Group(Option<Pid>);

impl Group {
    fn signal(&self, signal: Signal) {
        if let Some(leader) = self.0 {
            // A group that is gone already is what was wanted.
            let _ = killpg(leader, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
    }
}

impl Program {
    /// Runs it to its end. When this future is dropped, the program and every process of its group is
    /// killed, and reaped by the runtime.
    ///
    /// # Errors
    /// It could not be started.
    pub(super) async fn run(&self) -> io::Result<Ended> {
        self.run_within(None).await.map(|ended| ended.expect("there is no limit"))
    }

    /// As [`Program::run`], but after `limit` the group is asked to end, and killed after `grace`.
    ///
    /// # Errors
    /// It could not be started.
    pub(super) async fn run_limited(&self, limit: Duration, grace: Duration) -> io::Result<Option<Ended>> {
        self.run_within(Some((limit, grace))).await
    }

    async fn run_within(&self, limit: Option<(Duration, Duration)>) -> io::Result<Option<Ended>> {
        let (program, arguments) = self.argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let own = HANDED_ON.iter().filter_map(|name| Some((*name, std::env::var_os(name)?)));
        let mut child = Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(own)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let leader = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        let mut group = Group(leader);
        let (stdout, stderr) = (RefCell::new(Vec::new()), RefCell::new(Vec::new()));
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let reading = futures_util::future::join(read_tail(out, &stdout), read_tail(err, &stderr));
        tokio::pin!(reading);
        let mut read_all = false;
        let mut deadline = limit.map(|(limit, _)| Instant::now() + limit);
        let mut late = false;
        let status = loop {
            tokio::select! {
                biased;
                status = child.wait() => break status?,
                _ = &mut reading, if !read_all => read_all = true,
                () = until(deadline) => {
                    let Some((_, grace)) = limit.filter(|_| !late) else { return Ok(None) };
                    late = true;
                    group.signal(Signal::SIGTERM);
                    deadline = Some(Instant::now() + grace);
                }
            }
        };
        if self.kill_left_behind || late {
            group.signal(Signal::SIGKILL);
        }
        group.0 = None;
        if late {
            return Ok(None);
        }
        if !read_all {
            let _ = tokio::time::timeout(DRAIN, &mut reading).await;
        }
        let last_line = last_line(&stdout.borrow()).or_else(|| last_line(&stderr.borrow()));
        let signal = std::os::unix::process::ExitStatusExt::signal(&status);
        Ok(Some(Ended { code: status.code(), signal, last_line }))
    }
}

impl Ended {
    /// Returns the last line of a program that exited with 0.
    ///
    /// # Errors
    /// Says how it ended otherwise, with its last line.
    pub(super) fn success(self) -> Result<Option<String>, String> {
        let how = match (self.code, self.signal) {
            (Some(0), _) => return Ok(self.last_line),
            (Some(code), _) => format!("exit code {code}"),
            (None, Some(signal)) => format!("ended by signal {signal}"),
            (None, None) => "ended without an exit code".to_owned(),
        };
        Err(match self.last_line {
            Some(line) => format!("{how}: {line}"),
            None => how,
        })
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

async fn read_tail(from: Option<impl AsyncRead + Unpin>, tail: &RefCell<Vec<u8>>) {
    let Some(mut from) = from else { return };
    let mut piece = vec![0; 4 * 1024];
    while let Ok(count @ 1..) = from.read(&mut piece).await {
        let mut tail = tail.borrow_mut();
        tail.extend_from_slice(&piece[..count]);
        if tail.len() > TAIL_MAX_BYTES {
            let surplus = tail.len() - TAIL_MAX_BYTES;
            tail.drain(..surplus);
        }
    }
}

fn last_line(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty())?;
    Some(super::result::bounded(line))
}
