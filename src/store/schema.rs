//! The tables as diesel sees them; a test compares them with the migrations.

diesel::table! {
    hub (id) {
        id -> BigInt,
        epoch -> Text,
        created_at_ms -> BigInt,
        audit_key -> Nullable<Text>,
    }
}

diesel::table! {
    events (seq) {
        seq -> BigInt,
        at_ms -> BigInt,
        kind -> Text,
        meta -> Nullable<Text>,
        chain -> Binary,
        frame -> Text,
    }
}

diesel::table! {
    snapshots (seq) {
        seq -> BigInt,
        state_seq -> BigInt,
        at_ms -> BigInt,
        chain -> Binary,
        document -> Text,
    }
}

diesel::table! {
    idempotency (principal, scope, key) {
        principal -> Text,
        scope -> Text,
        key -> Text,
        fingerprint -> Text,
        answer -> Text,
        seq -> BigInt,
        at_ms -> BigInt,
    }
}

diesel::table! {
    collections (id) {
        id -> Text,
        started_seq -> BigInt,
        started_at_ms -> BigInt,
        ended_seq -> Nullable<BigInt>,
        ended_at_ms -> Nullable<BigInt>,
        outcome -> Nullable<Text>,
    }
}

diesel::table! {
    gateways (id) {
        id -> Text,
        definition -> Text,
        seq -> BigInt,
    }
}

diesel::table! {
    gateway_history (gateway_id, span_s, start_s) {
        gateway_id -> Text,
        span_s -> BigInt,
        start_s -> BigInt,
        data -> Binary,
    }
}

diesel::table! {
    sinks (id) {
        id -> Text,
        seq -> BigInt,
        given_up -> BigInt,
        updated_at_ms -> BigInt,
    }
}

diesel::table! {
    audit (actor, seq) {
        actor -> Text,
        seq -> BigInt,
        at_ms -> BigInt,
        action -> Text,
        target -> Nullable<Text>,
    }
}

diesel::table! {
    probe (id) {
        id -> BigInt,
        filler -> Binary,
    }
}

diesel::table! {
    tokens (name) {
        name -> Text,
        role -> Text,
        hash -> Binary,
        topics -> Nullable<Text>,
        created_at_ms -> BigInt,
        created_by -> Text,
        expires_at_ms -> Nullable<BigInt>,
        used_at_ms -> Nullable<BigInt>,
        used_from -> Nullable<Text>,
    }
}

diesel::table! {
    users (email) {
        email -> Text,
        role -> Text,
        password -> Text,
        created_at_ms -> BigInt,
        created_by -> Text,
    }
}

diesel::table! {
    sign_ins (id) {
        id -> Text,
        hash -> Binary,
        email -> Text,
        created_at_ms -> BigInt,
        seen_at_ms -> BigInt,
        expires_at_ms -> BigInt,
        address -> Text,
        user_agent -> Nullable<Text>,
    }
}

diesel::table! {
    families (id) {
        id -> Text,
        lineage -> Binary,
        hash -> Binary,
        email -> Text,
        created_at_ms -> BigInt,
        seen_at_ms -> BigInt,
        expires_at_ms -> BigInt,
        address -> Text,
        user_agent -> Nullable<Text>,
    }
}

diesel::table! {
    journal (id) {
        id -> BigInt,
        at_ms -> BigInt,
        kind -> Text,
        actor -> Text,
        entry -> Text,
        chain -> Binary,
    }
}

diesel::allow_tables_to_appear_in_same_query!(events, audit);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::open::tests::migrated;
    use diesel::prelude::*;
    use diesel::query_source::Column;

    #[derive(QueryableByName)]
    struct ColumnInfo {
        #[diesel(sql_type = diesel::sql_types::Text)]
        name: String,
        #[diesel(sql_type = diesel::sql_types::Text)]
        r#type: String,
        #[diesel(sql_type = diesel::sql_types::Integer)]
        notnull: i32,
    }

    /// The columns of a migrated table, in diesel's words.
    fn migrated_columns(table: &str) -> Vec<(String, String)> {
        let (_dir, mut conn) = migrated();
        let query = format!("SELECT name, type, \"notnull\" FROM pragma_table_info('{table}')");
        let columns: Vec<ColumnInfo> = diesel::sql_query(query).load(&mut conn).unwrap();
        let sql_type = |column: &ColumnInfo| {
            let base = match column.r#type.as_str() {
                "INTEGER" | "BIGINT" => "BigInt",
                "TEXT" => "Text",
                "BLOB" => "Binary",
                other => panic!("{other} is not a type that the schema uses"),
            };
            if column.notnull == 1 { base.to_owned() } else { format!("Nullable<{base}>") }
        };
        columns.iter().map(|column| (column.name.clone(), sql_type(column))).collect()
    }

    fn column<C: Column>(_: C) -> (String, String) {
        let full = std::any::type_name::<C::SqlType>();
        let last = |path: &str| path.rsplit("::").next().unwrap_or_default().to_owned();
        let sql_type = match full.split_once('<') {
            Some((_, inner)) => format!("Nullable<{}>", last(inner.trim_end_matches('>'))),
            None => last(full),
        };
        (C::NAME.to_owned(), sql_type)
    }

    macro_rules! same {
        ($table:ident: $($column:ident),*) => {
            assert_eq!(migrated_columns(stringify!($table)), vec![$(column($table::$column)),*]);
        };
    }

    #[test]
    fn the_schema_is_what_the_migrations_make() {
        same!(hub: id, epoch, created_at_ms, audit_key);
        same!(events: seq, at_ms, kind, meta, chain, frame);
        same!(snapshots: seq, state_seq, at_ms, chain, document);
        same!(idempotency: principal, scope, key, fingerprint, answer, seq, at_ms);
        same!(gateways: id, definition, seq);
        same!(gateway_history: gateway_id, span_s, start_s, data);
        same!(sinks: id, seq, given_up, updated_at_ms);
        same!(collections: id, started_seq, started_at_ms, ended_seq, ended_at_ms, outcome);
        same!(audit: actor, seq, at_ms, action, target);
        same!(probe: id, filler);
        same!(
            tokens: name, role, hash, topics, created_at_ms, created_by, expires_at_ms, used_at_ms, used_from
        );
        same!(users: email, role, password, created_at_ms, created_by);
        same!(
            sign_ins: id, hash, email, created_at_ms, seen_at_ms, expires_at_ms, address, user_agent
        );
        same!(
            families: id, lineage, hash, email, created_at_ms, seen_at_ms, expires_at_ms, address, user_agent
        );
        same!(journal: id, at_ms, kind, actor, entry, chain);
    }
}
