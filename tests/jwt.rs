//! JSON Web Tokens of an identity provider, over the wire.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::jwt::{Signer, encoded};
use common::keys::KeyServer;
use common::{Answer, TestHub, Value, Watcher, hub::folder, json, within};
use tokio_tungstenite::tungstenite::Error;

const SECRET: &str = "the provider and the hub both know it";

fn now_s() -> i64 {
    chrono::Utc::now().timestamp()
}

/// Claims that hold for five minutes, with others in the place of some.
fn claims(others: Value) -> Value {
    let mut claims = json!({
        "iss": "https://id.example", "aud": "opshub", "sub": "u1", "email": "ana@example.com",
        "exp": now_s() + 300, "groups": ["ops"],
    });
    claims.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
    claims
}

/// A hub that takes tokens signed as `algorithms` say, by keys as `source` says.
async fn hub(algorithms: &str, source: &str, pem: Option<&str>) -> TestHub {
    let folder = folder();
    if let Some(pem) = pem {
        std::fs::write(folder.path().join("key.pem"), pem).unwrap();
    }
    let text = format!(
        "auth:\n  mode: required\n  jwt:\n    issuer: https://id.example\n    audience: opshub\n    \
         algorithms: [{algorithms}]\n    {source}\n    leeway_s: 0\n    role_claim: groups\n    \
         roles: {{admins: admin, ops: operator, all: viewer}}\n"
    );
    std::fs::write(folder.path().join("opshub.yaml"), text).unwrap();
    TestHub::start_in(folder, &[("PROVIDER_SECRET", SECRET)]).await
}

async fn hub_of(signer: &Signer) -> TestHub {
    match signer {
        Signer::Secret(_) => hub("HS256", "secret: {env: PROVIDER_SECRET}", None).await,
        public => hub(public.algorithm(), "key_file: key.pem", Some(&public.pem())).await,
    }
}

async fn get_as(hub: &TestHub, path: &str, token: &str) -> Answer {
    hub.send(hub.request("GET", path).bearer_auth(token)).await
}

#[tokio::test]
async fn a_token_of_every_algorithm_lets_somebody_in() {
    for signer in [Signer::secret(SECRET), Signer::rsa(), Signer::p256(), Signer::ed25519()] {
        let hub = hub_of(&signer).await;
        let token = signer.token(&claims(json!({})));
        get_as(&hub, "/api/state", &token).await.ok();
        let me = get_as(&hub, "/api/auth/me", &token).await.ok();
        let identity = &me["identity"];
        assert_eq!(
            (&identity["name"], &identity["role"], &identity["kind"]),
            (&json!("ana@example.com"), &json!("operator"), &json!("jwt"))
        );
        let command = hub.request("POST", "/api/command").json(&json!({ "command": "brief" }));
        hub.send(command.bearer_auth(&token)).await.ok();
        get_as(&hub, "/api/users", &token).await.refused(403, "forbidden");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_token_lets_nobody_in_and_is_not_told_again() {
    let signer = Signer::rsa();
    let hub = hub_of(&signer).await;
    let good = signer.token(&claims(json!({})));
    get_as(&hub, "/api/state", &good).await.ok();
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = message.split_once('.').unwrap();
    let none = encoded(json!({ "alg": "none" }).to_string());
    let bad = [
        format!("{none}.{payload}."),
        format!("{none}.{payload}.{signature}"),
        Signer::secret(&signer.pem()).token(&claims(json!({}))),
        Signer::secret(SECRET).token(&claims(json!({}))),
        Signer::p256().token(&claims(json!({}))),
        signer.token(&claims(json!({ "iss": "https://other.example" }))),
        signer.token(&claims(json!({ "aud": "another" }))),
        signer.token(&claims(json!({ "exp": now_s() - 1 }))),
        signer.token(&claims(json!({ "exp": null }))),
        signer.token(&claims(json!({ "nbf": now_s() + 60 }))),
        format!("{header}.{}.{signature}", encoded(claims(json!({ "groups": ["admins"] })).to_string())),
        format!("{message}.{}", encoded([7; 256])),
        format!("{message}."),
        signer.token(&claims(json!({ "filling": "x".repeat(17_000) }))),
        "a.b.c".to_owned(),
        "..".to_owned(),
        good.clone() + ".x",
    ];
    for token in &bad {
        let answer = get_as(&hub, "/api/state", token).await;
        let error = answer.refused(401, "not_authenticated").to_string();
        assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer"));
        let parts: Vec<&str> = token.split('.').filter(|part| part.len() > 8).collect();
        let log = hub.log();
        assert!(parts.iter().all(|part| !error.contains(part) && !log.contains(part)), "{error}");
    }
    let without_role = signer.token(&claims(json!({ "groups": ["others"] })));
    get_as(&hub, "/api/state", &without_role).await.refused(403, "forbidden");
    get_as(&hub, "/api/state", &good).await.ok();
}

#[tokio::test]
async fn keys_of_a_server_are_exchanged_while_the_hub_runs() {
    let (first, second, third) = (Signer::p256(), Signer::rsa(), Signer::ed25519());
    let server = KeyServer::start(&[first.jwk("1")]).await;
    let hub = hub("ES256, RS256, EdDSA", &format!("jwks_url: {}", server.url()), None).await;
    let one = first.token_of("1", &claims(json!({})));
    get_as(&hub, "/api/state", &one).await.ok();
    assert_eq!(server.asked(), 1);

    // A key that is not known yet is asked for before its token is judged.
    server.has(&[first.jwk("1"), second.jwk("2")]);
    let two = second.token_of("2", &claims(json!({})));
    get_as(&hub, "/api/state", &two).await.ok();
    assert_eq!(server.asked(), 2);
    get_as(&hub, "/api/state", &one).await.ok();

    // But not again within a minute, whoever makes up names of keys.
    server.has(&[third.jwk("3")]);
    for id in ["3", "4", "5"] {
        let unknown = third.token_of(id, &claims(json!({})));
        get_as(&hub, "/api/state", &unknown).await.refused(401, "not_authenticated");
    }
    assert_eq!(server.asked(), 2);
    get_as(&hub, "/api/state", &two).await.ok();
}

#[tokio::test]
async fn known_keys_stay_while_their_server_fails() {
    let signer = Signer::p256();
    let server = KeyServer::start(&[signer.jwk("1")]).await;
    let hub = hub("ES256", &format!("jwks_url: {}", server.url()), None).await;
    let good = signer.token_of("1", &claims(json!({})));
    get_as(&hub, "/api/state", &good).await.ok();
    server.says(500, "no");
    let unknown = Signer::p256().token_of("2", &claims(json!({})));
    get_as(&hub, "/api/state", &unknown).await.refused(401, "not_authenticated");
    assert_eq!(server.asked(), 2);
    assert!(hub.log().contains("the 1 known ones stay: status 500"), "{}", hub.log());
    drop(server);
    get_as(&hub, "/api/state", &good).await.ok();
}

#[tokio::test]
async fn a_hub_starts_without_the_key_server_and_asks_it_when_it_is_needed() {
    let signer = Signer::ed25519();
    let server = KeyServer::start(&[]).await;
    server.says(200, "<html>");
    let hub = hub("EdDSA", &format!("jwks_url: {}", server.url()), None).await;
    common::eventually("the first try", || async { hub.log().contains("no JSON Web Key Set").then_some(()) })
        .await;
    server.has(&[signer.jwk("1")]);
    get_as(&hub, "/api/state", &signer.token_of("1", &claims(json!({})))).await.ok();
}

#[tokio::test]
async fn a_key_set_in_a_file_is_read_again_for_a_key_that_is_not_known() {
    let (first, second) = (Signer::p256(), Signer::p256());
    let folder = folder();
    let path = folder.path().join("keys.json");
    std::fs::write(&path, json!({ "keys": [first.jwk("1")] }).to_string()).unwrap();
    let hub = hub("ES256", &format!("jwks_file: {}", path.display()), None).await;
    get_as(&hub, "/api/state", &first.token_of("1", &claims(json!({})))).await.ok();
    std::fs::write(&path, json!({ "keys": [second.jwk("2")] }).to_string()).unwrap();
    get_as(&hub, "/api/state", &second.token_of("2", &claims(json!({})))).await.ok();
    get_as(&hub, "/api/state", &first.token_of("1", &claims(json!({})))).await.error(401);
}

#[tokio::test]
async fn a_key_that_cannot_be_used_ends_the_start() {
    let folder = folder();
    let jwt = "issuer: a, audience: b, algorithms: [HS256], secret: {env: PROVIDER_SECRET}";
    std::fs::write(folder.path().join("opshub.yaml"), format!("auth:\n  jwt: {{{jwt}}}\n")).unwrap();
    let refused = TestHub::refused_start(folder.path(), &[("PROVIDER_SECRET", "hunter2")]).await;
    assert_eq!(refused.code, Some(23), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("at least 32") && !refused.stderr.contains("hunter2"),
        "{}",
        refused.stderr
    );
    assert!(!folder.path().join("data/opshub.db").exists());
}

async fn open_as(hub: &TestHub, token: &str) -> Result<Watcher, Error> {
    Watcher::attempt_with(
        &hub.ws_url("?topics=state"),
        Some("opshub.v1"),
        &[("authorization", &format!("Bearer {token}"))],
    )
    .await
}

#[tokio::test]
async fn a_connection_ends_with_its_token() {
    let signer = Signer::ed25519();
    let hub = hub_of(&signer).await;
    let until = now_s() + 6;
    let short = signer.token(&claims(json!({ "exp": until })));
    let mut by_header = open_as(&hub, &short).await.unwrap();
    by_header.expect("state").await;
    let mut by_frame = hub.v1("?topics=state").await;
    by_frame.send(json!({ "type": "auth", "data": { "token": short } })).await;
    by_frame.expect("state").await;
    for watcher in [&mut by_header, &mut by_frame] {
        let (_, code, _) = watcher.closed().await;
        assert_eq!(code, 4401);
        assert!(now_s() >= until);
    }
    let Err(Error::Http(answer)) = open_as(&hub, &short).await else { panic!("it let somebody in") };
    assert_eq!(answer.status(), 401);
}

#[tokio::test]
async fn a_connection_goes_on_with_the_next_token_of_the_same_person() {
    let signer = Signer::secret(SECRET);
    let hub = hub_of(&signer).await;
    let (first, second) = (now_s() + 5, now_s() + 9);
    let token = |until: i64, others: Value| {
        let mut said = claims(others);
        said["exp"] = until.into();
        signer.token(&said)
    };
    let mut watcher = open_as(&hub, &token(first, json!({}))).await.unwrap();
    watcher.expect("state").await;
    let other = token(second, json!({ "email": "bob@example.com" }));
    let answer = watcher.ask(json!({ "type": "auth", "data": { "token": other } })).await;
    assert_eq!(answer["data"]["error_type"], "forbidden", "{}", answer.text);
    let renewed = token(second, json!({ "groups": ["all"] }));
    let answer = watcher.ask(json!({ "type": "auth", "data": { "token": renewed } })).await;
    assert_eq!((answer.kind(), &answer["data"]["role"]), ("authenticated", &json!("viewer")));
    let command = json!({ "type": "command", "data": { "command": "brief" } });
    assert_eq!(watcher.ask(command).await["data"]["error_type"], "forbidden");
    let (_, code, _) = within("the close", watcher.closed()).await;
    assert!(code == 4401 && now_s() >= second, "{code} at {}, due at {second}", now_s());
}

#[tokio::test]
async fn a_frame_with_a_wrong_token_lets_nobody_in() {
    let signer = Signer::secret(SECRET);
    let hub = hub_of(&signer).await;
    let mut watcher = hub.v1("").await;
    for token in [
        Signer::secret("another secret of at least 32 bytes").token(&claims(json!({}))),
        signer.token(&claims(json!({ "filling": "x".repeat(17_000) }))),
        "..".to_owned(),
    ] {
        let answer = watcher.ask(json!({ "type": "auth", "data": { "token": token } })).await;
        assert_eq!(answer["data"]["error_type"], "not_authenticated", "{}", answer.text);
    }
    let good = signer.token(&claims(json!({})));
    watcher.send(json!({ "type": "auth", "data": { "token": good } })).await;
    watcher.expect("connected").await;
    let ticket = hub.send(hub.request("POST", "/api/auth/ws-ticket").bearer_auth(&good)).await.ok();
    let mut other = hub.v1(&format!("?ticket={}", ticket["ticket"].as_str().unwrap())).await;
    other.expect("connected").await;
}
