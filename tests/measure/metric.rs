//! Metrics of no lab, in the lab file's words, except that a target says what it is: `hops of a to group b`.

use anybed::scenario::{Metric, Subject, Target};

pub(crate) fn metric(text: &str) -> Metric {
    let mut rest = text;
    let mut last = |word: &str| {
        let (before, after) = rest.rsplit_once(word)?;
        rest = before;
        Some(after.to_owned())
    };
    let to = last(" to ").map(|to| match to.split_once(' ') {
        Some(("group", name)) => Target::Group(name.to_owned()),
        Some(("node", name)) => Target::Node(name.to_owned()),
        _ => panic!("a group or a node: {to}"),
    });
    let subject = Subject { to, group: last(" for "), from: last(" from "), of: last(" of ") };
    Metric::new(rest, subject).unwrap_or_else(|| panic!("there is no metric {rest}"))
}
