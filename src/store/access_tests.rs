use super::*;
use crate::protocol::Topic;
use crate::store::audit_key::Before;
use crate::store::open::tests::migrated;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn token(name: &str) -> TokenRecord {
    TokenRecord {
        name: name.into(),
        role: Role::Operator,
        hash: [u8::try_from(name.len()).unwrap(); 32],
        topics: Some(Topic::State.into()),
        created_at: at(1),
        created_by: "local".into(),
        expires_at: Some(at(9)),
        used_at: None,
        used_from: None,
    }
}

fn user(role: Role) -> UserRecord {
    let (email, password) = ("ana@example.com".to_owned(), "$argon2id$".to_owned());
    UserRecord { email, role, password, created_at: at(1), created_by: "local".into() }
}

fn sign_in(id: &str) -> SignInRecord {
    SignInRecord {
        id: id.into(),
        hash: [7; 32],
        email: "ana@example.com".into(),
        created_at: at(2),
        seen_at: at(2),
        expires_at: at(99),
        address: "127.0.0.1".into(),
        user_agent: None,
    }
}

fn family(id: &str) -> FamilyRecord {
    FamilyRecord {
        id: id.into(),
        lineage: [8; 32],
        hash: [9; 32],
        email: "ana@example.com".into(),
        created_at: at(2),
        seen_at: at(2),
        expires_at: at(99),
        address: "127.0.0.1".into(),
        user_agent: Some("curl".into()),
    }
}

fn all(conn: &mut SqliteConnection, writes: &[AccessWrite]) {
    writes.iter().try_for_each(|each| write(conn, each)).unwrap();
}

fn entry(kind: &'static str) -> NewEntry {
    NewEntry { at: at(1), kind, actor: "ana".into(), entry: serde_json::json!({"from": "::1"}) }
}

#[test]
fn what_is_written_is_read_back() {
    let (_dir, mut conn) = migrated();
    let used = AccessWrite::TokenUsed { name: "bot".into(), at: at(5), from: "::1".into() };
    all(
        &mut conn,
        &[
            AccessWrite::AddToken(token("bot")),
            AccessWrite::AddToken(token("other")),
            used,
            AccessWrite::DropToken("other".into()),
            AccessWrite::PutUser(user(Role::Viewer)),
            AccessWrite::AddSignIn(sign_in("s1")),
            AccessWrite::Seen { id: "s1".into(), at: at(4) },
            AccessWrite::AddFamily(family("f1")),
            AccessWrite::TurnFamily { id: "f1".into(), hash: [1; 32], at: at(6), expires_at: at(106) },
            AccessWrite::AddFamily(FamilyRecord { lineage: [7; 32], ..family("f2") }),
            AccessWrite::DropFamily("f2".into()),
            AccessWrite::PutUser(user(Role::Admin)),
        ],
    );
    let known = known(&mut conn).unwrap();
    let used = TokenRecord { used_at: Some(at(5)), used_from: Some("::1".into()), ..token("bot") };
    assert_eq!(known.tokens, [used]);
    assert_eq!(known.users, [user(Role::Admin)]);
    assert_eq!(known.sign_ins, [SignInRecord { seen_at: at(4), ..sign_in("s1") }]);
    let turned = FamilyRecord { hash: [1; 32], seen_at: at(6), expires_at: at(106), ..family("f1") };
    assert_eq!(known.families, [turned]);
}

#[test]
fn who_is_gone_is_signed_in_nowhere() {
    let (_dir, mut conn) = migrated();
    all(&mut conn, &[AccessWrite::PutUser(user(Role::Viewer)), AccessWrite::AddSignIn(sign_in("s1"))]);
    all(&mut conn, &[AccessWrite::AddFamily(family("f1"))]);
    all(&mut conn, &[AccessWrite::DropUser("ana@example.com".into())]);
    let known = known(&mut conn).unwrap();
    assert!(known.sign_ins.is_empty() && known.families.is_empty());
}

#[test]
fn the_journal_is_read_newest_first_in_pages() {
    let (_dir, mut conn) = migrated();
    let key = AuditKey::generate(1, 1, Before::Unkeyed);
    journal(&mut conn, &key, &[entry("a"), entry("b")]).unwrap();
    journal(&mut conn, &key, &[entry("c")]).unwrap();
    let page = |conn: &mut SqliteConnection, before| {
        let page = JournalPage { before, actor: Some("ana".into()), limit: 2 };
        let read = journal_page(conn, &page).unwrap();
        read.into_iter().map(|entry| (entry.id, entry.kind)).collect::<Vec<_>>()
    };
    assert_eq!(page(&mut conn, None), [(3, "c".to_owned()), (2, "b".to_owned())]);
    assert_eq!(page(&mut conn, Some(2)), [(1, "a".to_owned())]);
    assert_eq!(verify_journal(&mut conn, &key).unwrap(), 3);
}

#[test]
fn whoever_has_not_the_key_cannot_alter_the_journal_unnoticed() {
    let key = AuditKey::generate(1, 1, Before::Unkeyed);
    let first_bad = |sql: &str| {
        let (_dir, mut conn) = migrated();
        journal(&mut conn, &key, &[entry("a"), entry("b"), entry("c")]).unwrap();
        diesel::sql_query(sql).execute(&mut conn).unwrap();
        verify_journal(&mut conn, &key).unwrap_err().to_string()
    };
    assert!(first_bad("UPDATE journal SET actor = 'eve' WHERE id = 2").contains("entry 2 "));
    assert!(first_bad("UPDATE journal SET entry = '{}' WHERE id = 3").contains("entry 3 "));
    assert!(first_bad("DELETE FROM journal WHERE id = 2").contains("entry 2 "));
    // Links that fit by another key do not fit by ours.
    let (_dir, mut conn) = migrated();
    let forged = AuditKey::generate(1, 1, Before::Unkeyed);
    journal(&mut conn, &forged, &[entry("a")]).unwrap();
    assert!(verify_journal(&mut conn, &key).is_err());
}
