//! Diversity of a ring's members: those whose latencies span the largest volume.

/// Chooses `most` of these points so that the volume that they span is large (§3.2 of Meridian: the hypervolume of the
/// members' latency vectors). Greedily, with an orthogonal basis: each time the point that is farthest from the space
/// of those chosen.
pub(super) fn spread(points: &[Vec<f64>], most: usize) -> Vec<usize> {
    let mut rest: Vec<(usize, Vec<f64>)> = points.iter().cloned().enumerate().collect();
    let mut chosen = Vec::with_capacity(most);
    while chosen.len() < most && !rest.is_empty() {
        let far = (0..rest.len()).max_by(|a, b| square(&rest[*a].1).total_cmp(&square(&rest[*b].1)).then(b.cmp(a)));
        let Some(far) = far else { break };
        let (index, axis) = rest.remove(far);
        chosen.push(index);
        let length = square(&axis);
        if length <= f64::EPSILON {
            continue;
        }
        for (_, point) in &mut rest {
            let along = dot(point, &axis) / length;
            point.iter_mut().zip(&axis).for_each(|(p, a)| *p -= along * a);
        }
    }
    chosen
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn square(a: &[f64]) -> f64 {
    dot(a, a)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_of_one_direction_count_once() {
        let points = [vec![10.0, 0.0, 0.0], vec![9.9, 0.1, 0.0], vec![0.0, 5.0, 0.0], vec![0.0, 0.0, 1.0]];
        assert_eq!(spread(&points, 3), [0, 2, 3]);
        assert_eq!(spread(&points, 9).len(), 4, "no more than there are");
        assert!(spread(&[], 3).is_empty());
    }
}
