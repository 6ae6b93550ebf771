//! A link's physics and the options of its sessions: read from its table, and put together with what
//! follows from coordinates.

use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::check::Builder;
use super::diagnose::Problems;
use super::distance;
use super::file::{LinkOptions, MultipathEntry, Written};
use super::keys::{PRESETS, keys};
use super::model::*;
use super::multipath::{Multipath, MultipathHash};
use super::table::{Table, wrong_type};
use crate::physics::{Impairment, PROPERTIES};

/// What a link is made with.
#[derive(Clone, Copy)]
pub(super) struct Settled {
    pub(super) impairments: [Impairment; 2],
    pub(super) emulated: bool,
    pub(super) session: SessionOptions,
}

impl LinkOptions {
    /// `directions` is what the table calls the way from `a` to `b`, and the way back.
    pub(super) fn read(table: &Table<'_>, directions: [&str; 2], f: &mut Problems) -> Self {
        let both = Written::read(table, f);
        let each = directions.map(|key| {
            let direction = table.table(key, "a direction of a link", keys("link.ab"), f);
            direction.map(|t| Written::read(&t, f)).unwrap_or_default()
        });
        Self { both, each, session: SessionOptions::read(table, f), span: table.span.clone() }
    }
}

impl Written {
    fn read(table: &Table<'_>, f: &mut Problems) -> Self {
        let mut written = Self::default();
        for (key, example) in PROPERTIES {
            if let Some(value) = table.get(key) {
                written.set(key, example, &value, f);
            }
        }
        written
    }

    fn set(&mut self, key: &'static str, example: &str, value: &Spanned<&DeValue<'_>>, f: &mut Problems) {
        self.wrong = true;
        let DeValue::String(text) = value.get_ref() else {
            let found = wrong_type(key, "a string with a unit", value, f);
            found.help(format!("such as {key} = \"{example}\""));
            return;
        };
        match self.properties.set(key, text) {
            Ok(()) => {
                self.spans.push((key, value.span()));
                self.wrong = false;
            }
            Err(why) => {
                // `what it is not: what to write`
                let (message, help) = why.split_once(": ").unwrap_or((&why, ""));
                let found = f.error("bad-property", value.span(), message);
                let help = (!help.is_empty()).then(|| help.to_owned());
                found.label(format!("`{key}` is such as \"{example}\"")).help(help);
            }
        }
    }
}

impl SessionOptions {
    fn read(table: &Table<'_>, f: &mut Problems) -> Self {
        let restarts = [("no", GracefulRestart::No), ("aware", GracefulRestart::Aware), ("yes", GracefulRestart::Yes)];
        let bfd = table.string("bfd", f).and_then(|text| Bfd::read(&text, f));
        let graceful_restart = table.word("graceful_restart", &restarts, f);
        if let (Some(_), Some(word)) = (bfd, &graceful_restart)
            && *word.get_ref() == GracefulRestart::Yes
        {
            let message = "a session with `bfd` cannot restart gracefully";
            let found = f.error("bfd-and-restart", word.span(), message);
            found
                .label("BFD ends with the BIRD that restarts, and says that the link failed")
                .help("leave out one of them".to_owned());
        }
        Self {
            bfd,
            hold: read_hold(table, f),
            timers: table.word("timers", PRESETS, f).map(Spanned::into_inner),
            graceful_restart: graceful_restart.map(Spanned::into_inner),
        }
    }
}

impl Bfd {
    /// `50ms x 3`.
    fn read(text: &Spanned<String>, f: &mut Problems) -> Option<Self> {
        let parts = text.get_ref().rsplit_once('x').map(|(interval, multiplier)| (interval.trim(), multiplier.trim()));
        let parsed = parts.and_then(|(interval, multiplier)| {
            Some((humantime::parse_duration(interval).ok()?, multiplier.parse::<u32>().ok()?))
        });
        let problem = match parsed {
            None => "write an interval and a multiplier",
            // Less, and a machine that is busy for a moment would look like a failure.
            Some((interval, _)) if !(Duration::from_millis(10)..=Duration::from_secs(10)).contains(&interval) => {
                "the interval must be from 10ms to 10s"
            }
            Some((interval, _)) if interval.subsec_nanos() % 1_000_000 != 0 => {
                "the interval must be whole milliseconds"
            }
            Some((interval, multiplier)) => match u8::try_from(multiplier) {
                Ok(multiplier @ 1..) => return Some(Self { interval, multiplier }),
                _ => "the multiplier must be from 1 to 255",
            },
        };
        let found = f.error("bad-bfd", text.span(), format!("`{text}` is not what BFD needs"));
        found.label(problem).help("\"50ms x 3\" detects a failure within 150 ms".to_owned());
        None
    }
}

/// BGP's hold time: two bytes of seconds, and not 1 or 2 (RFC 4271 §4.2).
fn read_hold(table: &Table<'_>, f: &mut Problems) -> Option<u16> {
    let (least, most) = (Duration::from_secs(3), Duration::from_secs(u64::from(u16::MAX)));
    let hold = table.duration("hold", Duration::ZERO..=Duration::MAX, f)?;
    let label = if !(least..=most).contains(hold.get_ref()) {
        "must be from 3s to 65535s"
    } else if hold.get_ref().subsec_nanos() != 0 {
        "must be whole seconds"
    } else {
        return Some(hold.get_ref().as_secs() as u16);
    };
    let found = f.error("out-of-range", hold.span(), "`hold` is no hold time of BGP");
    found.label(label).help("to notice a failure sooner, use `bfd`, such as \"50ms x 3\"".to_owned());
    None
}

impl MultipathEntry {
    pub(super) fn read(table: &Table<'_>, f: &mut Problems) -> Self {
        let hashes = [("l3", MultipathHash::L3), ("l4", MultipathHash::L4)];
        let hash = table.word("multipath_hash", &hashes, f).map(Spanned::into_inner);
        Self { on: table.boolean("multipath", f), hash }
    }

    /// What holds for an AS, given what the lab's table says.
    pub(super) fn within(self, lab: Self) -> Multipath {
        Multipath { on: self.on.or(lab.on).unwrap_or_default(), hash: self.hash.or(lab.hash).unwrap_or_default() }
    }
}

impl Builder<'_> {
    /// The physics and session options of a link between `a` and `b`. A direction without a delay of its
    /// own gets that of the distance, if both ends have a place.
    pub(super) fn settle(&mut self, a: NodeId, b: NodeId, options: &LinkOptions) -> Settled {
        let delay = match (self.topology.node(a).place, self.topology.node(b).place) {
            (Some(a), Some(b)) => distance::delay(a, b, self.topology.distance_factor),
            _ => Duration::ZERO,
        };
        let distant = Impairment { delay, ..Impairment::default() };
        let impairments = options.each.each_ref().map(|own| distant.with(&own.properties.or(&options.both.properties)));
        let written = [&options.both, &options.each[0], &options.each[1]];
        if !written.into_iter().any(|w| w.wrong) {
            self.possible(a, b, options, impairments);
        }
        let given = written.into_iter().any(|w| !w.properties.is_empty());
        Settled { impairments, emulated: given || !delay.is_zero(), session: options.session }
    }

    /// Reports a link that cannot be, at the property that the problem names first.
    fn possible(&mut self, a: NodeId, b: NodeId, options: &LinkOptions, impairments: [Impairment; 2]) {
        let [there, back] = impairments.map(|impairment| impairment.problem());
        let name = |id: NodeId| format!("`{}`", self.topology.node(id).name);
        // Hosts are settled all at once, not each by itself.
        let (from, to) = (name(a), if a == b { "its hosts".to_owned() } else { name(b) });
        let directions = [(there, format!(", from {from} to {to}")), (back, format!(", from {to} to {from}"))];
        // What is wrong both ways is said once.
        let alike = there == back;
        for (index, (problem, direction)) in directions.into_iter().enumerate().take(if alike { 1 } else { 2 }) {
            let Some(problem) = problem else { continue };
            let direction = if alike { "" } else { &direction };
            let (message, label) = problem.split_once(": ").unwrap_or((problem, "here"));
            let named = |(key, _): &&(&str, _)| message.starts_with(&format!("`{key}`"));
            let spans = options.each[index].spans.iter().chain(&options.both.spans);
            let span = spans.into_iter().find(named).map(|(_, span)| span.clone()).unwrap_or_default();
            self.problems.error("impossible-link", span, message).label(format!("{label}{direction}"));
        }
    }
}
