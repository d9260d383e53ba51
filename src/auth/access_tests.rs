use std::sync::atomic::{AtomicI64, Ordering};

use crate::domain::{Right, Role};
use crate::store::{Opened, Probe, StoreOptions, open};

use super::super::admin::{AdminAnswer, AdminRequest, CreatedToken, NewToken};
use super::super::people::{Place, SignedIn};
use super::*;

const PASSWORD: &str = "correct horse battery";
const HERE: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));
const NEW: &str = "another good one";
const PLACE: Place<'static> = Place { from: HERE, user_agent: None };

/// Each test has a thread and so a clock of its own.
fn clock() -> Timestamp {
    thread_local!(static NOW: AtomicI64 = const { AtomicI64::new(1_000_000) });
    NOW.with(|now| Timestamp::from_millis(now.fetch_add(1, Ordering::Relaxed)))
}

fn settings() -> AccessSettings {
    AccessSettings {
        required: true,
        session_idle_ms: 60_000,
        session_max_ms: 600_000,
        refresh_ms: 600_000,
        refresh_max_ms: 900_000,
    }
}

/// Access over a store in a folder, which may have been there before.
async fn access(dir: &std::path::Path) -> Access {
    let options = StoreOptions { path: dir.join("opshub.db"), busy_timeout_ms: 200, max_bytes: None };
    let Opened { conn, key, recovered, .. } = open(&options).unwrap();
    let readers = Readers::start(options.path.clone()).unwrap();
    let db = Db::start(conn, options, key, recovered.chain);
    Access::open(settings(), db, readers, clock).await.unwrap()
}

fn request(text: &str) -> AdminRequest {
    serde_json::from_str(text).unwrap()
}

async fn done(access: &Access, text: &str) -> AdminAnswer {
    access.administer(request(text), "root", None).await.unwrap()
}

async fn told(access: &Access) -> Vec<String> {
    // What was told without waiting is stored before this is answered.
    access.db.send(Probe).await.unwrap().unwrap();
    let page = JournalPage { limit: 100, ..JournalPage::default() };
    access
        .journal(page)
        .await
        .unwrap()
        .into_iter()
        .map(|entry| format!("{} {}", entry.kind, entry.actor))
        .collect()
}

const ADD_ANA: &str =
    r#"{"do":"add_user","email":"Ana@example.com","role":"operator","password":"correct horse battery"}"#;

#[actix::test]
async fn a_token_is_told_once_and_lets_in_until_it_is_revoked_also_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let one = access(dir.path()).await;
    let made = done(&one, r#"{"do":"create_token","name":"slack-bot","role":"operator"}"#).await;
    let AdminAnswer::TokenCreated(CreatedToken { token, .. }) = made else { panic!("{made:?}") };
    assert!(token.starts_with("oph_"));
    assert_eq!(one.by_bearer(&token, HERE).unwrap().name, "slack-bot");
    one.tidy().await.unwrap();
    drop(one);

    let other = access(dir.path()).await;
    let let_in = other.by_bearer(&token, HERE).unwrap();
    assert!(let_in.check(Right::Command).is_ok() && let_in.check(Right::Administer).is_err());
    let AdminAnswer::Tokens { tokens } = done(&other, r#"{"do":"list_tokens"}"#).await else { panic!() };
    assert_eq!(tokens[0].used_from.as_deref(), Some("127.0.0.1"));
    assert!(!format!("{tokens:?}").contains(&token));
    done(&other, r#"{"do":"revoke_token","name":"slack-bot"}"#).await;
    assert!(let_in.lease.unwrap().is_over());
    assert_eq!(other.by_bearer(&token, HERE).unwrap_err().spec(), (401, "not_authenticated"));
    assert_eq!(told(&other).await, ["token_revoked root", "token_created root"]);
}

#[actix::test]
async fn a_token_needs_a_name_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let access = access(dir.path()).await;
    done(&access, r#"{"do":"create_token","name":"bot","role":"viewer"}"#).await;
    for bad in ["bot", "", "a b", "a/b", &"x".repeat(65)] {
        let new = NewToken { name: bad.into(), role: Role::Viewer, expires_at: None, topics: None };
        let refused = access.administer(AdminRequest::CreateToken(new), "root", None).await.unwrap_err();
        assert_eq!(refused.spec(), (400, "invalid_value"), "{bad:?}");
    }
}

#[actix::test]
async fn a_person_signs_in_with_their_password_and_out_again() {
    let dir = tempfile::tempdir().unwrap();
    let access = access(dir.path()).await;
    done(&access, ADD_ANA).await;
    let sign_in = |email: &'static str, password: &str| access.sign_in(email, password.to_owned(), PLACE);
    let SignedIn { secret, principal } = sign_in("ana@EXAMPLE.com", PASSWORD).await.unwrap();
    assert_eq!((principal.name.as_str(), principal.role), ("ana@example.com", Role::Operator));
    assert_eq!(access.by_cookie(secret.reveal()).unwrap(), principal);
    access.sign_out(&principal, None).await.unwrap();
    assert!(access.by_cookie(secret.reveal()).is_err() && principal.lease.unwrap().is_over());

    let wrong = sign_in("ana@example.com", "wrong").await.unwrap_err();
    let unknown = sign_in("bob@example.com", PASSWORD).await.unwrap_err();
    assert_eq!(wrong, unknown);
    let endless = sign_in("ana@example.com", &"x".repeat(1_000)).await.unwrap_err();
    assert_eq!(wrong, endless);
    assert_eq!(
        told(&access).await,
        [
            "sign_in_refused ana@example.com",
            "sign_in_refused bob@example.com",
            "sign_in_refused ana@example.com",
            "signed_out ana@example.com",
            "signed_in ana@example.com",
            "user_added root",
        ]
    );
}

#[actix::test]
async fn too_many_tries_are_told_to_wait_whether_the_account_is_there_or_not() {
    let dir = tempfile::tempdir().unwrap();
    let access = access(dir.path()).await;
    done(&access, ADD_ANA).await;
    for account in ["ana@example.com", "nobody@example.com"] {
        let mut answers = Vec::new();
        for number in 0..12_u8 {
            let from = Some(IpAddr::from([192, 0, 2, number]));
            answers.push(
                access.sign_in(account, "wrong".into(), Place { from, ..PLACE }).await.unwrap_err().spec().0,
            );
        }
        assert_eq!(answers, [[401; 10].as_slice(), [429; 2].as_slice()].concat(), "{account}");
    }
}

#[actix::test]
async fn another_password_ends_every_session() {
    let dir = tempfile::tempdir().unwrap();
    let access = access(dir.path()).await;
    done(&access, ADD_ANA).await;
    let session = access.sign_in("ana@example.com", PASSWORD.into(), PLACE).await.unwrap();
    let change = r#"{"do":"change_user","email":"ana@example.com","password":"another good one"}"#;
    done(&access, change).await;
    assert!(access.by_cookie(session.secret.reveal()).is_err());
    assert!(access.sign_in("ana@example.com", PASSWORD.into(), PLACE).await.is_err());
    let again = access.sign_in("ana@example.com", "another good one".into(), PLACE).await.unwrap();
    let demoted = r#"{"do":"change_user","email":"ana@example.com","role":"viewer"}"#;
    done(&access, demoted).await;
    assert!(again.principal.lease.unwrap().is_over());
    assert_eq!(access.by_cookie(again.secret.reveal()).unwrap().role, Role::Viewer);
}

#[actix::test]
async fn a_person_changes_their_password_in_one_step() {
    let dir = tempfile::tempdir().unwrap();
    let access = with_logins(dir.path()).await;
    done(&access, ADD_ANA).await;
    let before = access.sign_in("ana@example.com", PASSWORD.into(), PLACE).await.unwrap();
    let program = access.begin_family(access.turn().await, "ana@example.com", PLACE).await.unwrap();
    let change = |current: &str, new: &str| {
        access.change_password("ana@example.com", current.to_owned(), new.to_owned(), PLACE)
    };
    assert_eq!(change(PASSWORD, "short").await.unwrap_err().spec(), (400, "invalid_value"));
    assert_eq!(change("a wrong password", NEW).await.unwrap_err().spec().0, 401);
    assert!(access.by_cookie(before.secret.reveal()).is_ok(), "nothing has changed yet");

    let after = change(PASSWORD, NEW).await.unwrap();
    assert!(access.by_cookie(before.secret.reveal()).is_err() && before.principal.lease.unwrap().is_over());
    assert!(access.refresh(program.refresh_token.reveal(), HERE).await.is_err());
    assert_eq!(access.by_cookie(after.secret.reveal()).unwrap().name, "ana@example.com");
    let lines = ["credential_refused unknown", "signed_in ana@example.com", "user_changed ana@example.com"];
    assert_eq!(told(&access).await[..3], lines);

    // Each counts as the one try that it is: of ten for an account, three were made.
    let mut changed = 0;
    while change(NEW, NEW).await.is_ok() {
        changed += 1;
    }
    assert!(changed >= 7, "{changed} changes");
}

#[actix::test]
async fn the_last_admin_does_not_lock_themselves_out() {
    let dir = tempfile::tempdir().unwrap();
    let access = access(dir.path()).await;
    done(&access, &ADD_ANA.replace("operator", "admin")).await;
    let demote = r#"{"do":"change_user","email":"ana@example.com","role":"viewer"}"#;
    let remove = r#"{"do":"remove_user","email":"ana@example.com"}"#;
    for last in [demote, remove] {
        let refused = access.administer(request(last), "ana@example.com", None).await.unwrap_err();
        assert_eq!(refused.spec(), (403, "forbidden"));
    }
    done(&access, &ADD_ANA.replace("operator", "admin").replace("Ana", "Bob")).await;
    assert!(access.administer(request(demote), "bob@example.com", None).await.is_ok());
    assert!(
        access
            .administer(request(r#"{"do":"remove_user","email":"bob@example.com"}"#), "local", None)
            .await
            .is_ok()
    );
}

#[actix::test]
async fn the_first_admin_is_made_by_the_link_alone_and_once() {
    let dir = tempfile::tempdir().unwrap();
    let access = access(dir.path()).await;
    let link = access.begin_setup().unwrap();
    let set_up = |shown: &str| {
        let shown = shown.to_owned();
        let access = &access;
        async move { access.set_up(&shown, "root@example.com", PASSWORD.into(), PLACE).await }
    };
    let made_up = Secret::generate(SecretKind::Setup);
    assert_eq!(set_up(made_up.reveal()).await.unwrap_err().spec().0, 401);
    let admin = set_up(link.reveal()).await.unwrap();
    assert!(admin.principal.check(Right::Administer).is_ok());
    assert_eq!(set_up(link.reveal()).await.unwrap_err().spec().0, 401);
    assert!(!access.awaits_setup() && access.begin_setup().is_none());
    assert_eq!(told(&access).await[1..3], ["signed_in root@example.com", "user_added set-up"]);
}

#[actix::test]
async fn only_addresses_of_people_are_taken() {
    for good in ["ana@example.com", " Ana.B+x@sub.example.com "] {
        assert_eq!(checked_email(good).unwrap(), good.trim().to_lowercase());
    }
    for bad in
        ["", "ana", "ana@", "@example.com", "Ana <ana@example.com>", "ana@[127.0.0.1]", "a b@example.com"]
    {
        assert!(checked_email(bad).is_err(), "{bad}");
    }
    assert!(checked_email(&format!("{}@example.com", "a".repeat(300))).is_err());
}

#[actix::test]
async fn one_person_is_signed_in_at_a_bounded_number_of_places() {
    let dir = tempfile::tempdir().unwrap();
    let access = access(dir.path()).await;
    done(&access, ADD_ANA).await;
    let mut sessions = Vec::new();
    for _ in 0..=SESSIONS_MAX {
        let begun = access
            .begin_session(access.turn().await, "ana@example.com", PLACE, vec![], vec![])
            .await
            .unwrap();
        sessions.push(begun.secret);
    }
    assert!(access.by_cookie(sessions[0].reveal()).is_err());
    assert!(sessions[1..].iter().all(|secret| access.by_cookie(secret.reveal()).is_ok()));
}

/// As [`access`], with access tokens for a minute.
async fn with_logins(dir: &std::path::Path) -> Access {
    let key = crate::auth::SigningKey::new(&"k".repeat(32)).unwrap();
    access(dir).await.with_logins(Some(&key), 60)
}

#[actix::test]
async fn programs_are_signed_in_for_one_person_at_a_bounded_number_of_places() {
    let dir = tempfile::tempdir().unwrap();
    let access = with_logins(dir.path()).await;
    done(&access, ADD_ANA).await;
    let mut tokens = Vec::new();
    for _ in 0..=SESSIONS_MAX {
        tokens.push(
            access.begin_family(access.turn().await, "ana@example.com", PLACE).await.unwrap().access_token,
        );
    }
    assert!(access.by_bearer(&tokens[0], HERE).is_err());
    assert!(tokens[1..].iter().all(|token| access.by_bearer(token, HERE).is_ok()));
}

#[actix::test]
async fn of_two_who_use_a_refresh_token_at_once_one_gets_tokens_and_nobody_keeps_them() {
    let dir = tempfile::tempdir().unwrap();
    let access = with_logins(dir.path()).await;
    done(&access, ADD_ANA).await;
    let first = access.begin_family(access.turn().await, "ana@example.com", PLACE).await.unwrap();
    let shown = first.refresh_token.reveal();
    let (one, other) = tokio::join!(access.refresh(shown, HERE), access.refresh(shown, HERE));
    let (given, refused) = if one.is_ok() { (one, other) } else { (other, one) };
    assert_eq!(refused.unwrap_err().spec(), (401, "not_authenticated"));
    let given = given.unwrap();
    assert!(access.by_bearer(&given.access_token, HERE).is_err());
    assert!(access.refresh(given.refresh_token.reveal(), HERE).await.is_err());
    assert_eq!(told(&access).await[..2], ["credential_refused unknown", "refresh_reused ana@example.com"]);
}

#[actix::test]
async fn a_refresh_token_that_ended_gives_nothing_and_is_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let mut access = with_logins(dir.path()).await;
    access.settings.refresh_ms = 2;
    done(&access, ADD_ANA).await;
    let pair = access.begin_family(access.turn().await, "ana@example.com", PLACE).await.unwrap();
    // The clock goes on with each look at it.
    while clock() < Timestamp::from_millis(pair_end(&access)) {}
    assert!(access.refresh(pair.refresh_token.reveal(), HERE).await.is_err());
    access.tidy().await.unwrap();
    assert_eq!(access.read(|roster| roster.families().len()), 0);
}

#[actix::test]
async fn however_often_tokens_are_refreshed_the_sign_in_has_an_end() {
    let dir = tempfile::tempdir().unwrap();
    let mut access = with_logins(dir.path()).await;
    (access.settings.refresh_ms, access.settings.refresh_max_ms) = (1_000, 2_500);
    done(&access, ADD_ANA).await;
    let mut pair = access.begin_family(access.turn().await, "ana@example.com", PLACE).await.unwrap();
    let last = pair_end(&access) + 1_500;
    for _ in 0..3 {
        while clock() < Timestamp::from_millis(pair_end(&access) - 200) {}
        pair = access.refresh(pair.refresh_token.reveal(), HERE).await.unwrap();
    }
    assert_eq!(pair_end(&access), last);
    // What is told of the last access token does not go beyond it either.
    let let_in = access.by_bearer(&pair.access_token, HERE);
    assert!(let_in.is_err() || let_in.is_ok_and(|who| who.expires_at <= Some(Timestamp::from_millis(last))));
    assert_eq!(pair.expires_in, 0, "less than a second is left");
    while clock() < Timestamp::from_millis(last) {}
    assert!(access.refresh(pair.refresh_token.reveal(), HERE).await.is_err());
}

fn pair_end(access: &Access) -> i64 {
    access.read(|roster| roster.families().map(|family| family.expires_at.millis()).max().unwrap())
}
