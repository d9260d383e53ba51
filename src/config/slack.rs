//! What of the section `slack` is no plain value: the signing secret's place, and who may do what.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::error::{Origin, Problem};
use super::values::Raw;
use super::yaml::{self, Entry};
use crate::gateway::secret::SecretText;
use crate::slack::USERS_MAX;
use crate::slack::people::{Person, UserId};

/// The keys of the file that this reads.
pub(super) const USERS: &str = "slack.users";
/// A secret, which the file may only name the place of.
pub(super) const SECRET: &str = "slack.signing_secret";

/// What the file says of Slack.
#[derive(Debug, Default)]
pub(super) struct Section {
    pub(super) users: BTreeMap<String, Person>,
    /// Secrets that the file names the place of, by their keys.
    pub(super) secrets: BTreeMap<String, SecretText>,
}

#[derive(Deserialize)]
struct File {
    slack: Option<Parts>,
}

#[derive(Deserialize)]
struct Parts {
    signing_secret: Option<SecretText>,
    users: Option<BTreeMap<String, Spanned<Person>>>,
}

/// Reads the section.
///
/// # Errors
/// Everything that is wrong with it, each with its line.
pub(super) fn read(path: &Path, text: &str, entries: &[Entry]) -> Result<Section, Vec<Problem>> {
    let find = |wanted: &str| entries.iter().find(|entry| entry.path == wanted);
    let secret = find(SECRET);
    // A secret that is written out is refused by whoever called, and not even read here: nobody is to quote it.
    if secret.is_some_and(|secret| secret.value != Raw::Section) || secret.or(find(USERS)).is_none() {
        return Ok(Section::default());
    }
    let file: File = yaml::read_typed(path, text).map_err(|problem| vec![problem])?;
    let Some(Parts { signing_secret, users }) = file.slack else { return Ok(Section::default()) };
    let users = users.unwrap_or_default();
    let mut problems = Vec::new();
    let mut names: BTreeMap<&str, &str> = BTreeMap::new();
    for (id, person) in &users {
        let wrong = |message: String| Problem::Syntax {
            path: path.to_owned(),
            line: person.referenced.line(),
            message: format!("user {id}: {message}"),
        };
        if let Err(error) = UserId::parse(id) {
            problems.push(wrong(error.to_string()));
        }
        if let Err(why) = person.value.check() {
            problems.push(wrong(why));
        }
        if let Some(other) = person.value.name.as_deref().and_then(|name| names.insert(name, id)) {
            problems.push(wrong(format!("{other} has this name, and one must tell them apart")));
        }
    }
    if users.len() > USERS_MAX {
        problems.push(Problem::Wrong {
            key: USERS.to_owned(),
            origin: Origin::File(path.to_owned(), find(USERS).map_or(0, |entry| entry.line)),
            found: users.len().to_string(),
            expected: format!("at most {USERS_MAX} users"),
        });
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let secrets = signing_secret.map(|secret| (SECRET.to_owned(), secret));
    Ok(Section {
        users: users.into_iter().map(|(id, person)| (id, person.value)).collect(),
        secrets: secrets.into_iter().collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Config, LoadOptions};
    use super::*;
    use crate::config::{DEFAULT_FILE, Setting};
    use crate::domain::Role;

    fn explain(text: &str, env: &[(&str, &str)]) -> Result<(Config, Vec<Setting>), String> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(DEFAULT_FILE), text).unwrap();
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let options = LoadOptions { dir: dir.path().into(), env, ..LoadOptions::default() };
        Config::explain(options).map_err(|error| error.to_string())
    }

    #[test]
    fn users_have_roles_and_names() {
        let text =
            "slack:\n  default_role: viewer\n  users:\n    U1: operator\n    U2: {role: admin, name: ana}\n";
        let (config, _) = explain(text, &[]).unwrap();
        assert_eq!(config.slack.default_role, Some(Role::Viewer));
        assert_eq!(config.slack.users["U1"], Person { role: Role::Operator, name: None });
        assert_eq!(config.slack.users["U2"], Person { role: Role::Admin, name: Some("ana".to_owned()) });
        assert!(!config.slack.is_on());
        let (config, _) = explain("slack:\n", &[]).unwrap();
        assert_eq!(config.slack, crate::slack::SlackConfig::default());
    }

    #[test]
    fn the_secret_comes_from_the_environment_or_a_file_and_is_not_shown() {
        let env = [("OPSHUB_SLACK__SIGNING_SECRET", "hunter2")];
        let (config, settings) = explain("", &env).unwrap();
        let secret = config.slack.signing_secret.as_ref().unwrap();
        assert_eq!(secret.resolve().unwrap(), "hunter2");
        assert!(!format!("{config:?}{settings:?}").contains("hunter2"));
        let named = "slack:\n  signing_secret: {file: /run/secrets/slack}\n";
        let (config, _) = explain(named, &[]).unwrap();
        assert_eq!(config.slack.signing_secret, Some(SecretText::File { file: "/run/secrets/slack".into() }));
        // The environment wins over the file, here as everywhere.
        let (config, _) = explain(named, &env).unwrap();
        assert_eq!(config.slack.signing_secret, Some(SecretText::Plain("hunter2".to_owned())));
    }

    #[test]
    fn a_secret_in_the_file_is_refused_and_not_quoted() {
        for written in ["hunter2", "'12345678'", "12345678", "[hunter2]"] {
            let told = explain(&format!("slack:\n  signing_secret: {written}\n"), &[]).unwrap_err();
            assert!(told.contains("line 2: slack.signing_secret looks like a secret"), "{told}");
            assert!(!told.contains("hunter2") && !told.contains("12345678"), "{told}");
        }
    }

    #[test]
    fn a_door_without_a_place_for_answers_is_refused() {
        let text = "slack:\n  signing_secret: {env: S}\n  response_hosts: []\n";
        let told = explain(text, &[]).unwrap_err();
        assert!(told.contains("line 3: slack.response_hosts is empty"), "{told}");
    }

    #[test]
    fn everything_wrong_with_users_is_told_with_its_line() {
        let told = explain("slack:\n  users:\n    ana: operator\n    U1: {role: admin, name: hub}\n", &[])
            .unwrap_err();
        assert!(told.contains("line 3: user ana: user_id must be"), "{told}");
        assert!(told.contains("line 4: user U1: name must not be"), "{told}");
        let twice = "slack:\n  users:\n    U1: {role: admin, name: a}\n    U2: {role: admin, name: a}\n";
        assert!(explain(twice, &[]).unwrap_err().contains("user U2: U1 has this name"));
        let told = explain("slack:\n  users:\n    U1: root\n", &[]).unwrap_err();
        assert!(told.contains("line 3") && told.contains("viewer, operator"), "{told}");
        let told = explain("slack:\n  default_role: root\n", &[]).unwrap_err();
        assert!(told.contains("slack.default_role is root, expected one of viewer"), "{told}");
        assert!(explain("slack:\n  user: {}\n", &[]).unwrap_err().contains("unknown key slack.user"));
    }
}
