//! What the hub says in Slack: how things stand, what waits for a decision, what came of a command.

use serde_json::{Value, json};

use crate::domain::{
    Brief, Command, CommandOutcome, Document, Gateway, GatewayStatus, Item, ListName, RecoveryStep, Right,
    Role, Timestamp, is_open,
};

use super::blocks::{
    BLOCKS_MAX, button, code, context, decision, escape, escape_line, header, message, section, section_with,
};
use super::interaction::Message;
use super::people::{Known, UserId};

/// The most priorities that are listed, and the most recoveries: with their buttons they fill a message.
const PRIORITIES_MAX: usize = 12;
const APPROVALS_MAX: usize = 8;
/// The most gateways that are named because they are down.
const DOWN_MAX: usize = 10;
/// The most characters of a title or a message of somebody else's.
const LINE_MAX: usize = 200;
/// The most characters of a brief.
const BRIEF_MAX: usize = 2_000;
/// The cells of a progress bar.
const BAR_CELLS: usize = 20;

/// Who sees an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Who asked.
    One,
    /// Everybody in the channel.
    Channel,
}

/// Makes an answer of a message's body.
pub fn answer(audience: Audience, mut body: Value) -> Value {
    body["response_type"] = match audience {
        Audience::One => json!("ephemeral"),
        Audience::Channel => json!("in_channel"),
    };
    body
}

/// One line that only who asked sees.
pub fn told(text: &str) -> Value {
    let text = escape(text);
    answer(Audience::One, message(&text, vec![section(&text)]))
}

/// How things stand; with buttons where who asks `may_decide`.
pub fn status(document: &Document, may_decide: bool) -> Value {
    answer(Audience::One, message(&in_one_line(document), status_blocks(document, may_decide)))
}

fn in_one_line(document: &Document) -> String {
    let system = document.system();
    let open = open_priorities(document).count();
    format!("{}, progress {} %, {open} open priorities", system.status, system.progress)
}

fn status_blocks(document: &Document, may_decide: bool) -> Vec<Value> {
    let system = document.system();
    let last_sync = system.last_sync.map_or_else(|| "never".to_owned(), date);
    let mut blocks = vec![
        header(&format!("Operations: {}", system.status)),
        section(&format!("{} *{} %*\nlast sync {last_sync}", bar(system.progress), system.progress)),
    ];
    blocks.extend(gateways(document));
    approvals(document, may_decide, &mut blocks);
    priorities(document, may_decide, &mut blocks);
    blocks
}

/// A bar of `BAR_CELLS` cells: empty at 0 alone, full at 100 alone.
fn bar(progress: u8) -> String {
    let progress = usize::from(progress.min(100));
    let filled = match progress * BAR_CELLS / 100 {
        0 if progress > 0 => 1,
        filled => filled,
    };
    format!("`{}{}`", "█".repeat(filled), "░".repeat(BAR_CELLS - filled))
}

/// A time that Slack shows in its reader's own zone.
fn date(at: Timestamp) -> String {
    format!("<!date^{}^{{date_short_pretty}} {{time}}|{at}>", at.millis().div_euclid(1_000))
}

fn gateways(document: &Document) -> Option<Value> {
    let known: Vec<(&String, Gateway)> = document
        .gateways()
        .keys()
        .filter_map(|id| Some((id, Gateway::of(document.gateways(), id)?)))
        .collect();
    if known.is_empty() {
        return None;
    }
    let up = known.iter().filter(|(_, gateway)| gateway.status.is_up()).count();
    let mut text = format!("*Gateways*: {up} of {} up", known.len());
    let fine = [GatewayStatus::Healthy, GatewayStatus::Unknown, GatewayStatus::Paused];
    let troubled: Vec<_> = known.iter().filter(|(_, gateway)| !fine.contains(&gateway.status)).collect();
    for (id, gateway) in troubled.iter().take(DOWN_MAX) {
        let why = gateway.message.as_deref().map(|why| format!(": {}", escape_line(why, LINE_MAX)));
        text.push_str(&format!("\n• {} {}{}", code(id), gateway.status, why.unwrap_or_default()));
    }
    if troubled.len() > DOWN_MAX {
        text.push_str(&format!("\n… and {} more", troubled.len() - DOWN_MAX));
    }
    Some(section(&text))
}

/// The recoveries that wait for somebody's approval.
fn approvals(document: &Document, may_decide: bool, blocks: &mut Vec<Value>) {
    let waiting: Vec<&String> = document
        .gateways()
        .keys()
        .filter(|id| {
            let recovery = Gateway::of(document.gateways(), id).and_then(|gateway| gateway.recovery());
            recovery.is_some_and(|note| note.step == RecoveryStep::AwaitingApproval)
        })
        .collect();
    if waiting.is_empty() {
        return;
    }
    blocks.push(section(&format!("*Waiting for approval* ({})", waiting.len())));
    for id in waiting.iter().take(APPROVALS_MAX) {
        blocks.push(section(&format!("Recovery of {}", code(id))));
        blocks.extend(decision(id).filter(|_| may_decide));
    }
    more(waiting.len(), APPROVALS_MAX, blocks);
}

fn open_priorities(document: &Document) -> impl Iterator<Item = &Item> {
    document.list(ListName::Priorities).iter().map(AsRef::as_ref).filter(|item| is_open(item))
}

/// What nobody has decided on comes first.
fn priorities(document: &Document, may_decide: bool, blocks: &mut Vec<Value>) {
    let is_proposed = |item: &&Item| item.str("status") == Some("proposed");
    let (proposed, others): (Vec<_>, Vec<_>) = open_priorities(document).partition(is_proposed);
    let count = proposed.len() + others.len();
    blocks.push(section(&match count {
        0 => "*Open priorities*: none".to_owned(),
        count => format!("*Open priorities* ({count})"),
    }));
    let proposed = proposed.into_iter().map(|item| (item, true));
    let others = others.into_iter().map(|item| (item, false));
    for (item, is_proposed) in proposed.chain(others).take(PRIORITIES_MAX) {
        let id = item.id().as_str();
        let title = item.title().map(|title| format!(" {}", escape_line(title, LINE_MAX)));
        let line = format!("{}{}", code(id), title.unwrap_or_default());
        if is_proposed {
            blocks.push(section(&line));
            blocks.extend(decision(id).filter(|_| may_decide));
        } else {
            let done = button("done", id).filter(|_| may_decide);
            blocks.push(section_with(&format!("{line} _approved_"), done));
        }
    }
    more(count, PRIORITIES_MAX, blocks);
}

fn more(count: usize, shown: usize, blocks: &mut Vec<Value>) {
    if count > shown {
        blocks.push(context(&format!("… and {} more", count - shown)));
    }
}

/// The commands that there are, or what one does.
pub fn help(slash: &str, name: Option<&str>) -> Value {
    let known = Command::registry().iter().filter(|spec| name.is_none_or(|name| name == spec.name));
    let lines: Vec<String> =
        known.map(|spec| format!("{} {}", code(&format!("{slash} {}", spec.usage())), spec.help)).collect();
    let blocks = vec![header("Commands"), section(&lines.join("\n"))];
    answer(Audience::One, message(&escape(&Command::help(name)), blocks))
}

/// What came of a command that somebody typed; what changed something is for the channel to see.
pub fn outcome(user: &UserId, known: &Known, outcome: &CommandOutcome, brief: Option<&Brief>) -> Value {
    let line = line(user, known, outcome);
    match brief.filter(|_| outcome.applied) {
        Some(brief) => {
            let blocks = vec![
                header(&escape_line(&brief.title, LINE_MAX)),
                section(&escape(&brief.body.chars().take(BRIEF_MAX).collect::<String>())),
                context(&line),
            ];
            answer(Audience::One, message(&line, blocks))
        }
        None if outcome.applied => answer(Audience::Channel, message(&line, vec![section(&line)])),
        None => answer(Audience::One, message(&line, vec![section(&line)])),
    }
}

fn line(user: &UserId, known: &Known, outcome: &CommandOutcome) -> String {
    let who = match known.actor.strip_prefix("slack:") {
        Some(_) => format!("<@{}>", user.as_str()),
        None => escape_line(&known.actor, LINE_MAX),
    };
    format!("{who}: {}", escape_line(&outcome.message, LINE_MAX))
}

/// What a press makes of the message that the button was in: the outcome stands where the buttons were.
pub fn pressed(
    (user, known): (&UserId, &Known),
    outcome: &CommandOutcome,
    block_id: &str,
    shown: Option<&Message>,
    document: &Document,
) -> Value {
    let line = line(user, known, outcome);
    let mut body = match shown.filter(|shown| !shown.blocks.is_empty()) {
        Some(shown) => message(&shown.text, settled(&shown.blocks, block_id, &line)),
        None => {
            let mut blocks = vec![context(&line)];
            blocks.extend(status_blocks(document, known.role.may(Right::Command)));
            answer(Audience::One, message(&line, blocks))
        }
    };
    body["replace_original"] = json!(true);
    body
}

/// Slack's own blocks come back as they are: what the hub once wrote was escaped then.
fn settled(blocks: &[Value], block_id: &str, line: &str) -> Vec<Value> {
    let mut settled = Vec::with_capacity(blocks.len() + 1);
    let mut placed = false;
    for block in blocks {
        let is_pressed = block["block_id"] == block_id;
        let is_actions = block["type"] == "actions";
        if !(is_pressed && is_actions) {
            let mut block = block.clone();
            if is_pressed && let Some(fields) = block.as_object_mut() {
                fields.remove("accessory");
            }
            settled.push(block);
        }
        if is_pressed {
            settled.push(context(line));
            placed = true;
        }
    }
    settled.truncate(BLOCKS_MAX - 1);
    if !placed {
        settled.push(context(line));
    }
    settled
}

/// A refusal beside a message that stays as it is.
pub fn refused_press(text: &str) -> Value {
    let mut body = told(text);
    body["replace_original"] = json!(false);
    body
}

/// What somebody is told whom the configuration does not know.
pub fn stranger(user: &UserId) -> String {
    let id = user.as_str();
    format!(
        "this hub does not know you. Whoever runs it lets you in with your Slack id: \
         `slack: {{ users: {{ {id}: operator }} }}` in opshub.yaml (or `slack.default_role` for everybody), and a restart."
    )
}

/// What somebody is told who may not say a command.
pub fn forbidden(command: &Command, role: Role) -> String {
    let action = command.action();
    let roles: Vec<&str> =
        Role::ALL.iter().filter(|role| role.may(command.right())).map(|role| role.as_str()).collect();
    let roles = roles.join(" or ");
    format!(
        "{action} needs the role {roles}, and you are {role} here. Whoever runs this hub can change that."
    )
}
