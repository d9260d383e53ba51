use super::*;
use crate::domain::Role;

const HOUR_MS: i64 = 3_600_000;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn token(name: &str, hash: u8, expires_at: Option<Timestamp>) -> AccessWrite {
    AccessWrite::AddToken(TokenRecord {
        name: name.into(),
        role: Role::Operator,
        hash: [hash; 32],
        topics: None,
        created_at: at(0),
        created_by: "local".into(),
        expires_at,
        used_at: None,
        used_from: None,
    })
}

fn user(role: Role) -> AccessWrite {
    let (email, password) = ("ana@example.com".to_owned(), "$argon2id$".to_owned());
    AccessWrite::PutUser(UserRecord { email, role, password, created_at: at(0), created_by: "local".into() })
}

fn sign_in(id: &str, hash: u8) -> AccessWrite {
    AccessWrite::AddSignIn(SignInRecord {
        id: id.into(),
        hash: [hash; 32],
        email: "ana@example.com".into(),
        created_at: at(i64::from(hash)),
        seen_at: at(0),
        expires_at: at(100 * HOUR_MS),
        address: "127.0.0.1".into(),
        user_agent: None,
    })
}

fn roster(writes: impl IntoIterator<Item = AccessWrite>) -> Roster {
    let mut roster = Roster::default();
    writes.into_iter().for_each(|write| roster.apply(write));
    roster
}

#[test]
fn a_token_lets_in_until_it_ends_or_is_taken_back() {
    let mut roster = roster([token("bot", 1, Some(at(50)))]);
    let let_in = roster.by_token(&[1; 32], "::1", at(49)).unwrap();
    assert_eq!((let_in.name.as_str(), let_in.role), ("bot", Role::Operator));
    assert_eq!(roster.by_token(&[2; 32], "::1", at(49)), None);
    assert_eq!(roster.by_token(&[1; 32], "::1", at(50)), None);
    roster.apply(AccessWrite::DropToken("bot".into()));
    assert_eq!(roster.by_token(&[1; 32], "::1", at(49)), None);
    assert!(let_in.lease.unwrap().is_over());
}

#[test]
fn a_use_is_written_down_once_a_minute_and_from_each_new_place() {
    let mut roster = roster([token("bot", 1, None)]);
    let mut used = |from: &str, millis| {
        roster.by_token(&[1; 32], from, at(millis)).unwrap();
        roster.take_unwritten().len()
    };
    assert_eq!([used("a", 1), used("a", 2), used("b", 3), used("b", 60_003)], [1, 0, 1, 1]);
}

#[test]
fn a_session_ends_with_idleness_with_its_time_and_with_its_person() {
    let mut roster = roster([user(Role::Viewer), sign_in("s1", 1)]);
    let mut seen = |millis| roster.by_session(&[1; 32], HOUR_MS, at(millis)).is_some();
    assert!(seen(HOUR_MS - 1));
    // Seen a moment ago, so that another hour begins.
    assert!(seen(2 * HOUR_MS - 2));
    assert!(!seen(4 * HOUR_MS));
    assert!(roster.by_session(&[1; 32], 1_000 * HOUR_MS, at(100 * HOUR_MS)).is_none());
    assert_eq!(roster.over(1_000 * HOUR_MS, at(100 * HOUR_MS)), ["s1"]);
    roster.apply(AccessWrite::DropUser("ana@example.com".into()));
    assert!(roster.by_session(&[1; 32], HOUR_MS, at(1)).is_none());
    assert_eq!(roster.sign_ins().len(), 0);
}

#[test]
fn another_role_ends_what_was_begun_with_the_old_one() {
    let mut roster = roster([user(Role::Admin), sign_in("s1", 1)]);
    let before = roster.by_session(&[1; 32], HOUR_MS, at(1)).unwrap();
    roster.apply(user(Role::Admin));
    assert!(!before.lease.as_ref().unwrap().is_over());
    roster.apply(user(Role::Viewer));
    assert!(before.lease.unwrap().is_over());
    let after = roster.by_session(&[1; 32], HOUR_MS, at(1)).unwrap();
    assert_eq!(after.role, Role::Viewer);
    assert!(!after.lease.unwrap().is_over());
}

#[test]
fn what_was_stored_is_what_is_known() {
    let mut one = roster([token("bot", 1, None), user(Role::Admin), sign_in("s2", 2), sign_in("s1", 1)]);
    assert_eq!(one.sign_ins_of("ana@example.com"), ["s1", "s2"]);
    let known = KnownAccess {
        families: vec![],
        tokens: one.tokens().cloned().collect(),
        users: one.users().cloned().collect(),
        sign_ins: one.sign_ins().cloned().collect(),
    };
    let mut other = Roster::new(known);
    for hash in [[1; 32], [2; 32]] {
        let names = [&mut one, &mut other].map(|roster| {
            let session = roster.by_session(&hash, HOUR_MS, at(1)).map(|principal| principal.credential);
            (session, roster.by_token(&hash, "", at(1)).map(|principal| principal.name))
        });
        assert_eq!(names[0], names[1]);
    }
}
