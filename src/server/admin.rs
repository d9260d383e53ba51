//! The admin socket: lets who owns the hub's files say who may do what, also where nobody may yet.
//!
//! A request is one line of JSON, and so is its answer. The socket is beside the database, for its owner
//! alone, and asks the operating system who connects.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

use crate::auth::{Access, AdminAnswer, AdminRequest, Principal};
use crate::domain::Error;
use crate::protocol::ErrorObject;
use crate::telemetry::clock;

/// The longest request, in bytes.
const REQUEST_MAX_BYTES: u64 = 16 * 1024;
/// How long a request may take to arrive.
const REQUEST_WAIT: Duration = Duration::from_secs(5);

/// An answer on its way to the command line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// It was done.
    Done(AdminAnswer),
    /// It was not.
    Refused(ErrorObject),
}

/// Where the socket of the hub over the database at `db` is.
pub fn socket_path(db: &Path) -> PathBuf {
    let mut name = db.as_os_str().to_owned();
    name.push(".sock");
    PathBuf::from(name)
}

/// The socket's file, which goes with the hub.
pub(super) struct AdminSocket(PathBuf);

impl Drop for AdminSocket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Answers on the socket from now on, as long as the runtime runs. What cannot be is told in the log: tokens
/// and people can be managed over REST as well.
pub(super) fn listen(db: &Path, access: Arc<Access>) -> Option<AdminSocket> {
    let path = socket_path(db);
    // The lock beside the database is ours, so whoever left this is gone.
    let _ = std::fs::remove_file(&path);
    let bound = UnixListener::bind(&path).and_then(|listener| {
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        Ok(listener)
    });
    match bound {
        Ok(listener) => {
            actix_rt::spawn(accept(listener, access));
            Some(AdminSocket(path))
        }
        Err(error) => {
            log::warn!(
                "`opshub token` and `opshub user` will not reach this hub: {}: {error}",
                path.display()
            );
            None
        }
    }
}

async fn accept(listener: UnixListener, access: Arc<Access>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) if is_owner(&stream) => {
                let access = access.clone();
                actix_rt::spawn(async move {
                    if let Err(error) = serve(stream, &access).await {
                        log::debug!("a request on the admin socket broke off: {error}");
                    }
                });
            }
            Ok(_) => log::warn!("somebody else than the hub's own user connected to the admin socket"),
            Err(error) => {
                log::debug!("the admin socket: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Whether the other side is the hub's own user, or root: between bind and chmod anybody could come.
fn is_owner(stream: &UnixStream) -> bool {
    let own = nix::unistd::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == own || peer.uid() == 0)
}

async fn serve(stream: UnixStream, access: &Access) -> std::io::Result<()> {
    let (reading, mut writing) = stream.into_split();
    let mut line = String::new();
    let mut reader = BufReader::new(reading.take(REQUEST_MAX_BYTES));
    tokio::time::timeout(REQUEST_WAIT, reader.read_line(&mut line)).await??;
    let reply = match serde_json::from_str::<AdminRequest>(&line) {
        Ok(request) => answer(access, request).await,
        Err(error) => refused(&Error::invalid("", format!("no request of this version: {error}"))),
    };
    let mut text = serde_json::to_string(&reply)?;
    text.push('\n');
    writing.write_all(text.as_bytes()).await
}

/// Does what whoever owns the hub's files asks for.
pub async fn answer(access: &Access, request: AdminRequest) -> Reply {
    match access.administer(request, &Principal::local().name, None).await {
        Ok(answer) => Reply::Done(answer),
        Err(error) => refused(&error),
    }
}

fn refused(error: &Error) -> Reply {
    let now = clock::now();
    Reply::Refused(ErrorObject::new(error, String::new(), now))
}
