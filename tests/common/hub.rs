//! A hub of one test: the real binary on a port of its own, with its data in a temporary folder.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use tempfile::TempDir;

use super::{Answer, BOUND, Watcher, process};

/// A running hub; at drop its process is killed by its handle and its folder removed.
pub struct TestHub {
    folder: TempDir,
    settings: Vec<(String, String)>,
    child: Child,
    address: SocketAddr,
    scheme: &'static str,
    stdout: Arc<Mutex<String>>,
    http: reqwest::Client,
}

/// Why a hub did not start.
#[derive(Debug)]
pub struct Refusal {
    pub code: Option<i32>,
    pub stderr: String,
}

struct Started {
    child: Child,
    address: SocketAddr,
    scheme: &'static str,
    stdout: Arc<Mutex<String>>,
}

impl TestHub {
    /// Starts a hub with an empty document and the settings' defaults.
    pub async fn start() -> TestHub {
        TestHub::start_with(&[]).await
    }

    /// Starts a hub with `settings` as environment variables.
    pub async fn start_with(settings: &[(&str, &str)]) -> TestHub {
        TestHub::start_in(folder(), settings).await
    }

    /// Starts a hub on what `folder` holds; its data directory is `data` in it.
    pub async fn start_in(folder: TempDir, settings: &[(&str, &str)]) -> TestHub {
        let settings = own(settings);
        let started = spawn(folder.path(), &settings, 0)
            .await
            .unwrap_or_else(|e| panic!("the hub did not start: {e:?}"));
        let http = reqwest::Client::builder().no_proxy();
        let http = http.timeout(Duration::from_secs(70)).build().unwrap();
        let Started { child, address, scheme, stdout } = started;
        TestHub { folder, settings, child, address, scheme, stdout, http }
    }

    /// Starts a hub that must refuse to: gives its exit code and what it said.
    pub async fn refused_start(folder: &Path, settings: &[(&str, &str)]) -> Refusal {
        match spawn(folder, &own(settings), 0).await {
            Err(refusal) => refusal,
            Ok(mut started) => {
                started.child.kill().unwrap();
                started.child.wait().unwrap();
                panic!("the hub started, it should have refused to")
            }
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The temporary folder; `data` in it is the hub's data directory.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn database(&self) -> PathBuf {
        self.data().join("opshub.db")
    }

    /// What the hub has written to standard output and to its log so far.
    pub fn said(&self) -> String {
        self.stdout.lock().unwrap().clone() + &self.log()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("hub.log")).unwrap()
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    pub fn ws_url(&self, query: &str) -> String {
        format!("ws://{}/ws{query}", self.address)
    }

    /// A request to fill and to hand to [`TestHub::send`].
    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.http.request(Method::from_bytes(method.as_bytes()).unwrap(), self.url(path))
    }

    pub async fn send(&self, request: RequestBuilder) -> Answer {
        Answer::attempt(request).await.unwrap_or_else(|e| panic!("{e:?}; the hub said: {}", self.log()))
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(self.request("POST", path).json(&body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(self.request("PUT", path).json(&body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request("DELETE", path)).await
    }

    /// Changes the state by an RFC 7396 merge patch.
    pub async fn patch(&self, body: Value) -> Answer {
        self.send(self.patch_request("merge", &body)).await
    }

    /// A `PATCH /api/state` of the kind `merge` or `json`.
    pub fn patch_request(&self, kind: &str, body: &Value) -> RequestBuilder {
        let kind = format!("application/{}-patch+json", if kind == "json" { "json" } else { "merge" });
        self.request("PATCH", "/api/state").header("content-type", kind).body(body.to_string())
    }

    pub async fn command(&self, command: &str) -> Answer {
        self.post("/api/command", serde_json::json!({ "command": command })).await
    }

    /// The document as it is now.
    pub async fn state(&self) -> Value {
        self.get("/api/state").await.ok()["state"].clone()
    }

    pub async fn seq(&self) -> u64 {
        self.get("/api/state").await.ok().seq()
    }

    pub async fn epoch(&self) -> String {
        let state = self.get("/api/state").await.ok();
        state["epoch"].as_str().unwrap_or_else(|| panic!("no epoch in {}", state.text)).to_owned()
    }

    /// A watcher of those topics that was told `connected` and has the state.
    pub async fn watch(&self, topics: &[&str]) -> Watcher {
        let mut watcher = self.v1(&format!("?topics={}", topics.join(","))).await;
        watcher.expect("connected").await;
        watcher.expect("state").await;
        watcher
    }

    /// A connection of `opshub.v1` that has read nothing yet.
    pub async fn v1(&self, query: &str) -> Watcher {
        Watcher::open(&self.ws_url(query), Some("opshub.v1")).await
    }

    /// A connection without a subprotocol that has read nothing yet.
    pub async fn plain(&self) -> Watcher {
        Watcher::open(&self.ws_url(""), None).await
    }

    /// Runs the command line against this hub: its address is in the environment.
    pub async fn cli(&self, args: &[&str]) -> process::Finished {
        let mut command = self.cli_command();
        command.args(args);
        process::finish(command).await
    }

    /// The binary with this hub's settings, address and data directory in its environment.
    pub fn cli_command(&self) -> std::process::Command {
        let mut command = process::opshub(self.folder.path());
        command.envs(self.settings.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        command.env("OPSHUB_URL", self.url("")).env("OPSHUB_SERVER__DATA_DIR", self.data());
        command
    }

    /// Ends the process as a crash would: at once, with nothing tidied up.
    pub fn kill9(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts the ended hub again on the same data and a new port.
    pub async fn restart(&mut self) {
        self.start_again(0).await;
    }

    /// Starts the ended hub again on the same data and the same port.
    pub async fn restart_here(&mut self) {
        self.start_again(self.address.port()).await;
    }

    /// Starts the ended hub again with other settings.
    pub async fn restart_with(&mut self, settings: &[(&str, &str)]) {
        self.settings = own(settings);
        self.start_again(0).await;
    }

    async fn start_again(&mut self, port: u16) {
        assert!(self.child.try_wait().unwrap().is_some(), "the hub still runs");
        let started = spawn(self.folder.path(), &self.settings, port).await;
        let started = started.unwrap_or_else(|e| panic!("the hub did not start again: {e:?}"));
        (self.child, self.address, self.scheme) = (started.child, started.address, started.scheme);
        self.stdout = started.stdout;
    }

    /// Asks the process to end, as SIGTERM does.
    pub fn terminate(&self) {
        process::signal(self.pid(), "TERM");
    }

    /// Waits for the process to end; gives its status and how long that took.
    pub async fn exited(&mut self) -> (ExitStatus, Duration) {
        let start = Instant::now();
        while start.elapsed() < 2 * BOUND {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status, start.elapsed());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the hub still runs after {:?}", 2 * BOUND)
    }

    /// Ends the hub by SIGTERM and asserts that it did so as promised.
    pub async fn stop(&mut self) {
        self.terminate();
        let (status, took) = self.exited().await;
        assert_eq!(status.code(), Some(0), "{}", self.log());
        assert!(took < Duration::from_secs(10), "it took {took:?} to end");
    }
}

impl Drop for TestHub {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.folder.path().join("hub.log")).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!("the hub's last lines:\n{}", lines[lines.len().saturating_sub(15)..].join("\n"));
        }
        // It may have ended already: then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A temporary folder for a hub.
pub fn folder() -> TempDir {
    tempfile::Builder::new().prefix("opshub-test-").tempdir().unwrap()
}

fn own(settings: &[(&str, &str)]) -> Vec<(String, String)> {
    settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// Starts the binary and waits until it says where it listens, or ends.
async fn spawn(folder: &Path, settings: &[(String, String)], port: u16) -> Result<Started, Refusal> {
    let log = folder.join("hub.log");
    let before = std::fs::metadata(&log).map_or(0, |m| m.len());
    let stderr = File::options().create(true).append(true).open(&log).unwrap();
    let mut command = process::opshub(folder);
    command.args(["serve", "--port", &port.to_string(), "--data-dir"]).arg(folder.join("data"));
    command.envs(settings.iter().map(|(key, value)| (key, value)));
    let mut child = command.stdout(Stdio::piped()).stderr(stderr).spawn().unwrap();

    let output = BufReader::new(child.stdout.take().unwrap());
    let (found, address) = tokio::sync::oneshot::channel();
    let said = Arc::new(Mutex::new(String::new()));
    let stdout = said.clone();
    // A thread of its own, for the whole life of the process, so that its output never blocks it.
    std::thread::spawn(move || {
        let mut found = Some(found);
        for line in output.lines().map_while(Result::ok) {
            said.lock().unwrap().push_str(&format!("{line}\n"));
            let url = line.split("listening on ").nth(1).and_then(|url| url.split_once("://"));
            let scheme = if url.is_some_and(|(scheme, _)| scheme == "https") { "https" } else { "http" };
            let address = url.and_then(|(_, rest)| rest.split([' ', '/', ',']).next()?.trim().parse().ok());
            // Noted first: whoever waits for this line may ask for it at once.
            said.lock().unwrap().push_str(&(line.clone() + "\n"));
            if let (Some(address), Some(found)) = (address, found.take_if(|_| address.is_some())) {
                let _ = found.send((address, scheme));
            }
        }
    });
    match tokio::time::timeout(2 * BOUND, address).await {
        Ok(Ok((address, scheme))) => Ok(Started { child, address, scheme, stdout }),
        Ok(Err(_)) => {
            let code = child.wait().unwrap().code();
            let text = std::fs::read(&log).unwrap();
            let stderr = String::from_utf8_lossy(&text[before as usize..]).into_owned();
            Err(Refusal { code, stderr })
        }
        Err(_) => {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("the hub said not where it listens; its log: {}", std::fs::read_to_string(&log).unwrap())
        }
    }
}
