//! `[rtr]`: the server that tells routers which ROAs there are (RFC 8210), from its table to the model.

use std::time::Duration;

use super::check::Builder;
use super::diagnose::{Problems, suggest};
use super::file::{LabFile, RtrEntry};
use super::id::NodeId;
use super::keys::keys;
use super::model::TimerPreset;
use super::origin::{Intervals, Rov, Rtr};
use super::table::Table;

impl RtrEntry {
    pub(super) fn read(root: &Table<'_>, f: &mut Problems) -> Option<Self> {
        let table = Table::new("[rtr]", keys("rtr"), root.get("rtr")?, f)?;
        let mut time = |key: &str, least: u64, most: u64| {
            let range = Duration::from_secs(least)..=Duration::from_secs(most);
            let given = table.duration(key, range, f)?;
            if given.get_ref().subsec_nanos() > 0 {
                let found = f.error("out-of-range", given.span(), format!("`{key}` is in whole seconds"));
                found.label("RFC 8210 has no parts of them");
            }
            Some(given.into_inner())
        };
        // RFC 8210 §6.
        let (refresh, retry, expire) =
            (time("refresh", 1, 86_400), time("retry", 1, 7_200), time("expire", 600, 172_800));
        Some(Self { span: table.span.clone(), at: table.required("at", f), refresh, retry, expire })
    }
}

impl Builder<'_> {
    /// Without the table ROAs are in the routers' configs.
    pub(super) fn rtr(&mut self, file: &LabFile) {
        let Some(entry) = &file.rtr else { return };
        if self.topology.ases.iter().all(|own| own.rov == Rov::Off) {
            let found =
                self.problems.error("no-validator", entry.span.clone(), "[rtr] in a lab in which nobody asks it");
            found.label("no router looks at ROAs").help("give an [[as]] `rov = true`".to_owned());
        }
        let preset = self.topology.timers == TimerPreset::Lab;
        let or =
            |given: Option<Duration>, lab: u64, rfc: u64| given.map_or(if preset { lab } else { rfc }, |d| d.as_secs());
        let intervals = Intervals {
            refresh: or(entry.refresh, 10, 3_600),
            retry: or(entry.retry, 2, 600),
            expire: or(entry.expire, 600, 7_200),
        };
        if intervals.expire <= intervals.refresh.max(intervals.retry) {
            let found = self.problems.error(
                "out-of-range",
                entry.span.clone(),
                "`expire` is not longer than `refresh` and `retry`",
            );
            found.label(format!("{} s, {} s and {} s", intervals.expire, intervals.refresh, intervals.retry));
        }
        let Some(at) = &entry.at else { return };
        let host = |id: &NodeId| self.topology.node(*id).kind.is_host();
        let of_stub = |name: &str| {
            let stub = self.topology.find_stub(name)?;
            self.topology.ids().find(|id| host(id) && self.topology.node(*id).as_id == stub)
        };
        match self.topology.find(at.get_ref()).filter(host).or_else(|| of_stub(at.get_ref())) {
            Some(host) => self.topology.rtr = Some(Rtr { host, intervals }),
            None => {
                let hosts = self.topology.ids().filter(host).map(|id| self.topology.node(id).name.as_str());
                let help = suggest(at.get_ref(), hosts);
                let message = format!("`{at}` is no host, and no stub with one");
                let found = self.problems.error("unknown-name", at.span(), message);
                found.label("the server runs on a host").help(help);
            }
        }
    }
}
