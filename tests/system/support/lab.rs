//! A lab that is up, and ends with its test.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::done::{Done, Running};
use super::place::Place;
use super::wait_until;

pub(crate) struct Lab<'a> {
    pub(crate) place: &'a Place,
    pub(crate) name: String,
    pub(crate) out: PathBuf,
}

impl<'a> Lab<'a> {
    /// Builds the lab of `file`, named after the test.
    pub(crate) fn up(place: &'a Place, file: &Path) -> Self {
        Self::up_with(place, file, &place.name, &[])
    }

    /// The same with another name and with further options.
    pub(crate) fn up_with(place: &'a Place, file: &Path, name: &str, options: &[&str]) -> Self {
        // Before the command: what it has built must end even if it fails the test.
        let lab = Self { place, name: name.to_owned(), out: place.out(name) };
        let up = place.anybed().arg("up").arg(file).args(["--name", name, "--out"]).arg(&lab.out);
        up.args(["--family", place.scene.family.name()]).args(options).run().ok();
        lab
    }

    pub(crate) fn exec(&self, node: &str, words: &str) -> Done {
        self.exec_args(node, &words.split_whitespace().collect::<Vec<_>>())
    }

    pub(crate) fn exec_args(&self, node: &str, words: &[&str]) -> Done {
        self.place.anybed().args(["exec", &self.name, node, "--"]).args(words).run()
    }

    /// Starts a command on a node. It ends with the lab, at the latest.
    pub(crate) fn start(&self, node: &str, words: &[&str]) -> Running {
        self.place.anybed().args(["exec", &self.name, node, "--"]).args(words).start()
    }

    /// The unicast address of a host.
    pub(crate) fn address(&self, host: &str) -> String {
        let stub = host.split('.').next().unwrap_or(host);
        let shown = self.exec(host, &format!("ip -o addr show dev to-{stub} scope global")).ok().stdout;
        let address = shown.split_whitespace().nth(3).unwrap_or_else(|| panic!("no address in {shown}"));
        address.split('/').next().unwrap_or(address).to_owned()
    }

    /// What the BIRD of a node answers.
    pub(crate) fn birdc(&self, node: &str, question: &str) -> String {
        let socket = format!("/run/anybed/{node}.ctl");
        self.exec_args(node, &["birdc", "-s", &socket, question]).ok().stdout
    }

    /// Carries out an action as `anybed fault`.
    pub(crate) fn fault(&self, action: &str) -> Done {
        self.place.anybed().args(["fault", &self.name]).args(action.split_whitespace()).run()
    }

    pub(crate) fn status(&self) -> Value {
        self.place.anybed().args(["status", &self.name, "--format", "json"]).run().ok().json()
    }

    /// What `status` says of a node.
    pub(crate) fn node(&self, name: &str) -> Value {
        let status = self.status();
        let nodes = status["nodes"].as_array().unwrap_or_else(|| panic!("no nodes in {status}"));
        nodes.iter().find(|n| n["name"] == name).unwrap_or_else(|| panic!("no {name} in {status}")).clone()
    }

    /// Faults not undone, as `status` tells them.
    pub(crate) fn damage(&self) -> Vec<String> {
        let status = self.status();
        let faults = status["faults"].as_array().unwrap_or_else(|| panic!("no faults in {status}"));
        faults.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// The record so far.
    pub(crate) fn events(&self) -> Vec<Value> {
        events(&self.out)
    }

    /// Waits until `look` finds something in the record, and returns it.
    pub(crate) fn wait_for<T>(&self, what: &str, look: impl Fn(&[Value]) -> Option<T>) -> T {
        wait_until(what, || {
            let events = self.events();
            let tail = || events[events.len().saturating_sub(5)..].iter().map(|e| format!("{e}\n")).collect::<String>();
            look(&events).ok_or_else(tail)
        })
    }

    /// The moment of the last event so far, on the record's clock.
    pub(crate) fn now(&self) -> u64 {
        self.events().last().and_then(|e| e["at"].as_u64()).unwrap_or(0)
    }

    /// Waits until a probe of `client` that was sent after `since` is answered by `site`, a host or
    /// any host of a stub.
    pub(crate) fn wait_for_answer(&self, client: &str, site: &str, since: u64) {
        let is_site = |member: &str| member == site || member.split('.').next() == Some(site);
        self.wait_for(&format!("{client} is answered by {site}"), |events| {
            probes(events, client).into_iter().find(|p| p.sent > since && p.member.as_deref().is_some_and(is_site))
        });
    }

    pub(crate) fn down(&self) -> Done {
        self.place.anybed().args(["down", &self.name]).run()
    }
}

impl Drop for Lab<'_> {
    fn drop(&mut self) {
        let is_running = self.place.runtime().join(&self.name).exists();
        if is_running {
            let done = self.down();
            if done.code() != 0 {
                let _ = writeln!(std::io::stderr(), "could not end the lab: {done}");
            }
        }
    }
}

/// A probe of a client, as the record has it.
#[derive(Clone, Debug)]
pub(crate) struct Probe {
    pub(crate) sent: u64,
    /// `None`: lost.
    pub(crate) member: Option<String>,
}

/// The probes of `client`, in the order in which they were sent.
pub(crate) fn probes(events: &[Value], client: &str) -> Vec<Probe> {
    let of_client = events.iter().filter(|e| e["event"] == "probes" && e["client"] == client);
    let each = of_client.flat_map(|e| e["probes"].as_array().map_or(&[][..], Vec::as_slice));
    let probe = |p: &Value| Probe {
        sent: p["sent"].as_u64().unwrap_or_else(|| panic!("a probe without its time: {p}")),
        member: p["member"].as_str().map(str::to_owned),
    };
    let mut probes: Vec<_> = each.map(probe).collect();
    probes.sort_by_key(|p| p.sent);
    probes
}

/// Waits until a run into this directory is played.
pub(crate) fn wait_for_play(out: &Path) {
    wait_until("the run is played", || {
        let events = events(out);
        if events.iter().any(|e| e["event"] == "play") { Ok(()) } else { Err(format!("{} lines", events.len())) }
    });
}

/// The record in a run directory. Its last line may not be whole yet.
pub(crate) fn events(out: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(out.join("events.jsonl")).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}
