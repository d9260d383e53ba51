//! Slack's door: who is believed, who may do what, and that nothing happens twice.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::hub::folder;
use common::slack::*;
use common::{Answer, TestHub, json};
use futures_util::future::join_all;
use opshub::domain::Timestamp;
use opshub::slack::signature::{Signed, Unsigned, sign};

const DOCUMENTED_AT: &str = "1531420618";
const DOCUMENTED: &str = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
const DOCUMENTED_SIGNATURE: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";

#[tokio::test]
async fn the_documented_request_is_believed_at_its_time_and_refused_years_later() {
    let then = Timestamp::from_millis(1_531_420_618_000);
    let signed = Signed::read(Some(DOCUMENTED_AT), Some(DOCUMENTED_SIGNATURE), then).unwrap();
    assert_eq!(signed.check(&secret(), DOCUMENTED.as_bytes()), Ok(()));
    assert_eq!(signed.check(&secret(), b"text="), Err(Unsigned::Mismatch));

    let hub = configured(&taking().await, "").await;
    let headers = [("x-slack-request-timestamp", DOCUMENTED_AT), ("x-slack-signature", DOCUMENTED_SIGNATURE)];
    let answer = hub.send(with_headers(&hub, COMMANDS, DOCUMENTED, &headers)).await;
    answer.refused(401, "not_authenticated");
    assert_eq!(refusals(&hub, "stale").await, 1.0);
}

#[tokio::test]
async fn what_is_not_signed_as_slack_signs_is_refused_counted_and_logged() {
    let hub = configured(&taking().await, "").await;
    proposed(&hub, "P7").await;
    let (at, body) = (now(), typed("U1", "approve P7", "1.1", ""));
    let good = sign(&secret(), &at.to_string(), body.as_bytes());
    let mut wrong = good.clone();
    let last = if wrong.pop() == Some('0') { '1' } else { '0' };
    wrong.push(last);
    let (at, early, late) = (at.to_string(), (at - 302).to_string(), (at + 302).to_string());
    let of = |at: &str| sign(&secret(), at, body.as_bytes());
    let time = "x-slack-request-timestamp";
    let signature = "x-slack-signature";
    let cases: Vec<(&str, Vec<(&str, String)>)> = vec![
        ("missing", vec![]),
        ("missing", vec![(time, at.clone())]),
        ("missing", vec![(signature, good.clone())]),
        ("malformed", vec![(time, at.clone()), (signature, "v1=00".to_owned())]),
        ("malformed", vec![(time, "soon".to_owned()), (signature, good.clone())]),
        ("stale", vec![(time, early.clone()), (signature, of(&early))]),
        ("stale", vec![(time, late.clone()), (signature, of(&late))]),
        ("mismatch", vec![(time, at.clone()), (signature, wrong)]),
        ("mismatch", vec![(time, (at.parse::<i64>().unwrap() - 1).to_string()), (signature, good.clone())]),
    ];
    for path in [COMMANDS, INTERACTIONS] {
        for (reason, headers) in &cases {
            let before = refusals(&hub, reason).await;
            let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let answer = hub.send(with_headers(&hub, path, &body, &headers)).await;
            answer.refused(401, "not_authenticated");
            assert_eq!(refusals(&hub, reason).await, before + 1.0, "{reason}: {headers:?}");
        }
    }
    let changed = body.replace("P7", "P8");
    let headers = [(time, at.as_str()), (signature, good.as_str())];
    hub.send(with_headers(&hub, COMMANDS, &changed, &headers)).await.refused(401, "not_authenticated");
    assert_eq!(commands(&hub).await, Vec::<String>::new());
    let log = hub.log();
    assert!(log.contains("a request to /integrations/slack/commands from 127.0.0.1 was refused"), "{log}");
    assert!(!hub.said().contains(SECRET) && !log.contains(&good), "nothing of a signature is logged");
}

#[tokio::test]
async fn there_is_no_door_without_a_secret() {
    let hub = TestHub::start().await;
    for path in [COMMANDS, INTERACTIONS] {
        for method in ["GET", "POST", "PUT"] {
            hub.send(hub.request(method, path)).await.refused(404, "not_found");
        }
        post(&hub, path, &typed("U1", "status", "1.1", "")).await.refused(404, "not_found");
    }
    assert!(!hub.get("/openapi.json").await.text.contains("/integrations/"));

    let hub = configured(&taking().await, "").await;
    for path in [COMMANDS, INTERACTIONS] {
        let answer = hub.get(path).await;
        answer.refused(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), Some("POST"));
        assert!(hub.get("/openapi.json").await["paths"][path]["post"].is_object());
    }
    // A secret that cannot be read leaves the door shut, and says why.
    let shut = folder();
    let yaml = "slack:\n  signing_secret: { env: OPSHUB_NO_SUCH_VARIABLE }\n";
    std::fs::write(shut.path().join("opshub.yaml"), yaml).unwrap();
    let hub = TestHub::start_in(shut, &[]).await;
    post(&hub, COMMANDS, &typed("U1", "status", "1.1", "")).await.refused(404, "not_found");
    assert!(hub.log().contains("the variable OPSHUB_NO_SUCH_VARIABLE is not set"), "{}", hub.log());
}

#[tokio::test]
async fn commands_are_answered_in_blocks() {
    let hub = configured(&taking().await, "").await;
    proposed(&hub, "P7").await;
    hub.post("/api/system/status", json!({ "status": "PROCESSING", "progress": 40 })).await.ok();
    let status = say(&hub, "U1", "status", "1.1").await;
    assert_eq!((&status["response_type"], &status["unfurl_links"]), (&json!("ephemeral"), &json!(false)));
    assert!(status.text.contains("████████░░░░░░░░░░░░") && status.text.contains("Operations: PROCESSING"));
    assert!(
        status.text.contains("\"action_id\":\"opshub:approve\"") && status.text.contains("\"value\":\"P7\"")
    );
    let viewer = say(&hub, "U3", "status", "1.2").await;
    assert!(viewer.text.contains("`P7` T") && !viewer.text.contains("opshub:approve"), "{}", viewer.text);
    for text in ["help", "", "HELP"] {
        let help = say(&hub, "U3", text, "1.3").await;
        assert!(help.text.contains("`/opshub approve ID`"), "{}", help.text);
    }
    let one = say(&hub, "U3", "help approve", "1.4").await;
    assert!(one.text.contains("/opshub approve ID") && !one.text.contains("refresh"), "{}", one.text);
    let brief = say(&hub, "U1", "brief P7", "1.5").await;
    assert_eq!(brief["blocks"][0]["type"], "header", "{}", brief.text);
    let done = say(&hub, "U2", "Done P7", "1.6").await;
    assert_eq!(
        (&done["response_type"], &done["text"]),
        (&json!("in_channel"), &json!("ana: P7 is done now"))
    );
    for (text, told) in
        [("launch P7", "unknown command"), ("approve", "needs a target"), ("done P7 P8", "P8")]
    {
        let answer = say(&hub, "U1", text, "1.7").await;
        assert_eq!(answer["response_type"], "ephemeral");
        assert!(answer["text"].as_str().unwrap().starts_with("Sorry, ") && answer.text.contains(told));
    }
    assert_eq!(post(&hub, COMMANDS, "ssl_check=1&token=x").await.ok().text, "");
    assert_eq!(commands(&hub).await, ["slack:U1", "ana"]);
    assert_eq!(say(&hub, "U1", "pause nothing", "1.8").await["text"], "<@U1>: no gateway with id nothing");
}

#[tokio::test]
async fn a_redelivery_runs_nothing_twice_and_gets_the_stored_answer() {
    let mut hub = configured(&taking().await, "").await;
    proposed(&hub, "P7").await;
    let (at, body) = (now(), typed("U1", "approve P7", "39.47.80", ""));
    let first = hub.send(signed_at(&hub, COMMANDS, &body, at)).await.ok();
    assert_eq!((first.header("idempotency-replayed"), &first["response_type"]), (None, &json!("in_channel")));
    let assert_replayed = |answer: Answer| {
        let answer = answer.ok();
        assert_eq!(answer.header("idempotency-replayed"), Some("true"), "{}", answer.text);
        assert_eq!(answer.body, first.body);
    };
    // The same bytes, and signed anew.
    assert_replayed(hub.send(signed_at(&hub, COMMANDS, &body, at)).await);
    let again = signed_at(&hub, COMMANDS, &body, at + 1).header("x-slack-retry-num", "1");
    assert_replayed(hub.send(again.header("x-slack-retry-reason", "http_timeout")).await);
    // After a crash, and after a change of the name.
    hub.kill9();
    hub.restart().await;
    assert_replayed(hub.send(signed_at(&hub, COMMANDS, &body, at)).await);
    hub.stop().await;
    let file = hub.folder().join("opshub.yaml");
    let renamed =
        std::fs::read_to_string(&file).unwrap().replace("U1: operator", "U1: { role: operator, name: bo }");
    std::fs::write(&file, renamed).unwrap();
    hub.restart().await;
    let after = hub.send(signed_at(&hub, COMMANDS, &body, at)).await.ok();
    assert_eq!(after.header("idempotency-replayed"), Some("true"));
    assert_eq!(commands(&hub).await, ["slack:U1"]);
    // The same name for another request is Slack's mistake, and changes nothing.
    let other = say(&hub, "U1", "reject P7", "39.47.80").await;
    assert!(other["text"].as_str().unwrap().contains("was used with another request"), "{}", other.text);
    // Another person's request of the same name is another one.
    say(&hub, "U2", "reject P7", "39.47.80").await;
    assert_eq!(commands(&hub).await, ["slack:U1", "ana"]);
}

#[tokio::test]
async fn deliveries_at_the_same_time_are_one() {
    let receiver = taking().await;
    let hub = configured(&receiver, "").await;
    proposed(&hub, "P7").await;
    proposed(&hub, "P8").await;
    let typed = typed("U1", "approve P7", "1.1", "");
    let pressed = pressed("U1", "reject", "P8", "1.2", &receiver.url());
    let at = now();
    let send = |n: usize| {
        let (path, body) = if n.is_multiple_of(2) { (COMMANDS, &typed) } else { (INTERACTIONS, &pressed) };
        hub.send(signed_at(&hub, path, body, at + (n % 3) as i64))
    };
    let answers = join_all((0..24).map(send)).await;
    let replayed = answers.iter().filter(|answer| answer.header("idempotency-replayed").is_some()).count();
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!((replayed, commands(&hub).await.len()), (22, 2));
    let came = receiver.until("an answer to each press", |came| came.len() == 12).await;
    assert!(came.iter().all(|one| one.body == came[0].body), "the stored answer each time");
}

#[tokio::test]
async fn who_is_not_known_or_may_not_is_told_how_to_be_let_in() {
    let receiver = taking().await;
    let mut hub = configured(&receiver, "").await;
    proposed(&hub, "P7").await;
    for text in ["status", "approve P7", "nonsense"] {
        let answer = say(&hub, STRANGER, text, "1.1").await;
        assert_eq!(answer["response_type"], "ephemeral");
        assert!(
            answer["text"].as_str().unwrap().contains("slack: { users: { U9: operator } }"),
            "{}",
            answer.text
        );
        assert!(!answer.text.contains("P7") && !answer.text.contains("known commands"), "{}", answer.text);
    }
    let answer = say(&hub, "U3", "approve P7", "1.2").await;
    assert!(answer["text"].as_str().unwrap().contains("you are viewer here"), "{}", answer.text);
    for (user, told) in [(STRANGER, "does not know you"), ("U3", "you are viewer here")] {
        let before = receiver.came().len();
        post(&hub, INTERACTIONS, &pressed(user, "approve", "P7", "1.3", &receiver.url())).await.ok();
        let came = receiver.until("the refusal", |came| came.len() > before).await;
        let body = came[before].json();
        assert_eq!((&body["replace_original"], &body["response_type"]), (&json!(false), &json!("ephemeral")));
        assert!(body["text"].as_str().unwrap().contains(told), "{body}");
    }
    assert_eq!(commands(&hub).await, Vec::<String>::new());
    assert_eq!((refusals(&hub, "stranger").await, refusals(&hub, "forbidden").await), (4.0, 2.0));

    hub.stop().await;
    let settings = [("THE_SECRET", SECRET), ("OPSHUB_SLACK__DEFAULT_ROLE", "viewer")];
    hub.restart_with(&settings).await;
    assert!(say(&hub, STRANGER, "status", "1.4").await.text.contains("`P7` T"));
    assert!(say(&hub, STRANGER, "approve P7", "1.5").await.text.contains("you are viewer here"));
    let guest = pressed(STRANGER, "approve", "P7", "1.6", &receiver.url())
        .replace("%22id%22%3A%22T1", "%22id%22%3A%22T2");
    let before = receiver.came().len();
    post(&hub, INTERACTIONS, &guest).await.ok();
    let came = receiver.until("the refusal", |came| came.len() > before).await;
    assert!(came[before].body.contains("does not know you"), "the default is for the own workspace alone");
}

#[tokio::test]
async fn garbage_is_a_clear_refusal_and_never_a_fault() {
    let hub = configured(&taking().await, "").await;
    let over = format!("text={}", "x".repeat(64 * 1024));
    let chunked = |path: &str| {
        let at = now().to_string();
        let signature = sign(&secret(), &at, over.as_bytes());
        let pieces = over.as_bytes().chunks(8_192).map(|piece| Ok::<_, std::io::Error>(piece.to_vec()));
        let body = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces.collect::<Vec<_>>()));
        with_headers(&hub, path, "", &[("x-slack-request-timestamp", &at), ("x-slack-signature", &signature)])
            .body(body)
    };
    for path in [COMMANDS, INTERACTIONS] {
        post(&hub, path, &over).await.refused(413, "payload_too_large");
        hub.send(chunked(path)).await.refused(413, "payload_too_large");
        let at = now().to_string();
        let json = hub.request("POST", path).header("x-slack-request-timestamp", &at).json(&json!({}));
        let json = json.header("x-slack-signature", sign(&secret(), &at, b"{}"));
        hub.send(json).await.refused(415, "unsupported_media_type");
        for body in [
            "",
            "=",
            "&&&",
            "payload",
            "payload=",
            "payload=%7B",
            "payload=null",
            "payload=%5B%5D",
            "payload=%7B%22type%22%3A%22shortcut%22%7D",
            "payload=%7B%22type%22%3A%22block_actions%22%7D",
            "payload=%ff%fe%00",
            "text=%00&user_id=%3C%21channel%3E&command=x&trigger_id=1",
            "user_id=U1&command=x&text=status",
            "user_id=U1&user_id=U2&command=x&trigger_id=1",
        ] {
            let answer = post(&hub, path, body).await;
            answer.error(400);
        }
        let deep = format!("payload={}", "%5B".repeat(20_000));
        post(&hub, path, &deep).await.error(400);
    }
    hub.send(signed_at(&hub, INTERACTIONS, &pressed("U1", "refresh", "P7", "1.1", ""), now()))
        .await
        .error(400);
    assert_eq!(hub.seq().await, 0);
    assert_eq!(hub.get("/health").await.status, 200);
}

#[tokio::test]
async fn what_is_in_force_is_printed_without_the_secret() {
    let hub = configured(&taking().await, "").await;
    let printed = hub.cli(&["check-config"]).await;
    let text = format!("{printed:?}");
    assert!(text.contains("slack.users: U2, admin, named ana") && text.contains("THE_SECRET"), "{text}");
    assert!(!text.contains(SECRET));
    let mut command = hub.cli_command();
    command.arg("check-config").env("OPSHUB_SLACK__SIGNING_SECRET", SECRET);
    let printed = format!("{:?}", common::process::finish(command).await);
    assert!(printed.contains("slack.signing_secret: ********") && !printed.contains(SECRET), "{printed}");
}
