//! Presses of buttons, as Slack posts them: the field `payload` of a form, JSON of the type `block_actions`.

use serde::Deserialize;
use serde_json::Value;

use crate::domain::{Command, Error, ItemId};

use super::blocks::command_of;
use super::form::{Form, bad, trigger};
use super::people::UserId;

/// The most characters of a parser's words that are told.
const WHY_MAX_CHARS: usize = 200;

/// Somebody pressed a button.
#[derive(Debug, Clone, PartialEq)]
pub struct Press {
    /// Who.
    pub user: UserId,
    /// Whether they are of another workspace than the app.
    pub guest: bool,
    /// What the button stands for.
    pub command: Command,
    /// The block that the button is in.
    pub block_id: String,
    /// Names this one request.
    pub trigger_id: String,
    /// Where the answer goes, as Slack says.
    pub response_url: Option<String>,
    /// The message that the button is in; none where only its reader sees it.
    pub message: Option<Message>,
}

/// A message as Slack shows it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Message {
    /// What stands where there is no room for blocks.
    #[serde(default)]
    pub text: String,
    /// Its blocks.
    #[serde(default)]
    pub blocks: Vec<Value>,
}

#[derive(Deserialize)]
struct Payload {
    user: User,
    #[serde(default)]
    team: Option<Team>,
    trigger_id: String,
    #[serde(default)]
    response_url: Option<String>,
    #[serde(default)]
    container: Container,
    #[serde(default)]
    message: Option<Message>,
    #[serde(default)]
    actions: Vec<Action>,
}

#[derive(Deserialize)]
struct User {
    id: String,
    #[serde(default)]
    team_id: Option<String>,
}

#[derive(Deserialize)]
struct Team {
    id: String,
}

#[derive(Default, Deserialize)]
struct Container {
    #[serde(default)]
    is_ephemeral: bool,
}

#[derive(Deserialize)]
struct Action {
    action_id: String,
    #[serde(default)]
    block_id: String,
    #[serde(default)]
    value: String,
}

impl Press {
    /// Reads a body.
    ///
    /// # Errors
    /// `invalid_json` or `invalid_value` that says what is wrong with the payload.
    pub fn parse(body: &[u8]) -> Result<Press, Error> {
        let text = Form::parse(body)?.need("payload")?;
        // The type first: payloads of other types have other fields.
        let kind: Kind = read(&text)?;
        if kind.r#type != "block_actions" {
            return Err(bad("payload.type", "must be block_actions"));
        }
        let payload: Payload = read(&text)?;
        let [action] = payload.actions.as_slice() else {
            return Err(bad("payload.actions", "must have exactly one action"));
        };
        let verb = command_of(&action.action_id)
            .ok_or_else(|| bad("payload.actions.action_id", "is none of the hub's buttons"))?;
        let target = ItemId::parse(&action.value)?;
        let guest = match (&payload.user.team_id, &payload.team) {
            (Some(theirs), Some(team)) => *theirs != team.id,
            _ => false,
        };
        Ok(Press {
            user: UserId::parse(&payload.user.id)?,
            guest,
            command: Command::parse(&format!("{verb} {target}"))?,
            block_id: action.block_id.clone(),
            trigger_id: trigger(&payload.trigger_id)?,
            response_url: payload.response_url.filter(|url| !url.is_empty()),
            message: payload.message.filter(|_| !payload.container.is_ephemeral),
        })
    }
}

/// The one field that every payload has.
#[derive(Deserialize)]
struct Kind {
    r#type: String,
}

fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| {
        let message: String = error.to_string().chars().take(WHY_MAX_CHARS).collect();
        match error.classify() {
            serde_json::error::Category::Data => Error::invalid("payload", format!("payload: {message}")),
            _ => Error::InvalidJson { message, line: error.line(), column: error.column() },
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn payload() -> Value {
        json!({
            "type": "block_actions", "api_app_id": "A1", "token": "x",
            "team": { "id": "T1", "domain": "d" },
            "user": { "id": "U2CERLKJA", "username": "roadrunner", "team_id": "T1" },
            "container": { "type": "message", "is_ephemeral": false },
            "trigger_id": "39.47.80",
            "response_url": "https://hooks.slack.com/actions/1",
            "message": { "type": "message", "text": "t", "blocks": [{ "type": "divider", "block_id": "b" }] },
            "actions": [{ "type": "button", "action_id": "opshub:approve", "block_id": "b", "value": "P7", "action_ts": "1" }]
        })
    }

    fn press(payload: &Value) -> Result<Press, Error> {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        Press::parse(form.append_pair("payload", &payload.to_string()).finish().as_bytes())
    }

    fn with(pointer: &str, value: Value) -> Value {
        let mut changed = payload();
        *changed.pointer_mut(pointer).unwrap() = value;
        changed
    }

    #[test]
    fn a_press_is_a_command_of_the_registry() {
        let pressed = press(&payload()).unwrap();
        assert_eq!((pressed.user.as_str(), pressed.guest), ("U2CERLKJA", false));
        assert_eq!(pressed.command.text(), "approve P7");
        assert_eq!((pressed.block_id.as_str(), pressed.trigger_id.as_str()), ("b", "39.47.80"));
        assert_eq!(pressed.message.unwrap().blocks.len(), 1);
    }

    #[test]
    fn who_is_of_another_workspace_is_a_guest() {
        assert!(press(&with("/user/team_id", json!("T2"))).unwrap().guest);
        assert!(!press(&with("/team", Value::Null)).unwrap().guest);
    }

    #[test]
    fn a_message_that_one_person_sees_is_not_kept() {
        assert_eq!(press(&with("/container/is_ephemeral", json!(true))).unwrap().message, None);
    }

    #[test]
    fn what_is_none_of_ours_is_told() {
        for (changed, told) in [
            (with("/type", json!("view_submission")), "payload.type must be block_actions"),
            (with("/actions", json!([])), "payload.actions must have exactly one action"),
            (with("/actions/0/action_id", json!("opshub:refresh")), "none of the hub's buttons"),
            (with("/actions/0/action_id", json!("open")), "none of the hub's buttons"),
            (with("/actions/0/value", json!("")), "id must have 1 to 128 characters"),
            (with("/actions/0/value", json!("P7 P8")), "unexpected \"P8\""),
            (with("/user/id", json!("<!channel>")), "user_id must be"),
            (with("/user", json!(7)), "payload: invalid type"),
            (with("/trigger_id", json!("")), "trigger_id must be"),
            (json!([]), "payload: invalid length"),
        ] {
            let error = press(&changed).unwrap_err();
            assert!(error.to_string().contains(told) && error.spec().0 == 400, "{told}: {error}");
        }
        assert_eq!(Press::parse(b"payload=%7B").unwrap_err().spec().1, "invalid_json");
        assert_eq!(Press::parse(b"").unwrap_err().to_string(), "payload is missing");
        let deep = format!("payload={}", "[".repeat(10_000));
        assert_eq!(Press::parse(deep.as_bytes()).unwrap_err().spec().0, 400);
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(body in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = Press::parse(&body);
        }

        #[test]
        fn no_payload_makes_it_panic(text in ".*") {
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            let _ = Press::parse(form.append_pair("payload", &text).finish().as_bytes());
        }

        #[test]
        fn no_button_makes_it_panic(action in "(opshub:)?(approve|reject|done|.*)", value in ".*", user in "[A-Z0-9]{0,40}") {
            let mut changed = with("/actions/0/value", json!(value));
            changed["actions"][0]["action_id"] = json!(action);
            changed["user"]["id"] = json!(user);
            if let Ok(pressed) = press(&changed) {
                prop_assert_eq!(pressed.command.target(), Some(value.trim()));
            }
        }
    }
}
