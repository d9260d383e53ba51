//! The server that is measured: one that runs already, or one that is started for the measurement.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::error::{Doing, Error, Result};
use crate::net;
use crate::proc::{CpuTime, Memory};

/// What a server says on standard output before the address that it listens on.
const LISTENING: &str = "listening on ";

/// How long a server may take to say so.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// How much of its log is shown when it does not.
const LOG_SHOWN_BYTES: usize = 2000;

/// A server to measure, and its process if that is known.
#[derive(Debug)]
pub(crate) struct Target {
    address: SocketAddr,
    pid: Option<u32>,
    /// Ends with the measurement.
    _started: Option<Started>,
}

/// A server of our own: its process, and the folder that it keeps its data in. Both go with it.
#[derive(Debug)]
struct Started {
    child: Child,
    _folder: TempDir,
}

impl Drop for Started {
    fn drop(&mut self) {
        // Its data goes with it, so there is nothing to finish; that it has ended is just as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Target {
    /// A server that runs already. Without its process id, CPU and memory are not reported.
    pub(crate) fn running(address: SocketAddr, pid: Option<u32>) -> Target {
        Target { address, pid, _started: None }
    }

    /// Starts a hub on a free port of 127.0.0.1, with an empty data folder that goes with it.
    ///
    /// Other settings from `OPSHUB_…` variables hold for it, so that they can be compared.
    ///
    /// # Errors
    /// It does not start, or does not say within 30 seconds where it listens.
    pub(crate) fn start_hub(binary: &Path) -> Result<Target> {
        let binary = binary.canonicalize().doing(|| format!("no hub at {}", binary.display()))?;
        let mut command = Command::new(binary);
        command
            .env_remove("DATABASE_URL")
            .env_remove("OPSHUB_STORE__PATH")
            .env("OPSHUB_SERVER__HOST", "127.0.0.1")
            .env("OPSHUB_SERVER__PORT", "0");
        Self::start(command, |command, folder| {
            command.env("OPSHUB_SERVER__DATA_DIR", folder).current_dir(folder);
        })
    }

    /// Starts this program as the yardstick, whose frames have `frame_bytes`.
    ///
    /// # Errors
    /// As [`Target::start_hub`].
    pub(crate) fn start_yardstick(frame_bytes: usize) -> Result<Target> {
        let own = std::env::current_exe().doing(|| "could not find this program".into())?;
        let mut command = Command::new(own);
        command.arg("yardstick-server").arg("--payload").arg(frame_bytes.to_string());
        Self::start(command, |_, _| {})
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// CPU time that the server has used; `None` when its process is not known.
    ///
    /// # Errors
    /// It is gone.
    pub(crate) fn cpu(&self) -> Result<Option<CpuTime>> {
        self.pid.map(CpuTime::of).transpose()
    }

    /// The server's memory; `None` when its process is not known.
    ///
    /// # Errors
    /// It is gone.
    pub(crate) fn memory(&self) -> Result<Option<Memory>> {
        self.pid.map(Memory::of).transpose()
    }

    /// The server's open files; `None` when its process is not known.
    ///
    /// # Errors
    /// It is gone, or not ours to look at.
    pub(crate) fn open_files(&self) -> Result<Option<u64>> {
        self.pid.map(crate::proc::open_files).transpose()
    }

    fn start(mut command: Command, prepare: impl FnOnce(&mut Command, &Path)) -> Result<Target> {
        let folder = TempDir::with_prefix("opshub-loadgen-");
        let folder = folder.doing(|| "could not make a folder for the server".into())?;
        prepare(&mut command, folder.path());
        let log = folder.path().join("stderr.log");
        let sink = File::create(&log).doing(|| format!("could not make {}", log.display()))?;
        // The pipe on its standard input ends with us, which tells the yardstick to end as well.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(sink);
        let child = command.spawn().doing(|| "could not start the server".into())?;
        let mut started = Started { child, _folder: folder };
        let stdout = started.child.stdout.take().expect("standard output is piped");
        match first_address(BufReader::new(stdout)) {
            Some(address) => {
                let pid = Some(started.child.id());
                Ok(Target { address, pid, _started: Some(started) })
            }
            None => {
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                let end = said.len().saturating_sub(LOG_SHOWN_BYTES);
                let end = said.get(end..).unwrap_or(&said);
                let text = format!("the server did not say that it is {LISTENING}an address; {end}");
                Err(Error::Unmet(text.trim_end().into()))
            }
        }
    }
}

/// Waits for the line that names the address. What comes after is read and thrown away, so that
/// the server never waits for us.
fn first_address(output: impl BufRead + Send + 'static) -> Option<SocketAddr> {
    let (found, finding) = mpsc::channel();
    thread::spawn(move || {
        for line in output.lines().map_while(std::result::Result::ok) {
            if let Some(address) = address_in(&line) {
                // Only the first is waited for.
                let _ = found.send(address);
            }
        }
    });
    finding.recv_timeout(START_TIMEOUT).ok()
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once(LISTENING)?;
    let word = rest.split_whitespace().next()?;
    net::parse_loopback(word.trim_end_matches([',', ';', '.'])).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn the_address_is_found_wherever_it_stands_in_the_line() {
        let wanted = Some("127.0.0.1:40123".parse().unwrap());
        assert_eq!(address_in("opshub is listening on http://127.0.0.1:40123"), wanted);
        assert_eq!(address_in("listening on http://127.0.0.1:40123, dashboard at /"), wanted);
        assert_eq!(address_in("listening on http://192.0.2.1:80"), None);
        assert_eq!(address_in("starting"), None);
    }

    #[test]
    fn lines_before_the_address_are_passed_over() {
        let output: &[u8] = b"hello\nlistening on http://127.0.0.1:7\nlistening on http://127.0.0.1:8\n";
        assert_eq!(first_address(output), Some("127.0.0.1:7".parse().unwrap()));
        assert_eq!(first_address(&b"hello\n"[..]), None);
    }
}
