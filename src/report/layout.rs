//! Where nodes stand on the map.
//!
//! Routers with coordinates stand where those are, projected. All others are pulled by their links and
//! pushed by each other, from a start that the lab's seed decides: the same lab, the same picture.
//! Hosts stand around their gateway, on its outer side.

use std::collections::{BTreeMap, VecDeque};
use std::f64::consts::TAU;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::network::Network;
use crate::topology::NodeKind;

/// Width that routers may spread over, in pixels.
const WIDTH: f64 = 960.0;
/// Room around everything, for names.
const SIDE: f64 = 56.0;
const TOP: f64 = 30.0;
/// Pairs of nodes that may be pushed apart in one layout: about a second in a debug build.
const EFFORT: usize = 60_000_000;

pub(crate) type Point = (f64, f64);

/// A place for every node, and the room that they need, with their names.
pub(crate) struct Layout {
    pub(crate) points: Vec<Point>,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

impl Layout {
    pub(crate) fn of(network: &Network) -> Self {
        let neighbors = network.neighbors();
        let backbone: Vec<usize> = (0..network.nodes.len()).filter(|i| !network.nodes[*i].is_host()).collect();
        let mut placed = Placing::of(network, &backbone, &neighbors);
        placed.settle();
        let located = placed.fixed.iter().filter(|fixed| **fixed).count();
        if located == 0 {
            level(&mut placed.points);
        }
        let height = fit(&mut placed.points);
        let free: Vec<bool> = backbone.iter().map(|n| network.nodes[*n].kind == NodeKind::Gateway).collect();
        placed.spread(&free);
        let mut points = vec![(WIDTH / 2.0, height / 2.0); network.nodes.len()];
        for (place, node) in placed.points.iter().zip(&backbone) {
            points[*node] = *place;
        }
        hosts(network, &neighbors, &mut points, height);
        let (low, _) = corners(&points);
        let (width, height) = extent(&points);
        for p in &mut points {
            *p = (p.0 - low.0 + SIDE, p.1 - low.1 + TOP);
        }
        Self { points, width: width + 2.0 * SIDE, height: height + 2.0 * TOP }
    }
}

/// Routers and gateways under way; the distance of linked ones is to be 1.
struct Placing {
    points: Vec<Point>,
    fixed: Vec<bool>,
    links: Vec<Vec<usize>>,
}

impl Placing {
    fn of(network: &Network, backbone: &[usize], neighbors: &[Vec<usize>]) -> Self {
        let index: BTreeMap<usize, usize> = backbone.iter().enumerate().map(|(i, node)| (*node, i)).collect();
        let inner = |node: &usize| neighbors[*node].iter().filter_map(|n| index.get(n).copied()).collect();
        let links: Vec<Vec<usize>> = backbone.iter().map(inner).collect();
        let mut random = ChaCha8Rng::seed_from_u64(network.seed);
        let mut points = radial(&links, &mut random);
        let places: Vec<_> = backbone.iter().map(|node| network.nodes[*node].place).collect();
        let fixed: Vec<bool> = places.iter().map(Option::is_some).collect();
        let known: Vec<_> = places.iter().flatten().collect();
        // Equirectangular, true at the middle latitude: a lab is no atlas.
        let middle = known.iter().map(|p| p.lat).sum::<f64>() / known.len().max(1) as f64;
        let project = |lat: f64, lon: f64| (lon * middle.to_radians().cos(), -lat);
        let size = known.iter().map(|p| project(p.lat, p.lon)).collect::<Vec<_>>();
        let unit = (extent(&size).0.max(extent(&size).1) / (known.len() as f64).sqrt().max(1.0)).max(1e-6);
        for (point, place) in points.iter_mut().zip(&places) {
            if let Some(place) = place {
                let (x, y) = project(place.lat, place.lon);
                *point = (x / unit, y / unit);
            }
        }
        let mut placing = Self { points, fixed, links };
        placing.attach(&mut random);
        placing
    }

    /// Nodes without a place begin beside their neighbors that have one.
    fn attach(&mut self, random: &mut ChaCha8Rng) {
        if !self.fixed.contains(&true) {
            return;
        }
        let center = mean(self.points.iter().zip(&self.fixed).filter(|(_, fixed)| **fixed).map(|(p, _)| *p));
        for node in 0..self.points.len() {
            let anchors = self.links[node].iter().filter(|n| self.fixed[**n]).map(|n| self.points[*n]);
            if !self.fixed[node] {
                let anchor = mean(anchors).or(center).unwrap_or_default();
                let (cx, cy) = center.unwrap_or_default();
                let (dx, dy) = (anchor.0 - cx, anchor.1 - cy);
                let far = dx.hypot(dy).max(1e-9);
                let shake = random.random_range(-0.2..0.2);
                self.points[node] = (anchor.0 + 0.6 * dx / far + shake, anchor.1 + 0.6 * dy / far - shake);
            }
        }
    }

    /// Fruchterman and Reingold's forces, cooling.
    fn settle(&mut self) {
        let n = self.points.len();
        let rounds = (EFFORT / (n * n).max(1)).clamp(20, 400);
        let geographic = self.fixed.contains(&true);
        for round in 0..rounds {
            let heat = 0.25 * (1.0 - round as f64 / rounds as f64);
            let mut pushes = vec![(0.0, 0.0); n];
            for a in 0..n {
                for b in a + 1..n {
                    let (dx, dy) = difference(self.points[a], self.points[b], a, b);
                    // Far nodes hardly push: parts of the network do not drive each other away.
                    let push = if geographic { 0.14 } else { 1.0 } / (dx * dx + dy * dy).max(0.01);
                    pushes[a] = (pushes[a].0 + dx * push, pushes[a].1 + dy * push);
                    pushes[b] = (pushes[b].0 - dx * push, pushes[b].1 - dy * push);
                }
            }
            for ((push, own), links) in pushes.iter_mut().zip(&self.points).zip(&self.links) {
                for &other in links {
                    let (dx, dy) = (own.0 - self.points[other].0, own.1 - self.points[other].1);
                    let pull = dx.hypot(dy) * if geographic { 1.5 } else { 1.0 };
                    *push = (push.0 - dx * pull, push.1 - dy * pull);
                }
            }
            for (node, (dx, dy)) in pushes.into_iter().enumerate() {
                if !self.fixed[node] {
                    let step = heat.min(dx.hypot(dy)) / dx.hypot(dy).max(1e-9);
                    self.points[node] = (self.points[node].0 + dx * step, self.points[node].1 + dy * step);
                }
            }
        }
    }
}

impl Placing {
    /// Moves apart, in pixels, what is too near: stubs (`free`), which need room for their hosts, rather than
    /// what stands where its coordinates are.
    fn spread(&mut self, free: &[bool]) {
        let n = self.points.len();
        if n > 500 {
            return;
        }
        let least = (2200.0 / n.max(1) as f64).clamp(5.0, 30.0);
        let room = if self.fixed.contains(&true) && n <= 60 { 88.0 } else { least };
        for _ in 0..60 {
            let mut moved = false;
            for a in 0..n {
                for b in a + 1..n {
                    let (dx, dy) = difference(self.points[a], self.points[b], a, b);
                    let far = dx.hypot(dy);
                    let least = if free[a] || free[b] { room } else { least };
                    if far < least {
                        let by = (least - far) / far.max(1e-9);
                        let share = match (free[a], free[b]) {
                            (true, false) => 1.0,
                            (false, true) => 0.0,
                            _ => 0.5,
                        };
                        let (own, other) = (by * share, by * (1.0 - share));
                        self.points[a] = (self.points[a].0 + dx * own, self.points[a].1 + dy * own);
                        self.points[b] = (self.points[b].0 - dx * other, self.points[b].1 - dy * other);
                        moved = true;
                    }
                }
            }
            if !moved {
                return;
            }
        }
    }
}

/// From a to b, never nothing.
fn difference(a: Point, b: Point, i: usize, j: usize) -> Point {
    let (dx, dy) = (a.0 - b.0, a.1 - b.1);
    if dx.abs() + dy.abs() < 1e-6 {
        let angle = (i * 7 + j * 13) as f64;
        return (1e-3 * angle.cos(), 1e-3 * angle.sin());
    }
    (dx, dy)
}

/// A tree by breadth first search from the node with the most links: each subtree has a sector as wide as
/// it has nodes, each depth a circle.
fn radial(links: &[Vec<usize>], random: &mut ChaCha8Rng) -> Vec<Point> {
    let mut points = vec![(0.0, 0.0); links.len()];
    let mut seen = vec![false; links.len()];
    let mut order: Vec<usize> = (0..links.len()).collect();
    order.sort_by_key(|i| std::cmp::Reverse(links[*i].len()));
    let turn = random.random_range(0.0..TAU);
    for root in order {
        if seen[root] {
            continue;
        }
        let (mut queue, mut visited) = (VecDeque::from([root]), Vec::new());
        let mut parent: BTreeMap<usize, usize> = BTreeMap::new();
        seen[root] = true;
        while let Some(node) = queue.pop_front() {
            visited.push(node);
            for &next in &links[node] {
                if !seen[next] {
                    seen[next] = true;
                    parent.insert(next, node);
                    queue.push_back(next);
                }
            }
        }
        let mut size: BTreeMap<usize, f64> = visited.iter().map(|n| (*n, 1.0)).collect();
        for node in visited.iter().rev() {
            if let Some(up) = parent.get(node) {
                let own = size[node];
                *size.entry(*up).or_default() += own;
            }
        }
        let mut sector: BTreeMap<usize, (f64, f64, f64)> = BTreeMap::from([(root, (turn, TAU, 0.0))]);
        for node in visited {
            let (from, width, depth) = sector.get(&node).copied().unwrap_or_default();
            points[node] = (depth * (from + width / 2.0).cos(), depth * (from + width / 2.0).sin());
            let mut at = from;
            for &next in &links[node] {
                if parent.get(&next) == Some(&node) && !sector.contains_key(&next) {
                    let share = width * size[&next] / (size[&node] - 1.0).max(1.0);
                    sector.insert(next, (at, share, depth + 1.0));
                    at += share;
                }
            }
        }
    }
    points
}

fn mean(points: impl Iterator<Item = Point>) -> Option<Point> {
    let (x, y, n) = points.fold((0.0, 0.0, 0.0), |(x, y, n), p| (x + p.0, y + p.1, n + 1.0));
    (n > 0.0).then(|| (x / n, y / n))
}

/// Width and height of the box around the points.
fn extent(points: &[Point]) -> (f64, f64) {
    let ((left, top), (right, bottom)) = corners(points);
    (right - left, bottom - top)
}

fn corners(points: &[Point]) -> (Point, Point) {
    let Some(first) = points.first() else { return ((0.0, 0.0), (0.0, 0.0)) };
    points
        .iter()
        .fold((*first, *first), |(low, high), p| ((low.0.min(p.0), low.1.min(p.1)), (high.0.max(p.0), high.1.max(p.1))))
}

/// Turns the longest axis level: pages are wider than high.
fn level(points: &mut [Point]) {
    let (cx, cy) = mean(points.iter().copied()).unwrap_or_default();
    let (xx, yy, xy) = points.iter().fold((0.0, 0.0, 0.0), |(xx, yy, xy), p| {
        let (x, y) = (p.0 - cx, p.1 - cy);
        (xx + x * x, yy + y * y, xy + x * y)
    });
    let (sin, cos) = (0.5 * f64::atan2(2.0 * xy, xx - yy)).sin_cos();
    for p in points {
        let (x, y) = (p.0 - cx, p.1 - cy);
        *p = (x * cos + y * sin, y * cos - x * sin);
    }
}

/// Scales into the page's width; returns the height.
fn fit(points: &mut [Point]) -> f64 {
    let (low, _) = corners(points);
    let (width, height) = extent(points);
    let room = WIDTH - 140.0;
    let scale =
        (room / width.max(1e-6)).min(if points.len() > 150 { 800.0 } else { 460.0 } / height.max(1e-6)).min(105.0);
    let (used, high) = (width * scale, height * scale);
    for p in points.iter_mut() {
        *p = ((WIDTH - used) / 2.0 + (p.0 - low.0) * scale, (p.1 - low.1) * scale);
    }
    high
}

/// Around each gateway, away from what it is linked to: in an arc, in several if there are many.
fn hosts(network: &Network, neighbors: &[Vec<usize>], points: &mut [Point], height: f64) {
    let middle = (WIDTH / 2.0, height / 2.0);
    for gateway in 0..network.nodes.len() {
        if network.nodes[gateway].is_host() {
            continue;
        }
        let (mine, others): (Vec<usize>, Vec<usize>) =
            neighbors[gateway].iter().partition(|n| network.nodes[**n].is_host());
        let at = points[gateway];
        let inward = mean(others.iter().map(|n| points[*n])).unwrap_or(middle);
        let outward = f64::atan2(at.1 - inward.1, at.0 - inward.0);
        let crowded = network.nodes.len() > 250;
        let (first, gap) = if crowded { (12.0, 8.0) } else { (30.0, 21.0) };
        let (mut radius, mut left, mut done) = (first, mine.len(), 0);
        while left > 0 {
            let room = ((0.72 * TAU * radius / gap) as usize).clamp(1, left);
            let step = (gap / radius).max(if room < 4 { 0.75 } else { 0.0 });
            for slot in 0..room {
                let angle = outward + (slot as f64 - (room as f64 - 1.0) / 2.0) * step;
                points[mine[done]] = (at.0 + radius * angle.cos(), at.1 + radius * angle.sin());
                done += 1;
            }
            left -= room;
            radius += gap;
        }
    }
}
