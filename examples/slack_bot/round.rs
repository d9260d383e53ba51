//! The whole round, step by step; each one says what was done, and what came of it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::slack::{Answer, Slack, now};

/// The priorities that the round is about.
const FIRST: &str = "SLACK-1";
const SECOND: &str = "SLACK-2";
/// How long a message of the hub's is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why the round ended early.
pub(crate) type Trouble = String;

/// Goes through the round as `user`.
///
/// # Errors
/// What was not as it should be.
pub(crate) async fn go(slack: &mut Slack, hub: &str, user: &str) -> Result<(), Trouble> {
    let api = Api { http: reqwest::Client::builder().no_proxy().build().map_err(text)?, hub };
    step("a feeder proposes two priorities");
    api.propose(FIRST, "Renew the certificate").await?;
    let _ = slack.next("/webhook", PATIENCE).await;
    api.propose(SECOND, "Ship the <beta> & tell everybody").await?;
    let since = api.seq().await?;
    let message = match slack.next("/webhook", PATIENCE).await {
        Some(posted) => {
            tell("the webhook brings", &posted.message);
            posted.message
        }
        None => {
            println!("   no webhook: this hub has no sink here, the button is made up");
            let button = json!({ "type": "button", "action_id": "opshub:reject", "value": SECOND });
            json!({ "text": "made up", "blocks": [{ "type": "actions", "block_id": "b", "elements": [button] }] })
        }
    };

    step("/opshub help");
    let help = slack.typed(user, "help");
    tell("at once", &expect(&slack.deliver(&help).await?, 200)?.body);

    step("/opshub status");
    let status = slack.typed(user, "status");
    tell("at once", &expect(&slack.deliver(&status).await?, 200)?.body);

    step(&format!("/opshub approve {FIRST}"));
    let approve = slack.typed(user, &format!("approve {FIRST}"));
    tell("at once", &expect(&slack.deliver(&approve).await?, 200)?.body);

    step("Slack is not sure that this arrived, and delivers it again, twice");
    for _ in 0..2 {
        let again = slack.deliver(&approve).await?;
        tell(if again.replayed { "the stored answer" } else { "A NEW ANSWER" }, &expect(&again, 200)?.body);
        is(again.replayed, "a redelivery must get the stored answer")?;
    }

    step(&format!("somebody presses the button `reject` of {SECOND}"));
    let (block, button) = find(&message, "opshub:reject").ok_or("the message has no such button")?;
    let press = slack.pressed(user, &message, &block, &button);
    expect(&slack.deliver(&press).await?, 200)?;
    let posted = slack.next("/actions", PATIENCE).await.ok_or("nothing came to the response_url")?;
    tell("the message becomes", &posted.message);
    is(posted.message["replace_original"] == true, "the buttons must go")?;

    step("somebody whom the hub does not know tries the same");
    let stranger = slack.typed("U0NOBODY", &format!("approve {SECOND}"));
    tell("only they see", &expect(&slack.deliver(&stranger).await?, 200)?.body);

    step("somebody forges a request, and another one sends a recorded one ten minutes later");
    let forged = slack.typed(user, &format!("approve {SECOND}"));
    refused(&slack.deliver_signed(&forged, now(), "another body").await?)?;
    refused(&slack.deliver_signed(&forged, now().saturating_sub(600), &forged.body).await?)?;

    step("the log has each decision once, with who made it");
    let decided = api.commands(since).await?;
    for (actor, command) in &decided {
        println!("   {actor}: {command}");
    }
    let commands: Vec<&str> = decided.iter().map(|(_, command)| command.as_str()).collect();
    is(
        commands == [format!("approve {FIRST}"), format!("reject {SECOND}")],
        "each decision must be there once",
    )?;
    api.forget(FIRST).await?;
    api.forget(SECOND).await
}

fn step(what: &str) {
    println!("\n-- {what}");
}

/// Prints a message as a terminal can: its blocks' texts, and its buttons in brackets.
fn tell(how: &str, message: &Value) {
    println!("   {how}:");
    let blocks = message["blocks"].as_array().map(Vec::as_slice).unwrap_or_default();
    if blocks.is_empty() {
        println!("   | {}", message["text"].as_str().unwrap_or_default());
    }
    for block in blocks {
        let mut line: Vec<String> = block["text"]["text"].as_str().map(str::to_owned).into_iter().collect();
        let elements = block["elements"].as_array().map(Vec::as_slice).unwrap_or_default();
        for element in elements.iter().chain(block.get("accessory")) {
            match (element["type"].as_str(), element["text"].as_str()) {
                (Some("button"), _) => {
                    line.push(format!("[{}]", element["text"]["text"].as_str().unwrap_or("?")))
                }
                (_, Some(text)) => line.push(text.to_owned()),
                _ => {}
            }
        }
        line.join(" ").lines().for_each(|line| println!("   | {line}"));
    }
}

/// A button with this action, and the block that it is in; of several the last.
fn find(message: &Value, action: &str) -> Option<(Value, Value)> {
    let blocks = message["blocks"].as_array()?.iter().rev();
    blocks.filter(|block| block["type"] == "actions").find_map(|block| {
        let button = block["elements"].as_array()?.iter().find(|button| button["action_id"] == action)?;
        Some((block.clone(), button.clone()))
    })
}

fn expect(answer: &Answer, status: u16) -> Result<&Answer, Trouble> {
    is(answer.status == status, &format!("HTTP {}: {}", answer.status, answer.body))?;
    Ok(answer)
}

fn refused(answer: &Answer) -> Result<(), Trouble> {
    let error = &expect(answer, 401)?.body["error"]["message"];
    println!("   HTTP 401: {}", error.as_str().unwrap_or_default());
    Ok(())
}

fn is(true_: bool, otherwise: &str) -> Result<(), Trouble> {
    if true_ { Ok(()) } else { Err(otherwise.to_owned()) }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// The hub as feeders and dashboards use it.
struct Api<'a> {
    http: reqwest::Client,
    hub: &'a str,
}

impl Api<'_> {
    fn item(&self, id: &str) -> String {
        format!("{}/api/items/priorities/{id}", self.hub.trim_end_matches('/'))
    }

    async fn propose(&self, id: &str, title: &str) -> Result<(), Trouble> {
        let item = json!({ "id": id, "title": title, "status": "proposed" });
        let answer = self.http.put(self.item(id)).json(&item).send().await.map_err(text)?;
        answer.error_for_status().map(drop).map_err(text)
    }

    async fn forget(&self, id: &str) -> Result<(), Trouble> {
        let answer = self.http.delete(self.item(id)).send().await.map_err(text)?;
        answer.error_for_status().map(drop).map_err(text)
    }

    async fn get(&self, path: &str) -> Result<Value, Trouble> {
        let url = format!("{}{path}", self.hub.trim_end_matches('/'));
        self.http.get(url).send().await.map_err(text)?.json().await.map_err(text)
    }

    async fn seq(&self) -> Result<u64, Trouble> {
        self.get("/api/state").await?["seq"].as_u64().ok_or_else(|| "there is no hub".to_owned())
    }

    /// Who said which command about the two priorities since then.
    async fn commands(&self, since: u64) -> Result<Vec<(String, String)>, Trouble> {
        let page = self.get(&format!("/api/events?type=command_executed&since={since}")).await?;
        let events = page["events"].as_array().cloned().unwrap_or_default();
        let field = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let ours = |event: &&Value| [FIRST, SECOND].iter().any(|id| event["data"]["target"] == *id);
        Ok(events
            .iter()
            .filter(ours)
            .map(|event| (field(&event["actor"]), field(&event["data"]["command"])))
            .collect())
    }
}
