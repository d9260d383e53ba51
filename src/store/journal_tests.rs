use super::*;
use crate::store::audit_key::Before;
use crate::store::open::tests::migrated;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn entry(kind: &'static str) -> NewEntry {
    NewEntry { at: at(1), kind, actor: "ana".into(), entry: serde_json::json!({"from": "::1"}) }
}

#[test]
fn the_journal_is_read_newest_first_in_pages() {
    let (_dir, mut conn) = migrated();
    let key = AuditKey::generate(1, 1, Before::Unkeyed);
    add(&mut conn, &key, &[entry("a"), entry("b")]).unwrap();
    add(&mut conn, &key, &[entry("c")]).unwrap();
    let page = |conn: &mut SqliteConnection, before| {
        let page = JournalPage { before, actor: Some("ana".into()), limit: 2 };
        let read = super::page(conn, &page).unwrap();
        read.into_iter().map(|entry| (entry.id, entry.kind)).collect::<Vec<_>>()
    };
    assert_eq!(page(&mut conn, None), [(3, "c".to_owned()), (2, "b".to_owned())]);
    assert_eq!(page(&mut conn, Some(2)), [(1, "a".to_owned())]);
    assert_eq!(verify(&mut conn, &key).unwrap(), 3);
}

#[test]
fn whoever_has_not_the_key_cannot_alter_the_journal_unnoticed() {
    let key = AuditKey::generate(1, 1, Before::Unkeyed);
    let first_bad = |sql: &str| {
        let (_dir, mut conn) = migrated();
        add(&mut conn, &key, &[entry("a"), entry("b"), entry("c")]).unwrap();
        diesel::sql_query(sql).execute(&mut conn).unwrap();
        verify(&mut conn, &key).unwrap_err().to_string()
    };
    assert!(first_bad("UPDATE journal SET actor = 'eve' WHERE id = 2").contains("entry 2 "));
    assert!(first_bad("UPDATE journal SET entry = '{}' WHERE id = 3").contains("entry 3 "));
    assert!(first_bad("DELETE FROM journal WHERE id = 2").contains("entry 2 "));
    // Links that fit by another key do not fit by ours.
    let (_dir, mut conn) = migrated();
    let forged = AuditKey::generate(1, 1, Before::Unkeyed);
    add(&mut conn, &forged, &[entry("a")]).unwrap();
    assert!(verify(&mut conn, &key).is_err());
}
