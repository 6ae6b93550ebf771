//! What a person sees on standard error while a lab runs.

use anstyle::{AnsiColor, Style};

/// Lines on standard error, colored on a terminal; or silence.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    quiet: bool,
}

const NAME: Style = AnsiColor::Cyan.on_default();
const TIME: Style = Style::new().bold();

impl Progress {
    pub(super) fn new(quiet: bool) -> Self {
        Self { quiet }
    }

    /// A phase of the build has ended.
    pub(super) fn phase(self, name: &str, seconds: f64, note: &str) {
        self.line(format!("  {NAME}{name:<10}{NAME:#}{seconds:>6.2} s   {note}").trim_end());
    }

    /// Something was done at this second of the play.
    pub(super) fn action(self, at: f64, text: &str) {
        self.line(&format!("{TIME}{at:>6.1} s  {text}{TIME:#}"));
    }

    pub(super) fn line(self, text: &str) {
        if !self.quiet {
            anstream::eprintln!("{text}");
        }
    }
}

/// `error: what: why: why`, in red on a terminal.
pub(crate) fn error_text(error: &anyhow::Error) -> String {
    let red = AnsiColor::Red.on_default().bold();
    format!("{red}error{red:#}: {error:#}")
}
