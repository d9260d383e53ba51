//! Text messages of `opshub.v1`: each is a request or a refusal that names its cause.
#![no_main]

use libfuzzer_sys::fuzz_target;
use opshub::protocol::{ErrorObject, Request, decode};
use opshub::domain::Timestamp;

/// The longest request id that is echoed.
const REQUEST_ID_MAX_BYTES: usize = 128;

/// The longest error, however much is wrong: 32 fields with 400 characters, six bytes each where they are escaped.
const ERROR_MAX_BYTES: usize = 96 * 1024;

fuzz_target!(|data: &[u8]| {
    let request_id = match decode(data) {
        Ok((request_id, request)) => {
            // A token is never shown, wherever it stood.
            if let Request::Auth(auth) = &request {
                assert_eq!(format!("{auth:?}"), "Auth(***)");
            }
            request_id
        }
        Err(rejected) => {
            let told = ErrorObject::new(&rejected.error, "r", Timestamp::from_millis(0));
            let text = serde_json::to_string(&told).expect("an error is plain data");
            assert!(text.len() < ERROR_MAX_BYTES, "an error outgrows what it is about");
            let (status, _) = rejected.error.spec();
            assert!((400..500).contains(&status), "{status} for what a client sent");
            rejected.request_id
        }
    };
    assert!(request_id.is_none_or(|id| id.len() <= REQUEST_ID_MAX_BYTES));
});
