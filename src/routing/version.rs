//! Versions of daemons.

/// Major, minor and patch of `2.0.12`, `10.3` or `8.4.4-1~deb12u1`, 0 for those that are not there; `None`: not a version.
pub(super) fn numbers(version: &str) -> Option<(u32, u32, u32)> {
    let mut numbers = version.split(['.', '-', '+', '~']).map(|part| part.parse().ok());
    let major = numbers.next()??;
    Some((major, numbers.next().flatten().unwrap_or(0), numbers.next().flatten().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn what_is_not_there_is_0() {
        for (version, read) in [
            ("2.0.12", Some((2, 0, 12))),
            ("10.3", Some((10, 3, 0))),
            ("8.4.4-1~deb12u1", Some((8, 4, 4))),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(numbers(version), read, "{version}");
        }
    }
}
