//! A burst of log lines beside state changes: what it costs the changes, the hub's memory, and whether every line
//! is delivered or counted.
//!
//! ```sh
//! opshub --data-dir burst-data &
//! cargo run --release --example log_burst -- http://127.0.0.1:8000 1000000 "$!"
//! ```
//!
//! Changes go on at a steady pace, each timed from its request to its frame on another connection, before the burst
//! and during it. Prints one line of JSON; exits with 1 where a line is unaccounted for.
#![allow(clippy::print_stdout, reason = "an example prints its figures")]

use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

type Failed = Box<dyn Error + Send + Sync>;
type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Lines of one body; 1.2 MB of NDJSON.
const BODY_LINES: u64 = 10_000;
/// Between two changes.
const CHANGE_EVERY: Duration = Duration::from_millis(10);
/// Changes before the burst.
const CHANGES_BEFORE: usize = 500;

/// What of a frame counts here.
#[derive(Deserialize)]
struct Frame {
    r#type: String,
    seq: Option<u64>,
    #[serde(default)]
    data: Data,
}

#[derive(Default, Deserialize)]
struct Data {
    #[serde(default)]
    lines: Vec<serde::de::IgnoredAny>,
    #[serde(default)]
    dropped: u64,
}

#[tokio::main]
async fn main() -> Result<ExitCode, Failed> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let usage = "usage: log_burst http://HOST:PORT LINES [PID]";
    let base = args.first().ok_or(usage)?.trim_end_matches('/').to_owned();
    let lines = args.get(1).ok_or(usage)?.parse::<u64>()?.next_multiple_of(BODY_LINES);
    let memory = |field| args.get(2).and_then(|pid| memory(pid, field));

    let mut changes = Changes::open(&base).await?;
    let before = changes.measure(|timed| timed >= CHANGES_BEFORE).await?;
    let (rss_before, logs) = (memory("VmRSS"), connect(&base, "?topics=logs&log_source=burst").await?);
    let reader = tokio::spawn(count_lines(logs, lines));
    let began = Instant::now();
    let posting = tokio::spawn(post(base, lines));
    let during = changes.measure(|_| posting.is_finished()).await?;
    posting.await??;
    let elapsed = began.elapsed();
    let (delivered, dropped, frames) = reader.await??;
    let sound = delivered + dropped == lines;
    println!(
        "{}",
        json!({
            "lines": lines, "seconds": elapsed.as_secs_f64(), "delivered": delivered, "dropped": dropped,
            "frames": frames, "sound": sound, "change_ms_before": before, "change_ms_during": during,
            "rss_before": rss_before, "rss_after": memory("VmRSS"), "rss_peak": memory("VmHWM"),
        })
    );
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn connect(base: &str, query: &str) -> Result<Socket, Failed> {
    let mut request = format!("{}/ws{query}", base.replacen("http", "ws", 1)).into_client_request()?;
    request.headers_mut().insert("sec-websocket-protocol", "opshub.v1".parse()?);
    let mut socket = tokio_tungstenite::connect_async_with_config(request, None, true).await?.0;
    // `connected` and `state`: from here on everything is live.
    for _ in 0..2 {
        next(&mut socket).await?;
    }
    Ok(socket)
}

async fn next(socket: &mut Socket) -> Result<Frame, Failed> {
    loop {
        match socket.next().await.ok_or("the hub closed the connection")?? {
            Message::Text(text) => return Ok(serde_json::from_str(&text)?),
            Message::Close(reason) => return Err(format!("closed: {reason:?}").into()),
            _ => {}
        }
    }
}

/// Posts as fast as the hub takes them.
async fn post(base: String, lines: u64) -> Result<(), Failed> {
    let line = |n| {
        let level = if n % 1_000 == 0 { "ERROR" } else { "INFO" };
        format!(
            "{{\"level\":\"{level}\",\"source\":\"burst.a\",\"message\":\"mail {n} was read, with nothing to do in it\",\"metadata\":{{\"n\":{n}}}}}\n"
        )
    };
    let body: String = (0..BODY_LINES).map(line).collect();
    let http = reqwest::Client::builder().no_proxy().build()?;
    for _ in 0..lines / BODY_LINES {
        let request = http.post(format!("{base}/api/logs")).header("content-type", "application/x-ndjson");
        let answer = request.body(body.clone()).send().await?;
        if !answer.status().is_success() {
            return Err(answer.text().await?.into());
        }
    }
    Ok(())
}

/// Reads until all lines are accounted for, or nothing comes any more.
async fn count_lines(mut socket: Socket, lines: u64) -> Result<(u64, u64, u64), Failed> {
    let (mut delivered, mut dropped, mut frames) = (0, 0, 0);
    while delivered + dropped < lines {
        let Ok(frame) = tokio::time::timeout(Duration::from_secs(10), next(&mut socket)).await else { break };
        let Frame { r#type, data, .. } = frame?;
        match r#type.as_str() {
            "system_log" => delivered += 1,
            "system_log_batch" => {
                (delivered, dropped) = (delivered + data.lines.len() as u64, dropped + data.dropped)
            }
            _ => continue,
        }
        frames += 1;
    }
    Ok((delivered, dropped, frames))
}

/// Changes one after the other, and the connection on which they arrive.
struct Changes {
    url: String,
    http: reqwest::Client,
    socket: Socket,
    count: usize,
}

impl Changes {
    async fn open(base: &str) -> Result<Changes, Failed> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        let socket = connect(base, "?topics=state").await?;
        Ok(Changes { url: format!("{base}/api/items/owe/burst"), http, socket, count: 0 })
    }

    /// Makes changes until `done`; gives percentiles from request to arrival, in milliseconds.
    async fn measure(&mut self, done: impl Fn(usize) -> bool) -> Result<Value, Failed> {
        let mut took = Vec::new();
        let mut pace = tokio::time::interval(CHANGE_EVERY);
        while !done(took.len()) {
            pace.tick().await;
            self.count += 1;
            let began = Instant::now();
            let request = self.http.put(&self.url).json(&json!({ "id": "burst", "n": self.count })).send();
            let arrival = async {
                loop {
                    let frame = next(&mut self.socket).await?;
                    if frame.r#type == "state_change" && frame.seq.is_some() {
                        return Ok::<_, Failed>(began.elapsed());
                    }
                }
            };
            let (answer, arrived) = tokio::join!(request, arrival);
            answer?.error_for_status()?;
            took.push(arrived?.as_secs_f64() * 1e3);
        }
        took.sort_by(f64::total_cmp);
        let at = |share: f64| took.get(((took.len() - 1) as f64 * share) as usize);
        Ok(json!({ "count": took.len(), "p50": at(0.5), "p90": at(0.9), "p99": at(0.99), "max": at(1.0) }))
    }
}

/// A field of `/proc/PID/status` in bytes.
fn memory(pid: &str, field: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with(field))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1_024)
}
