//! The lab of `labs/faults.toml`, and what the tests of faults ask of a lab.

use std::path::PathBuf;

use anybed::kernel::now;
use serde_json::Value;

use super::{Lab, Place, project, wait_until};

pub(crate) const FILE: &str = "tests/system/labs/faults.toml";

/// A copy of the lab file in which every link between routers is emulated, and can be impaired.
pub(crate) fn emulated(place: &Place) -> PathBuf {
    let text = std::fs::read_to_string(project(FILE)).expect("read the lab file");
    place.write("faults.toml", &text.replace("hold = \"3s\"", "hold = \"3s\", delay = \"0ms\""))
}

impl Lab<'_> {
    /// The client of the lab is answered by a member of `stub`, from now on.
    pub(crate) fn wait_for_site(&self, stub: &str) {
        self.wait_for_answer("home.c1", stub, now());
    }

    pub(crate) fn has_carrier(&self, node: &str, interface: &str) -> bool {
        let shown = self.exec(node, &format!("ip -o link show {interface}")).ok();
        assert!(shown.stdout.contains(interface), "{shown}");
        // `NO-CARRIER` stays until the kernel's link watch has run, up to a second later.
        shown.stdout.contains("LOWER_UP")
    }

    /// What `status` says of a link; null if it is bare and nothing is wrong with it.
    pub(crate) fn link(&self, name: &str) -> Value {
        let status = self.status();
        let links = status["links"].as_array().unwrap_or_else(|| panic!("no links in {status}"));
        links.iter().find(|link| link["name"] == name).cloned().unwrap_or(Value::Null)
    }

    /// Whether each end of a link turns what it sends into nothing.
    pub(crate) fn holes(&self, name: &str) -> [bool; 2] {
        let link = self.link(name);
        [0, 1].map(|side| link["egress"][side]["blackhole"] == true)
    }

    /// Does `fault`, cannot do it again, and cannot undo it twice; `during` looks at it in force.
    pub(crate) fn try_out(&self, fault: &str, undo: &str, [twice, not_done]: [&str; 2], during: impl FnOnce()) {
        self.fault(undo).expect_code(2).expect_stderr(&[not_done]);
        self.fault(fault).ok();
        self.fault(fault).expect_code(2).expect_stderr(&[twice]);
        assert_ne!(self.damage(), [""; 0], "{fault}");
        let shown = self.place.run(&format!("status {}", self.name)).ok();
        assert!(shown.stdout.contains("not undone: "), "{fault}: {shown}");
        during();
        self.fault(undo).ok();
        assert_eq!(self.damage(), [""; 0], "{undo}");
        self.fault(undo).expect_code(2).expect_stderr(&[not_done]);
    }

    /// Waits for what the verification of `action` found, since `since`.
    pub(crate) fn verified(&self, action: &str, since: u64) -> String {
        self.wait_for(&format!("`{action}` is verified"), |events| {
            let mut found = events.iter().filter(|e| e["event"] == "verified" && e["action"] == action);
            let found = found.find(|e| e["at"].as_u64() > Some(since))?;
            Some(found["found"].as_str().unwrap_or_default().to_owned())
        })
    }

    /// Waits until `established` or none of the BGP sessions of `node` with `peer` are.
    pub(crate) fn wait_for_session(&self, node: &str, peer: &str, established: bool) {
        wait_until(&format!("{node}'s sessions with {peer} are established: {established}"), || {
            let all = self.birdc(node, "show protocols");
            let name = format!("ebgp-{peer}");
            let mut lines = all.lines().filter(|line| line.starts_with(&name)).peekable();
            let fine = lines.peek().is_some() && lines.all(|line| line.contains("Established") == established);
            if fine { Ok(()) } else { Err(all) }
        });
    }
}
