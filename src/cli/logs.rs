//! `opshub logs`: the recent log lines, and with `--follow` those that come.

use serde_json::Value;

use super::args::LogsArgs;
use super::client::{Call, Client, query};
use super::describe::word;
use super::failure::Failure;
use super::feed::{Feed, Happened};
use super::output::{Output, Tone, clean, cut, note};

/// The longest metadata shown, in characters.
const METADATA_WIDTH: usize = 200;
/// Lines of one page while following: the hub's limit.
const PAGE: u64 = 1_000;

/// Lists lines, oldest first.
pub(super) async fn logs(client: Client, args: &LogsArgs, out: &mut Output) -> Result<(), Failure> {
    let mut last = page(&client, args, args.since, args.limit, out).await?.seen.or(args.since);
    if !args.follow {
        return Ok(());
    }
    let topics = ["logs".to_owned()];
    let mut feed = Feed::new(client.clone(), &topics, None).with_logs(args.level(), args.source.clone());
    loop {
        match feed.next().await? {
            Happened::Lost { cause, pause } => {
                note(&format!("lost the hub: {cause}; trying again in {:.1} s", pause.as_secs_f64()));
            }
            Happened::Frame { value, .. } => match value["type"].as_str() {
                // From here on lines come by themselves: those in between are fetched, and known by their ids.
                Some("connected") => catch_up(&client, args, &mut last, out).await?,
                Some("system_log") => follow(&value["data"], args, &mut last, out)?,
                Some("system_log_batch") => {
                    for line in value["data"]["lines"].as_array().into_iter().flatten() {
                        follow(line, args, &mut last, out)?;
                    }
                    if let Some(dropped @ 1..) = value["data"]["dropped"].as_u64() {
                        note(&format!("{dropped} lines were dropped, there were too many at once"));
                    }
                }
                _ => {}
            },
        }
    }
}

/// What a page told.
struct Page {
    /// The last line of it.
    seen: Option<u64>,
    /// Whether there are more.
    more: bool,
}

async fn page(
    client: &Client,
    args: &LogsArgs,
    since: Option<u64>,
    limit: u64,
    out: &mut Output,
) -> Result<Page, Failure> {
    let answer = client.send(&Call::get(path(args, since, limit))).await?;
    let mut seen = None;
    for line in answer.body["lines"].as_array().into_iter().flatten() {
        print(line, args, out)?;
        seen = line["id"].as_u64();
    }
    Ok(Page { seen, more: answer.body["next"].is_u64() })
}

/// Fetches what came since the last line that was shown.
async fn catch_up(
    client: &Client,
    args: &LogsArgs,
    last: &mut Option<u64>,
    out: &mut Output,
) -> Result<(), Failure> {
    loop {
        // Where nothing was shown yet, everything that is kept is new.
        let page = page(client, args, Some(last.unwrap_or(0)), PAGE, out).await?;
        *last = page.seen.or(*last);
        if !page.more {
            return Ok(());
        }
    }
}

fn follow(line: &Value, args: &LogsArgs, last: &mut Option<u64>, out: &mut Output) -> Result<(), Failure> {
    let id = line["id"].as_u64();
    if id <= *last {
        return Ok(());
    }
    *last = id;
    print(line, args, out)
}

fn path(args: &LogsArgs, since: Option<u64>, limit: u64) -> String {
    let query = query([
        ("level", args.level()),
        ("source", args.source.clone()),
        ("since", since.map(|id| id.to_string())),
        ("limit", Some(limit.to_string())),
    ]);
    format!("/api/logs{query}")
}

fn print(line: &Value, args: &LogsArgs, out: &mut Output) -> Result<(), Failure> {
    let text = if args.json { line.to_string() } else { render(line, out) };
    out.line(text)
}

/// A line for people: time, level, source, message, and what belongs to it.
fn render(line: &Value, out: &Output) -> String {
    let level = word(&line["level"], "INFO");
    let tone = match level.as_str() {
        "ERROR" => Tone::Bad,
        "WARN" => Tone::Warn,
        "DEBUG" => Tone::Dim,
        _ => Tone::Plain,
    };
    let time = line["timestamp"].as_str().and_then(|time| time.get(11..23)).unwrap_or_default();
    let mut text = format!(
        "{} {} {}: {}",
        out.paint(Tone::Dim, &format!("{}Z", clean(time))),
        out.paint(tone, &format!("{level:<5}")),
        word(&line["source"], "?"),
        out.paint(tone, &word(&line["message"], "")),
    );
    let pairs = line["metadata"].as_object().into_iter().flatten().map(|(key, value)| match value {
        Value::String(value) => format!(" {}={}", clean(key), clean(value)),
        value => format!(" {}={}", clean(key), clean(&value.to_string())),
    });
    let pairs: String = pairs.collect();
    text.push_str(&out.paint(Tone::Dim, &cut(&pairs, METADATA_WIDTH)));
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::*;
    use crate::cli::args::{Cli, Command};

    fn args(line: &str) -> LogsArgs {
        match Cli::try_parse_from(line.split_whitespace()).unwrap().command {
            Some(Command::Logs(args)) => args,
            _ => panic!("another command"),
        }
    }

    #[test]
    fn every_filter_reaches_the_hub() {
        let args = args("opshub logs --level warn --source collector. --since 4");
        let expected = "/api/logs?level=WARN&source=collector.&since=4&limit=100";
        assert_eq!(path(&args, args.since, args.limit), expected);
    }

    #[test]
    fn a_line_for_people_has_everything_on_one_line() {
        let line = json!({"id": 3, "timestamp": "2026-01-31T12:00:01.250Z", "level": "WARN", "source": "a.b",
            "message": "slow\u{1b}[2J", "metadata": {"n": 3, "who": "x\ny"}});
        assert_eq!(render(&line, &Output::sink()), "12:00:01.250Z WARN  a.b: slow [2J n=3 who=x y");
    }

    #[test]
    fn a_line_is_shown_once() {
        let (args, mut last, out) = (args("opshub logs --follow"), Some(7), &mut Output::sink());
        follow(&json!({"id": 7}), &args, &mut last, out).unwrap();
        assert_eq!(last, Some(7));
        follow(&json!({"id": 9}), &args, &mut last, out).unwrap();
        assert_eq!(last, Some(9));
    }
}
