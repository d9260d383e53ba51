use super::*;
use crate::protocol::Topic;
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
