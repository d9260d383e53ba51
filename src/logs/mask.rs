//! Takes secrets out of log lines: by the names of fields, and by what values look like.
//!
//! Rather one word too many than one secret too few: a line is for finding out what happened, and a
//! masked word hardly ever hides that.

use std::borrow::Cow;

/// What stands where a secret was.
pub(super) const MASK: &str = "[masked]";

/// What names of secrets contain, whatever else they consist of; letters and digits alone.
const SECRET_PARTS: [&str; 11] = [
    "token",
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "secret",
    "authorization",
    "cookie",
    "credential",
    "apikey",
    "privatekey",
];
/// Whole words that make a name one of a secret.
const SECRET_WORDS: [&str; 7] = ["key", "keys", "pwd", "pass", "auth", "bearer", "jwt"];
/// Those of them that prose has before a colon: `no such key: foo`, where `api_key: foo` has one.
const PROSE_WORDS: [&str; 4] = ["key", "keys", "pass", "auth"];
/// What well-known access tokens begin with.
const TOKEN_PREFIXES: [&str; 16] = [
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "xoxa-",
    "xoxs-",
    "xapp-",
    "sk-",
    "sk_live_",
    "rk_live_",
    "AKIA",
];
/// Characters that such a token has at least after its beginning.
const TOKEN_MIN_CHARS: usize = 12;
/// Characters after `Bearer` that are taken for a token.
const BEARER_MIN_CHARS: usize = 4;

/// Tells whether a field of this name holds a secret.
pub(super) fn is_secret_name(name: &str) -> bool {
    let squeezed: String =
        name.chars().filter(|c| c.is_ascii_alphanumeric()).map(|c| c.to_ascii_lowercase()).collect();
    SECRET_PARTS.iter().any(|part| squeezed.contains(part))
        || words(name).any(|word| SECRET_WORDS.iter().any(|known| word.eq_ignore_ascii_case(known)))
}

/// The words of a name: between separators, and where capitals begin one (`apiKey`).
fn words(name: &str) -> impl Iterator<Item = &str> {
    let bytes = name.as_bytes();
    let mut from = 0;
    std::iter::from_fn(move || {
        while from < bytes.len() && !bytes[from].is_ascii_alphabetic() {
            from += 1;
        }
        if from == bytes.len() {
            return None;
        }
        let begin = from;
        from += 1;
        while from < bytes.len()
            && bytes[from].is_ascii_alphabetic()
            && !(bytes[from].is_ascii_uppercase() && bytes[from - 1].is_ascii_lowercase())
        {
            from += 1;
        }
        Some(&name[begin..from])
    })
}

/// Masks what looks like a secret in a text.
pub(super) fn mask(text: &str) -> Cow<'_, str> {
    let mut masked = Masked { text, kept: 0, out: String::new() };
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at..].starts_with(b"://") {
            at = masked.url(at);
        } else if is_run(bytes[at]) {
            let end = at + run_len(&bytes[at..]);
            at = masked.run(at, end);
        } else {
            at += 1;
        }
    }
    masked.finish()
}

/// What words, names, numbers and tokens are made of.
fn is_run(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

fn run_len(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| is_run(**byte)).count()
}

fn blanks(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| matches!(**byte, b' ' | b'\t')).count()
}

/// A text while it is masked; all indices stand at ASCII characters.
struct Masked<'a> {
    text: &'a str,
    /// Up to here it is in `out`.
    kept: usize,
    out: String,
}

impl<'a> Masked<'a> {
    fn finish(self) -> Cow<'a, str> {
        if self.kept == 0 {
            return Cow::Borrowed(self.text);
        }
        Cow::Owned(self.out + &self.text[self.kept..])
    }

    fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    /// Puts the mask in place of what lies between; gives where to go on.
    fn hide(&mut self, from: usize, to: usize) -> usize {
        if &self.text[from..to] == MASK {
            return to;
        }
        self.out.push_str(&self.text[self.kept..from]);
        self.out.push_str(MASK);
        self.kept = to;
        to
    }

    /// Looks at a run of word characters and at what follows it.
    fn run(&mut self, from: usize, to: usize) -> usize {
        let run = &self.text[from..to];
        if run.ends_with("-----BEGIN") {
            return self.pem(from, to);
        }
        if run.eq_ignore_ascii_case("bearer") || run.eq_ignore_ascii_case("basic") {
            return self.scheme(run.len() == "basic".len(), to);
        }
        if let Some(value) = self.value_of(run, from, to) {
            return value;
        }
        if is_token(run) {
            return self.hide(from, to);
        }
        to
    }

    /// `Bearer x`, `Basic x` as they stand in headers.
    fn scheme(&mut self, basic: bool, after: usize) -> usize {
        let bytes = self.bytes();
        let from = after + blanks(&bytes[after..]);
        let is_credential = |byte: &u8| is_run(*byte) || matches!(byte, b'~' | b'+' | b'/' | b'=');
        let to = from + bytes[from..].iter().take_while(|byte| is_credential(byte)).count();
        let hidden = match basic {
            true => holds_colon(&bytes[from..to]),
            false => to - from >= BEARER_MIN_CHARS,
        };
        if from > after && hidden { self.hide(from, to) } else { after }
    }

    /// The private key that begins here, up to its end or that of the text.
    fn pem(&mut self, from: usize, to: usize) -> usize {
        let rest = &self.text[to..];
        let Some(label) = rest.find("-----").map(|end| &rest[..end]) else { return to };
        if !label.contains("PRIVATE KEY") {
            return to;
        }
        let end = match rest.find("-----END") {
            Some(end) => {
                let label = end + "-----END".len();
                rest[label..].find("-----").map_or(rest.len(), |close| label + close + "-----".len())
            }
            None => rest.len(),
        };
        self.hide(from + self.text[from..to].len() - "-----BEGIN".len(), to + end)
    }

    /// The value behind a name that is one of a secret: `name=value`, `"name": "value"`, `--name value`.
    fn value_of(&mut self, run: &str, begin: usize, end: usize) -> Option<usize> {
        let bytes = self.bytes();
        // A name may stand in quotes, and these behind backslashes.
        let mut at = end;
        while matches!(bytes.get(at), Some(b'\\' | b'"' | b'\'')) {
            at += 1;
        }
        let quoted = at > end;
        at += blanks(&bytes[at..]);
        let separator = bytes.get(at).copied();
        match separator {
            Some(b'=') => {}
            // A path, as in `token::Kind`.
            Some(b':') if bytes.get(at + 1) == Some(&b':') => return None,
            Some(b':') if quoted || !PROSE_WORDS.iter().any(|word| run.eq_ignore_ascii_case(word)) => {}
            Some(b'>') if begin > 0 && bytes[begin - 1] == b'<' => {}
            _ if run.starts_with("--") && at > end && !quoted => return self.argument(run, at),
            _ => return None,
        }
        if bytes[at..].starts_with(b"://") || !is_secret_name(run) {
            return None;
        }
        at += 1;
        while matches!(bytes.get(at), Some(b'=' | b'>' | b':')) {
            at += 1;
        }
        at += blanks(&bytes[at..]);
        let to = self.value_end(at, is_header(run));
        Some(if to > at { self.hide(at, to) } else { at })
    }

    /// The argument of a flag: `--password hunter2`.
    fn argument(&mut self, flag: &str, at: usize) -> Option<usize> {
        if !is_secret_name(flag) || self.bytes().get(at).is_none_or(|byte| *byte == b'-') {
            return None;
        }
        let to = self.value_end(at, false);
        (to > at).then(|| self.hide(at, to))
    }

    /// Where the value ends that begins at `at`; one of a header goes on to the end of its line.
    fn value_end(&self, at: usize, header: bool) -> usize {
        let bytes = self.bytes();
        let escapes = bytes[at..].iter().take_while(|byte| **byte == b'\\').count();
        if let Some(quote @ (b'"' | b'\'')) = bytes.get(at + escapes) {
            return quoted_end(bytes, at + escapes + 1, *quote, escapes);
        }
        let ends = |byte: &u8| match byte {
            b'\n' | b'\r' => true,
            b'"' | b'\'' => true,
            b' ' | b'\t' | b',' | b';' | b'&' | b')' | b'}' | b']' | b'<' | b'>' => !header,
            _ => false,
        };
        // A list or an object of secrets goes to its end, whatever is in it.
        if let Some(open @ (b'[' | b'{')) = bytes.get(at)
            && !bytes[at..].starts_with(MASK.as_bytes())
        {
            let close = if *open == b'[' { b']' } else { b'}' };
            let len =
                bytes[at..].iter().rposition(|byte| *byte == close).map_or(bytes.len() - at, |end| end + 1);
            return at + len;
        }
        if bytes[at..].starts_with(MASK.as_bytes()) {
            return at + MASK.len();
        }
        let to = at + bytes[at..].iter().position(ends).unwrap_or(bytes.len() - at);
        let scheme =
            ["bearer", "basic", "token"].iter().any(|word| self.text[at..to].eq_ignore_ascii_case(word));
        if scheme && blanks(&bytes[to..]) > 0 {
            return self.value_end(to + blanks(&bytes[to..]), header);
        }
        to
    }

    /// The password of a URL whose `://` stands at `at`.
    fn url(&mut self, at: usize) -> usize {
        let bytes = self.bytes();
        let from = at + "://".len();
        let ends = |byte: &u8| {
            byte.is_ascii_whitespace()
                || matches!(byte, b'/' | b'?' | b'#' | b'"' | b'\'' | b'<' | b'>' | b'`')
        };
        let to = from + bytes[from..].iter().position(ends).unwrap_or(bytes.len() - from);
        let Some(host) = bytes[from..to].iter().rposition(|byte| *byte == b'@') else { return from };
        match bytes[from..from + host].iter().position(|byte| *byte == b':') {
            Some(user) if from + user + 1 < from + host => self.hide(from + user + 1, from + host),
            _ => from,
        }
    }
}

/// Headers whose values have blanks and separators in them.
fn is_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.contains("authorization") || name.contains("cookie")
}

/// Where the quoted text ends that begins at `from`, behind its closing quote. Quotes behind more
/// backslashes than the first one belong to it.
fn quoted_end(bytes: &[u8], from: usize, quote: u8, escapes: usize) -> usize {
    let mut at = from;
    let mut backslashes = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => backslashes += 1,
            byte if *byte == quote && backslashes <= escapes => return at + 1,
            _ => backslashes = 0,
        }
        if *byte == quote {
            backslashes = 0;
        }
        at += 1;
    }
    bytes.len()
}

/// Whether a run of word characters is a token by its looks: a JWT, or one of a well-known kind.
fn is_token(run: &str) -> bool {
    let jwt = run.starts_with("eyJ") && run.len() >= 20;
    jwt || TOKEN_PREFIXES
        .iter()
        .any(|prefix| run.strip_prefix(prefix).is_some_and(|rest| rest.len() >= TOKEN_MIN_CHARS))
}

/// Whether base64 hides a colon, as `user:password` has one.
fn holds_colon(base64: &[u8]) -> bool {
    let mut bits = 0_u32;
    let mut count = 0;
    for byte in base64 {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return false,
        };
        bits = bits << 6 | u32::from(digit);
        count += 6;
        if count >= 8 {
            count -= 8;
            if (bits >> count) as u8 == b':' {
                return true;
            }
        }
    }
    false
}
