//! Who somebody is by what their token says.

use serde_json::{Map, Value};

use crate::domain::Role;

use super::definition::JwtDefinition;
use super::verify::Flaw;

/// The longest name that is taken, in bytes: the prefix and it fit where actors are kept.
const NAME_MAX_BYTES: usize = 252;
/// What names begin with that are no e-mail address, so that they are none of a token or a person here.
const PREFIX: &str = "jwt:";

/// The name of whoever the token is about.
///
/// # Errors
/// [`Flaw::Nameless`] where it has no name, or one that cannot be shown.
pub(super) fn name(claims: &Map<String, Value>, definition: &JwtDefinition) -> Result<String, Flaw> {
    let said = |path: &str| match at(claims, path) {
        Some(Value::String(text)) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let name = match &definition.name_claim {
        Some(path) => said(path),
        None => said("email").or_else(|| said("sub")),
    };
    let name = name.ok_or(Flaw::Nameless)?;
    if name.len() > NAME_MAX_BYTES || name.chars().any(char::is_control) {
        return Err(Flaw::Nameless);
    }
    // Whoever may choose their address at the provider is not that person here.
    let unproven = claims.get("email_verified") == Some(&Value::Bool(false));
    match super::super::access::checked_email(&name) {
        Ok(email) if !unproven => Ok(email),
        _ => Ok(format!("{PREFIX}{name}")),
    }
}

/// The strongest role that the token gives; none where it gives none.
pub(super) fn role(claims: &Map<String, Value>, definition: &JwtDefinition) -> Option<Role> {
    let meaning = |value: &Value| {
        let value = value.as_str()?;
        match &definition.roles {
            Some(roles) => roles.get(value).copied(),
            None => value.parse().ok(),
        }
    };
    let given = match at(claims, &definition.role_claim) {
        Some(Value::Array(values)) => values.iter().filter_map(meaning).max_by_key(|role| strength(*role)),
        Some(value) => meaning(value),
        None => None,
    };
    given.or(definition.default_role)
}

/// Roles are no ladder: of two that differ in kind, who may run commands goes before who may feed.
fn strength(role: Role) -> u8 {
    match role {
        Role::Viewer => 0,
        Role::Collector => 1,
        Role::Operator => 2,
        Role::Admin => 3,
    }
}

/// The value at a path; names of claims that have dots themselves, as URLs do, are found as they are.
fn at<'a>(claims: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(path) {
        return Some(value);
    }
    let mut steps = path.split('.');
    let first = claims.get(steps.next()?)?;
    steps.try_fold(first, |value, step| value.get(step))
}
