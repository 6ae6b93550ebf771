//! A link's physics and the options of its sessions: read from its table, and put together with what
//! follows from coordinates.

use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::check::Builder;
use super::diagnose::Problems;
use super::distance;
use super::file::{LinkOptions, MultipathEntry, Written};
use super::guards::{Excess, Guards, MaxPrefix};
use super::keys::{PRESETS, keys};
use super::model::*;
use super::multipath::{Multipath, MultipathHash};
use super::pacing::read_mrai;
use super::table::{Table, wrong_type};
use crate::physics::{Impairment, PROPERTIES};

/// What a link is made with.
#[derive(Clone)]
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
        Self { both, each, session: SessionOptions::read(table, f), mrai: None, span: table.span.clone() }
    }
}

impl LinkOptions {
    /// The same of a link with a session between ASes.
    pub(super) fn of_session(table: &Table<'_>, directions: [&str; 2], f: &mut Problems) -> Self {
        Self { mrai: read_mrai(table, f), ..Self::read(table, directions, f) }
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
            guards: Guards::read(table, f),
            mrai: None,
            add_paths: table.boolean("add_paths", f).unwrap_or(false),
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

/// Bytes that the kernel takes (TCP_MD5SIG_MAXKEYLEN).
const LONGEST_PASSWORD: usize = 80;

impl Guards {
    pub(super) fn read(table: &Table<'_>, f: &mut Problems) -> Self {
        let actions = [
            ("warn", Excess::Warn),
            ("block", Excess::Block),
            ("restart", Excess::Restart),
            ("disable", Excess::Disable),
        ];
        let limit = table.integer("max_prefix", 1..=u64::from(u32::MAX), f);
        let action = table.word("max_prefix_action", &actions, f);
        if let (Some(action), None) = (&action, table.get("max_prefix")) {
            let found = f.error("missing-key", action.span(), "`max_prefix_action` without `max_prefix`");
            found.label("above how many routes?");
        }
        let action = action.map(Spanned::into_inner).unwrap_or_default();
        let max_prefix = limit.map(|limit| MaxPrefix { limit: *limit.get_ref() as u32, action });
        Self {
            ttl_security: table.boolean("ttl_security", f).unwrap_or(false),
            password: read_password(table, f),
            max_prefix,
            allow_own_as: table.integer("allow_own_as", 0..=10, f).map_or(0, |n| *n.get_ref() as u8),
        }
    }
}

fn read_password(table: &Table<'_>, f: &mut Problems) -> Option<String> {
    let given = table.string("password", f)?;
    let text = given.get_ref();
    // It stands between quotes in a daemon's config.
    let fine = |c: char| c.is_ascii_graphic() && !['"', '\\'].contains(&c);
    if text.is_empty() || text.len() > LONGEST_PASSWORD || !text.chars().all(fine) {
        let found = f.error("bad-password", given.span(), "`password` cannot be one of TCP-MD5");
        found.label(format!("1 to {LONGEST_PASSWORD} printable characters without blanks, quotes and backslashes"));
        return None;
    }
    Some(given.into_inner())
}

impl MultipathEntry {
    pub(super) fn read(table: &Table<'_>, f: &mut Problems) -> Self {
        let hashes = [("l3", MultipathHash::L3), ("l4", MultipathHash::L4)];
        let hash = table.word("multipath_hash", &hashes, f).map(Spanned::into_inner);
        if let Some(value) = table.get("multipath")
            && matches!(value.get_ref(), DeValue::String(text) if text.starts_with("relax"))
        {
            let found = f.error("nothing-to-relax", value.span(), "`multipath` has nothing to relax");
            found
                .label("paths that are as long as each other are used together, whatever ASes are on them")
                .help("write multipath = true".to_owned());
            return Self { on: None, hash };
        }
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
        let mrai = options.mrai.as_ref().map(|mrai| *mrai.get_ref());
        let session = SessionOptions { mrai, ..options.session.clone() };
        Settled { impairments, emulated: given || !delay.is_zero(), session }
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
