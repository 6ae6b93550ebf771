//! What a person sees on standard error while a lab runs.

use anstyle::{AnsiColor, Style};

/// Lines on standard error, colored on a terminal; or silence.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    quiet: bool,
}

const NAME: Style = AnsiColor::Cyan.on_default();
const TIME: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();

impl Progress {
    pub fn new(quiet: bool) -> Self {
        Self { quiet }
    }

    /// A phase of the build has ended.
    pub fn phase(self, name: &str, seconds: f64, note: &str) {
        self.line(&format!("  {NAME}{name:<10}{NAME:#}{seconds:>6.2} s   {note}"));
    }

    /// Something was done at this second of the play.
    pub fn action(self, at: f64, text: &str) {
        self.line(&format!("{TIME}{at:>6.1} s  {text}{TIME:#}"));
    }

    /// Something was seen.
    pub fn seen(self, at: f64, text: &str) {
        self.line(&format!("{FAINT}{at:>6.1} s    {text}{FAINT:#}"));
    }

    #[expect(clippy::print_stderr, reason = "progress goes to standard error; anstream drops colors off a terminal")]
    pub fn line(self, text: &str) {
        if !self.quiet {
            anstream::eprintln!("{text}");
        }
    }
}
