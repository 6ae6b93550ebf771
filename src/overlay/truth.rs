//! What a search should have found, for whoever judges and knows what is stored where.

use std::collections::BTreeSet;

use super::Hit;
use super::id::Id;
use super::words;

/// A search beside what there was to find: numbers of items, each once a node that shares it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sought {
    /// Found, and there.
    pub found: usize,
    /// Not found, though whoever shares it is in the island of who asked.
    pub missed: usize,
    /// Not found, and whoever shares it is in another island.
    pub apart: usize,
    /// Found, and not there.
    pub wrong: usize,
}

/// What became of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It found something that is there.
    Found,
    /// It found nothing, though there was something in its island.
    Missed,
    /// It found nothing, and there was something only in other islands.
    Apart,
    /// There was nothing to find, and it found nothing.
    Nothing,
    /// It found only what is not there.
    Wrong,
}

impl Sought {
    /// `stored`: the items of all members; `near`: whether a member is in the island of who asked.
    pub fn judge<'a>(
        asked: &str,
        hits: &[Hit],
        stored: impl Iterator<Item = (Id, &'a str)>,
        near: impl Fn(Id) -> bool,
    ) -> Self {
        let hits: BTreeSet<(Id, &str)> = hits.iter().map(|hit| (hit.at, &hit.name[..])).collect();
        let there: BTreeSet<(Id, &str)> = stored.filter(|(_, name)| words::matches(asked, name)).collect();
        let mut sought = Self { wrong: hits.difference(&there).count(), ..Self::default() };
        for item in &there {
            *match (hits.contains(item), near(item.0)) {
                (true, _) => &mut sought.found,
                (false, true) => &mut sought.missed,
                (false, false) => &mut sought.apart,
            } += 1;
        }
        sought
    }

    pub fn verdict(self) -> Verdict {
        match self {
            Self { found: 1.., .. } => Verdict::Found,
            Self { wrong: 1.., .. } => Verdict::Wrong,
            Self { missed: 1.., .. } => Verdict::Missed,
            Self { apart: 1.., .. } => Verdict::Apart,
            _ => Verdict::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missed_is_in_reach_or_not() {
        let stored = [(Id(1), "red fox"), (Id(2), "red fox"), (Id(3), "red fox"), (Id(3), "grey fox")];
        let judge = |asked: &str, hits: &[(u128, &str)]| {
            let hits: Vec<Hit> = hits.iter().map(|(at, name)| Hit { name: (*name).into(), at: Id(*at) }).collect();
            Sought::judge(asked, &hits, stored.iter().copied(), |id| id != Id(3))
        };
        let sought = judge("red", &[(1, "red fox"), (9, "red fox")]);
        assert_eq!(sought, Sought { found: 1, missed: 1, apart: 1, wrong: 1 });
        assert_eq!(sought.verdict(), Verdict::Found);
        assert_eq!(judge("red fox", &[]).verdict(), Verdict::Missed);
        assert_eq!(judge("grey", &[]).verdict(), Verdict::Apart);
        assert_eq!(judge("blue", &[]).verdict(), Verdict::Nothing);
        assert_eq!(judge("blue", &[(1, "blue")]).verdict(), Verdict::Wrong);
        assert_eq!(judge("grey", &[(2, "grey fox")]), Sought { found: 0, missed: 0, apart: 1, wrong: 1 });
    }
}
