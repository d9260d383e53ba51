//! The `gateways` list of the YAML file: definitions of their own form, judged one by one.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::error::{Origin, Problem};
use super::yaml;
use crate::gateway::{self, Definition};

/// The keys of the file that this reads.
pub(super) const KEYS: [&str; 2] = ["gateways", "gateway_webhooks"];

/// What the file says of gateways.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Lists {
    gateways: Vec<Spanned<Definition>>,
    gateway_webhooks: Vec<String>,
}

/// Reads the gateways, and the webhooks that registered ones may have.
///
/// # Errors
/// Everything that is wrong with them, each with its line.
pub(super) fn read(path: &Path, text: &str) -> Result<(Vec<Definition>, Vec<String>), Vec<Problem>> {
    let Lists { gateways, gateway_webhooks } =
        yaml::read_typed(path, text).map_err(|problem| vec![problem])?;
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    for gateway in &gateways {
        let definition = &gateway.value;
        let wrong = |message: String| Problem::Syntax {
            path: path.to_owned(),
            line: gateway.referenced.line(),
            message: format!("gateway {}: {message}", definition.id),
        };
        if !seen.insert(definition.id.clone()) {
            problems.push(wrong("another one has this id".to_owned()));
        }
        if let Err(error) = definition.check(gateway::Origin::Configured, &[]) {
            problems.push(wrong(error.to_string()));
        }
    }
    for webhook in &gateway_webhooks {
        if !webhook.starts_with("http://") && !webhook.starts_with("https://") {
            problems.push(Problem::Wrong {
                key: KEYS[1].to_owned(),
                origin: Origin::File(path.to_owned(), 0),
                found: webhook.clone(),
                expected: "URLs that begin with http:// or https://".to_owned(),
            });
        }
    }
    if problems.is_empty() {
        Ok((gateways.into_iter().map(|gateway| gateway.value).collect(), gateway_webhooks))
    } else {
        Err(problems)
    }
}
