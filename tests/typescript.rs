//! The TypeScript definitions of the web client are those of the protocol's own types.
//!
//! They are written from the AsyncAPI document, which is made of the Rust types, into
//! `web/client/types/protocol.d.ts`. `OPSHUB_WRITE_TYPES=1 cargo test --test typescript` writes them anew.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fmt::Write;
use std::path::Path;

use opshub::protocol::asyncapi;
use serde_json::{Map, Value, json};

const DEFINITIONS: &str = "web/client/types/protocol.d.ts";
const WRITE: &str = "OPSHUB_WRITE_TYPES";
/// The longest line of the definitions.
const LINE_MAX_CHARS: usize = 110;
/// What the frames stand for, part by part.
const LEFT_OUT: [&str; 2] = ["Envelope", "ServerMessage"];

#[test]
fn the_checked_in_definitions_are_those_of_the_protocol() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(DEFINITIONS);
    let wanted = definitions(&asyncapi::document("any"));
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    let line = wanted.lines().zip(found.lines()).position(|(wanted, found)| wanted != found);
    assert!(
        found == wanted,
        "{DEFINITIONS} is not what the protocol says (line {}): {WRITE}=1 cargo test --test typescript",
        line.map_or("at the end".to_owned(), |line| (line + 1).to_string())
    );
}

#[test]
fn every_kind_of_schema_has_its_type() {
    let cases = [
        (json!({"type": "string"}), "string"),
        (json!({"type": "integer", "minimum": 0}), "number"),
        (json!({"type": ["boolean", "null"]}), "boolean | null"),
        (json!({"type": "string", "enum": ["a", "b"]}), r#""a" | "b""#),
        (json!({"const": "ping"}), r#""ping""#),
        (json!({"$ref": "#/components/schemas/Topic"}), "Topic"),
        (json!({"type": "array", "items": {"enum": ["a", "b"]}}), r#"("a" | "b")[]"#),
        (json!({"oneOf": [{"$ref": "#/x/Brief"}, {"type": "null"}]}), "Brief | null"),
        (json!({"type": "object", "additionalProperties": {"type": "string"}}), "Record<string, string>"),
        (json!({"type": "object", "additionalProperties": {}}), "Record<string, unknown>"),
        (json!({"type": "object"}), "Record<string, never>"),
        (json!({"description": "anything"}), "unknown"),
    ];
    for (schema, wanted) in cases {
        assert_eq!(type_of(&schema), wanted, "{schema}");
    }
}

#[test]
fn what_may_be_absent_is_optional_and_what_is_there_may_be_null() {
    let schema = json!({"type": "object", "required": ["b", "c"], "properties": {
        "a": {"type": ["string", "null"]}, "b": {"type": ["string", "null"]}, "c": {"type": "string"}}});
    assert_eq!(
        members(&schema, ""),
        "  b: string | null;\n  c: string;\n  a?: string;\n",
        "the declared order first"
    );
}

/// All definitions, in the order of their names, then the frames.
fn definitions(document: &Value) -> String {
    let mut out = String::from(
        "/**\n * What crosses an `opshub.v1` connection. Generated from the hub's Rust types: do not edit.\n \
         * `OPSHUB_WRITE_TYPES=1 cargo test --test typescript` in the repository writes it anew.\n */\n",
    );
    let schemas = object(&document["components"]["schemas"]);
    for (name, schema) in schemas.iter().filter(|(name, _)| !LEFT_OUT.contains(&name.as_str())) {
        out.push('\n');
        declare(&mut out, name, schema, schema["description"].as_str());
    }
    let operations = &document["operations"];
    let sent = frames(document, &operations["hubSends"], "Frame");
    let received = frames(document, &operations["clientSends"], "Request");
    for (name, message) in sent.iter().chain(&received) {
        out.push('\n');
        declare(&mut out, name, &message["payload"], message["summary"].as_str());
    }
    let is_committed = |message: &Value| !message["payload"]["properties"]["actor"].is_null();
    let committed: Vec<_> = sent.iter().filter(|(_, message)| is_committed(message)).collect();
    unite(&mut out, "ServerFrame", "Every frame of the hub.", &sent.iter().collect::<Vec<_>>());
    unite(&mut out, "CommittedFrame", "Every frame that is a committed change.", &committed);
    unite(
        &mut out,
        "ClientFrame",
        "Every frame that a client may send.",
        &received.iter().collect::<Vec<_>>(),
    );
    out
}

/// The messages of an operation, under the names that they have in TypeScript.
fn frames<'a>(document: &'a Value, operation: &Value, suffix: &str) -> Vec<(String, &'a Value)> {
    let messages = operation["messages"].as_array().unwrap().iter();
    let pointers = messages.map(|message| message["$ref"].as_str().unwrap().trim_start_matches('#'));
    let messages = pointers.map(|pointer| document.pointer(pointer).unwrap());
    messages.map(|message| (pascal(message["name"].as_str().unwrap()) + suffix, message)).collect()
}

fn pascal(name: &str) -> String {
    let words = name.split('_').map(|word| word[..1].to_uppercase() + &word[1..]);
    words.collect()
}

fn declare(out: &mut String, name: &str, schema: &Value, about: Option<&str>) {
    comment(out, "", about.map(sentence).as_deref());
    if schema["properties"].is_object() {
        write!(out, "export interface {name} {{\n{}}}\n", members(schema, "")).unwrap();
    } else {
        alias(out, name, &alternatives(schema));
    }
}

fn unite(out: &mut String, name: &str, about: &str, frames: &[&(String, &Value)]) {
    out.push('\n');
    comment(out, "", Some(about));
    alias(out, name, &frames.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>());
}

fn alias(out: &mut String, name: &str, alternatives: &[String]) {
    let line = format!("export type {name} = {};\n", alternatives.join(" | "));
    if line.contains('\n') && line.trim_end().chars().count() <= LINE_MAX_CHARS {
        out.push_str(&line);
    } else {
        writeln!(out, "export type {name} =\n  | {};", alternatives.join("\n  | ")).unwrap();
    }
}

/// The members of an object in the order in which they were declared, the optional ones last.
fn members(schema: &Value, indent: &str) -> String {
    let properties = object(&schema["properties"]);
    let mut required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    // What tells the variants of a union apart comes first.
    required.sort_by_key(|name| properties[*name]["enum"].as_array().is_none_or(|values| values.len() > 1));
    let optional = properties.keys().map(String::as_str).filter(|name| !required.contains(name));
    let mut out = String::new();
    for name in required.iter().copied().chain(optional) {
        let property = &properties[name];
        comment(&mut out, &format!("{indent}  "), description(property));
        let (mark, kinds) = match required.contains(&name) {
            true => ("", alternatives(property)),
            false => ("?", alternatives(property).into_iter().filter(|kind| kind != "null").collect()),
        };
        writeln!(out, "{indent}  {name}{mark}: {};", kinds.join(" | ")).unwrap();
    }
    let others = &schema["additionalProperties"];
    if others.is_object() {
        comment(&mut out, &format!("{indent}  "), description(others));
        writeln!(out, "{indent}  [field: string]: {};", type_of(others)).unwrap();
    }
    out
}

/// What an object says about a member stands beside its type, or in the type that is not null.
fn description(schema: &Value) -> Option<&str> {
    let alternatives = schema["oneOf"].as_array().into_iter().flatten();
    schema["description"]
        .as_str()
        .or_else(|| alternatives.into_iter().find_map(|one| one["description"].as_str()))
}

fn type_of(schema: &Value) -> String {
    alternatives(schema).join(" | ")
}

/// The types of which a value has one.
fn alternatives(schema: &Value) -> Vec<String> {
    if let Some(target) = schema["$ref"].as_str() {
        return vec![target.rsplit('/').next().unwrap().to_owned()];
    }
    if let Some(value) = schema.get("const") {
        return vec![value.to_string()];
    }
    if let Some(values) = schema["enum"].as_array() {
        return values.iter().map(Value::to_string).collect();
    }
    if let Some(schemas) = schema["oneOf"].as_array() {
        return schemas.iter().flat_map(alternatives).collect();
    }
    match &schema["type"] {
        Value::String(kind) => vec![simple(kind, schema)],
        Value::Array(kinds) => kinds.iter().map(|kind| simple(kind.as_str().unwrap(), schema)).collect(),
        _ => vec!["unknown".to_owned()],
    }
}

fn simple(kind: &str, schema: &Value) -> String {
    match kind {
        "integer" | "number" => "number".to_owned(),
        "array" => match type_of(&schema["items"]) {
            items if items.contains('|') => format!("({items})[]"),
            items => format!("{items}[]"),
        },
        "object" if schema["properties"].is_object() => {
            let parts = members(schema, "")
                .lines()
                .filter(|line| !line.trim().starts_with("/**"))
                .map(|line| line.trim().trim_end_matches(';').to_owned())
                .collect::<Vec<_>>();
            format!("{{ {} }}", parts.join("; "))
        }
        "object" if schema["additionalProperties"].is_object() => {
            format!("Record<string, {}>", type_of(&schema["additionalProperties"]))
        }
        "object" => "Record<string, never>".to_owned(),
        other => other.to_owned(),
    }
}

fn comment(out: &mut String, indent: &str, text: Option<&str>) {
    if let Some(text) = text {
        // Rust's links to other types are plain names here.
        let text = text.replace("[`", "`").replace("`]", "`").replace('\n', " ");
        writeln!(out, "{indent}/** {text} */").unwrap();
    }
}

/// Begins with a capital and ends with a full stop, as the comments of the types do.
fn sentence(text: &str) -> String {
    let (first, rest) = text.split_at(text.chars().next().map_or(0, char::len_utf8));
    let stop = if text.ends_with('.') { "" } else { "." };
    format!("{}{rest}{stop}", first.to_uppercase())
}

fn object(value: &Value) -> &Map<String, Value> {
    value.as_object().unwrap()
}
