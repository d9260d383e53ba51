//! An HTTP answer, read whole, with the questions that tests ask of it.

use std::ops::Index;

use reqwest::RequestBuilder;
use reqwest::header::HeaderMap;
use serde_json::Value;

/// What came back: `body` is the JSON of `text`, or null when it is something else.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    pub body: Value,
}

impl Index<&str> for Answer {
    type Output = Value;

    fn index(&self, key: &str) -> &Value {
        &self.body[key]
    }
}

impl Answer {
    /// Sends `request` and reads the whole answer.
    ///
    /// # Errors
    /// When the connection broke before the answer was complete.
    pub async fn attempt(request: RequestBuilder) -> reqwest::Result<Answer> {
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Answer { status, headers, text, body })
    }

    /// The value of one header, if it is there and text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Itself, after the assertion that it is 200.
    #[track_caller]
    pub fn ok(self) -> Answer {
        assert_eq!(self.status, 200, "{}", self.text);
        self
    }

    /// Its `seq`.
    #[track_caller]
    pub fn seq(&self) -> u64 {
        self.body["seq"].as_u64().unwrap_or_else(|| panic!("no seq in {}", self.text))
    }

    /// Its `error` object, after the assertion that it is an error of that status in the one form.
    #[track_caller]
    pub fn error(&self, status: u16) -> &Value {
        assert_eq!(self.status, status, "{}", self.text);
        let error = &self.body["error"];
        assert_error_form(error, &self.text);
        assert_eq!(error["status_code"], status, "{}", self.text);
        let kind = self.header("content-type").unwrap_or_default();
        assert!(kind.starts_with("application/json"), "an error as {kind:?}: {}", self.text);
        assert_eq!(self.header("x-request-id"), error["request_id"].as_str(), "{}", self.text);
        assert_eq!(self.body.as_object().unwrap().len(), 1, "{}", self.text);
        error
    }

    /// As [`Answer::error`], of that `error_type` too.
    #[track_caller]
    pub fn refused(&self, status: u16, error_type: &str) -> &Value {
        let error = self.error(status);
        assert_eq!(error["error_type"], error_type, "{}", self.text);
        error
    }
}

/// Asserts the form that every error has, over HTTP and in an `error` frame.
#[track_caller]
pub fn assert_error_form(error: &Value, context: &str) {
    let fields = error.as_object().unwrap_or_else(|| panic!("no error object in {context}"));
    for name in fields.keys() {
        let known = ["status_code", "error_type", "message", "timestamp", "request_id", "details"];
        assert!(known.contains(&name.as_str()), "{name:?} is no field of an error: {context}");
    }
    assert!(error["status_code"].is_u64(), "{context}");
    let snake = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit())
    };
    assert!(error["error_type"].as_str().is_some_and(snake), "{context}");
    assert!(error["message"].as_str().is_some_and(|m| !m.is_empty()), "{context}");
    assert!(error["timestamp"].as_str().is_some_and(super::is_time), "{context}");
    if let Some(details) = error.get("details") {
        for detail in details.as_array().unwrap_or_else(|| panic!("details: {context}")) {
            assert!(detail["field"].is_string() && detail["message"].is_string(), "{context}");
        }
    }
}
