//! How requests become shorter as nodes learn.

use rand::RngExt;

use super::*;

/// A network that learns: things inserted and asked for by anybody, each as often as any.
struct Course {
    world: World,
    rng: ChaCha8Rng,
    names: Vec<String>,
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
        Self { world, rng: ChaCha8Rng::seed_from_u64(seed), names: Vec::new() }
    }

    fn any(&mut self) -> usize {
        self.rng.random_range(0..self.world.hosts)
    }

    fn insert(&mut self) {
        let (host, value) = (self.any(), format!("v{}", self.names.len()));
        self.names.extend(self.world.put(host, "CHK@", &value));
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
            self.insert();
            let name = self.names[self.rng.random_range(0..self.names.len())].clone();
            self.request(&name, &mut window);
        }
        window
    }
}

fn large(hops: u64) -> Values {
    values().with("hops_to_live", hops).with("store_size", 50u64)
}

#[test]
fn requests_become_shorter_as_nodes_learn() {
    let mut course = Course::new(100, 1, &large(100));
    let mut first = course.learn(100);
    course.learn(500);
    let mut last = course.learn(100);
    println!("median path of 100 nodes: {} at first, {} later", first.median(), last.median());
    assert!(last.median() * 2 < first.median(), "{} at first, {} later", first.median(), last.median());
    assert!(last.success() >= 0.95, "{}", last.success());
}

fn env(name: &str, or: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(or)
}

/// `FREENET_NODES`, `FREENET_STEPS`, `FREENET_SEED`, `FREENET_HOPS`, `FREENET_RESET`: what is tried.
#[test]
#[ignore = "long: in a release build"]
fn a_long_course() {
    let (hosts, steps) = (env("FREENET_NODES", 1000), env("FREENET_STEPS", 5000));
    let reset = env("FREENET_RESET", 10) as f64 / 100.0;
    let values = large(env("FREENET_HOPS", 500) as u64).with("source_reset", super::Value::Float(reset));
    let mut course = Course::new(hosts, env("FREENET_SEED", 1) as u64, &values);
    for window in 0..10 {
        let mut told = course.learn(steps / 10);
        println!(
            "{hosts} nodes, {} steps: median {}, found {:.3}, {:.1} tries and {:.1} datagrams a request",
            (window + 1) * steps / 10,
            told.median(),
            told.success(),
            told.mean(told.tries),
            told.mean(told.datagrams),
        );
    }
}
