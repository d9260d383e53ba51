#![allow(clippy::unwrap_used, reason = "a test may panic")]
//! The table of keys, the types, the examples and the document tell the same.

use std::collections::BTreeSet;
use std::path::Path;

use super::keys::{self, KEYS, Key, Kind};
use super::{Config, DEFAULT_FILE, LoadOptions, yaml};

/// Loads `text` as the file of a folder that has nothing else, with `env` as the environment.
fn load(text: &str, env: Vec<(String, String)>) -> Config {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(DEFAULT_FILE), text).unwrap();
    Config::load(LoadOptions { dir: dir.path().into(), env, ..LoadOptions::default() }).unwrap()
}

#[test]
fn the_table_has_every_field_and_no_other() {
    let defaults = serde_json::to_value(Config::default()).unwrap();
    let mut fields = BTreeSet::new();
    for (section, value) in defaults.as_object().unwrap() {
        match value.as_object() {
            Some(keys) => fields.extend(keys.keys().map(|key| format!("{section}.{key}"))),
            None => _ = fields.insert(section.clone()),
        }
    }
    let listed: BTreeSet<String> = KEYS.iter().map(|key| key.path.to_owned()).collect();
    assert_eq!(listed, fields);
}

#[test]
fn the_defaults_are_valid_by_the_table() {
    let defaults = serde_json::to_value(Config::default()).unwrap();
    for key in KEYS {
        let value = defaults.pointer(&format!("/{}", key.path.replace('.', "/"))).unwrap();
        if let Kind::Number(min, max) = key.kind {
            assert!((min..=max).contains(&value.as_u64().unwrap()), "{}", key.path);
        }
    }
}

/// Undoes the comment sign before keys that have no default of their own.
fn example_with_all_keys(text: &str) -> String {
    text.lines()
        .map(|line| match line.split_once("#= ") {
            Some((indent, rest)) => format!("{indent}{rest}\n"),
            None => format!("{line}\n"),
        })
        .collect()
}

#[test]
fn the_example_file_loads_to_the_defaults() {
    let text = include_str!("../../opshub.example.yaml");
    assert_eq!(load(text, Vec::new()), Config::default());
}

#[test]
fn the_example_file_has_every_key() {
    let text = example_with_all_keys(include_str!("../../opshub.example.yaml"));
    load(&text, Vec::new());
    let entries = yaml::read(Path::new("example"), &text, keys::is_section).unwrap();
    let written: BTreeSet<&str> = entries.iter().map(|entry| entry.path.as_str()).collect();
    let lists =
        super::gateways::KEYS.into_iter().chain([super::notify::KEY, super::slack::USERS, super::jwt::KEY]);
    assert_eq!(written, KEYS.iter().map(|key| key.path).chain(lists).collect());
}

#[test]
fn the_example_environment_lists_every_variable_and_loads() {
    let text = include_str!("../../.env.example");
    let lines = text.lines().filter_map(|line| line.strip_prefix('#').unwrap_or(line).split_once('='));
    let listed: Vec<&str> = lines.map(|(name, _)| name.trim()).collect();
    for name in
        all_variables().iter().map(String::as_str).chain(["OPSHUB_URL", "OPSHUB_CACERT", "SECRET_KEY"])
    {
        assert_eq!(listed.iter().filter(|known| **known == name).count(), 1, "{name}");
    }
    let uncommented: String = text
        .lines()
        .map(|line| {
            line.strip_prefix('#').filter(|rest| rest.contains('=') && !rest.starts_with(' ')).unwrap_or(line)
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    let env = dotenvy::from_read_iter(uncommented.as_bytes()).collect::<Result<Vec<_>, _>>().unwrap();
    load("", env);
}

#[test]
fn the_document_tells_every_key_its_default_and_its_variables() {
    let doc = include_str!("../../docs/configuration.md");
    let defaults = serde_json::to_value(Config::default()).unwrap();
    for key in KEYS {
        let row = format!("| `{}` |", key.path);
        let line = doc
            .lines()
            .find(|line| line.starts_with(&row))
            .unwrap_or_else(|| panic!("no row for {}", key.path));
        let value = match defaults.pointer(&format!("/{}", key.path.replace('.', "/"))).unwrap() {
            serde_json::Value::Null => continue,
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Array(items) => {
                items.first().map_or("none", |item| item.as_str().unwrap()).to_owned()
            }
            other => other.to_string(),
        };
        assert!(line.contains(&format!("`{value}`")), "the default of {} is {value}: {line}", key.path);
        for alias in key.aliases {
            assert!(line.contains(&format!("`{alias}`")), "{alias}: {line}");
        }
    }
}

fn all_variables() -> Vec<String> {
    let aliases = KEYS.iter().flat_map(|key| key.aliases.iter().map(|alias| (*alias).to_owned()));
    KEYS.iter().map(Key::variable).chain(aliases).collect()
}
