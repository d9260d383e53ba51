//! The real binary as a child process: always with an end, never with settings from outside.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

/// A command for the binary under test, in `dir`, free of the settings of whoever runs the tests.
pub fn opshub(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_opshub"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let ours = [
            "SECRET_KEY",
            "HOST",
            "PORT",
            "DATABASE_URL",
            "CORS_ORIGINS",
            "RUST_LOG",
            "NO_COLOR",
            "CLICOLOR_FORCE",
        ];
        if text.starts_with("OPSHUB_") || ours.contains(&text.as_ref()) {
            command.env_remove(&name);
        }
    }
    command.current_dir(dir).stdin(Stdio::null());
    command
}

/// What a finished command line said.
#[derive(Debug)]
pub struct Finished {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs `command` to its end; panics when it has none within a minute.
pub async fn finish(command: Command) -> Finished {
    let shown = format!("{command:?}");
    let mut command = tokio::process::Command::from(command);
    command.kill_on_drop(true);
    let output: Output = match tokio::time::timeout(Duration::from_secs(60), command.output()).await {
        Ok(output) => output.unwrap_or_else(|e| panic!("{shown}: {e}")),
        Err(_) => panic!("no end within a minute: {shown}"),
    };
    Finished {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs the binary with `args` in `dir` to its end.
pub async fn run(dir: &Path, args: &[&str]) -> Finished {
    let mut command = opshub(dir);
    command.args(args);
    finish(command).await
}

/// Sends `signal` (as `TERM`) to the process `pid`.
pub fn signal(pid: u32, signal: &str) {
    let sent = Command::new("sh").args(["-c", &format!("kill -{signal} {pid}")]).status().unwrap();
    assert!(sent.success(), "SIG{signal} did not reach {pid}");
}

/// Memory of the process `pid` in bytes: a field of `/proc/PID/status`, `VmRSS` or its peak `VmHWM`.
pub fn memory(pid: u32, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}
