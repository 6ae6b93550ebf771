//! Stretch: the round trip to a group's address over that to the nearest member that announces it.

use crate::measure::derived::derived;
use crate::measure::effect::{ClientStretch, Stretch};
use crate::measure::paths::{Paths, Taken};
use crate::measure::stats::thousandths;
use crate::measure::{Findings, quantile};

/// Round trips count as this much at least, in milliseconds: what hops and the scheduler take, some hundredths of
/// a millisecond, would else be all there is to compare.
const FLOOR: f64 = 1.0;
/// A site farther than the best by this share of it, or by this many milliseconds, is as good: `rtt error` takes
/// the same for noise.
const TIE_SHARE: f64 = 0.05;
const TIE: f64 = 0.5;

impl Paths<'_> {
    fn compared(&self) -> ClientStretch {
        let best = self.members.iter().min_by(|(_, a), (_, b)| f64::total_cmp(a, b));
        let best = best.map(|(member, ms)| (*member, *ms));
        let site_ms = self.site.and_then(|site| self.members.get(site)).copied();
        let both = self.anycast.zip(best.map(|(_, ms)| ms));
        // Sites are compared by their unicast addresses: the way to the group's may differ. If it is not known which
        // site it is, the way is all there is to compare.
        let far = if self.site.is_some() { site_ms } else { self.anycast };
        let near = |(far, (_, best)): (f64, (&str, f64))| far <= best + f64::max(TIE, TIE_SHARE * best);
        ClientStretch {
            client: self.client.to_owned(),
            site: self.site.map(str::to_owned),
            anycast_ms: self.anycast.map(thousandths),
            site_ms: site_ms.map(thousandths),
            best: best.map(|(member, _)| member.to_owned()),
            best_ms: best.map(|(_, ms)| thousandths(ms)),
            stretch: both.map(|(anycast, best)| thousandths(anycast.max(FLOOR) / best.max(FLOOR))),
            inflation_ms: both.map(|(anycast, best)| thousandths(anycast - best)),
            at_best: self.anycast.is_some() && far.zip(best).is_some_and(near),
        }
    }
}

impl Taken<'_> {
    /// As the report has it.
    pub(crate) fn reported(&self, findings: &Findings<'_>) -> Stretch {
        let by_client: Vec<ClientStretch> = self.clients.iter().map(Paths::compared).collect();
        let sorted = |of: fn(&ClientStretch) -> Option<f64>| {
            let mut values: Vec<f64> = by_client.iter().filter_map(of).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        let (stretch, inflation) = (sorted(|c| c.stretch), sorted(|c| c.inflation_ms));
        let after = findings.windows.iter().rev().find(|w| w.begin < self.at);
        Stretch {
            at: findings.record.seconds(self.at),
            group: self.group.to_owned(),
            source: self.source,
            after: after.map(|w| w.fault.clone()),
            p50: quantile(&stretch, 0.5),
            p90: quantile(&stretch, 0.9),
            p99: quantile(&stretch, 0.99),
            inflation_p50_ms: quantile(&inflation, 0.5),
            inflation_p90_ms: quantile(&inflation, 0.9),
            inflation_p99_ms: quantile(&inflation, 0.99),
            at_best: by_client.iter().filter(|c| c.at_best).count(),
            clients: by_client.len(),
            unanswered: by_client.iter().filter(|c| c.anycast_ms.is_none()).count(),
            by_client,
        }
    }
}

impl Findings<'_> {
    /// What was measured; if nothing was, what follows from the configured delays.
    pub(crate) fn reported_stretches(&self) -> Vec<Stretch> {
        if !self.stretches.is_empty() {
            return self.stretches.iter().map(|taken| taken.reported(self)).collect();
        }
        derived(self).iter().map(|taken| taken.reported(self)).collect()
    }
}
