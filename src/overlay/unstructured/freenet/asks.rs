//! What this node wants stored or fetched, for whoever asks it.

use rand::RngExt;

use super::Freenet;
use super::content::Name;
use super::course::{Asked, Up};
use super::message::Errand;
use super::walk::MAX_WALKS;
use crate::overlay::id::Id;
use crate::overlay::{Answer, Did, Phase, Time, Token};

impl Freenet {
    fn may_ask(&self) -> bool {
        self.phase == Phase::Member && self.walks.len() < MAX_WALKS
    }

    pub(super) fn get(&mut self, now: Time, token: Token, text: String) {
        let key = Name::of(&text).filter(|_| self.may_ask()).and_then(|name| name.key(|| self.own()));
        let held = key.and_then(|key| self.store.get(key)).map(|thing| thing.value.clone());
        match key.filter(|_| held.is_none()) {
            Some(key) => {
                let (asked, hops) = (Asked { token, text, thing: None }, self.settings.hops);
                self.start(now, Errand::Request, key, asked, hops);
            }
            None => {
                let outcome = Answer::Got { key: text, value: held, others: Vec::new() };
                self.events.push_back(Did::Done { token, outcome });
            }
        }
    }

    pub(super) fn put(&mut self, now: Time, token: Token, text: String, value: String) {
        let name = Name::of(&text).filter(|_| self.may_ask());
        let made = name.as_ref().and_then(|name| name.make(value, || self.own()));
        let made = made.filter(|(thing, key, _)| self.store.get(*key).is_none_or(|held| held.value == thing.value));
        let Some((thing, key, full)) = made else {
            let outcome = Answer::Put { key: text, stored: false };
            return self.events.push_back(Did::Done { token, outcome });
        };
        let text = if matches!(name, Some(Name::Keyword(_))) { text } else { full };
        let (asked, hops) = (Asked { token, text, thing: Some(thing) }, self.settings.insert_hops);
        self.start(now, Errand::Insert, key, asked, hops);
    }

    fn start(&mut self, now: Time, errand: Errand, key: Id, asked: Asked, hops: u16) {
        let number = self.rng.random();
        self.seen.add(now, number, self.me.address);
        self.begin_walk(now, number, errand, key, Up::Here(asked), hops);
    }

    /// A request of this node has ended.
    pub(super) fn fetched(&mut self, number: u64, value: Option<String>) {
        if let Some(Up::Here(Asked { token, text, .. })) = self.walks.remove(&number).map(|walk| walk.up) {
            let outcome = Answer::Got { key: text, value, others: Vec::new() };
            self.events.push_back(Did::Done { token, outcome });
        }
    }

    /// So has an insert.
    pub(super) fn inserted(&mut self, number: u64, stored: bool) {
        if let Some(Up::Here(Asked { token, text, .. })) = self.walks.remove(&number).map(|walk| walk.up) {
            self.events.push_back(Did::Done { token, outcome: Answer::Put { key: text, stored } });
        }
    }
}
