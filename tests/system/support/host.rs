//! Looking at the host for what a lab has left behind.
//!
//! Other labs may run meanwhile, so a lab's processes are known by their environment, which names
//! the runtime directory of their place, and its namespaces by those processes.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::place::Place;
use super::wait_until;

/// What must be the same before and after.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Host {
    interfaces: String,
    mounts: BTreeSet<String>,
    named_namespaces: BTreeSet<String>,
    sysctls: Vec<(String, String)>,
    temporary: BTreeSet<String>,
    entries: BTreeSet<String>,
}

const SYSCTLS: [&str; 3] = ["net/ipv4/ip_forward", "net/ipv4/conf/all/rp_filter", "net/ipv6/conf/all/forwarding"];

impl Host {
    pub(crate) fn look(place: &Place) -> Self {
        let read = |path: String| fs::read_to_string(path).unwrap_or_default();
        Self {
            interfaces: interfaces(place),
            mounts: read("/proc/self/mountinfo".into()).lines().map(str::to_owned).collect(),
            named_namespaces: names(Path::new("/run/netns")),
            sysctls: SYSCTLS.iter().map(|key| ((*key).to_owned(), read(format!("/proc/sys/{key}")))).collect(),
            temporary: names(&place.temporary()),
            entries: names(&place.runtime()),
        }
    }

    /// Nothing of `labs` is left, and the host is as it was.
    #[track_caller]
    pub(crate) fn assert_same(&self, place: &Place, labs: &Labs) {
        labs.wait_for_end(place);
        let now = Self::look(place);
        assert!(*self == now, "before: {self:#?}\nafter: {now:#?}");
    }
}

/// Without what changes by itself, such as statistics.
fn interfaces(place: &Place) -> String {
    place.command(Path::new("ip")).args(["-o", "link"]).run().ok().stdout
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|e| e.file_name().to_string_lossy().into_owned()).collect()
}

/// The processes of a place's labs, and their network namespaces.
#[derive(Debug)]
pub(crate) struct Labs {
    processes: BTreeSet<i32>,
    namespaces: BTreeSet<String>,
}

impl Labs {
    pub(crate) fn of(place: &Place) -> Self {
        let own = net_namespace("self");
        let processes = processes_of(place);
        let namespaces = processes.iter().filter_map(|pid| net_namespace(&pid.to_string()));
        let namespaces = namespaces.filter(|namespace| Some(namespace) != own.as_ref()).collect();
        Self { processes, namespaces }
    }

    pub(crate) fn processes(&self) -> usize {
        self.processes.len()
    }

    pub(crate) fn namespaces(&self) -> usize {
        self.namespaces.len()
    }

    /// Waits until no process of the place's labs is left, and nobody holds their namespaces.
    #[track_caller]
    pub(crate) fn wait_for_end(&self, place: &Place) {
        // The kernel ends a PID namespace's processes before its init is reaped; the command may have
        // been killed, and then nobody waits for init.
        wait_until("no process of the lab is left", || {
            let left = processes_of(place);
            let told = || left.iter().map(|pid| format!("{pid}: {}\n", command_line(*pid))).collect::<String>();
            if left.is_empty() { Ok(()) } else { Err(told()) }
        });
        wait_until("no network namespace of the lab is held", || {
            let held: Vec<_> = self.namespaces.intersection(&all_namespaces()).cloned().collect();
            if held.is_empty() { Ok(()) } else { Err(format!("{held:?}")) }
        });
        // A process that ends gives back its memory, and with that its environment, before its files.
        wait_until("no lock of the lab is held", || {
            let entries = fs::read_dir(place.runtime()).into_iter().flatten().flatten();
            let locks = entries.filter_map(|entry| fs::File::open(entry.path().join("lock")).ok());
            let held = locks.filter(|lock| lock.try_lock().is_err()).count();
            if held == 0 { Ok(()) } else { Err(format!("{held} locks")) }
        });
    }
}

fn processes() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|e| e.file_name().to_str()?.parse().ok())
}

/// Every process that descends from a command of this place.
fn processes_of(place: &Place) -> BTreeSet<i32> {
    let mark = format!("ANYBED_RUNTIME_DIR={}\0", place.runtime().display());
    let is_marked = |pid: &i32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.windows(mark.len()).any(|window| window == mark.as_bytes())
    };
    processes().filter(is_marked).collect()
}

fn command_line(pid: i32) -> String {
    let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&words).replace('\0', " ")
}

/// `net:[4026531840]`
fn net_namespace(pid: &str) -> Option<String> {
    let link = fs::read_link(format!("/proc/{pid}/ns/net")).ok()?;
    Some(link.to_string_lossy().into_owned())
}

/// All network namespaces that a process is in, has open, or has mounted.
fn all_namespaces() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for pid in processes() {
        found.extend(net_namespace(&pid.to_string()));
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        let targets = descriptors.filter_map(|e| fs::read_link(e.path()).ok());
        found.extend(targets.map(|t| t.to_string_lossy().into_owned()).filter(|t| t.starts_with("net:[")));
        let mounts = fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap_or_default();
        // The fourth field is the root of the mount: `net:[…]` for a namespace.
        let roots = mounts.lines().filter_map(|line| line.split(' ').nth(3));
        found.extend(roots.filter(|root| root.starts_with("net:[")).map(str::to_owned));
    }
    found
}
