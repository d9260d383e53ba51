//! Who may do what: Slack's user ids, and the roles and names that the configuration gives them.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};

use crate::domain::{Error, Role};

/// The most characters of a user's id.
const ID_MAX_CHARS: usize = 32;
/// The most characters of a person's name.
const NAME_MAX_CHARS: usize = 64;
/// Who makes changes under these names is no person.
const TAKEN: [&str; 3] = ["hub", "monitor", "anonymous"];

/// The id of a Slack user, such as `U2CERLKJA`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UserId(String);

impl UserId {
    /// Reads an id.
    ///
    /// # Errors
    /// `invalid_value` where it is none: ids are capitals and digits, so that nothing in one is markup.
    pub fn parse(text: &str) -> Result<UserId, Error> {
        let plain = text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        if !plain || !(1..=ID_MAX_CHARS).contains(&text.len()) {
            let message = format!("user_id must be 1 to {ID_MAX_CHARS} capital letters and digits");
            return Err(Error::invalid("user_id", message));
        }
        Ok(UserId(text.to_owned()))
    }

    /// The bare id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whose requests these are, whatever name the configuration gives: the same across a change of it.
    pub fn principal(&self) -> String {
        format!("slack:{}", self.0)
    }
}

/// What the configuration says of one user: `operator`, or `{role: admin, name: ana}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// What they may do.
    pub role: Role,
    /// The name under which their changes are shown.
    pub name: Option<String>,
}

impl Person {
    /// Judges the name.
    ///
    /// # Errors
    /// What is wrong with it, to follow the name of the user.
    pub fn check(&self) -> Result<(), String> {
        let Some(name) = &self.name else { return Ok(()) };
        let visible = name.chars().all(|letter| !letter.is_control() && !letter.is_whitespace());
        if name.is_empty() || name.chars().count() > NAME_MAX_CHARS || !visible {
            return Err(format!("name must have 1 to {NAME_MAX_CHARS} characters without blanks"));
        }
        if TAKEN.contains(&name.as_str()) || name.contains([':', '@']) {
            return Err("name must not be one of the hub's own, nor have ':' or '@' in it".to_owned());
        }
        Ok(())
    }
}

/// Somebody who was recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Who their changes are made by.
    pub actor: String,
    /// What they may do.
    pub role: Role,
}

/// Everybody whom the configuration knows.
#[derive(Debug, Clone, Default)]
pub struct People {
    users: BTreeMap<String, Person>,
    default_role: Option<Role>,
}

impl People {
    /// Those who are named, and the role of all others if they have one.
    pub fn new(users: BTreeMap<String, Person>, default_role: Option<Role>) -> People {
        People { users, default_role }
    }

    /// Recognises a user. A `guest`, who is of another workspace, must be named: the default is for our own.
    pub fn find(&self, user: &UserId, guest: bool) -> Option<Known> {
        let person = self.users.get(user.as_str());
        let role = person.map(|person| person.role).or(self.default_role.filter(|_| !guest))?;
        let name = person.and_then(|person| person.name.clone());
        Some(Known { actor: name.unwrap_or_else(|| user.principal()), role })
    }
}

/// By hand, since an untagged enum would only say that nothing matched.
impl<'de> Deserialize<'de> for Person {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;

        impl<'de> Visitor<'de> for Form {
            type Value = Person;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a role (viewer, operator, collector or admin), or {role: ROLE, name: NAME}")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Person, E> {
                Ok(Person { role: text.parse().map_err(E::custom)?, name: None })
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Person, A::Error> {
                let (mut role, mut name) = (None, None);
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "role" => role = Some(map.next_value::<String>()?),
                        "name" => name = Some(map.next_value()?),
                        other => return Err(de::Error::unknown_field(other, &["role", "name"])),
                    }
                }
                let role = role.ok_or_else(|| de::Error::missing_field("role"))?;
                Ok(Person { role: role.parse().map_err(de::Error::custom)?, name })
            }
        }

        deserializer.deserialize_any(Form)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people(default_role: Option<Role>) -> People {
        let users = r#"{ "U1": "operator", "U2": { "role": "admin", "name": "ana" } }"#;
        People::new(serde_json::from_str(users).unwrap(), default_role)
    }

    fn user(id: &str) -> UserId {
        UserId::parse(id).unwrap()
    }

    #[test]
    fn the_named_have_their_roles_and_names() {
        let people = people(None);
        let known = |id: &str| people.find(&user(id), true).map(|known| (known.actor, known.role));
        assert_eq!(known("U1"), Some(("slack:U1".to_owned(), Role::Operator)));
        assert_eq!(known("U2"), Some(("ana".to_owned(), Role::Admin)));
        assert_eq!(known("U3"), None);
        assert_eq!(user("U2").principal(), "slack:U2");
    }

    #[test]
    fn the_default_is_for_the_own_workspace_alone() {
        let people = people(Some(Role::Viewer));
        assert_eq!(people.find(&user("U3"), false).unwrap().role, Role::Viewer);
        assert_eq!(people.find(&user("U3"), true), None);
        assert_eq!(people.find(&user("U1"), true).unwrap().role, Role::Operator);
    }

    #[test]
    fn ids_have_nothing_that_is_markup() {
        for bad in ["", "u1", "U1>", "<!channel>", "U 1", "Ü1", &"U".repeat(33)] {
            assert_eq!(UserId::parse(bad).unwrap_err().spec().1, "invalid_value", "{bad:?}");
        }
    }

    #[test]
    fn what_is_no_person_is_told() {
        let read = |text: &str| serde_json::from_str::<Person>(text).map_err(|error| error.to_string());
        assert!(read("\"root\"").unwrap_err().contains("viewer, operator"));
        assert!(read("{\"name\":\"ana\"}").unwrap_err().contains("role"));
        assert!(read("{\"role\":\"admin\",\"nam\":\"ana\"}").unwrap_err().contains("nam"));
        assert!(read("7").unwrap_err().contains("{role: ROLE, name: NAME}"));
        for bad in ["", "a b", "hub", "slack:U1", "anonymous@1.2.3.4", &"x".repeat(65)] {
            let person = Person { role: Role::Admin, name: Some(bad.to_owned()) };
            assert!(person.check().is_err(), "{bad:?}");
        }
    }
}
