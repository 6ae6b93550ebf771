//! How evenly something is divided.

/// Jain's index (Jain, Chiu and Hawe 1984): the square of the sum over n times the sum of the squares; 1 if all have as
/// much, 1/n if one of n has it all. `None` if all is nothing.
pub fn jain(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (mut count, mut sum, mut squares) = (0.0, 0.0, 0.0);
    for value in values {
        (count, sum, squares) = (count + 1.0, sum + value, squares + value * value);
    }
    (squares > 0.0).then(|| sum * sum / (count * squares))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_it_all_is_one_of_so_many() {
        assert_eq!(jain([3.0, 3.0, 3.0]), Some(1.0));
        assert_eq!(jain([6.0, 0.0, 0.0]), Some(1.0 / 3.0));
        // Jain's own example: (1 + 3)² / (2 (1 + 9)).
        assert_eq!(jain([1.0, 3.0]), Some(0.8));
        assert_eq!((jain([0.0, 0.0]), jain([])), (None, None));
    }
}
