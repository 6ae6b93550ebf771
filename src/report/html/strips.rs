//! Loops and black holes below a cascade: a bar each, from begin to end.

use crate::measure::{FaultReport, Report, TransientKind};
use crate::report::page::{duration, short_name};
use crate::report::svg::{Plot, escape, n};
use crate::report::transients::{of_fault, place, reason};

/// Bars drawn; the table below has more.
const MOST: usize = 12;
const ROW: f64 = 15.0;
const GAP: f64 = 22.0;

/// One bar: milliseconds since the fault.
pub(super) struct Strip {
    from: f64,
    to: f64,
    class: &'static str,
    name: String,
    title: String,
}

impl Strip {
    /// Its ends.
    pub(super) fn times(&self) -> [f64; 2] {
        [self.from, self.to]
    }
}

/// Those of a fault, the first first.
pub(super) fn of(report: &Report, fault: &FaultReport) -> Vec<Strip> {
    let strip = |t: &&crate::measure::Transient| {
        let from = ((t.from - fault.at) * 1e3).max(0.0);
        let class = if t.kind == TransientKind::Loop { "loop" } else { "hole" };
        let kind = if t.kind == TransientKind::Loop { "loop" } else { reason(t) };
        let title = format!("{kind} at {}, {}, {}", place(t), t.group, duration(t.ms));
        Strip { from, to: from + t.ms, class, name: place(t), title }
    };
    of_fault(report, fault).iter().take(MOST).map(strip).collect()
}

/// Height of all bars together.
pub(super) fn height(strips: &[Strip]) -> f64 {
    if strips.is_empty() { 0.0 } else { GAP + ROW * strips.len() as f64 }
}

pub(super) fn draw(plot: &mut Plot, strips: &[Strip], top: f64, (left, right): (f64, f64)) {
    if strips.is_empty() {
        return;
    }
    plot.text((left - 8.0, top + 15.0), "end", "axis", "forwarding");
    for (row, strip) in strips.iter().enumerate() {
        let y = top + GAP + ROW * (row as f64 + 0.5);
        let x = |ms: f64| plot.at(ms, 0.0).0.clamp(left, right);
        // One that is too short to be seen is a dot.
        let (from, to) = (x(strip.from), x(strip.to).max(x(strip.from) + 3.0));
        let bar = format!(
            "<path class=\"strip {}\" d=\"M{} {}H{}\"><title>{}</title></path>",
            strip.class,
            n(from),
            n(y),
            n(to),
            escape(&strip.title)
        );
        plot.raw(&bar);
        plot.text((left - 8.0, y + 4.0), "end", "row", &short_name(&strip.name, 22));
    }
}
