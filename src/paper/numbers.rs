//! Numbers as text.

/// A number with so many digits after the point, and no zeros that say nothing.
pub fn number(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A share as a percentage.
pub fn percent(share: f64) -> String {
    format!("{} %", number(share * 100.0, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!((number(1.50, 2), number(100.0, 1), number(0.004, 2)), ("1.5".into(), "100".into(), "0".into()));
        assert_eq!(percent(0.1234), "12.3 %");
    }
}
