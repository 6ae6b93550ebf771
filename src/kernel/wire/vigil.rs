//! How long before a departure a thread gives up sleeping, so that it is awake when the moment comes.
//!
//! A CPU that idles is slow to come back: on a virtual machine with nothing else to do, a timer wakes
//! its thread 0.05 to 0.4 ms late, and a packet that crosses ten wires would be late ten times. So the
//! timer is set early by about as much as it is late, and the rest is spent looking at the clock.

/// What the timer's lateness is held against: nineteen of twenty wakes shall be in time.
const IN_TIME: u64 = 19;
/// Nanoseconds by which one wake changes the lead.
const STEP: u64 = 250;
const FIRST_LEAD: u64 = 50_000;
const LONGEST_LEAD: u64 = 500_000;
/// A thread looks at the clock for a quarter of the time at most, and for this long without a rest.
const REST: i64 = 4;
const MOST: i64 = 5_000_000;

/// The vigil of one thread. Times are nanoseconds.
#[derive(Debug)]
pub(super) struct Vigil {
    lead: u64,
    /// How much longer it may look at the clock, or what it has overdrawn.
    spare: i64,
    at: u64,
}

impl Vigil {
    pub(super) fn new(now: u64) -> Self {
        Self { lead: FIRST_LEAD, spare: MOST, at: now }
    }

    /// A timer has woken the thread so late. Moves the lead towards the time that nineteen of twenty
    /// wakes do not exceed.
    pub(super) fn woken(&mut self, late: u64) {
        self.lead = match late > self.lead {
            true => (self.lead + IN_TIME * STEP).min(LONGEST_LEAD),
            false => self.lead.saturating_sub(STEP),
        };
    }

    /// How long before a departure the thread is to be awake.
    pub(super) fn lead(&self) -> u64 {
        if self.spare > 0 { self.lead } else { 0 }
    }

    /// The thread has been awake, or asleep, until now.
    pub(super) fn pass(&mut self, now: u64, awake: bool) {
        let passed = now.saturating_sub(self.at).cast_signed();
        self.at = now;
        let spent = if awake { passed } else { 0 };
        self.spare = (self.spare + passed / REST - spent).clamp(-MOST, MOST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lead_follows_the_late_ones() {
        let mut vigil = Vigil::new(0);
        for wake in 0..20_000_u64 {
            // One of ten is 300 µs late, the others 100 µs.
            vigil.woken(if wake % 10 == 0 { 300_000 } else { 100_000 });
        }
        assert!((290_000..=310_000).contains(&vigil.lead()), "{vigil:?}");
        for _ in 0..20_000 {
            vigil.woken(10_000_000);
        }
        assert_eq!(vigil.lead(), LONGEST_LEAD);
    }

    #[test]
    fn a_thread_is_awake_a_quarter_of_the_time() {
        let mut vigil = Vigil::new(0);
        let (mut now, mut awake) = (0, 0);
        for _ in 0..1_000_000 {
            let wakes = vigil.lead() > 0;
            now += 1_000;
            awake += if wakes { 1_000 } else { 0 };
            vigil.pass(now, wakes);
        }
        let share = awake as f64 / now as f64;
        assert!((0.24..0.27).contains(&share), "{share}");
    }
}
