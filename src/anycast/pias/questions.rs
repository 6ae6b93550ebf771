//! Questions of agents that several proxies answer together: neighbors, and one of all members.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use rand::RngExt;

use super::core::Core;
use super::flows;
use super::lists;
use super::message::{Between, Draw, How, Jap, MAX_NAMED, Reply};
use crate::machine::Time;
use crate::overlay::wire::Tag;

/// Most questions that are not answered yet.
const MAX_OPEN: usize = 1024;

/// Other proxies are waited for so long.
const PATIENCE: Duration = Duration::from_millis(800);

/// How often a draw is repeated that has hit the asker.
const MAX_DRAWS: u8 = 16;

/// How often a question is passed on between proxies that disagree about the RAP.
const MAX_HOPS: u8 = 2;

/// Who wants to know, and under which tag and token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker {
    pub(super) agent: SocketAddr,
    pub(super) tag: Tag,
    pub(super) token: u64,
    /// Where it would want the group's datagrams itself.
    pub(super) member: SocketAddr,
    pub(super) group: u16,
}

#[derive(Debug, Default)]
pub(super) struct Questions {
    open: BTreeMap<u64, Open>,
}

#[derive(Debug)]
struct Open {
    asker: Asker,
    until: Time,
    what: Wanted,
}

#[derive(Debug)]
enum Wanted {
    /// So many; `found` by the JAP that has told, in the order of distance.
    Neighbors {
        count: usize,
        own: Vec<SocketAddr>,
        asked: Vec<(usize, Option<Vec<SocketAddr>>)>,
    },
    /// What the JAPs are is not known yet.
    Japs {
        count: usize,
        own: Vec<SocketAddr>,
    },
    One {
        how: How,
        draws: u8,
    },
}

impl Questions {
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// Neighbors of the asker: targets of this proxy, then of others in the order of their distance.
    pub(super) fn neighbors(&mut self, core: &mut Core, now: Time, asker: Asker, count: usize) {
        let count = count.min(MAX_NAMED);
        let own = core.targets.named(asker.group, count, asker.member);
        if own.len() >= count {
            return answer(core, &asker, own);
        }
        match core.japs(now, asker.group) {
            Some(japs) => self.gather(core, now, asker, count, own, &japs),
            None => {
                let rap = core.rap(now, asker.group);
                if self.add(core, now, asker, Wanted::Japs { count, own }).is_some() {
                    core.tell(rap, Between::Ask { group: asker.group });
                }
            }
        }
    }

    /// Asks as many of the nearest JAPs as should have enough together.
    fn gather(&mut self, core: &mut Core, now: Time, asker: Asker, count: usize, own: Vec<SocketAddr>, japs: &[Jap]) {
        let me = core.proxies.me;
        let other = |jap: &&Jap| {
            let server = usize::from(jap.server);
            server != me && jap.count > 0 && core.proxies.alive(now, server)
        };
        let mut others: Vec<_> = japs.iter().filter(other).copied().collect();
        others.sort_by_key(|jap| (core.proxies.distance(me, usize::from(jap.server)), jap.server));
        let missing = count - own.len();
        let mut sum = 0;
        // The asker may be among them, so one more is needed.
        let needed = others.iter().take_while(|jap| {
            let more = sum <= missing;
            sum += jap.count as usize;
            more
        });
        let asked: Vec<_> = needed.map(|jap| (usize::from(jap.server), None)).collect();
        if asked.is_empty() {
            return answer(core, &asker, own);
        }
        let servers: Vec<_> = asked.iter().map(|(server, _)| *server).collect();
        let Some(query) = self.add(core, now, asker, Wanted::Neighbors { count, own, asked }) else { return };
        for server in servers {
            let count = missing.min(MAX_NAMED) as u8;
            core.tell(server, Between::Members { query, group: asker.group, count, but: asker.member });
        }
    }

    /// The RAP has told the JAPs of a group.
    pub(super) fn listed(&mut self, core: &mut Core, now: Time, group: u16) {
        let waits = |open: &Open| open.asker.group == group && matches!(open.what, Wanted::Japs { .. });
        let waiting: Vec<_> = self.open.iter().filter(|(_, open)| waits(open)).map(|(query, _)| *query).collect();
        let Some(japs) = core.japs(now, group) else { return };
        for query in waiting {
            if let Some(Open { asker, what: Wanted::Japs { count, own }, .. }) = self.open.remove(&query) {
                self.gather(core, now, asker, count, own, &japs);
            }
        }
    }

    /// One of all members.
    pub(super) fn draw(&mut self, core: &mut Core, now: Time, asker: Asker, how: How) {
        if let Some(query) = self.add(core, now, asker, Wanted::One { how, draws: 0 }) {
            self.drawn(core, now, Draw { query, origin: core.me(), group: asker.group, how, hops: MAX_HOPS });
        }
    }

    /// As the RAP, or on the way to it: which JAP, and there which target?
    pub(super) fn drawn(&mut self, core: &mut Core, now: Time, draw: Draw) {
        let (rap, me) = (core.rap(now, draw.group), core.proxies.me);
        let japs = core.lists.counts(now, draw.group, &core.proxies);
        if rap != me && (draw.origin == core.me() || japs.is_empty()) {
            if let Some(hops) = draw.hops.checked_sub(1) {
                core.tell(rap, Between::Draw(Draw { hops, ..draw }));
            }
            return;
        }
        match lists::draw(&japs, draw.how == How::Idle, core.rng.random()) {
            None => self.are(core, now, draw, Vec::new()),
            Some(jap) if jap == me => self.picked(core, now, draw),
            Some(jap) => core.tell(jap, Between::Pick(draw)),
        }
    }

    /// As the JAP.
    pub(super) fn picked(&mut self, core: &mut Core, now: Time, draw: Draw) {
        let members = core.targets.draw(draw.group, draw.how, &mut core.rng).into_iter().collect();
        self.are(core, now, draw, members);
    }

    fn are(&mut self, core: &mut Core, now: Time, Draw { query, origin, .. }: Draw, members: Vec<SocketAddr>) {
        if origin == core.me() {
            self.told(core, now, usize::from(origin), query, members);
        } else {
            core.tell(usize::from(origin), Between::Are { query, members });
        }
    }

    /// A proxy has named members.
    pub(super) fn told(&mut self, core: &mut Core, now: Time, by: usize, query: u64, mut members: Vec<SocketAddr>) {
        members.truncate(MAX_NAMED);
        let Some(open) = self.open.get_mut(&query) else { return };
        let asker = open.asker;
        match &mut open.what {
            Wanted::Japs { .. } => {}
            Wanted::One { how, draws } => {
                if members.first() != Some(&asker.member) {
                    self.open.remove(&query);
                    return answer(core, &asker, members);
                }
                // Drawing anew leaves the others equally likely.
                *draws += 1;
                let how = *how;
                if *draws < MAX_DRAWS {
                    let draw = Draw { query, origin: core.me(), group: asker.group, how, hops: MAX_HOPS };
                    return self.drawn(core, now, draw);
                }
                self.open.remove(&query);
                answer(core, &asker, Vec::new());
            }
            Wanted::Neighbors { asked, .. } => {
                for (_, told) in asked.iter_mut().filter(|(server, _)| *server == by) {
                    *told = Some(std::mem::take(&mut members));
                }
                if asked.iter().all(|(_, told)| told.is_some()) {
                    self.end(core, query);
                }
            }
        }
    }

    /// With what is known by now.
    fn end(&mut self, core: &mut Core, query: u64) {
        let Some(Open { asker, what, .. }) = self.open.remove(&query) else { return };
        let members = match what {
            Wanted::One { .. } => Vec::new(),
            Wanted::Japs { own, .. } => own,
            Wanted::Neighbors { count, own, asked } => {
                let told = asked.into_iter().filter_map(|(_, told)| told).flatten();
                let mut all: Vec<SocketAddr> = Vec::new();
                for member in own.into_iter().chain(told) {
                    if member != asker.member && !all.contains(&member) && all.len() < count {
                        all.push(member);
                    }
                }
                all
            }
        };
        answer(core, &asker, members);
    }

    fn add(&mut self, core: &mut Core, now: Time, asker: Asker, what: Wanted) -> Option<u64> {
        if self.open.len() >= MAX_OPEN {
            core.dropped += 1;
            return None;
        }
        let query = core.rng.random();
        self.open.insert(query, Open { asker, until: now + PATIENCE, what });
        Some(query)
    }

    /// Who has waited long enough gets what there is.
    pub(super) fn expire(&mut self, core: &mut Core, now: Time) {
        let old = self.open.iter().filter(|(_, open)| open.until <= now).map(|(query, _)| *query);
        for query in old.collect::<Vec<_>>() {
            self.end(core, query);
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.open.len() * size_of::<(u64, Open)>()
    }
}

/// As the RAP: the JAPs of a group. Who sees another RAP, and knows nothing, says nothing: the asker will see it too.
pub(super) fn asked(core: &mut Core, now: Time, by: usize, group: u16) {
    let japs = core.lists.counts(now, group, &core.proxies);
    if japs.is_empty() && core.rap(now, group) != core.proxies.me {
        return core.dropped += 1;
    }
    flows::list(core, group, by, japs, None);
}

fn answer(core: &mut Core, asker: &Asker, members: Vec<SocketAddr>) {
    core.reply(asker.agent, asker.tag, &Reply::Members { token: asker.token, members });
}
