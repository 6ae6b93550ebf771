//! How much a block of clients is told by datagrams: an answer is larger than its question, and whoever the question
//! seems to come from may not have asked.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::anycast::oasis::prefixes::block;
use crate::machine::Time;

/// Full answers to a block in a second. Then they are cut, and who is really there asks by a stream.
const PER_SECOND: u32 = 20;
/// Most blocks in a second. Others are cut from the first on.
const MAX_BLOCKS: usize = 4096;

#[derive(Default)]
pub(in super::super) struct Limiter {
    second: u64,
    told: BTreeMap<IpNet, u32>,
}

impl Limiter {
    /// Whether this client may be told more than it asked.
    pub(in super::super) fn allows(&mut self, now: Time, client: IpAddr) -> bool {
        let second = now.0.as_secs();
        if second != self.second {
            self.second = second;
            self.told.clear();
        }
        let block = block(client, if client.is_ipv4() { 24 } else { 56 });
        if !self.told.contains_key(&block) && self.told.len() >= MAX_BLOCKS {
            return false;
        }
        let told = self.told.entry(block).or_default();
        *told += 1;
        *told <= PER_SECOND
    }

    pub(in super::super) fn len(&self) -> usize {
        self.told.len()
    }
}
