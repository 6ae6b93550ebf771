//! One value of a metric, and how values are seen: as a state over time, or of a window.

/// One value of a metric.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reading {
    Number(f64),
    /// A share of a whole, both counted.
    Share(usize, usize),
    Seconds(f64),
    Truth(bool),
    /// A member and its stub; `None`: nobody answers.
    Who(Option<(String, Option<String>)>),
    /// The other ASes on each way to a target, several with equal-cost routes; none: no way.
    Ways(Vec<Vec<String>>),
    /// A quantity of what is not there.
    Absent,
}

/// A reading of a window, and what to say of it; `Err` says why there is none.
pub(crate) type WindowReading = Result<(Reading, String), String>;

pub(crate) enum Seen<'a> {
    /// The value from each time on.
    State(Vec<(u64, Reading)>),
    Window {
        /// When a window that begins with the play may read differently.
        changes: Vec<u64>,
        /// Reads what happened from one time on and before another.
        read: Box<dyn Fn(u64, u64) -> WindowReading + 'a>,
    },
}

/// What is observed when the record has nothing of a metric.
pub(crate) const NOTHING: &str = "nothing recorded";

pub(crate) fn nothing<T>() -> Result<T, String> {
    Err(NOTHING.to_owned())
}

/// A share as people write it: all and nothing are told apart from almost.
pub(crate) fn percent(part: usize, whole: usize) -> String {
    if part == whole {
        return "100 %".to_owned();
    }
    let share = (100.0 * part as f64 / whole as f64 * 10.0).floor() / 10.0;
    format!("{share} %")
}
