//! The one registry of commands: every door reads, documents and runs them from here.

use super::error::Error;
use super::ids::ItemId;
use super::json;
use super::role::Right;

/// The most bytes of a command's text.
pub const COMMAND_MAX_BYTES: usize = 1024;

/// A command, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Approves a priority, or the recovery of a gateway.
    Approve(ItemId),
    /// Rejects a priority, or the recovery of a gateway.
    Reject(ItemId),
    /// Marks a priority as done.
    Done(ItemId),
    /// Sets the active brief: of one item, or of the day.
    Brief(Option<ItemId>),
    /// Pauses the watch over a gateway.
    Pause(ItemId),
    /// Ends the pause of a gateway.
    Resume(ItemId),
    /// Starts a collection.
    Refresh,
    /// Tells how things stand.
    Status,
    /// Tells what commands there are, or what one does.
    Help(Option<String>),
}

/// What follows a command's verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Args {
    /// Nothing.
    None,
    /// The id of what it is for.
    Target,
    /// The id of what it is for, or nothing.
    OptionalTarget,
    /// The name of a command, or nothing.
    OptionalCommand,
}

impl Args {
    /// Returns the arguments as help shows them.
    pub fn usage(self) -> &'static str {
        match self {
            Args::None => "",
            Args::Target => " ID",
            Args::OptionalTarget => " [ID]",
            Args::OptionalCommand => " [COMMAND]",
        }
    }
}

/// One line of the registry.
#[derive(Debug)]
pub struct CommandSpec {
    /// The verb, in lower case.
    pub name: &'static str,
    /// What follows it.
    pub args: Args,
    /// What it does, in one sentence.
    pub help: &'static str,
    /// Whether its execution is recorded as an event.
    pub recorded: bool,
    /// What who says it needs, at every door.
    pub right: Right,
    build: Build,
}

/// How a command is made from its argument.
#[derive(Debug)]
enum Build {
    Plain(fn() -> Command),
    Target(fn(ItemId) -> Command),
    OptionalTarget(fn(Option<ItemId>) -> Command),
    OptionalCommand(fn(Option<String>) -> Command),
}

const REGISTRY: [CommandSpec; 9] = [
    CommandSpec {
        name: "approve",
        args: Args::Target,
        help: "sets the status of the priority with this id to approved, or lets the recovery of that gateway run",
        recorded: true,
        right: Right::Command,
        build: Build::Target(Command::Approve),
    },
    CommandSpec {
        name: "reject",
        args: Args::Target,
        help: "sets the status of the priority with this id to rejected, or refuses the recovery of that gateway",
        recorded: true,
        right: Right::Command,
        build: Build::Target(Command::Reject),
    },
    CommandSpec {
        name: "done",
        args: Args::Target,
        help: "sets the status of the priority with this id to done",
        recorded: true,
        right: Right::Command,
        build: Build::Target(Command::Done),
    },
    CommandSpec {
        name: "brief",
        args: Args::OptionalTarget,
        help: "sets the active brief: of the item with this id and what refers to it, or of the day",
        recorded: true,
        right: Right::Command,
        build: Build::OptionalTarget(Command::Brief),
    },
    CommandSpec {
        name: "pause",
        args: Args::Target,
        help: "stops judging the gateway with this id until it is resumed",
        recorded: true,
        right: Right::Command,
        build: Build::Target(Command::Pause),
    },
    CommandSpec {
        name: "resume",
        args: Args::Target,
        help: "judges the gateway with this id again",
        recorded: true,
        right: Right::Command,
        build: Build::Target(Command::Resume),
    },
    CommandSpec {
        name: "refresh",
        args: Args::None,
        help: "starts a collection, unless one is running",
        recorded: true,
        right: Right::Command,
        build: Build::Plain(|| Command::Refresh),
    },
    CommandSpec {
        name: "status",
        args: Args::None,
        help: "tells how things stand",
        recorded: false,
        right: Right::Read,
        build: Build::Plain(|| Command::Status),
    },
    CommandSpec {
        name: "help",
        args: Args::OptionalCommand,
        help: "tells what commands there are, or what one does",
        recorded: false,
        right: Right::Read,
        build: Build::OptionalCommand(Command::Help),
    },
];

impl CommandSpec {
    /// Returns the command with its arguments, such as `approve ID`.
    pub fn usage(&self) -> String {
        format!("{}{}", self.name, self.args.usage())
    }

    fn find(verb: &str) -> Option<&'static CommandSpec> {
        Command::registry().iter().find(|spec| spec.name.eq_ignore_ascii_case(verb))
    }
}

impl Command {
    /// Returns every command there is, in the order in which help lists them.
    pub fn registry() -> &'static [CommandSpec] {
        &REGISTRY
    }

    /// Returns the known commands in words, such as `approve ID, reject ID, …`.
    pub fn known() -> String {
        Command::registry().iter().map(CommandSpec::usage).collect::<Vec<_>>().join(", ")
    }

    /// Reads a command. The verb's case does not matter, the target's is kept.
    ///
    /// # Errors
    /// `unknown_command` and `missing_target` with the known commands in the message, `invalid_value`
    /// for words too many and for texts of more than [`COMMAND_MAX_BYTES`] bytes.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > COMMAND_MAX_BYTES {
            let message =
                format!("command must not be longer than {COMMAND_MAX_BYTES} bytes, got {}", text.len());
            return Err(Error::invalid("command", message));
        }
        let mut words = text.split_whitespace();
        let verb = words.next().unwrap_or_default();
        let spec = lookup(verb)?;
        let argument = words.next();
        let surplus = if spec.args == Args::None { argument } else { words.next() };
        if let Some(surplus) = surplus {
            let message = format!("unexpected {} after {}", json::quote(surplus), spec.usage());
            return Err(Error::invalid("command", message));
        }
        let target = |id: &str| ItemId::parse(id).map_err(|error| error.under("command"));
        Ok(match spec.build {
            Build::Plain(build) => build(),
            Build::Target(build) => match argument {
                Some(id) => build(target(id)?),
                None => {
                    let command = spec.name.to_owned();
                    return Err(Error::MissingTarget { command, known: Command::known() });
                }
            },
            Build::OptionalTarget(build) => build(argument.map(target).transpose()?),
            Build::OptionalCommand(build) => {
                let name = argument.map(|verb| lookup(verb).map(|spec| spec.name.to_owned()));
                build(name.transpose()?)
            }
        })
    }

    /// Returns the verb, in lower case.
    pub fn action(&self) -> &'static str {
        match self {
            Command::Approve(_) => "approve",
            Command::Reject(_) => "reject",
            Command::Done(_) => "done",
            Command::Brief(_) => "brief",
            Command::Pause(_) => "pause",
            Command::Resume(_) => "resume",
            Command::Refresh => "refresh",
            Command::Status => "status",
            Command::Help(_) => "help",
        }
    }

    /// Returns what the command is for.
    pub fn target(&self) -> Option<&str> {
        match self {
            Command::Approve(id)
            | Command::Reject(id)
            | Command::Done(id)
            | Command::Pause(id)
            | Command::Resume(id) => Some(id.as_str()),
            Command::Brief(id) => id.as_ref().map(ItemId::as_str),
            Command::Help(name) => name.as_deref(),
            Command::Refresh | Command::Status => None,
        }
    }

    /// Returns the command as [`Command::parse`] reads it.
    pub fn text(&self) -> String {
        match self.target() {
            Some(target) => format!("{} {target}", self.action()),
            None => self.action().to_owned(),
        }
    }

    /// Says whether the command's execution is recorded as an event.
    pub fn is_recorded(&self) -> bool {
        CommandSpec::find(self.action()).is_some_and(|spec| spec.recorded)
    }

    /// Returns what who says it needs, at every door.
    pub fn right(&self) -> Right {
        CommandSpec::find(self.action()).map_or(Right::Command, |spec| spec.right)
    }

    /// What whoever says `text` needs; what is no command is refused later, and needs the least till then.
    pub fn right_of(text: &str) -> Right {
        Command::parse(text).map_or(Right::Read, |command| command.right())
    }

    /// Whether the answer to `text` tells what the state holds.
    pub fn reads_state(text: &str) -> bool {
        matches!(Command::parse(text), Ok(Command::Status))
    }

    /// Answers `help [COMMAND]` from the registry.
    pub fn help(name: Option<&str>) -> String {
        let line = |spec: &CommandSpec| format!("{}: {}", spec.usage(), spec.help);
        match name.and_then(CommandSpec::find) {
            Some(spec) => line(spec),
            None => Command::registry().iter().map(line).collect::<Vec<_>>().join("\n"),
        }
    }
}

fn lookup(verb: &str) -> Result<&'static CommandSpec, Error> {
    CommandSpec::find(verb).ok_or_else(|| {
        let command = verb.chars().take(COMMAND_SHOWN_CHARS).collect();
        Error::UnknownCommand { command, known: Command::known() }
    })
}

/// The most characters of an unknown verb that the message repeats.
const COMMAND_SHOWN_CHARS: usize = 64;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn refused(text: &str) -> (&'static str, String) {
        let error = Command::parse(text).unwrap_err();
        (error.spec().1, error.to_string())
    }

    #[test]
    fn the_verbs_case_does_not_matter_and_the_targets_is_kept() {
        let command = Command::parse("  APProve   p7X ").unwrap();
        assert_eq!(command, Command::Approve(ItemId::parse("p7X").unwrap()));
        assert_eq!(command.text(), "approve p7X");
        assert_eq!((command.action(), command.target()), ("approve", Some("p7X")));
    }

    #[test]
    fn every_command_of_the_registry_is_read_and_writes_itself() {
        for spec in Command::registry() {
            let text = match spec.args {
                Args::None => spec.name.to_owned(),
                Args::OptionalCommand => format!("{} approve", spec.name),
                Args::Target | Args::OptionalTarget => format!("{} P7", spec.name),
            };
            let command = Command::parse(&text).unwrap();
            assert_eq!((command.action(), command.text()), (spec.name, text));
            assert_eq!(command.is_recorded(), spec.recorded);
            if spec.args != Args::Target {
                assert_eq!(Command::parse(spec.name).unwrap().target(), None);
            }
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_the_known_commands() {
        let known = "approve ID, reject ID, done ID, brief [ID], pause ID, resume ID, refresh, status, help [COMMAND]";
        assert_eq!(Command::known(), known);
        let unknown = format!("unknown command \"launch\", known commands: {known}");
        assert_eq!(refused("launch P7"), ("unknown_command", unknown));
        let missing = format!("approve needs a target, known commands: {known}");
        assert_eq!(refused("approve"), ("missing_target", missing));
        assert_eq!(refused("").0, "unknown_command");
        assert_eq!(refused("help launch").0, "unknown_command");
    }

    #[test]
    fn only_what_changes_nothing_may_be_said_by_everybody() {
        for spec in Command::registry() {
            let needed = if ["status", "help"].contains(&spec.name) { Right::Read } else { Right::Command };
            assert_eq!(spec.right, needed, "{}", spec.name);
        }
        assert_eq!(Command::parse("approve P7").unwrap().right(), Right::Command);
        assert_eq!(Command::parse("help").unwrap().right(), Right::Read);
    }

    #[test]
    fn words_too_many_and_texts_too_long_are_refused() {
        let surplus = ("invalid_value", "unexpected \"P8\" after approve ID".to_owned());
        assert_eq!(refused("approve P7 P8"), surplus);
        assert_eq!(refused("refresh now").1, "unexpected \"now\" after refresh");
        assert_eq!(refused(&"x".repeat(1025)).0, "invalid_value");
        assert_eq!(refused(&format!("approve {}", "x".repeat(129))).0, "invalid_value");
    }

    #[test]
    fn help_comes_from_the_registry() {
        assert_eq!(Command::help(None).lines().count(), Command::registry().len());
        assert_eq!(Command::help(Some("refresh")), "refresh: starts a collection, unless one is running");
    }
}
