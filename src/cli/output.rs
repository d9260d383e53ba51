//! The one way to stdout, and status lines on stderr.

use std::io::{self, ErrorKind, IsTerminal, Write};

use super::failure::Failure;

/// Where the answer of a command goes.
pub(super) struct Output {
    writer: Box<dyn Write>,
    terminal: bool,
    colour: bool,
}

/// How a piece of text stands out on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Dim,
    Good,
    Warn,
    Bad,
    Strong,
}

impl Output {
    /// Stdout, with colours if it is a terminal and `NO_COLOR` is not set.
    pub(super) fn stdout() -> Self {
        let stdout = io::stdout();
        let terminal = stdout.is_terminal();
        let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { writer: Box::new(stdout), terminal, colour }
    }

    /// Nowhere, for tests.
    #[cfg(test)]
    pub(super) fn sink() -> Self {
        Self { writer: Box::new(io::sink()), terminal: false, colour: false }
    }

    /// Tells whether a person is looking.
    pub(super) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Writes one line and passes it on at once, so that a pipe sees it when it happens.
    pub(super) fn line(&mut self, text: impl AsRef<str>) -> Result<(), Failure> {
        self.write(text.as_ref(), "\n")
    }

    /// Writes text as it is, such as a whole screen.
    pub(super) fn raw(&mut self, text: &str) -> Result<(), Failure> {
        self.write(text, "")
    }

    /// Colours `text` where there are colours.
    pub(super) fn paint(&self, tone: Tone, text: &str) -> String {
        paint(self.colour, tone, text)
    }

    fn write(&mut self, text: &str, end: &str) -> Result<(), Failure> {
        let written = self.writer.write_all(text.as_bytes());
        let written = written.and_then(|()| self.writer.write_all(end.as_bytes()));
        written.and_then(|()| self.writer.flush()).map_err(|error| match error.kind() {
            ErrorKind::BrokenPipe => Failure::OutputClosed,
            _ => Failure::Local(format!("cannot write to stdout: {error}")),
        })
    }
}

/// Puts a failure on stderr, with what to do about it.
pub(super) fn report(failure: &Failure) {
    let colour =
        io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    note(&format!("{} {failure}", paint(colour, Tone::Bad, "error:")));
    if let Some(advice) = failure.advice() {
        note(&format!("  {advice}"));
    }
}

/// Puts a status line on stderr, beside the answer; a closed stderr is nobody's loss.
pub(super) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

fn paint(colour: bool, tone: Tone, text: &str) -> String {
    let code = match tone {
        Tone::Plain => return text.to_owned(),
        _ if !colour => return text.to_owned(),
        Tone::Dim => 2,
        Tone::Good => 32,
        Tone::Warn => 33,
        Tone::Bad => 31,
        Tone::Strong => 1,
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

/// Makes text from outside harmless for a terminal and keeps it on its line.
pub(super) fn clean(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

/// Cuts text to `width` characters, and says so by an ellipsis.
pub(super) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_left_is_no_failure() {
        let mut out = Output { writer: Box::new(Closed), terminal: false, colour: false };
        let failure = out.line("x").unwrap_err();
        assert_eq!(failure.exit_code(), 0);
        assert!(matches!(failure, Failure::OutputClosed));
    }

    #[test]
    fn colours_appear_only_where_they_are_wanted() {
        assert_eq!(paint(false, Tone::Bad, "no"), "no");
        assert_eq!(paint(true, Tone::Bad, "no"), "\u{1b}[31mno\u{1b}[0m");
        assert_eq!(paint(true, Tone::Plain, "no"), "no");
    }

    #[test]
    fn text_from_outside_cannot_steer_the_terminal() {
        assert_eq!(clean("a\u{1b}[2Jb\nc"), "a [2Jb c");
    }

    #[test]
    fn long_text_is_cut_by_characters() {
        assert_eq!(cut("äöüß", 4), "äöüß");
        assert_eq!(cut("äöüßx", 4), "äöü…");
    }
}
