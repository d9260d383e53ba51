//! A dashboard tab in a terminal: the live state, kept true by patches, across lost connections.
//!
//! ```text
//! cargo run --example dashboard_tab -- ws://127.0.0.1:8000/ws
//! ```
//!
//! The whole client is here: connect with `opshub.v1`, take the state once, apply every patch to it,
//! and after a lost connection ask for what came `since` the last seq seen of that `epoch`. The hub
//! then sends exactly the frames that were missed, or, when it no longer has them, the state.

use std::io::Write;
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::Value;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message};

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// The hub pings every 15 s and drops who is silent for 35 s; the same holds the other way round.
const SILENCE: Duration = Duration::from_secs(35);

/// Everything a tab knows.
#[derive(Debug, Default, PartialEq)]
struct Tab {
    /// The epoch of this connection; seqs of another epoch mean something else.
    epoch: String,
    /// The document with the epoch and seq at which it is true.
    view: Option<View>,
}

#[derive(Debug, PartialEq)]
struct View {
    epoch: String,
    seq: u64,
    state: Value,
}

/// What a frame meant for the tab.
#[derive(Debug, PartialEq)]
enum Effect {
    /// The document is another now.
    Redraw,
    Nothing,
    /// A patch did not fit: the tab must ask for the state anew.
    OutOfStep,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let url = std::env::args().nth(1).unwrap_or_else(|| "ws://127.0.0.1:8000/ws".into());
    let mut tab = Tab::default();
    let mut pause = FIRST_PAUSE;
    loop {
        match run(&url, &mut tab, &mut pause).await {
            Ok(()) => eprintln!("the hub closed the connection"),
            Err(error) => eprintln!("lost {url}: {error}"),
        }
        eprintln!("trying again in {} ms", pause.as_millis());
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Lives on one connection until it ends.
async fn run(url: &str, tab: &mut Tab, pause: &mut Duration) -> Result<(), Error> {
    let mut request = tab.resume_url(url).into_client_request()?;
    request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static("opshub.v1"));
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await?;
    loop {
        // Pings are answered by the library as long as the socket is read.
        let message = match tokio::time::timeout(SILENCE, socket.next()).await {
            Ok(Some(message)) => message?,
            Ok(None) | Err(_) => return Ok(()),
        };
        let Message::Text(text) = message else {
            continue;
        };
        let Ok(frame) = serde_json::from_str::<Value>(&text) else {
            continue;
        };
        match tab.take(&frame) {
            Effect::Redraw => {
                *pause = FIRST_PAUSE;
                if draw(tab, &frame).is_err() {
                    return Ok(());
                }
            }
            Effect::Nothing => {}
            Effect::OutOfStep => {
                eprintln!("a patch did not fit, starting over from the state");
                tab.view = None;
                return Ok(());
            }
        }
    }
}

impl Tab {
    /// The address with the place to go on from, once there is one.
    fn resume_url(&self, url: &str) -> String {
        match &self.view {
            Some(view) => format!("{url}?since={}&epoch={}", view.seq, view.epoch),
            None => url.to_owned(),
        }
    }

    /// Takes one frame; types and fields that it does not know are passed over.
    fn take(&mut self, frame: &Value) -> Effect {
        let data = &frame["data"];
        match frame["type"].as_str() {
            Some("connected") => {
                self.epoch = data["epoch"].as_str().unwrap_or_default().to_owned();
                Effect::Nothing
            }
            Some("state") => {
                let (epoch, seq) = (self.epoch.clone(), frame["seq"].as_u64().unwrap_or(0));
                self.view = Some(View { epoch, seq, state: data["state"].clone() });
                Effect::Redraw
            }
            // Every committed change looks alike, whatever its type: a seq, and a patch if it alters something.
            _ => match (&mut self.view, frame["seq"].as_u64()) {
                (Some(view), Some(seq)) => view.apply(seq, &frame["patch"]),
                _ => Effect::Nothing,
            },
        }
    }
}

impl View {
    fn apply(&mut self, seq: u64, patch: &Value) -> Effect {
        if seq <= self.seq {
            return Effect::Nothing;
        }
        if !patch.is_null() {
            let applied = serde_json::from_value::<json_patch::Patch>(patch.clone())
                .is_ok_and(|patch| json_patch::patch(&mut self.state, &patch).is_ok());
            if !applied {
                return Effect::OutOfStep;
            }
        }
        self.seq = seq;
        if patch.is_null() { Effect::Nothing } else { Effect::Redraw }
    }
}

/// Draws the whole truth each time; a real dashboard would touch only what changed.
fn draw(tab: &Tab, cause: &Value) -> std::io::Result<()> {
    let Some(view) = &tab.view else { return Ok(()) };
    let mut out = std::io::stdout().lock();
    let (state, system) = (&view.state, &view.state["system"]);
    writeln!(out, "── #{} {} ──", view.seq, cause["type"].as_str().unwrap_or("?"))?;
    writeln!(out, "system      {} {} %", plain(&system["status"]), system["progress"])?;
    for (heading, pointer) in [
        ("calendar", "/calendar"),
        ("priorities", "/priorities"),
        ("owe", "/commitments/owe"),
        ("owed", "/commitments/owed"),
    ] {
        for item in state.pointer(pointer).and_then(Value::as_array).into_iter().flatten() {
            let (id, title) = (plain(&item["id"]), plain(&item["title"]));
            writeln!(out, "{heading:<11} {id:<8} {:<9} {title}", plain(&item["status"]))?;
        }
    }
    if let Some(brief) = state["active_brief"].as_object() {
        writeln!(out, "brief       {}", brief.get("title").map(plain).unwrap_or_default())?;
    }
    writeln!(out)
}

/// Text from outside, without what could steer the terminal.
fn plain(value: &Value) -> String {
    value.as_str().unwrap_or_default().chars().filter(|character| !character.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tab_at(seq: u64) -> Tab {
        let mut tab = Tab::default();
        tab.take(&json!({"type": "connected", "data": {"epoch": "e1", "seq": seq}}));
        tab.take(&json!({"type": "state", "seq": seq, "data": {"state": {"system": {"progress": 0}}}}));
        tab
    }

    fn progress(seq: u64, value: u64) -> Value {
        json!({"type": "state_change", "seq": seq, "data": {"summary": ""},
            "patch": [{"op": "replace", "path": "/system/progress", "value": value}]})
    }

    #[test]
    fn patches_of_any_type_are_applied_once() {
        let mut tab = tab_at(4);
        assert_eq!(tab.take(&progress(5, 40)), Effect::Redraw);
        assert_eq!(tab.take(&progress(5, 99)), Effect::Nothing);
        let view = tab.view.as_ref().map(|view| (view.seq, view.state["system"]["progress"].clone()));
        assert_eq!(view, Some((5, json!(40))));
    }

    #[test]
    fn a_lost_tab_asks_for_what_it_has_not_seen() {
        assert_eq!(Tab::default().resume_url("ws://h/ws"), "ws://h/ws");
        let mut tab = tab_at(4);
        tab.take(&progress(5, 40));
        assert_eq!(tab.resume_url("ws://h/ws"), "ws://h/ws?since=5&epoch=e1");
        tab.take(&json!({"type": "connected", "data": {"epoch": "e2", "seq": 1}}));
        assert_eq!(tab.resume_url("ws://h/ws"), "ws://h/ws?since=5&epoch=e1");
    }

    #[test]
    fn a_state_in_place_of_missed_changes_replaces_everything() {
        let mut tab = tab_at(4);
        let state = json!({"type": "state", "seq": 9, "data": {"state": {"system": {"progress": 7}}, "reason": "lagging"}});
        assert_eq!(tab.take(&state), Effect::Redraw);
        assert_eq!(tab.take(&progress(8, 1)), Effect::Nothing);
        assert_eq!(tab.resume_url("u"), "u?since=9&epoch=e1");
    }

    #[test]
    fn a_patch_that_does_not_fit_is_noticed() {
        let mut tab = tab_at(4);
        let patch = json!([{"op": "remove", "path": "/nothing/here"}]);
        assert_eq!(tab.take(&json!({"type": "state_change", "seq": 5, "patch": patch})), Effect::OutOfStep);
    }

    #[test]
    fn frames_that_are_not_known_are_passed_over() {
        let mut tab = tab_at(4);
        assert_eq!(tab.take(&json!({"type": "invented_later", "data": {}})), Effect::Nothing);
    }
}
