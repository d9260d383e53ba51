//! Slash commands: `/opshub approve P7`, as Slack posts them.

use crate::domain::Error;

use super::form::{Form, trigger};
use super::people::UserId;

/// What came to the door of slash commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Slash {
    /// Slack only looks whether the certificate holds.
    SslCheck,
    /// Somebody typed something.
    Said(Said),
}

/// What somebody typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Who.
    pub user: UserId,
    /// The slash command's name, such as `/opshub`.
    pub slash: String,
    /// What stands behind it, as it was typed.
    pub text: String,
    /// Names this one request.
    pub trigger_id: String,
    /// Where a later answer goes, as Slack says.
    pub response_url: Option<String>,
}

impl Slash {
    /// Reads a body.
    ///
    /// # Errors
    /// `invalid_value` that names the field at fault.
    pub fn parse(body: &[u8]) -> Result<Slash, Error> {
        let mut form = Form::parse(body)?;
        if form.take("ssl_check").is_some() {
            return Ok(Slash::SslCheck);
        }
        Ok(Slash::Said(Said {
            slash: form.need("command")?,
            user: UserId::parse(&form.need("user_id")?)?,
            text: form.take("text").unwrap_or_default().trim().to_owned(),
            trigger_id: trigger(&form.need("trigger_id")?)?,
            response_url: form.take("response_url"),
        }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BODY: &str = "token=x&team_id=T1&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fopshub&text=approve+P%267&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2F1&trigger_id=39.47.80";

    #[test]
    fn what_somebody_typed_is_read() {
        let Slash::Said(said) = Slash::parse(BODY.as_bytes()).unwrap() else { panic!("not said") };
        assert_eq!((said.user.as_str(), said.text.as_str()), ("U2CERLKJA", "approve P&7"));
        assert_eq!(said.slash, "/opshub");
        assert_eq!(said.trigger_id, "39.47.80");
        assert_eq!(said.response_url.as_deref(), Some("https://hooks.slack.com/commands/1"));
    }

    #[test]
    fn a_look_at_the_certificate_is_no_command() {
        assert_eq!(Slash::parse(b"ssl_check=1&token=x").unwrap(), Slash::SslCheck);
    }

    #[test]
    fn what_is_missing_is_named() {
        for field in ["user_id", "command", "trigger_id"] {
            let without: Vec<&str> =
                BODY.split('&').filter(|pair| !pair.starts_with(&format!("{field}="))).collect();
            let error = Slash::parse(without.join("&").as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), format!("{field} is missing"));
        }
        let odd = BODY.replace("39.47.80", "39%0A47");
        assert!(Slash::parse(odd.as_bytes()).unwrap_err().to_string().starts_with("trigger_id must be"));
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(body in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = Slash::parse(&body);
        }

        #[test]
        fn no_field_makes_it_panic(user in ".*", text in ".*", trigger in ".*") {
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            form.append_pair("command", "/x").append_pair("user_id", &user);
            form.append_pair("text", &text).append_pair("trigger_id", &trigger);
            if let Ok(Slash::Said(said)) = Slash::parse(form.finish().as_bytes()) {
                prop_assert_eq!(said.text, text.trim());
            }
        }
    }
}
