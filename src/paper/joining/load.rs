//! Who served joins, and for how long each could have.

use std::collections::BTreeMap;

/// Of one crowd; hosts by whatever names them.
#[derive(Clone, Debug)]
pub(super) struct Load<H> {
    /// Joins that each server served.
    served: BTreeMap<H, usize>,
    /// Seconds of the crowd's coming in which each member could serve.
    could: BTreeMap<H, f64>,
}

impl<H: Ord> Load<H> {
    pub(super) fn new(served: BTreeMap<H, usize>, could: BTreeMap<H, f64>) -> Self {
        Self { served, could }
    }

    pub(super) fn servers(&self) -> usize {
        self.served.len()
    }

    pub(super) fn most(&self) -> usize {
        self.served.values().copied().max().unwrap_or(0)
    }

    fn total(&self) -> usize {
        self.served.values().sum()
    }

    /// The busiest member's share of all joins that were served.
    pub(super) fn most_share(&self) -> Option<f64> {
        (self.total() > 0).then(|| self.most() as f64 / self.total() as f64)
    }

    /// Joins for each second in which it could serve, of the member that served most, over the same of all.
    pub(super) fn busiest_over_mean(&self) -> Option<f64> {
        let (host, most) = self.served.iter().max_by_key(|(_, count)| **count)?;
        let own = *most as f64 / self.could.get(host).copied().filter(|s| *s > 0.0)?;
        let all = self.total() as f64 / self.could.values().sum::<f64>();
        Some(own / all)
    }

    /// Of those that could serve, the share that served any.
    pub(super) fn serving_share(&self) -> Option<f64> {
        let could = || self.could.iter().filter(|(_, seconds)| **seconds > 0.0);
        let count = could().count();
        (count > 0).then(|| could().filter(|(host, _)| self.served.contains_key(host)).count() as f64 / count as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_is_over_the_time_in_which_a_member_could_serve() {
        let load =
            Load::new(BTreeMap::from([("a", 30), ("b", 10)]), BTreeMap::from([("a", 1.0), ("b", 0.5), ("c", 0.5)]));
        assert_eq!((load.servers(), load.most(), load.most_share()), (2, 30, Some(0.75)));
        assert_eq!(load.busiest_over_mean(), Some(30.0 / 20.0), "40 joins in two seconds of members");
        assert_eq!(load.serving_share(), Some(2.0 / 3.0));
        // One server that is the only one who could is no imbalance.
        let alone = Load::new(BTreeMap::from([("a", 40)]), BTreeMap::from([("a", 1.0)]));
        assert_eq!((alone.busiest_over_mean(), alone.most_share()), (Some(1.0), Some(1.0)));
        let nobody: Load<&str> = Load::new(BTreeMap::new(), BTreeMap::new());
        assert_eq!((nobody.busiest_over_mean(), nobody.most_share(), nobody.serving_share()), (None, None, None));
    }
}
