//! One client's probes of one group: what has been sent, answered, given up, and not sent in time.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use super::recorder::Recorder;
use crate::anycast::probe::{Probe, ProbeReply};
use crate::kernel::{now, stamp};
use crate::record::{ProbeResult, What};

/// Who is to send next, and when: each in turn, so that all are spread evenly over a period.
pub(super) struct Turns {
    begin: u64,
    period: u64,
    probers: u64,
    /// Turns taken so far.
    taken: u64,
}

impl Turns {
    /// From `begin` (CLOCK_MONOTONIC, nanoseconds), `probers` of them, each once in `period`.
    pub(super) fn new(begin: u64, period: Duration, probers: usize) -> Self {
        Self { begin, period: period.as_nanos() as u64, probers: probers.max(1) as u64, taken: 0 }
    }

    /// When the next turn is due.
    pub(super) fn next(&self) -> u64 {
        let share = u128::from(self.taken) * u128::from(self.period) / u128::from(self.probers);
        self.begin.saturating_add(share as u64)
    }

    /// Takes all turns that are due: calls `act` with the prober's index, the number of the probe, and whether
    /// it is in time. One that is a period late is not: the next one of the same prober is due.
    pub(super) fn take(&mut self, time: u64, mut act: impl FnMut(usize, u64, bool)) {
        while self.next() <= time {
            let in_time = time - self.next() < self.period;
            act((self.taken % self.probers) as usize, self.taken / self.probers, in_time);
            self.taken += 1;
        }
    }
}

/// A client and a group that it probes.
pub(super) struct Prober {
    socket: UdpSocket,
    target: SocketAddr,
    /// Number to the time of sending.
    waiting: BTreeMap<u64, u64>,
    log: Log,
}

impl Prober {
    pub(super) fn new(socket: UdpSocket, target: SocketAddr, log: Log) -> Self {
        Self { socket, target, waiting: BTreeMap::new(), log }
    }

    pub(super) fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Nothing is waited for.
    pub(super) fn has_all(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Sends the probe of this turn, unless it is too late for it.
    pub(super) fn turn(&mut self, seq: u64, in_time: bool) {
        if !in_time {
            self.log.skipped += 1;
            return;
        }
        let sent = now();
        match self.socket.send_to(&Probe { seq }.encode(), self.target) {
            // No room: it has not left, and that is the machine's doing.
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => self.log.skipped += 1,
            // Unreachable, or no route: lost like any other, unless an answer comes.
            _ => drop(self.waiting.insert(seq, sent)),
        }
    }

    /// Reads what has arrived.
    pub(super) fn receive(&mut self) {
        let mut buffer = [0; 1500];
        // An error is an ICMP message about an earlier probe: that one is lost, by its timeout.
        if let Ok((length, at)) = stamp::receive(&self.socket, &mut buffer)
            && let Ok(reply) = ProbeReply::decode(&buffer[..length])
            && let Some(sent) = self.waiting.remove(&reply.seq)
        {
            let rtt = Some(at.saturating_sub(sent));
            self.log.ready.push(ProbeResult { seq: reply.seq, sent, rtt, member: Some(reply.host) });
        }
    }

    /// Gives up what was sent before `before`, and records what is decided.
    pub(super) fn record(&mut self, before: u64) {
        while let Some(oldest) = self.waiting.first_entry().filter(|oldest| *oldest.get() < before) {
            let (seq, sent) = oldest.remove_entry();
            self.log.ready.push(ProbeResult { seq, sent, rtt: None, member: None });
        }
        self.log.write();
    }
}

/// Results of one client that the record has not yet.
pub(super) struct Log {
    client: String,
    group: String,
    recorder: Recorder,
    ready: Vec<ProbeResult>,
    skipped: u64,
}

impl Log {
    pub(super) fn new(client: String, group: String, recorder: Recorder) -> Self {
        Self { client, group, recorder, ready: Vec::new(), skipped: 0 }
    }

    fn write(&mut self) {
        if self.ready.is_empty() && self.skipped == 0 {
            return;
        }
        self.ready.sort_by_key(|result| result.seq);
        let (probes, skipped) = (std::mem::take(&mut self.ready), std::mem::take(&mut self.skipped));
        let what = What::Probes { client: self.client.clone(), group: self.group.clone(), probes, skipped };
        self.recorder.now(what);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Turns taken at each of these times, in nanoseconds: prober, number, in time.
    fn turns(period: u64, probers: usize, times: &[u64]) -> Vec<(usize, u64, bool)> {
        let mut turns = Turns::new(1000, Duration::from_nanos(period), probers);
        let mut taken = Vec::new();
        for time in times {
            turns.take(*time, |prober, seq, in_time| taken.push((prober, seq, in_time)));
        }
        taken
    }

    #[test]
    fn probers_take_turns_over_a_period() {
        assert_eq!(turns(300, 3, &[999]), []);
        assert_eq!(turns(300, 3, &[1000, 1099, 1100, 1200]), [(0, 0, true), (1, 0, true), (2, 0, true)]);
        assert_eq!(turns(300, 3, &[1299, 1300]).last(), Some(&(0, 1, true)));
        // A period that the probers do not divide evenly: no drift.
        assert_eq!(turns(100, 3, &[1000 + 100 * 1000]).len(), 3001);
    }

    #[test]
    fn a_turn_that_is_a_period_late_is_skipped_and_counted() {
        let taken = turns(100, 2, &[1000, 1330]);
        assert_eq!(taken.iter().filter(|(.., in_time)| *in_time).count(), 3);
        assert_eq!(taken.iter().filter(|(.., in_time)| !in_time).count(), 4);
        let of_first: Vec<u64> = taken.iter().filter(|(prober, ..)| *prober == 0).map(|(_, seq, _)| *seq).collect();
        assert_eq!(of_first, [0, 1, 2, 3], "numbers of skipped probes are not used again");
    }
}
