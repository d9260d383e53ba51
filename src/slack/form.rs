//! Bodies of the type `application/x-www-form-urlencoded`.

use std::collections::BTreeMap;

use crate::domain::Error;

/// The most fields of one form.
const FIELDS_MAX: usize = 64;
/// The longest `trigger_id`: it becomes an idempotency key.
const TRIGGER_MAX_BYTES: usize = 255;

/// The fields of a form, each once.
#[derive(Debug)]
pub(super) struct Form(BTreeMap<String, String>);

impl Form {
    /// Reads a form.
    ///
    /// # Errors
    /// `invalid_value` for a field that stands there twice, and for too many.
    pub(super) fn parse(body: &[u8]) -> Result<Form, Error> {
        let mut fields = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(body) {
            if fields.len() == FIELDS_MAX {
                return Err(bad("body", &format!("must not have more than {FIELDS_MAX} fields")));
            }
            if fields.insert(name.clone().into_owned(), value.into_owned()).is_some() {
                let name: String = name.chars().take(FIELDS_MAX).collect();
                return Err(bad(&name, "must stand there once"));
            }
        }
        Ok(Form(fields))
    }

    /// Takes a field that may be missing or empty.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name).filter(|value| !value.is_empty())
    }

    /// Takes a field that must be there.
    ///
    /// # Errors
    /// `invalid_value` that names it.
    pub(super) fn need(&mut self, name: &str) -> Result<String, Error> {
        self.take(name).ok_or_else(|| bad(name, "is missing"))
    }
}

/// Checks what makes a request the one that it is.
///
/// # Errors
/// `invalid_value` where it is empty, too long, or has other than visible characters.
pub(super) fn trigger(text: &str) -> Result<String, Error> {
    let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
    if text.is_empty() || text.len() > TRIGGER_MAX_BYTES || !visible {
        return Err(bad("trigger_id", &format!("must be 1 to {TRIGGER_MAX_BYTES} visible ASCII characters")));
    }
    Ok(text.to_owned())
}

/// Blames a field; the message begins with its name by itself.
pub(super) fn bad(field: &str, message: &str) -> Error {
    Error::invalid(field, format!("{field} {message}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_decoded_and_taken_once() {
        let mut form = Form::parse(b"a=1+2%263&empty=&b").unwrap();
        assert_eq!(form.take("a").as_deref(), Some("1 2&3"));
        assert_eq!((form.take("a"), form.take("empty"), form.take("b")), (None, None, None));
        assert_eq!(form.need("c").unwrap_err().to_string(), "c is missing");
    }

    #[test]
    fn a_field_twice_and_a_flood_of_them_are_refused() {
        assert_eq!(Form::parse(b"a=1&a=2").unwrap_err().to_string(), "a must stand there once");
        let flood: String = (0..=FIELDS_MAX).map(|n| format!("f{n}=&")).collect();
        assert_eq!(Form::parse(flood.as_bytes()).unwrap_err().spec().1, "invalid_value");
    }
}
