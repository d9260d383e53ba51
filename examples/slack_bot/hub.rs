//! A hub of the example's own: in this process, on a free port, with its data in a temporary folder.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use opshub::config::{Config, LoadOptions};
use opshub::logs::Tap;

/// How long the hub may take to start.
const START: Duration = Duration::from_secs(30);

/// Starts a hub that takes `user` for an operator and tells the stand-in at `slack` of what is proposed.
///
/// # Errors
/// Why it did not start.
pub(crate) async fn start(
    folder: &Path,
    secret: &str,
    user: &str,
    slack: SocketAddr,
) -> Result<String, String> {
    let yaml = format!(
        "slack:\n  response_hosts: [\"http://{slack}\"]\n  users: {{ {user}: {{ role: operator, name: ana }}, U0VIEWER: viewer }}\n\
         notify:\n  - {{ id: chat, format: slack, url: \"http://{slack}/webhook\", events: [state_change] }}\n"
    );
    let file = folder.join("opshub.yaml");
    std::fs::write(&file, yaml).map_err(|error| error.to_string())?;
    let port = free_port().map_err(|error| error.to_string())?;
    let options = LoadOptions {
        config: Some(file),
        env: vec![("OPSHUB_SLACK__SIGNING_SECRET".to_owned(), secret.to_owned())],
        data_dir: Some(folder.join("data")),
        port: Some(port),
        workers: Some(1),
        ..LoadOptions::default()
    };
    let config = Config::load(options).map_err(|error| error.to_string())?;
    std::thread::spawn(move || {
        // The tap is what would take the hub's log lines; here nobody reads them.
        let (_tap, records) = Tap::new();
        let ended = opshub::server::run(config, records);
        eprintln!("the hub has ended: {ended:?}");
        std::process::exit(1);
    });
    let url = format!("http://127.0.0.1:{port}");
    let ready = async {
        while !reqwest::get(format!("{url}/readyz")).await.is_ok_and(|answer| answer.status().is_success()) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(START, ready).await.map_err(|_| "the hub did not start in time".to_owned())?;
    Ok(url)
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
