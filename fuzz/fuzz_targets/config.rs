//! Configuration: a YAML file, and after a NUL byte variables, a line each.
#![no_main]

use std::path::PathBuf;

use libfuzzer_sys::fuzz_target;
use opshub::config::{Config, LoadOptions};

fuzz_target!(|data: &str| {
    let (file, variables) = data.split_once('\0').unwrap_or((data, ""));
    let variable = |line: &str| line.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    let options = LoadOptions {
        text: Some((PathBuf::from("opshub.yaml"), file.to_owned())),
        env: variables.lines().filter_map(variable).collect(),
        ..LoadOptions::default()
    };
    match Config::explain(options) {
        Ok((config, settings)) => {
            assert!(settings.iter().any(|setting| setting.key == "server.port"));
            let _ = format!("{config:?}");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
