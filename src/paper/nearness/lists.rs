//! Neighbor lists: how good they are, and how good theory expects them to be.

/// Of how many nearest neighbors the recall is.
const NEAREST: usize = 8;

/// How good lists are, on average over those who have them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Found {
    /// Share of nodes whose true nearest neighbor is on their list.
    pub(super) nearest: f64,
    /// Rank of the nearest on the list among all others, 1 being the nearest of all; of nodes with a list.
    pub(super) rank: f64,
    /// How many of the eight nearest are on the list.
    pub(super) recall: f64,
}

/// What theory expects of `k` random colors and ideal anycast: the j-th nearest is found if it has another
/// color than oneself and is the first of its color, (1 − 1/k)^j. For nodes of which no two are at one place.
pub(super) fn predicted(k: u16) -> Found {
    let k = f64::from(k);
    let recall = (k - 1.0) * (1.0 - (1.0 - 1.0 / k).powi(NEAREST as i32));
    Found { nearest: 1.0 - 1.0 / k, rank: k / (k - 1.0), recall }
}

/// Judges lists by the true distances to all of `others`. Of two that are equally near either is the nearer. An
/// empty list has nobody. `None` if there is nothing to judge.
pub(super) fn judged(
    lists: &[(usize, Vec<usize>)],
    others: &[usize],
    distance: impl Fn(usize, usize) -> f64,
) -> Option<Found> {
    let mut found = Found { nearest: 0.0, rank: 0.0, recall: 0.0 };
    let (mut counted, mut ranked) = (0.0, 0.0);
    for (host, list) in lists {
        let mut all: Vec<f64> = others.iter().filter(|o| *o != host).map(|o| distance(*host, *o)).collect();
        all.sort_by(f64::total_cmp);
        let Some(nearest) = all.first() else { continue };
        let eighth = all[NEAREST.min(all.len()) - 1];
        let list: Vec<f64> = list.iter().filter(|o| *o != host).map(|o| distance(*host, *o)).collect();
        counted += 1.0;
        let near = list.iter().filter(|d| **d <= eighth).count();
        found.recall += near.min(NEAREST) as f64;
        if let Some(best) = list.into_iter().min_by(f64::total_cmp) {
            found.nearest += f64::from(u8::from(best <= *nearest));
            found.rank += all.partition_point(|d| *d < best) as f64 + 1.0;
            ranked += 1.0;
        }
    }
    let rank = if ranked > 0.0 { found.rank / ranked } else { f64::NAN };
    (counted > 0.0).then(|| Found { nearest: found.nearest / counted, rank, recall: found.recall / counted })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_forms() {
        let four = predicted(4);
        assert_eq!((four.nearest, four.rank), (0.75, 4.0 / 3.0));
        assert!((four.recall - 2.70).abs() < 0.01);
    }

    #[test]
    fn lists_are_judged_by_the_true_distances() {
        let all: Vec<usize> = (0..12).collect();
        let line = |a: usize, b: usize| a.abs_diff(b) as f64;
        let full: Vec<(usize, Vec<usize>)> = all.iter().map(|h| (*h, all.clone())).collect();
        assert_eq!(judged(&full, &all, line), Some(Found { nearest: 1.0, rank: 1.0, recall: 8.0 }));
        let far: Vec<(usize, Vec<usize>)> = (0..12).map(|h| (h, vec![(h + 6) % 12])).collect();
        let poor = judged(&far, &all, line).unwrap();
        assert!(poor.nearest == 0.0 && poor.rank > 4.0 && poor.recall < 1.0, "{poor:?}");
        let none = judged(&[(0, vec![]), (1, vec![0])], &all, line).unwrap();
        assert_eq!((none.nearest, none.rank, none.recall), (0.5, 1.0, 0.5), "an empty list has nobody");
        assert_eq!(judged(&[], &all, line), None);
    }
}
