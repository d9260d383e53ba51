//! `opshub state get` and `opshub state patch`.

use std::io::Read;
use std::path::Path;

use serde_json::Value;

use super::args::StateAction;
use super::client::{Call, Client, query};
use super::failure::Failure;
use super::output::Output;

/// Reads or changes the state document.
pub(super) async fn state(client: &Client, action: &StateAction, out: &mut Output) -> Result<(), Failure> {
    match action {
        StateAction::Get { at, path, full } => {
            let call = Call::get(format!("/api/state{}", query([("at", at.clone())])));
            let answer = client.send(&call).await?.body;
            let shown = if *full { &answer } else { part(&answer, path.as_deref())? };
            out.line(format!("{shown:#}"))
        }
        StateAction::Patch { file, json_patch, if_match, idempotency_key, retry, json } => {
            let patch = parse(&read(file)?, *json_patch)?;
            let content_type =
                if *json_patch { "application/json-patch+json" } else { "application/merge-patch+json" };
            let mut call = Call::patch("/api/state", content_type, patch.to_string());
            if let Some(tag) = if_match {
                call = call.header("if-match", &quoted(tag));
            }
            let answer = client.send_once(call, idempotency_key.as_deref(), retry.retry_for).await?.body;
            out.line(if *json { answer.to_string() } else { outcome(&answer) })
        }
    }
}

/// The part of the answer's document at a JSON pointer, or all of it.
fn part<'a>(answer: &'a Value, path: Option<&str>) -> Result<&'a Value, Failure> {
    let state = &answer["state"];
    let Some(path) = path else { return Ok(state) };
    if !path.is_empty() && !path.starts_with('/') {
        return Err(Failure::Usage(format!(
            "--path {path} is not a JSON pointer: it begins with /, as in /system/status"
        )));
    }
    let nothing = || Failure::NotReached(format!("the state at #{} has nothing at {path}", answer["seq"]));
    state.pointer(path).ok_or_else(nothing)
}

fn read(file: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let done = match file.to_str() {
        Some("-") => std::io::stdin().read_to_string(&mut text),
        _ => std::fs::File::open(file).and_then(|mut file| file.read_to_string(&mut text)),
    };
    done.map_err(|error| Failure::Usage(format!("cannot read {}: {error}", file.display())))?;
    Ok(text)
}

/// Catches what the hub would refuse, where the line is still known.
fn parse(text: &str, json_patch: bool) -> Result<Value, Failure> {
    let patch: Value = serde_json::from_str(text)
        .map_err(|error| Failure::Usage(format!("the patch is not JSON: {error}")))?;
    match (json_patch, &patch) {
        (true, Value::Array(_)) | (false, Value::Object(_)) => Ok(patch),
        (true, _) => Err(Failure::Usage(
            "a JSON Patch is a list of operations; without --json-patch it is merged".into(),
        )),
        (false, Value::Array(_)) => Err(Failure::Usage(
            "a merge patch is an object; for a list of operations say --json-patch".into(),
        )),
        (false, _) => {
            Err(Failure::Usage("a merge patch is an object, such as {\"system\": {\"progress\": 40}}".into()))
        }
    }
}

/// An entity tag in the quotes that HTTP wants, whether or not they were typed.
fn quoted(tag: &str) -> String {
    format!("\"{}\"", tag.trim().trim_matches('"'))
}

fn outcome(answer: &Value) -> String {
    match answer["patch"].as_array().map(Vec::len) {
        Some(0) => format!("nothing to change, the state is at #{}", answer["seq"]),
        Some(1) => format!("changed as #{}, 1 operation", answer["seq"]),
        Some(count) => format!("changed as #{}, {count} operations", answer["seq"]),
        None => format!("done, the state is at #{}", answer["seq"]),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pointer_picks_a_part() {
        let answer = json!({"seq": 4, "state": {"system": {"status": "IDLE"}, "a/b": [1]}});
        assert_eq!(part(&answer, Some("/system/status")).unwrap(), "IDLE");
        assert_eq!(part(&answer, Some("/a~1b/0")).unwrap(), 1);
        assert_eq!(part(&answer, None).unwrap(), &answer["state"]);
        let missing = part(&answer, Some("/nope")).unwrap_err();
        assert_eq!(
            (missing.exit_code(), missing.to_string().as_str()),
            (1, "the state at #4 has nothing at /nope")
        );
        assert_eq!(part(&answer, Some("system")).unwrap_err().exit_code(), 2);
    }

    #[test]
    fn a_patch_of_the_other_kind_is_caught_before_it_is_sent() {
        assert!(parse("{\"a\": 1}", false).is_ok());
        assert!(parse("[]", true).is_ok());
        assert!(parse("[]", false).unwrap_err().to_string().contains("--json-patch"));
        assert!(parse("{}", true).unwrap_err().to_string().contains("list of operations"));
        assert!(parse("{\n x", false).unwrap_err().to_string().contains("line 2"));
    }

    #[test]
    fn a_tag_is_quoted_once() {
        assert_eq!(quoted("e-1"), "\"e-1\"");
        assert_eq!(quoted("\"e-1\""), "\"e-1\"");
    }

    #[test]
    fn the_outcome_counts_operations() {
        assert_eq!(outcome(&json!({"seq": 5, "patch": [{}]})), "changed as #5, 1 operation");
        assert_eq!(outcome(&json!({"seq": 5, "patch": []})), "nothing to change, the state is at #5");
    }
}
