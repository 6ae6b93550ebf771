//! Joining: one datagram to a group's address, a cookie, and a member to join through.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use rand::RngExt;

use super::asks::{Welcome, Why};
use super::color::Palette;
use super::core::Core;
use super::parts;
use super::served::MAX_REDIRECTS;
use crate::anycast::config::Bootstrap;
use crate::anycast::event::{Command, Event};
use crate::anycast::face::Question;
use crate::overlay::id::Id;
use crate::overlay::{Peer, Phase, Time};

/// A join that may not found an overlay is given up after this long.
const DEADLINE: Duration = Duration::from_secs(30);
/// Unanswered attempts after which a node that may do so begins a new overlay.
const FOUNDING_ATTEMPTS: u32 = 3;
/// Most members remembered from before joining.
const MAX_MET: usize = 32;
/// So many members near it a joiner asks its infrastructure for, if that can tell (section 4.2 of the paper).
const FIRST_NEIGHBORS: usize = 8;
/// The wait between attempts doubles this often.
const MAX_DOUBLINGS: u32 = 4;

/// A join, if one is under way, and who answered.
#[derive(Debug, Default)]
pub(super) struct Joining {
    course: Option<Course>,
    pub(super) met: BTreeMap<Id, Met>,
    /// Who answered last at each color's address.
    pub(super) heard: BTreeMap<u16, Id>,
    /// Hosts nearby that may be members.
    nearby: Vec<SocketAddr>,
}

/// A member that answered before this node had joined.
#[derive(Clone, Debug)]
pub(super) struct Met {
    pub(super) welcome: Welcome,
    pub(super) milliseconds: f64,
}

/// A join under way.
#[derive(Debug)]
struct Course {
    found: bool,
    started: Time,
    attempts: u32,
    next_attempt: Option<Time>,
    served_by: Option<Id>,
    redirected: u8,
    /// Whom it asks, in this order.
    rotation: VecDeque<Whom>,
}

/// Whom a joiner asks.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Whom {
    /// Whichever member the infrastructure finds nearest.
    Nearest,
    WellKnown(SocketAddr),
}

impl Joining {
    pub(super) fn due(&self) -> Option<Time> {
        let course = self.course.as_ref()?;
        course.next_attempt.map(|next| next.min(course.end()))
    }

    pub(super) fn is_under_way(&self) -> bool {
        self.course.is_some()
    }

    pub(super) fn begin(&mut self, core: &mut Core, palette: &mut Palette, now: Time, found: bool) {
        if core.overlay.phase() != Phase::Idle || self.course.is_some() || core.departing {
            tracing::debug!(command = ?Command::Join { found }, "already joined or joining");
            return;
        }
        let mut rotation: Vec<Whom> = match core.config.bootstrap {
            Bootstrap::Anycast => vec![Whom::Nearest],
            Bootstrap::WellKnown => core.config.well_known.iter().copied().map(Whom::WellKnown).collect(),
        };
        rotation.retain(|whom| *whom != Whom::WellKnown(core.config.address));
        for last in (1..rotation.len()).rev() {
            rotation.swap(last, core.rng.random_range(0..=last));
        }
        self.met.clear();
        self.heard.clear();
        core.asks.clear();
        self.course = Some(Course {
            found,
            started: now,
            attempts: 0,
            next_attempt: Some(now),
            served_by: None,
            redirected: 0,
            rotation: rotation.into(),
        });
        self.timeout(core, palette, now);
        core.emit(Event::Joining);
    }

    /// Hosts nearby, of which the next join asks whether they are members.
    pub(super) fn acquaint(&mut self, core: &Core, nearby: Vec<SocketAddr>) {
        if core.config.beyond.share_neighbors {
            self.nearby = nearby;
            self.nearby.truncate(FIRST_NEIGHBORS);
            self.nearby.retain(|at| *at != core.config.address);
        }
    }

    /// Half joined: nobody relies on it yet.
    pub(super) fn give_up(&mut self) {
        self.course = None;
    }

    pub(super) fn timeout(&mut self, core: &mut Core, palette: &mut Palette, now: Time) {
        let Some(course) = &mut self.course else { return };
        // While a member serves it, it may take longer: the overlay says when that has failed.
        if course.next_attempt.is_none_or(|next| next.min(course.end()) > now) {
            return;
        }
        let nobody_to_ask = course.rotation.is_empty();
        if course.found && (course.attempts >= FOUNDING_ATTEMPTS || nobody_to_ask) {
            course.next_attempt = None;
            course.served_by = None;
            return core.overlay.begin(now);
        }
        if nobody_to_ask || course.end() <= now {
            let attempts = course.attempts;
            self.course = None;
            let reason = if nobody_to_ask {
                "it is the only well-known node and may not begin an overlay".to_owned()
            } else {
                format!("no member answered in {attempts} attempts")
            };
            return core.emit(Event::JoinFailed { reason });
        }
        course.attempt(core, palette, now);
        for at in std::mem::take(&mut self.nearby) {
            core.ask(now, at, Why::Meet { color: None });
        }
    }

    /// What was begun with another address is of no use: cookies are good for one.
    pub(super) fn begin_anew(&mut self, core: &mut Core, palette: &mut Palette, now: Time) {
        let Some(course) = &mut self.course else { return };
        course.served_by = None;
        course.next_attempt = Some(now);
        core.overlay.abort();
        self.timeout(core, palette, now);
    }

    /// The member that was asked has too much to do and names another, which is asked as itself.
    pub(super) fn sent_elsewhere(&mut self, core: &mut Core, now: Time, redirected: u8, peer: Peer) {
        let course = self.course.as_mut().filter(|c| c.served_by.is_none() && redirected < MAX_REDIRECTS);
        if let Some(course) = course {
            course.redirected = redirected + 1;
            core.ask(now, peer.address, Why::Join { redirected: redirected + 1 });
        }
    }

    /// Keeps who answered, with the round-trip time.
    pub(super) fn remember(&mut self, welcome: &Welcome, milliseconds: f64) {
        let id = welcome.peer.id;
        if self.met.len() < MAX_MET || self.met.contains_key(&id) {
            self.met.insert(id, Met { welcome: welcome.clone(), milliseconds });
        }
    }

    pub(super) fn through(&mut self, core: &mut Core, now: Time, peer: Peer) {
        if let Some(course) = self.course.as_mut().filter(|c| c.served_by.is_none()) {
            course.served_by = Some(peer.id);
            course.next_attempt = None;
            core.overlay.join(now, peer);
        }
    }

    /// It has a successor that has noticed it; whether it was joining, and who served it.
    pub(super) fn joined(&mut self, core: &mut Core, now: Time) -> Option<Option<Id>> {
        let course = self.course.take()?;
        core.emit(Event::Joined {
            served_by: course.served_by,
            milliseconds: now.millis_since(course.started),
            attempts: course.attempts,
            redirected: course.redirected.into(),
        });
        Some(course.served_by)
    }

    /// The ring could not be joined through whoever answered: asks again.
    pub(super) fn failed(&mut self, core: &mut Core, now: Time) {
        let pause = core.config.rpc_timeout.mul_f64(core.rng.random_range(0.75..1.25));
        if let Some(course) = &mut self.course {
            course.served_by = None;
            course.next_attempt = Some(now + pause);
        }
    }
}

impl Course {
    /// Who has found no member by then gives up, unless it may begin an overlay.
    fn end(&self) -> Time {
        if self.found { Time(Duration::MAX) } else { self.started + DEADLINE }
    }

    /// Asks the next address, and every color so that the answers become the first neighbor list.
    fn attempt(&mut self, core: &mut Core, palette: &mut Palette, now: Time) {
        self.attempts += 1;
        self.rotation.rotate_left(1);
        let doubled = core.config.rpc_timeout * 2u32.pow((self.attempts - 1).min(MAX_DOUBLINGS));
        self.next_attempt = Some(now + doubled.mul_f64(core.rng.random_range(0.75..1.25)));
        match self.rotation.back() {
            Some(Whom::Nearest) => core.look(now, &Question::Nearest, Why::Join { redirected: 0 }),
            Some(Whom::WellKnown(address)) => core.ask(now, *address, Why::Join { redirected: 0 }),
            None => {}
        }
        if self.attempts == 1 {
            *palette = Palette::asked(now);
            for (color, address) in parts::colors(&core.config) {
                core.ask(now, address, Why::Meet { color: Some(color) });
            }
            core.look(now, &Question::Neighbors(FIRST_NEIGHBORS), Why::Meet { color: None });
        }
    }
}
