//! `opshub watch`: every frame as it happens, until Ctrl-C.

use serde_json::Value;

use super::args::WatchArgs;
use super::client::Client;
use super::describe::describe;
use super::failure::Failure;
use super::feed::{Feed, Happened};
use super::output::{Output, note};

/// Prints frames until the hub refuses or the output is closed.
pub(super) async fn watch(client: Client, args: &WatchArgs, out: &mut Output) -> Result<(), Failure> {
    let base = client.base().to_owned();
    let mut feed = Feed::new(client, &args.topics, args.epoch.clone().zip(args.since));
    loop {
        let resumed = feed.position().map(|(_, seq)| *seq);
        match feed.next().await? {
            Happened::Lost { cause, pause } => {
                note(&format!(
                    "lost the hub at {base}: {cause}; trying again in {:.1} s",
                    pause.as_secs_f64()
                ));
            }
            Happened::Frame { text, value } => {
                if let Some(status) = status(&value, &base, resumed) {
                    note(&status);
                }
                if args.json {
                    out.line(&text)?;
                } else {
                    for line in describe(&value) {
                        let line = line.render(out);
                        out.line(line)?;
                    }
                }
            }
        }
    }
}

/// What a frame says about the connection itself; `resumed` is the seq that it continues from.
pub(super) fn status(frame: &Value, base: &str, resumed: Option<u64>) -> Option<String> {
    let data = &frame["data"];
    match frame["type"].as_str()? {
        "connected" => Some(match (data["recovered"].as_bool(), resumed) {
            (Some(true), Some(seq)) => {
                format!("connected to {base}, resuming after #{seq}, nothing is missed")
            }
            (_, Some(_)) => {
                format!("connected to {base}, what was missed is no longer kept: here is the state")
            }
            (_, None) => {
                format!("connected to {base}, at #{} of epoch {}", data["seq"], data["epoch"].as_str()?)
            }
        }),
        "closing" => {
            Some(format!("the hub closes: {}", data["reason"].as_str().unwrap_or("no reason given")))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_connection_says_whether_something_was_missed() {
        let frame = |recovered: bool| json!({"type": "connected", "data": {"epoch": "e1", "seq": 9, "recovered": recovered}});
        let told = |recovered, resumed| status(&frame(recovered), "http://h", resumed);
        assert_eq!(told(false, None).as_deref(), Some("connected to http://h, at #9 of epoch e1"));
        assert_eq!(
            told(true, Some(4)).as_deref(),
            Some("connected to http://h, resuming after #4, nothing is missed")
        );
        let anew = "connected to http://h, what was missed is no longer kept: here is the state";
        assert_eq!(told(false, Some(4)).as_deref(), Some(anew));
    }

    #[test]
    fn other_frames_say_nothing_about_the_connection() {
        assert_eq!(status(&json!({"type": "state_change", "data": {}}), "http://h", None), None);
    }
}
