//! `opshub events`: the event log, and with `--follow` what is added to it.

use serde_json::Value;

use super::args::{EventsArgs, OrderArg};
use super::client::{Call, Client, query};
use super::describe::describe;
use super::failure::Failure;
use super::feed::{Feed, Happened};
use super::output::{Output, note};

/// Lists events, oldest first unless asked otherwise.
pub(super) async fn events(client: Client, args: &EventsArgs, out: &mut Output) -> Result<(), Failure> {
    // Asked before the list, so that what happens meanwhile comes from the feed instead of getting lost.
    let epoch = if args.follow { Some(epoch(&client).await?) } else { None };
    let newest = args.since.is_none() && args.order.is_none();
    let order = match args.order {
        Some(OrderArg::Desc) => "desc",
        Some(OrderArg::Asc) => "asc",
        None if newest => "desc",
        None => "asc",
    };
    let mut since = args.since;
    loop {
        let answer = client.send(&Call::get(path(args, since, order))).await?;
        let mut events = answer.body["events"].as_array().cloned().unwrap_or_default();
        if newest {
            events.reverse();
        }
        for event in &events {
            print(event, args, out)?;
        }
        let last = answer.body["last_seq"].as_u64();
        since = events.last().and_then(|event| event["seq"].as_u64()).max(since);
        // Following begins where the log ends, so that a long list is read to its end first. The hub tells
        // whether that is reached: a page of large events ends before its limit.
        let more = args.follow && !newest && answer.body["next"].is_u64();
        if !more {
            return match epoch {
                Some(epoch) => follow(client, args, (epoch, last.max(since).unwrap_or(0)), out).await,
                None => Ok(()),
            };
        }
    }
}

async fn follow(
    client: Client,
    args: &EventsArgs,
    from: (String, u64),
    out: &mut Output,
) -> Result<(), Failure> {
    let mut feed = Feed::new(client, &[], Some(from));
    loop {
        match feed.next().await? {
            Happened::Lost { cause, pause } => {
                note(&format!("lost the hub: {cause}; trying again in {:.1} s", pause.as_secs_f64()));
            }
            Happened::Frame { value, .. } => match value["type"].as_str() {
                Some("state") => note("some events were missed: they are no longer kept"),
                Some(_) if value["seq"].is_u64() && wanted(&value, args) => print(&value, args, out)?,
                _ => {}
            },
        }
    }
}

/// The hub's epoch, from the tag of its cheapest answer.
async fn epoch(client: &Client) -> Result<String, Failure> {
    let answer = client.send(&Call::get("/api/system/status")).await?;
    let epoch = answer.tag.as_deref().and_then(|tag| tag.rsplit_once('-')).map(|(epoch, _)| epoch.to_owned());
    epoch.ok_or_else(|| {
        Failure::NotReached(format!("{} does not tell its epoch; is it an opshub?", client.base()))
    })
}

fn path(args: &EventsArgs, since: Option<u64>, order: &str) -> String {
    let number = |number: Option<u64>| number.map(|number| number.to_string());
    let fixed = [
        ("since", number(since)),
        ("before", number(args.before)),
        ("limit", Some(args.limit.to_string())),
        ("order", Some(order.to_owned())),
        ("actor", args.actor.clone()),
    ];
    let types = args.types.iter().map(|kind| ("type", Some(kind.clone())));
    format!("/api/events{}", query(fixed.into_iter().chain(types)))
}

/// Live frames are not filtered by the hub as its list is.
fn wanted(event: &Value, args: &EventsArgs) -> bool {
    let kind = args.types.is_empty() || args.types.iter().any(|kind| event["type"] == kind.as_str());
    let actor = args.actor.as_ref().is_none_or(|actor| event["actor"] == actor.as_str());
    kind && actor
}

fn print(event: &Value, args: &EventsArgs, out: &mut Output) -> Result<(), Failure> {
    if args.json {
        return out.line(event.to_string());
    }
    for line in describe(event) {
        let line = line.render(out);
        out.line(line)?;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::*;
    use crate::cli::args::{Cli, Command};

    fn args(line: &str) -> EventsArgs {
        match Cli::try_parse_from(line.split_whitespace()).unwrap().command {
            Some(Command::Events(args)) => args,
            _ => panic!("another command"),
        }
    }

    #[test]
    fn every_filter_reaches_the_hub() {
        let args = args("opshub events --since 4 --before 9 --limit 2 --type a,b --actor cli");
        let expected = "/api/events?since=4&before=9&limit=2&order=asc&actor=cli&type=a&type=b";
        assert_eq!(path(&args, args.since, "asc"), expected);
    }

    #[test]
    fn live_events_are_filtered_as_the_list_is() {
        let args = args("opshub events --follow --type a --actor cli");
        assert!(wanted(&json!({"type": "a", "actor": "cli"}), &args));
        assert!(!wanted(&json!({"type": "b", "actor": "cli"}), &args));
        assert!(!wanted(&json!({"type": "a", "actor": "slack"}), &args));
    }
}
