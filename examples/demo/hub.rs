//! The hub, as a feeder talks to it: over HTTP, sure that nothing is done twice or on old grounds.

use std::fmt;
use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::step::{Step, id};

const TIMEOUT: Duration = Duration::from_secs(10);

/// The state, and the tag that names it.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) state: Value,
    tag: Option<String>,
}

/// A step on its way: its key stays the same however often it is sent.
#[derive(Debug)]
pub(crate) struct Sending<'a> {
    step: &'a Step,
    key: String,
    /// The state that the step rests on, where it matters.
    tag: Option<&'a str>,
}

impl<'a> Sending<'a> {
    /// A step that holds whatever the state is.
    pub(crate) fn new(step: &'a Step) -> Sending<'a> {
        Sending { step, key: uuid::Uuid::new_v4().to_string(), tag: None }
    }

    /// A step that holds only as long as the state is what was seen.
    pub(crate) fn resting_on(step: &'a Step, seen: &'a Seen) -> Sending<'a> {
        // What is said or reported adds to the state; an item that is written whole replaces it.
        let replaces = matches!(step, Step::Put(..) | Step::Delete(..));
        Sending { tag: seen.tag.as_deref().filter(|_| replaces), ..Sending::new(step) }
    }
}

/// Why the hub did not do what it was asked.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// It may work later: no answer, or one that says so.
    Away(String),
    /// The state has changed since it was seen.
    Stale,
    /// It will never work.
    Refused(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Away(cause) => write!(f, "the hub is away: {cause}"),
            Trouble::Stale => write!(f, "the state has changed since"),
            Trouble::Refused(message) => write!(f, "the hub refused: {message}"),
        }
    }
}

/// The way to a hub.
pub(crate) struct Hub {
    http: reqwest::Client,
    base: String,
}

impl Hub {
    /// The way to the hub at `base`.
    ///
    /// # Errors
    /// When there can be no HTTP client.
    pub(crate) fn new(base: &str) -> reqwest::Result<Hub> {
        let http = reqwest::Client::builder().timeout(TIMEOUT).build()?;
        Ok(Hub { http, base: base.trim_end_matches('/').to_owned() })
    }

    /// Reads the state.
    ///
    /// # Errors
    /// [`Trouble::Refused`] also where something else than a hub answers.
    pub(crate) async fn look(&self) -> Result<Seen, Trouble> {
        let answer = answered(self.request(Method::GET, "/api/state")).await?;
        let tag = answer.headers().get("etag").and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        let body: Value = answer.json().await.map_err(|error| broken(&error))?;
        match body.get("state") {
            Some(state) => Ok(Seen { state: state.clone(), tag }),
            None => Err(Trouble::Refused("there is no state; is it an opshub?".to_owned())),
        }
    }

    /// Makes the hub do a step.
    ///
    /// # Errors
    /// Nothing was done where the hub refused; where it is away nobody knows, and the same sending
    /// may be sent again.
    pub(crate) async fn send(&self, sending: &Sending<'_>) -> Result<(), Trouble> {
        let request = match sending.step {
            Step::Put(list, item) => {
                self.request(Method::PUT, &format!("/api/items/{}/{}", list.name(), id(item))).json(item)
            }
            Step::Delete(list, id) => {
                self.request(Method::DELETE, &format!("/api/items/{}/{id}", list.name()))
            }
            Step::Command(command) => {
                self.request(Method::POST, "/api/command").json(&json!({ "command": command }))
            }
            Step::Report(report) => self.request(Method::POST, "/api/system/status").json(report),
            Step::Collect => self.request(Method::POST, "/api/trigger_collection"),
        };
        let request = request.header("idempotency-key", &sending.key);
        let request = match sending.tag {
            Some(tag) => request.header("if-match", tag),
            None => request,
        };
        // Read to the end, so that the connection can be used again.
        answered(request).await?.bytes().await.map_err(|error| broken(&error))?;
        Ok(())
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }
}

async fn answered(request: RequestBuilder) -> Result<Response, Trouble> {
    let answer = request.send().await.map_err(|error| broken(&error))?;
    let status = answer.status().as_u16();
    if answer.status().is_success() {
        return Ok(answer);
    }
    let body: Value = answer.json().await.unwrap_or_default();
    Err(judge(status, &body))
}

/// A URL that is none will never work; everything else may be a hub that is about to come back.
fn broken(error: &reqwest::Error) -> Trouble {
    // The innermost cause says what happened, the outer ones where.
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if error.is_builder() { Trouble::Refused(cause.to_string()) } else { Trouble::Away(cause.to_string()) }
}

fn judge(status: u16, body: &Value) -> Trouble {
    let message = body["error"]["message"].as_str().map_or(format!("HTTP {status}"), str::to_owned);
    match status {
        412 => Trouble::Stale,
        429 | 502..=504 => Trouble::Away(message),
        _ => Trouble::Refused(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::step::List;

    #[test]
    fn only_what_may_work_later_is_tried_again() {
        let said = |message: &str| json!({ "error": { "message": message } });
        assert!(matches!(judge(503, &said("shutting down")), Trouble::Away(why) if why == "shutting down"));
        assert!(matches!(judge(502, &Value::Null), Trouble::Away(_)));
        assert!(
            matches!(judge(400, &said("progress is 150")), Trouble::Refused(why) if why == "progress is 150")
        );
        assert!(matches!(judge(412, &said("it is now 7")), Trouble::Stale));
    }

    #[test]
    fn only_what_replaces_an_item_rests_on_the_state() {
        let seen = Seen { state: Value::Null, tag: Some("\"e-1\"".to_owned()) };
        let rests = |step: Step| Sending::resting_on(&step, &seen).tag.is_some();
        assert!(
            rests(Step::Put(List::Owe, json!({ "id": "C1" }))) && rests(Step::Delete(List::Owe, "C1".into()))
        );
        assert!(!rests(Step::Collect) && !rests(Step::Command("brief".into())));
    }
}
