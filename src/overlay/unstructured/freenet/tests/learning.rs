//! How requests become shorter as nodes learn.

use rand::RngExt;

use super::*;

/// A network that learns: things inserted and asked for by anybody, each as often as any.
struct Course {
    world: World,
    rng: ChaCha8Rng,
    names: Vec<String>,
    inserts: u64,
}

/// What became of some requests.
#[derive(Debug, Default)]
struct Window {
    /// Nodes that a request came to: of one that found nothing as many as it may.
    paths: Vec<u64>,
    found: usize,
    datagrams: u64,
    tries: u64,
}

impl std::fmt::Display for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (found, tries, datagrams) = (self.success(), self.mean(self.tries), self.mean(self.datagrams));
        let mut paths = self.paths.clone();
        paths.sort_unstable();
        let median = paths[paths.len() / 2];
        write!(f, "median {median}, found {found:.3}, {tries:.1} tries and {datagrams:.1} datagrams a request")
    }
}

impl Window {
    fn median(&mut self) -> u64 {
        self.paths.sort_unstable();
        self.paths[self.paths.len() / 2]
    }

    fn success(&self) -> f64 {
        self.found as f64 / self.paths.len() as f64
    }

    fn mean(&self, of: u64) -> f64 {
        of as f64 / self.paths.len() as f64
    }
}

impl Course {
    fn new(hosts: usize, seed: u64, values: &Values) -> Self {
        let world = World::ring(hosts, seed, values);
        Self { world, rng: ChaCha8Rng::seed_from_u64(seed), names: Vec::new(), inserts: 0 }
    }

    fn any(&mut self) -> usize {
        self.rng.random_range(0..self.world.hosts)
    }

    /// The name of something new.
    fn insert(&mut self) -> String {
        self.inserts += 1;
        let (host, value) = (self.any(), format!("v{}", self.inserts));
        self.world.put(host, "CHK@", &value).expect("nobody else has inserted it")
    }

    fn request(&mut self, name: &str, window: &mut Window) {
        let host = self.any();
        let count = |counts: &Counts| counts.requests;
        let before = (self.world.total(count), self.world.sim.datagrams(), self.world.total(|counts| counts.forwarded));
        let found = self.world.get(host, name).is_some();
        let came = self.world.total(count) - before.0;
        let most = u64::from(self.world.node(host).settings.hops);
        window.paths.push(if found { came } else { most.max(came) });
        window.found += usize::from(found);
        window.datagrams += self.world.sim.datagrams() - before.1;
        window.tries += self.world.total(|counts| counts.forwarded) - before.2;
    }

    /// In each step something is inserted, and something asked for, of all that there is.
    fn learn(&mut self, steps: usize) -> Window {
        let mut window = Window::default();
        for _ in 0..steps {
            let name = self.insert();
            self.names.push(name);
            let name = self.names[self.rng.random_range(0..self.names.len())].clone();
            self.request(&name, &mut window);
        }
        window
    }

    /// Requests for what nobody has asked for before: only nodes that have stored it at its insert have it.
    fn probe(&mut self, requests: usize) -> Window {
        let names: Vec<String> = (0..requests).map(|_| self.insert()).collect();
        let mut window = Window::default();
        names.iter().for_each(|name| self.request(name, &mut window));
        window
    }
}

fn large(hops: u64) -> Values {
    values().with("hops_to_live", hops).with("store_size", 50u64)
}

/// Of what is inserted 3 of 100 nodes have a copy: about as many as 20 of a thousand.
#[test]
fn requests_become_shorter_as_nodes_learn() {
    let mut course = Course::new(100, 1, &large(100).with("insert_hops", 3u64));
    let mut first = course.probe(40);
    course.learn(300);
    let mut last = course.probe(40);
    assert!(last.median() * 2 <= first.median(), "{first} at first, {last} later");
    assert!(last.success() >= 0.9, "{last}");
}
