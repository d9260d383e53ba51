//! What a recovery does: runs a command or calls a webhook, once, within its time-out.

use std::rc::Rc;
use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use super::connect::Progress;
use super::definition::RecoverySpec;
use super::probe_spec::{ms, parse_url};
use super::process::Program;
use super::result::bounded;
use super::secret::resolve_all;
use super::toolkit::{HttpClient, Toolkit};
use crate::domain::{GatewayId, GatewayStatus, Timestamp};

/// How long a command has to end by itself after its time-out, before it is killed.
pub const GRACE: Duration = Duration::from_secs(2);

/// What an action is told: a webhook as its JSON body, a command as variables.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ActionRequest {
    /// The gateway that is down; `OPSHUB_GATEWAY_ID`.
    pub gateway_id: GatewayId,
    /// What it is; `OPSHUB_GATEWAY_TYPE`.
    pub gateway_type: String,
    /// What its results say; `OPSHUB_GATEWAY_STATUS`.
    pub status: GatewayStatus,
    /// Counted from 1; `OPSHUB_ATTEMPT`.
    pub attempt: u32,
    /// What went wrong last; `OPSHUB_ERROR`.
    pub error: Option<String>,
    /// When the attempt began; `OPSHUB_TIMESTAMP`.
    pub timestamp: Timestamp,
}

/// What one gateway's recovery does. Cheap to clone, so that a task can own it.
#[derive(Clone)]
pub struct Action {
    kind: Rc<Kind>,
    timeout: Duration,
}

enum Kind {
    Command(Program),
    Webhook { client: HttpClient, url: String, headers: Vec<(String, String)> },
}

impl Action {
    /// Builds the action of a recovery that was checked.
    ///
    /// # Errors
    /// A variable or file that it names cannot be read, or TLS has no certificate authorities.
    pub fn new(spec: &RecoverySpec, toolkit: &Toolkit) -> Result<Action, String> {
        let kind = match (&spec.command, &spec.webhook) {
            // What the command starts, such as a service, may outlive it.
            (Some(argv), _) => Kind::Command(Program {
                argv: argv.clone(),
                env: resolve_all(&spec.env)?,
                kill_left_behind: false,
            }),
            (None, Some(webhook)) => {
                let url = webhook.resolve()?;
                parse_url(&url, &["http", "https"]).map_err(|why| format!("the webhook {why}"))?;
                let client = toolkit.http_client(url.starts_with("https:"), true)?;
                Kind::Webhook { client, url, headers: resolve_all(&spec.headers)? }
            }
            (None, None) => return Err("there is neither a command nor a webhook".to_owned()),
        };
        Ok(Action { kind: Rc::new(kind), timeout: ms(spec.timeout_ms) })
    }

    /// Does it once. Dropping this future kills the command, or closes the connection.
    ///
    /// # Errors
    /// Says why it failed: the command's exit code and last line, or the webhook's status.
    pub async fn run(&self, request: &ActionRequest) -> Result<Option<String>, String> {
        let late = || format!("it did not end within {} ms", self.timeout.as_millis());
        match &*self.kind {
            Kind::Command(program) => {
                let mut program = program.clone();
                program.env.extend(variables(request));
                let ended = program.run_limited(self.timeout, GRACE).await;
                let ended = ended.map_err(|error| format!("cannot run {}: {error}", program.argv[0]))?;
                ended.ok_or_else(late)?.success()
            }
            Kind::Webhook { client, url, headers } => {
                let call = post(client, url, headers, request);
                tokio::time::timeout(self.timeout, call).await.map_err(|_| late())?
            }
        }
    }
}

async fn post(
    client: &HttpClient,
    url: &str,
    headers: &[(String, String)],
    body: &ActionRequest,
) -> Result<Option<String>, String> {
    let mut request = client.begin(Rc::new(Progress::default())).post(url).force_close();
    for (name, value) in headers {
        request = request.insert_header((name.as_str(), value.as_str()));
    }
    let response = request.send_json(body).await.map_err(|error| client.failure(&error).message)?;
    let status = response.status();
    let said = format!("status {}", status.as_u16());
    if status.is_success() { Ok(Some(said)) } else { Err(said) }
}

fn variables(request: &ActionRequest) -> Vec<(String, String)> {
    let error = request.error.as_deref().map(bounded).unwrap_or_default();
    [
        ("OPSHUB_GATEWAY_ID", request.gateway_id.to_string()),
        ("OPSHUB_GATEWAY_TYPE", request.gateway_type.clone()),
        ("OPSHUB_GATEWAY_STATUS", request.status.to_string()),
        ("OPSHUB_ATTEMPT", request.attempt.to_string()),
        ("OPSHUB_ERROR", error),
        ("OPSHUB_TIMESTAMP", request.timestamp.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}
