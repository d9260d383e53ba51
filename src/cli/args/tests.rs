//! Command lines as people write them.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use clap::CommandFactory;

use super::*;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split_whitespace())
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn no_command_means_serve_and_takes_its_flags() {
    let cli = parse("opshub --port 9000 --allow-open").unwrap();
    assert!(cli.command.is_none());
    assert_eq!((cli.serve.port, cli.serve.allow_open), (Some(9000), true));
}

#[test]
fn a_command_may_be_given_without_quotes() {
    let Some(Command::Command(args)) = parse("opshub command approve P7 --dry-run").unwrap().command else {
        panic!("another command");
    };
    assert_eq!((args.words.join(" ").as_str(), args.dry_run), ("approve P7", true));
}

#[test]
fn the_url_may_stand_behind_a_nested_command() {
    let Some(Command::State(args)) = parse("opshub state get --url http://h:1").unwrap().command else {
        panic!("another command");
    };
    assert_eq!(args.connect.url.as_deref(), Some("http://h:1"));
}

#[test]
fn a_status_may_be_written_small_and_several_may_be_named() {
    let Some(Command::Wait(args)) = parse("opshub wait --status idle,ERROR").unwrap().command else {
        panic!("another command");
    };
    assert_eq!(args.status, [StatusArg::Idle, StatusArg::Error]);
}

#[test]
fn a_usage_error_ends_with_two() {
    for line in ["opshub frobnicate", "opshub watch --since 4", "opshub events --limit 0", "opshub wait"] {
        assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
    }
}

#[test]
fn the_hub_is_named_by_dotenv_when_nothing_else_does() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(".env"), "OPSHUB_URL=http://from.dotenv:1\n").unwrap();
    let flag =
        ConnectArgs { url: Some("http://flag:1".into()), cacert: Some("flag.pem".into()), token_file: None };
    assert_eq!(flag.resolve(dir.path()).unwrap(), ("http://flag:1".to_owned(), Some("flag.pem".into())));
}
