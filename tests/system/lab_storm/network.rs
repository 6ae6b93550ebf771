//! A network to be damaged: OSPF and BGP, single routers and ASes, stubs with two uplinks, links of every kind.

use std::fmt::Write;

#[derive(Debug)]
pub(super) struct Network {
    /// The lab file.
    pub(super) text: String,
    pub(super) links: Vec<Link>,
    pub(super) ases: Vec<String>,
    /// Gateways too.
    pub(super) routers: Vec<String>,
    pub(super) stubs: Vec<String>,
    pub(super) members: Vec<String>,
    pub(super) clients: Vec<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) name: String,
    pub(super) ends: [String; 2],
    /// It can be impaired.
    pub(super) emulated: bool,
}

impl Network {
    /// `routers` transit routers, 12 at least; every fourth link is a bare veth pair, or each.
    pub(super) fn generate(routers: usize, emulated: bool) -> Self {
        let text = "[probe]\nevery = \"200ms\"\n".to_owned();
        let (links, ases, names, stubs, members, clients) = Default::default();
        let mut network = Self { text, links, ases, routers: names, stubs, members, clients };
        let core = network.ring("k", routers / 4, emulated);
        let edge = network.ring("e", routers / 5, emulated);
        network.external(&core[0], &edge[0], "customer", emulated);
        network.external(&core[1], &edge[1], "customer", emulated);
        let mut providers: Vec<String> = [core, edge].concat();
        for number in 1..=routers - providers.len() {
            let name = format!("r{number}");
            let _ = writeln!(network.text, "\n[[as]]\nname = \"{name}\"");
            network.ases.push(name.clone());
            let (first, second) = two_of(&providers, number);
            network.external(&first, &name, "customer", emulated);
            network.external(&second, &name, "customer", emulated);
            network.routers.push(name.clone());
            providers.push(name);
        }
        network.external("r1", "r3", "peer", emulated);
        for number in 1..=routers / 5 {
            network.stub(number, &two_of(&providers, 3 * number + 1), emulated);
        }
        network.groups();
        network
    }

    /// An AS with OSPF: a ring and a chord, so that there are paths of equal cost.
    fn ring(&mut self, name: &str, size: usize, emulated: bool) -> Vec<String> {
        let names: Vec<String> = (1..=size).map(|number| format!("{name}{number}")).collect();
        let mut ring: Vec<_> = (0..size).map(|at| (at, (at + 1) % size)).collect();
        if size > 3 {
            ring.push((0, size / 2));
        }
        // A ring of two would have its link twice.
        ring.truncate(if size == 2 { 1 } else { ring.len() });
        let mut links = String::new();
        for (a, b) in ring {
            let physics = self.link(&format!("{}-{}", names[a], names[b]), [&names[a], &names[b]], emulated);
            let _ = writeln!(links, "    {{ a = \"{}\", b = \"{}\"{physics} }},", names[a], names[b]);
        }
        let list: Vec<_> = names.iter().map(|n| format!("\"{n}\"")).collect();
        let routers = list.join(", ");
        let _ = writeln!(self.text, "\n[[as]]\nname = \"{name}net\"\nrouters = [{routers}]\nlinks = [\n{links}]");
        self.ases.push(format!("{name}net"));
        self.routers.extend(names.iter().cloned());
        names
    }

    fn external(&mut self, a: &str, b: &str, relation: &str, emulated: bool) {
        let physics = self.link(&format!("{a}-{b}"), [a, b], emulated).replacen(", ", "\n", 1);
        // Some sessions find silence quickly, some slowly.
        let session = ["", "\nhold = \"3s\"", "\nbfd = \"200ms x 5\""][self.links.len() % 3];
        let _ =
            writeln!(self.text, "\n[[link]]\na = \"{a}\"\nb = \"{b}\"\nrelation = \"{relation}\"{session}{physics}");
    }

    fn stub(&mut self, number: usize, providers: &(String, String), emulated: bool) {
        let name = format!("s{number}");
        let uplinks = [&providers.0, &providers.1].map(|to| {
            let physics = self.link(&format!("{name}-{to}"), [&name, to], emulated);
            format!("{{ to = \"{to}\"{physics} }}")
        });
        let (members, clients) = (1 + number % 2, usize::from(number <= 2));
        let _ = writeln!(self.text, "\n[[stub]]\nname = \"{name}\"\nuplinks = [{}]", uplinks.join(", "));
        let _ = writeln!(self.text, "members = {members}\nclients = {clients}");
        let access = emulated && number.is_multiple_of(2);
        if access {
            let _ = writeln!(self.text, "access = {{ delay = \"1ms\" }}");
        }
        let hosts = (1..=members).map(|n| format!("n{n}")).chain((1..=clients).map(|n| format!("c{n}")));
        for host in hosts {
            let full = format!("{name}.{host}");
            let link = Link { name: format!("{name}-{full}"), ends: [name.clone(), full.clone()], emulated: access };
            self.links.push(link);
            if host.starts_with('n') { &mut self.members } else { &mut self.clients }.push(full);
        }
        self.ases.push(name.clone());
        self.routers.push(name.clone());
        self.stubs.push(name);
    }

    fn groups(&mut self) {
        let stubs: Vec<_> = self.stubs.iter().map(|s| format!("\"{s}\"")).collect();
        let _ = writeln!(self.text, "\n[[group]]\nname = \"all\"\nmembers = [{}]", stubs.join(", "));
        let _ = writeln!(self.text, "\n[[group]]\nname = \"two\"\nmembers = [\"s1.n1\", \"s2.n1\"]");
    }

    /// Takes a link in and returns its physics as keys of an inline table, each after a comma.
    fn link(&mut self, name: &str, ends: [&str; 2], emulated: bool) -> &'static str {
        let number = self.links.len();
        let emulated = emulated && number % 4 != 3;
        self.links.push(Link { name: name.to_owned(), ends: ends.map(str::to_owned), emulated });
        match number % 4 {
            _ if !emulated => "",
            0 => ", delay = \"0ms\"",
            1 => ", delay = \"2ms\"",
            _ => ", rate = \"100mbit\"",
        }
    }
}

/// Two different ones, spread over all.
fn two_of(all: &[String], number: usize) -> (String, String) {
    let first = (7 * number) % all.len();
    let second = (first + 1 + (5 * number) % (all.len() - 1)) % all.len();
    (all[first].clone(), all[second].clone())
}
