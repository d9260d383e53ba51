//! What programs and browsers show to be let in: random texts that are given out once.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// Random bytes of a secret.
const RANDOM_BYTES: usize = 32;
/// Digits of the random part, and of the checksum after it.
const RANDOM_DIGITS: usize = 2 * RANDOM_BYTES;
const CHECK_DIGITS: usize = 8;
/// Characters of every kind's prefix.
const PREFIX_CHARS: usize = 4;

/// What a secret is for; its text begins with this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretKind {
    /// A program's token.
    Token,
    /// A person's session in a browser.
    Session,
    /// Lets one WebSocket in, once.
    Ticket,
    /// Lets somebody make the first admin, once.
    Setup,
    /// Gives a program new tokens for a person, once.
    Refresh,
}

impl SecretKind {
    /// The kinds, for whoever finds a text and wants to know what it is.
    pub const ALL: [SecretKind; 5] =
        [SecretKind::Token, SecretKind::Session, SecretKind::Ticket, SecretKind::Setup, SecretKind::Refresh];

    /// What texts of this kind begin with; scanners for leaked secrets find tokens by it.
    pub fn prefix(self) -> &'static str {
        match self {
            SecretKind::Token => "oph_",
            SecretKind::Session => "ops_",
            SecretKind::Ticket => "opt_",
            SecretKind::Setup => "opi_",
            SecretKind::Refresh => "opr_",
        }
    }
}

/// The SHA-256 of a secret, which is all that is kept of it: 256 random bits need no slow hash.
pub(super) type SecretHash = [u8; 32];

/// A secret that was just made, or that somebody shows.
///
/// Its text is the kind's prefix, 256 random bits and their CRC-32, both in hexadecimal digits: the checksum
/// lets a mistyped or made-up text be told from one that was taken back, and scanners know a real one.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Makes one that nobody can guess.
    ///
    /// # Panics
    /// Where the operating system has no randomness to give.
    pub fn generate(kind: SecretKind) -> Secret {
        Secret::checked(format!("{}{}{}", kind.prefix(), random_half(), random_half()))
    }

    fn checked(text: String) -> Secret {
        let check = crc32fast::hash(text.as_bytes());
        Secret(format!("{text}{check:08x}").into())
    }

    /// What all secrets of a family share: the kind, and the first half of the random bits.
    fn family(&self) -> &str {
        &self.reveal()[..PREFIX_CHARS + RANDOM_DIGITS / 2]
    }

    /// Makes another one of the same family, which nobody can guess who does not know it either.
    ///
    /// # Panics
    /// Where the operating system has no randomness to give.
    pub fn successor(&self) -> Secret {
        Secret::checked(format!("{}{}", self.family(), random_half()))
    }

    /// What is kept of its family: 128 random bits need no slow hash either.
    pub fn lineage(&self) -> SecretHash {
        Sha256::digest(self.family().as_bytes()).into()
    }

    /// Reads a text that somebody shows; none where it cannot be a secret of this kind.
    pub fn parse(kind: SecretKind, text: &str) -> Option<Secret> {
        let digits = text.strip_prefix(kind.prefix())?;
        let hexadecimal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if digits.len() != RANDOM_DIGITS + CHECK_DIGITS || !digits.bytes().all(hexadecimal) {
            return None;
        }
        let (body, check) = text.split_at(text.len() - CHECK_DIGITS);
        let fits = u32::from_str_radix(check, 16) == Ok(crc32fast::hash(body.as_bytes()));
        fits.then(|| Secret(text.to_owned().into()))
    }

    /// What is kept of it. Looking it up by its hash takes no time that depends on the text.
    pub fn hash(&self) -> SecretHash {
        Sha256::digest(self.0.expose_secret().as_bytes()).into()
    }

    /// The text, for the one answer that tells it.
    pub fn reveal(&self) -> &str {
        self.0.expose_secret()
    }
}

/// Half of the random digits of a secret.
fn random_half() -> String {
    let mut random = [0; RANDOM_BYTES / 2];
    getrandom::fill(&mut random).expect("the operating system gives random bytes once it is up");
    random.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_back_as_its_kind_alone() {
        for kind in SecretKind::ALL {
            let made = Secret::generate(kind);
            for other in SecretKind::ALL {
                let read = Secret::parse(other, made.reveal());
                assert_eq!(read.map(|read| read.hash()), (kind == other).then(|| made.hash()));
            }
        }
    }

    #[test]
    fn a_text_with_another_digit_is_no_secret() {
        let made = Secret::generate(SecretKind::Token);
        let text = made.reveal();
        for at in 4..text.len() {
            let mut bytes = text.as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(Secret::parse(SecretKind::Token, &changed).is_none(), "digit {at}");
        }
        for text in ["", "oph_", &text[..text.len() - 1], &format!("{text}0"), &text.to_uppercase()] {
            assert!(Secret::parse(SecretKind::Token, text).is_none());
        }
    }

    #[test]
    fn a_family_is_known_by_each_of_its_secrets() {
        for kind in SecretKind::ALL {
            assert_eq!(kind.prefix().len(), PREFIX_CHARS);
        }
        let first = Secret::generate(SecretKind::Refresh);
        let next = first.successor();
        assert_eq!(Secret::parse(SecretKind::Refresh, next.reveal()).unwrap().hash(), next.hash());
        assert_eq!(first.lineage(), next.lineage());
        assert_ne!(first.hash(), next.hash());
        assert_ne!(first.hash(), first.lineage());
        assert_ne!(first.lineage(), Secret::generate(SecretKind::Refresh).lineage());
    }

    #[test]
    fn a_secret_is_not_shown_by_chance() {
        let made = Secret::generate(SecretKind::Token);
        assert!(!format!("{made:?}").contains(&made.reveal()[4..20]));
        assert_ne!(made.hash(), Secret::generate(SecretKind::Token).hash());
    }
}
