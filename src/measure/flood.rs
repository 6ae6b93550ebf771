//! Floods of joiners: what their Hellos earned, and how those fared who meant to join.

use crate::measure::model::{FloodReport, Joiners};
use crate::measure::overlay::{Flood, History, Join};
use crate::measure::reading::{Reading, Seen, nothing};
use crate::measure::stats::{p50_p99, thousandths};
use crate::record::Record;

pub(crate) fn reports(record: &Record, history: &History<'_>) -> Vec<FloodReport> {
    let report = |flood: &Flood<'_>| FloodReport {
        at: record.seconds(flood.begun),
        seconds: thousandths(flood.seconds),
        host: flood.host.to_owned(),
        rate: flood.rate,
        sent: flood.sent,
        sent_bytes: flood.sent_bytes,
        skipped: flood.skipped,
        answers: flood.answers,
        answered_bytes: flood.answered_bytes,
        gain: gain_of(flood.answered_bytes, flood.sent_bytes).map(thousandths),
        joins_before: joiners(history, |at| {
            at < flood.begun && !history.floods.iter().any(|other| other.lasts().contains(&at))
        }),
        joins_during: joiners(history, |at| flood.lasts().contains(&at)),
    };
    history.floods.iter().map(report).collect()
}

fn gain_of(answered: u64, asked: u64) -> Option<f64> {
    (asked > 0).then(|| answered as f64 / asked as f64)
}

/// Those who began to join then, without those who found nobody.
pub(crate) fn joiners(history: &History<'_>, then: impl Fn(u64) -> bool) -> Joiners {
    let began = |join: &&Join<'_>| history.joining.iter().rfind(|(at, host)| *host == join.host && *at <= join.at);
    let joins: Vec<&Join<'_>> = history.joins.iter().filter(|j| began(j).is_some_and(|(at, _)| then(*at))).collect();
    let (found, founded): (Vec<_>, Vec<_>) = joins.into_iter().partition(|j| j.served_by.is_some());
    let (p50_ms, p99_ms) = p50_p99(found.iter().map(|j| j.milliseconds));
    let begun = history.joining.iter().filter(|(at, _)| then(*at)).count().saturating_sub(founded.len());
    Joiners { begun, joined: found.len(), p50_ms, p99_ms }
}

/// Of all floods that began in a window.
pub(crate) fn gain<'a>(history: &'a History<'a>) -> Seen<'a> {
    let read = move |from, to| {
        let floods = || history.floods.iter().filter(|f| (from..to).contains(&f.begun));
        if floods().next().is_none() {
            return nothing();
        }
        let (answered, asked) = (floods().map(|f| f.answered_bytes).sum(), floods().map(|f| f.sent_bytes).sum());
        match gain_of(answered, asked) {
            None => Err("nothing was sent".to_owned()),
            Some(gain) => Ok((Reading::Number(gain), format!("{} ({answered} bytes for {asked})", thousandths(gain)))),
        }
    };
    Seen::Window { changes: history.floods.iter().map(|f| f.begun).collect(), read: Box::new(read) }
}
