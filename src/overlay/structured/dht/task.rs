//! Lookups and what follows them.
//!
//! A lookup ends at the node that says, by its own predecessor, that it owns the key: an owner that
//! is dead or has been superseded costs another hop, never a wrong answer.

use super::goal::{Found, Goal, Task};
use super::{Body, Dht, Did, Geometry, LookupMode, MAX_AVOID, MAX_TASKS, Phase, Purpose, Query, Request, Route, Step};
use crate::overlay::id::Id;
use crate::overlay::{Answer, Peer, Time};

/// A lookup starts anew this often before it is given up.
const ATTEMPTS: u32 = 8;
/// A lookup that was passed on more often than this goes in circles.
const MAX_HOPS: u32 = 64;

impl<G: Geometry> Dht<G> {
    pub(super) fn start_task(&mut self, now: Time, key: Id, goal: Goal<G::Goal>, via: Option<Peer>) {
        let welcome = matches!(goal, Goal::Join) || self.phase == Phase::Member;
        // Itself is no answer for a node that asks where it would be.
        let avoid = if via.is_some() { vec![self.me.id] } else { Vec::new() };
        let task = Task { key, goal, started: now, attempts: 0, hops: 0, avoid, via, due: None };
        if !welcome || self.tasks.len() >= MAX_TASKS {
            return self.gave_up(task, now);
        }
        let id = self.next_task;
        self.next_task = self.next_task.wrapping_add(1);
        self.tasks.insert(id, task);
        self.advance(now, id);
    }

    /// Begins the lookup, or begins it again.
    fn advance(&mut self, now: Time, id: u64) {
        let patience = self.rpc_patience();
        let Some(task) = self.tasks.get_mut(&id) else { return };
        task.hops = 0;
        task.due = None;
        let query = Query { key: task.key, last: false, avoid: task.avoid.clone() };
        if let Some(via) = task.via {
            task.hops = 1;
            self.call(now, via, Request::Step(query), Purpose::Step(id));
        } else if self.settings.lookup == LookupMode::Recursive {
            // Long enough for two dead hops in a row to be noticed on the way.
            task.due = Some(now + patience * 3);
            self.route(now, Route { origin: self.me, lookup: id, hops: 0, query });
        } else {
            let step = self.step(&query);
            self.stepped(now, id, self.me, step);
        }
    }

    /// Repeats the lookups whose time is up.
    pub(super) fn tasks_timeout(&mut self, now: Time) {
        let late: Vec<u64> =
            self.tasks.iter().filter(|(_, t)| t.due.is_some_and(|d| d <= now)).map(|(i, _)| *i).collect();
        for task in late {
            self.retry(now, task, None);
        }
    }

    /// Starts over around `dead`, or gives up.
    pub(super) fn retry(&mut self, now: Time, id: u64, dead: Option<Id>) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        task.attempts += 1;
        match dead {
            Some(dead) if !task.avoid.contains(&dead) && task.avoid.len() < MAX_AVOID => task.avoid.push(dead),
            Some(_) => {}
            // One that was avoided may be at another address by now.
            None => task.avoid.retain(|id| *id == self.me.id),
        }
        let hopeless = task.attempts >= ATTEMPTS || task.via.is_some_and(|v| Some(v.id) == dead);
        if !hopeless {
            return self.advance(now, id);
        }
        if let Some(task) = self.tasks.remove(&id) {
            self.gave_up(task, now);
        }
    }

    /// One node has answered an iterative lookup.
    pub(super) fn stepped(&mut self, now: Time, id: u64, from: Peer, step: Step<G::Place>) {
        let (peer, last) = match step {
            Step::Here(at) => return self.concluded(now, id, Found { owner: from, at }),
            Step::Next { peer, last } => (peer, last),
            Step::Lost => {
                if self.tasks.get(&id).is_some_and(|t| matches!(t.goal, Goal::Join))
                    && let Some(key) = G::lost(self, from)
                {
                    self.tasks.remove(&id);
                    return self.join_anew(now, key, from);
                }
                if let Some(task) = self.tasks.get_mut(&id) {
                    task.due = Some(now + self.settings.stabilize_every / 2);
                }
                return;
            }
        };
        if self.tasks.get(&id).is_some_and(|t| matches!(t.goal, Goal::Join | Goal::Merge)) {
            G::passed(self, now, from);
        }
        let trusted = self.trusted(now, &peer);
        let Some(task) = self.tasks.get_mut(&id) else { return };
        task.hops += 1;
        let avoided = task.avoid.contains(&peer.id);
        if !trusted && !avoided && task.avoid.len() < MAX_AVOID {
            // Known to be dead here, not yet there: costs no attempt, nobody was waited for.
            task.avoid.push(peer.id);
            return self.advance(now, id);
        }
        if !trusted || avoided || task.hops > MAX_HOPS {
            return self.retry(now, id, None);
        }
        let query = Query { key: task.key, last, avoid: task.avoid.clone() };
        if peer.id == self.me.id {
            let step = self.step(&query);
            return self.stepped(now, id, self.me, step);
        }
        self.call(now, peer, Request::Step(query), Purpose::Step(id));
    }

    /// Where a lookup goes from here.
    pub(super) fn step(&self, query: &Query) -> Step<G::Place> {
        if self.rescuing() { Step::Lost } else { G::step(self, query) }
    }

    /// Answers a recursive lookup or passes it on. The next hop acknowledges it at once, so a dead
    /// one is noticed here and the lookup goes around it.
    pub(super) fn route(&mut self, now: Time, mut route: Route) {
        route.query.avoid.truncate(MAX_AVOID);
        let at = match self.step(&route.query) {
            Step::Next { peer, last } if route.hops < MAX_HOPS => {
                route.hops += 1;
                let query = Query { last, ..route.query.clone() };
                let request = Request::Route(Route { query, ..route.clone() });
                // A failed hop is taken back: what is kept is the route as it came in.
                route.hops -= 1;
                return self.call(now, peer, request, Purpose::Forward(route));
            }
            // The origin asks again.
            Step::Next { .. } | Step::Lost => return,
            Step::Here(at) => at,
        };
        if route.origin.id == self.me.id {
            self.found_by_route(now, route.lookup, route.hops, self.me, at);
        } else {
            self.send(route.origin.address, Body::Found { lookup: route.lookup, hops: route.hops, at });
        }
    }

    /// The owner has answered a recursive lookup of this node.
    pub(super) fn found_by_route(&mut self, now: Time, id: u64, hops: u32, owner: Peer, at: G::Place) {
        // Without a due time it has been answered before.
        if let Some(task) = self.tasks.get_mut(&id).filter(|t| t.due.is_some() && t.via.is_none()) {
            task.hops = hops;
            task.due = None;
            self.concluded(now, id, Found { owner, at });
        }
    }

    fn concluded(&mut self, now: Time, id: u64, found: Found<G::Place>) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        match task.goal {
            Goal::Put { .. } => return self.put_at(now, id, found.owner),
            Goal::Get { .. } => return self.get_at(now, id, found),
            _ => {}
        }
        let Some(task) = self.tasks.remove(&id) else { return };
        let Found { owner, at } = found;
        match task.goal {
            Goal::Find { token } => {
                let milliseconds = now.millis_since(task.started);
                let outcome = Answer::Looked { key: task.key, owner: Some(owner.id), hops: task.hops, milliseconds };
                self.events.push_back(Did::Done { token, outcome });
            }
            Goal::Own(goal) => G::found(self, now, goal, Some((owner, at))),
            Goal::Join => G::join_at(self, now, owner, at),
            Goal::Merge => G::merge_at(self, now, owner, at),
            Goal::Stray => self.return_strays(now, owner, G::range_at(owner.id, &at, task.key)),
            Goal::Put { .. } | Goal::Get { .. } => {}
        }
    }

    fn gave_up(&mut self, task: Task<G::Goal>, now: Time) {
        let (token, outcome) = match task.goal {
            Goal::Find { token } => {
                let milliseconds = now.millis_since(task.started);
                (token, Answer::Looked { key: task.key, owner: None, hops: task.hops, milliseconds })
            }
            Goal::Put { token, key, .. } => (token, Answer::Put { key, stored: false }),
            Goal::Get { token, key, .. } => (token, Answer::Got { key, value: None, others: Vec::new() }),
            Goal::Merge => return self.not_merged(),
            Goal::Join => return self.join_failed(),
            Goal::Own(goal) => return G::found(self, now, goal, None),
            Goal::Stray => return,
        };
        self.events.push_back(Did::Done { token, outcome });
    }
}
