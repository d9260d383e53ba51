//! Commands as people type them: one that is read is written so that it is read as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use opshub::domain::{COMMAND_MAX_BYTES, Command, Right};

fuzz_target!(|text: &str| {
    let right = Command::right_of(text);
    match Command::parse(text) {
        Ok(command) => {
            assert!(text.len() <= COMMAND_MAX_BYTES);
            assert_eq!(Command::parse(&command.text()).as_ref(), Ok(&command));
            assert_eq!(right, command.right());
            // What changes something is never open to those who may only read.
            assert!(!command.is_recorded() || right != Right::Read, "{command:?} is recorded and free to readers");
        }
        Err(error) => {
            assert_eq!(error.spec().0 / 100, 4);
            assert!(!error.to_string().is_empty());
        }
    }
});
