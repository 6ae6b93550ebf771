//! How a command ends, and how it speaks: results on standard output, all else on standard error.

use crate::lab::error_text;

/// Why a command ended early; decides its exit code.
#[derive(Debug)]
pub(super) enum Failure {
    /// Wrong usage or lab file: nothing was built. Exit 2.
    Usage(anyhow::Error),
    /// The machine lacks something. Exit 3.
    Machine(anyhow::Error),
    /// Anything else. Exit 4.
    Lab(anyhow::Error),
    /// Said already; this exit code.
    Said(i32),
}

impl Failure {
    /// Says what went wrong, and returns the exit code for it.
    pub(super) fn say(self) -> i32 {
        let (code, error) = match self {
            Self::Said(code) => return code,
            Self::Usage(error) => (2, error),
            Self::Machine(error) => (3, error),
            Self::Lab(error) => (4, error),
        };
        complain(&error_text(&error));
        code
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Lab(error)
    }
}

pub(super) type Ended = Result<i32, Failure>;

pub(super) fn complain(text: &str) {
    anstream::eprintln!("{text}");
}

/// Prints a result. A reader that has gone away (`| head`) is no error.
pub(super) fn print(text: &str) {
    use std::io::Write;
    let _ = anstream::stdout().lock().write_all(text.as_bytes());
}

pub(super) fn is_colored() -> bool {
    anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never
}
