//! From places to the time that light takes between them.

use std::time::Duration;

use super::model::Place;

/// Light in glass with a refractive index of 1.5, in km/s: two thirds of what it does in a vacuum.
const SPEED: f64 = 299_792.458 * 2.0 / 3.0;
/// Nearer places are one place: light takes 5 µs for a kilometer, and a switch longer.
const NEAR: f64 = 1.0;

/// What light takes one way through a fiber along the great circle, times `factor`, in whole
/// microseconds; nothing within one place.
pub(super) fn delay(a: Place, b: Place, factor: f64) -> Duration {
    let kilometers = a.distance(b);
    if kilometers < NEAR {
        return Duration::ZERO;
    }
    Duration::from_micros((kilometers / SPEED * factor * 1e6).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEATTLE: Place = Place { lat: 47.61, lon: -122.33 };
    const SUNNYVALE: Place = Place { lat: 37.37, lon: -122.04 };

    #[test]
    fn the_great_circle() {
        let whole = 2.0 * std::f64::consts::PI * Place::RADIUS;
        let pole = |lat| Place { lat, lon: 0.0 };
        assert!((pole(90.0).distance(pole(-90.0)) - whole / 2.0).abs() < 1e-6);
        let across = Place { lat: 0.0, lon: -179.5 };
        let date_line = Place { lat: 0.0, lon: 179.5 }.distance(across);
        assert!((date_line - whole / 360.0).abs() < 1e-6, "{date_line}");
        assert_eq!(SEATTLE.distance(SUNNYVALE), SUNNYVALE.distance(SEATTLE));
        // The same by the spherical law of cosines.
        assert!((SEATTLE.distance(SUNNYVALE) - 1_138.883_6).abs() < 1e-3, "{}", SEATTLE.distance(SUNNYVALE));
    }

    #[test]
    fn light_takes_its_time() {
        let one_way = delay(SEATTLE, SUNNYVALE, 1.0);
        assert_eq!(one_way, Duration::from_micros(5698));
        assert_eq!(delay(SEATTLE, SUNNYVALE, 2.0), Duration::from_micros(11397));
        assert_eq!(delay(SEATTLE, SUNNYVALE, 0.0), Duration::ZERO);
        assert_eq!(delay(SEATTLE, Place { lat: 47.615, lon: -122.33 }, 100.0), Duration::ZERO);
    }
}
