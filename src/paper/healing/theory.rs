//! How long islands need until they meet, derived from what their members do.
//!
//! *Colors.* A member asks the n = k − 1 colors that it does not announce one after another, in an order of its own
//! that it has drawn once, one every gap of D/n. Its island lacks m of them. Of its next j questions none is for one
//! of those m with probability q(j) = C(n−m, j) / C(n, j); an outage that ends at any moment leaves a time uniform
//! within a gap to the next question, so within t = j + u gaps it has left the island with probability
//! 1 − (1−u)·q(j) − u·q(j+1). Members draw their orders alone: of s of them, none has with the s-th power of what
//! remains, and the mean time to the first is the sum over j of
//! gap · (q(j)^(s+1) − q(j+1)^(s+1)) / ((s+1)·(q(j) − q(j+1))).
//! D/(s·m + 1) would be right of questions that fall anywhere in D; these are spread evenly over it, so the first
//! comes sooner: after D/(n·(s+1)) where every question leaves the island.
//!
//! *Leaders.* Time is cut into epochs of E, and in each a leader pauses once, at a moment drawn anew. From a moment
//! picked at random, the next pause of one leader is on average 7/12 E away (pauses are between 0 and 2 E apart), and
//! the first of two leaders' ∫S² = 0.358 E; of pauses exactly E apart it would be E/3. A pause of a share w of an
//! epoch lies wholly within it, and questions come after a fifth, two fifths, ... of it.

/// Chance that of so many questions to different colors none is for one of the `lacking`, of `others`.
fn avoids(others: u32, lacking: u32, questions: u32) -> f64 {
    let present = others.saturating_sub(lacking);
    let left = |i: u32| f64::from(present.saturating_sub(i)) / f64::from(others.saturating_sub(i).max(1));
    (0..questions).map(left).product()
}

/// Chance that so many members have not left their island after `gaps`.
fn silent(others: u32, lacking: u32, members: usize, gaps: f64) -> f64 {
    let (whole, part) = (gaps.floor() as u32, gaps.fract());
    let one = (1.0 - part) * avoids(others, lacking, whole) + part * avoids(others, lacking, whole + 1);
    one.powi(i32::try_from(members).unwrap_or(i32::MAX))
}

/// Mean share of D until the first question reaches the other island, of `colors`; of each island its members, and
/// how many colors it lacks that the other has. `None`: no question ever does.
pub(super) fn first_question(colors: u32, islands: [(usize, u32); 2]) -> Option<f64> {
    let others = colors.saturating_sub(1);
    if others == 0 || islands.iter().all(|(members, lacking)| *members == 0 || *lacking == 0) {
        return None;
    }
    let alone = |gaps: f64| islands.iter().map(|(members, lacking)| silent(others, *lacking, *members, gaps)).product();
    Some(integral(alone, f64::from(others)) / f64::from(others))
}

/// The same of islands of `members` with random colors, beside one that has all of them.
pub(super) fn first_question_of_random(colors: u32, members: usize) -> Option<f64> {
    over_lacking(colors, members, |lacking| first_question(colors, [(members, lacking), (0, 0)]))
}

/// 1/(s·m + 1) over the numbers m of colors that s random members lack.
pub(super) fn spread_at_random(colors: u32, members: usize) -> Option<f64> {
    over_lacking(colors, members, |lacking| Some(1.0 / (members as f64 * f64::from(lacking) + 1.0)))
}

/// The mean over how many colors random members lack.
fn over_lacking(colors: u32, members: usize, of: impl Fn(u32) -> Option<f64>) -> Option<f64> {
    // By how many different colors so many members have.
    let mut chances = vec![0.0; colors as usize + 1];
    chances[0] = 1.0;
    for _ in 0..members {
        for different in (1..chances.len()).rev() {
            let (same, new) = (different as f64, f64::from(colors) - (different - 1) as f64);
            chances[different] = (chances[different] * same + chances[different - 1] * new) / f64::from(colors);
        }
        chances[0] = 0.0;
    }
    let likely = chances.iter().enumerate().filter(|(_, chance)| **chance > 0.0);
    likely.map(|(different, chance)| Some(chance * of(colors - different as u32)?)).sum()
}

/// Mean share of an epoch until the first question of two leaders, of pauses this share of an epoch long, in each
/// of which so many questions are asked.
pub(super) fn first_of_two_leaders(pause: f64, questions: u32) -> f64 {
    // No moment is an offset.
    const MOMENTS: u32 = 120;
    const OFFSETS: u32 = MOMENTS + 1;
    let middle = |i: u32, of: u32| (f64::from(i) + 0.5) / f64::from(of);
    let step = pause / f64::from(questions + 1);
    let room = 1.0 - pause;
    // Either a question of this epoch's pause is still to come, or the first of the next one's is waited for.
    let mut waits = Vec::with_capacity((MOMENTS * OFFSETS) as usize);
    for now in (0..MOMENTS).map(|i| middle(i, MOMENTS)) {
        for offset in (0..OFFSETS).map(|i| middle(i, OFFSETS) * room) {
            let next = (1..=questions).map(|i| offset + step * f64::from(i)).find(|at| *at >= now);
            waits.push((next.map_or(1.0 + step - now, |at| at - now), next.is_some()));
        }
    }
    let silent = |t: f64| {
        let waiting = waits.iter().map(|(wait, known)| match known {
            true => f64::from(u8::from(*wait > t)),
            false => 1.0 - ((t - wait) / room).clamp(0.0, 1.0),
        });
        waiting.sum::<f64>() / waits.len() as f64
    };
    integral_in(|t| silent(t).powi(2), 2.0, 200)
}

/// From 0 to `end` by Simpson's rule, unit by unit: there it may bend.
fn integral(of: impl Fn(f64) -> f64, end: f64) -> f64 {
    integral_in(of, end, end.ceil() as u32 * 64)
}

fn integral_in(of: impl Fn(f64) -> f64, end: f64, parts: u32) -> f64 {
    let width = end / f64::from(parts.max(1));
    let part = |i: u32| {
        let begin = f64::from(i) * width;
        (of(begin) + 4.0 * of(begin + width / 2.0) + of(begin + width)) * width / 6.0
    };
    (0..parts).map(part).sum()
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn mean(mut draw: impl FnMut(&mut ChaCha8Rng) -> f64) -> f64 {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        (0..20_000).map(|_| draw(&mut rng)).sum::<f64>() / 20_000.0
    }

    /// Gaps until a member whose outage ends now asks one of the first `lacking` colors.
    fn asks(rng: &mut ChaCha8Rng, others: u32, lacking: u32) -> f64 {
        let mut order: Vec<u32> = (0..others).collect();
        for last in (1..order.len()).rev() {
            order.swap(last, rng.random_range(0..=last));
        }
        let next = rng.random_range(0.0..1.0);
        order.iter().position(|color| *color < lacking).map_or(f64::INFINITY, |at| next + at as f64)
    }

    #[test]
    fn the_first_of_even_questions_is_as_drawn() {
        for (members, lacking) in [(1, 7), (2, 6), (3, 3), (5, 1)] {
            let drawn = mean(|rng| (0..members).map(|_| asks(rng, 7, lacking)).fold(f64::INFINITY, f64::min)) / 7.0;
            let derived = first_question(8, [(members, lacking), (0, 0)]).unwrap();
            assert!((drawn / derived - 1.0).abs() < 0.02, "{members} members, {lacking} lacking: {drawn} {derived}");
        }
        let both = first_question(8, [(2, 1), (3, 2)]).unwrap();
        assert!(both < first_question(8, [(3, 2), (0, 0)]).unwrap());
        assert_eq!(first_question(8, [(5, 0), (9, 0)]), None);
    }

    #[test]
    fn where_every_question_leaves_the_first_comes_after_half_a_gap_of_the_members() {
        for members in 1..5 {
            let derived = first_question(8, [(members, 7), (0, 0)]).unwrap();
            assert!((derived - 1.0 / (7.0 * (members as f64 + 1.0))).abs() < 1e-9);
        }
        let sum = |m: usize| {
            let q: Vec<f64> = (0..=8).map(|j| avoids(7, 2, j)).collect();
            let power = |x: f64| x.powi(m as i32 + 1);
            let parts = q.windows(2).filter(|w| w[0] > w[1]);
            parts.map(|w| (power(w[0]) - power(w[1])) / ((m + 1) as f64 * (w[0] - w[1]))).sum::<f64>() / 7.0
        };
        assert!((first_question(8, [(4, 2), (0, 0)]).unwrap() - sum(4)).abs() < 1e-6, "the sum that is written down");
    }

    #[test]
    fn how_many_colors_are_lacking_is_random() {
        assert!((over_lacking(8, 3, |m| Some(f64::from(m))).unwrap() - 8.0 * (7.0_f64 / 8.0).powi(3)).abs() < 1e-9);
        assert!((over_lacking(8, 30, |_| Some(1.0)).unwrap() - 1.0).abs() < 1e-9);
        assert_eq!(spread_at_random(8, 1), Some(1.0 / 8.0));
        let least = 1.0 / (6.0 * 8.0 * (7.0_f64 / 8.0).powi(6) + 1.0);
        assert!(spread_at_random(8, 6).unwrap() > least, "the mean of a quotient is not the quotient of the mean");
        assert_eq!(first_question_of_random(8, 1), first_question(8, [(1, 7), (0, 0)]));
        assert_eq!(first_question_of_random(2, 60), None, "some of these islands lack nothing");
    }

    #[test]
    fn two_leaders_meet_after_a_third_of_an_epoch_and_a_little() {
        // ∫(1/6 + b/2 + b²/2 − b³/6)² over 0..1, and of (c³/6)².
        assert!((first_of_two_leaders(1e-9, 4) - 0.3579).abs() < 0.003);
        for pause in [1.0 / 30.0, 1.0 / 6.0] {
            let leader = |rng: &mut ChaCha8Rng| {
                let now = rng.random_range(0.0..1.0);
                let pauses = [0.0, 1.0].map(|epoch| epoch + rng.random_range(0.0..1.0 - pause));
                let asks = pauses.iter().flat_map(|p| (1..5).map(move |i| p + pause * f64::from(i) / 5.0));
                asks.filter(|at| *at >= now).fold(f64::INFINITY, f64::min) - now
            };
            let drawn = mean(|rng| leader(rng).min(leader(rng)));
            let derived = first_of_two_leaders(pause, 4);
            assert!((drawn / derived - 1.0).abs() < 0.03, "{pause}: {drawn} {derived}");
        }
    }
}
