//! Every series of a run as CSV (RFC 4180), for other programs.
//!
//! Each file has a line with the names of its columns even if nothing follows. Times `at_s` are seconds of
//! play; an empty field is what was not observed.

use super::transients::reason as why;
use crate::measure::{Report, Series};

/// File names, and what is in them.
///
/// # Errors
/// A record that cannot be written in memory does not exist; the CSV writer's error is passed on.
pub fn tables(report: &Report, series: &Series<'_>) -> Result<Vec<(&'static str, String)>, csv::Error> {
    Ok(vec![
        ("probes.csv", probes(series)?),
        ("routes.csv", routes(series)?),
        ("transients.csv", transients(report)?),
        ("cascade.csv", cascade(report)?),
        ("updates.csv", updates(series)?),
        ("catchments.csv", catchments(report)?),
        ("islands.csv", islands(report)?),
        ("lookups.csv", lookups(series)?),
        ("joins.csv", joins(series)?),
        ("flows.csv", flows(report, series)?),
        ("round_trips.csv", round_trips(report)?),
    ])
}

fn table<const N: usize>(head: [&str; N], rows: impl Iterator<Item = [String; N]>) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(head)?;
    for row in rows {
        writer.write_record(row)?;
    }
    let bytes = writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn or_empty(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |v| v.to_string())
}

fn probes(series: &Series<'_>) -> Result<String, csv::Error> {
    let rows = series
        .probes
        .iter()
        .map(|p| [p.at.to_string(), p.client.to_owned(), p.group.to_owned(), or_empty(p.rtt_ms), or_empty(p.member)]);
    table(["at_s", "client", "group", "rtt_ms", "member"], rows)
}

fn routes(series: &Series<'_>) -> Result<String, csv::Error> {
    let change = |add| if add { "set" } else { "deleted" };
    let rows = series
        .routes
        .iter()
        .map(|r| [r.at.to_string(), r.node.to_owned(), r.prefix.to_owned(), change(r.add).to_owned(), r.via.clone()]);
    table(["at_s", "node", "prefix", "change", "via"], rows)
}

fn transients(report: &Report) -> Result<String, csv::Error> {
    let rows = report.transients.iter().map(|t| {
        let kind = if t.reason.is_none() { "loop" } else { "blackhole" };
        let (from, to, ms) = (t.from.to_string(), or_empty(t.to), t.ms.to_string());
        let (nodes, clients) = (t.nodes.join(" "), t.clients.join(" "));
        [from, to, ms, kind.to_owned(), t.group.clone(), t.address.clone(), nodes, why(t).to_owned(), clients]
    });
    table(["at_s", "until_s", "ms", "kind", "group", "address", "nodes", "reason", "clients"], rows)
}

fn cascade(report: &Report) -> Result<String, csv::Error> {
    let rows = report.faults.iter().flat_map(|f| {
        f.cascade.iter().map(|n| {
            let (first, last) = (n.first_ms.to_string(), n.last_ms.to_string());
            [f.at.to_string(), f.fault.clone(), n.node.clone(), first, last, n.changes.to_string()]
        })
    });
    table(["at_s", "fault", "node", "first_ms", "last_ms", "changes"], rows)
}

fn updates(series: &Series<'_>) -> Result<String, csv::Error> {
    let rows = series.updates.iter().map(|u| {
        let (announced, withdrawn) = (u.announced.to_string(), u.withdrawn.to_string());
        [u.at.to_string(), u.node.to_owned(), u.peer.to_owned(), announced, withdrawn]
    });
    table(["at_s", "node", "from", "announced", "withdrawn"], rows)
}

fn catchments(report: &Report) -> Result<String, csv::Error> {
    let rows = report.catchments.iter().flat_map(|c| {
        c.clients.iter().map(|(client, member)| {
            let at = [c.at.to_string(), c.moment.clone(), c.group_name.clone(), c.group.clone()];
            let [at, moment, group, address] = at;
            [at, moment, group, address, client.clone(), or_empty(member.as_ref())]
        })
    });
    table(["at_s", "moment", "group", "address", "client", "member"], rows)
}

fn islands(report: &Report) -> Result<String, csv::Error> {
    let rows = report.overlays.iter().flat_map(|(name, overlay)| {
        overlay.islands.iter().map(move |p| {
            let sizes: Vec<String> = p.sizes.iter().map(ToString::to_string).collect();
            let (islands, whole) = (p.islands.to_string(), p.whole.to_string());
            [p.at.to_string(), name.clone(), islands, sizes.join(" "), whole, p.rings_right.to_string()]
        })
    });
    table(["at_s", "overlay", "islands", "sizes", "whole", "rings_right"], rows)
}

fn lookups(series: &Series<'_>) -> Result<String, csv::Error> {
    let rows = series.lookups.iter().map(|l| {
        let (at, ms) = (l.at.to_string(), l.milliseconds.to_string());
        [at, l.overlay.to_owned(), l.node.to_owned(), l.answer.name().to_owned(), l.hops.to_string(), ms]
    });
    table(["at_s", "overlay", "node", "answer", "hops", "took_ms"], rows)
}

fn joins(series: &Series<'_>) -> Result<String, csv::Error> {
    let rows = series.joins.iter().map(|j| {
        let (at, took) = (j.at.to_string(), or_empty(j.milliseconds));
        [at, j.overlay.to_owned(), j.node.to_owned(), took, or_empty(j.served_by), or_empty(j.attempts)]
    });
    table(["at_s", "overlay", "node", "took_ms", "served_by", "attempts"], rows)
}

fn flows(report: &Report, series: &Series<'_>) -> Result<String, csv::Error> {
    let fault = |index: usize| report.faults.get(index).map(|f| f.fault.as_str());
    let rows = series.flows.iter().map(|f| {
        let [at, flow] = [f.at.to_string(), f.flow.to_string()];
        let [client, group, protocol, member] = [f.client, f.group, f.protocol.name(), f.member].map(str::to_owned);
        let broken = [or_empty(f.broken_at), or_empty(f.why.map(|why| why.name())), or_empty(f.by)];
        let [broken_at, why, by] = broken;
        let [silent, cause] = [or_empty(f.silent_from), or_empty(f.fault.and_then(fault))];
        let [again, next] = [or_empty(f.reestablished_at), or_empty(f.next_member)];
        [at, client, group, flow, protocol, member, broken_at, why, by, silent, cause, again, next]
    });
    let (begun, broken) = (
        ["at_s", "client", "group", "flow", "protocol", "member"],
        ["broken_at_s", "why", "unknown_to", "silent_from_s", "fault", "reestablished_at_s", "next_member"],
    );
    let mut head = [""; 13];
    head[..6].copy_from_slice(&begun);
    head[6..].copy_from_slice(&broken);
    table(head, rows)
}

fn round_trips(report: &Report) -> Result<String, csv::Error> {
    let rows = report.round_trips.iter().map(|p| {
        let [rtt, median] = [p.rtt_ms, p.median_ms].map(or_empty);
        let [at, hops, configured] = [p.at.to_string(), p.hops.to_string(), p.configured_ms.to_string()];
        [at, p.from.clone(), p.to.clone(), hops, rtt, median, configured, or_empty(p.error)]
    });
    table(["at_s", "from", "to", "hops", "rtt_ms", "median_ms", "configured_ms", "error"], rows)
}
