//! What impaired links do to frames, by the kernel's own queueing disciplines: two namespaces, one
//! link, UDP. Order, counts and ratios only, so that an emulated machine passes too.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::net::{IpAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use anybed::kernel::interface::Netlink;
use anybed::kernel::link;
use anybed::kernel::qdisc::Qdisc;
use anybed::physics::Interface;
use anybed::physics::{Egress, Impairment, Queue, Share};
use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::net::if_::InterfaceFlags;
use nix::sched::{CloneFlags, setns, unshare};
use nix::unistd::geteuid;
use tokio::runtime::Runtime;

use crate::support::{DEADLINE, skip, skipped};

const INDEX: u32 = 7;
const NEAR: [u8; 6] = [2, 0, 0, 0, 0, 1];
const FAR: [u8; 6] = [2, 0, 0, 0, 0, 2];

/// A link between two namespaces, with a socket at each end. Frames are numbered.
struct Wire {
    runtime: Runtime,
    near: Netlink,
    sender: UdpSocket,
    receiver: UdpSocket,
    egress: Egress,
    seed: u64,
}

impl Wire {
    /// A link for a test, or `None` and why not. The calling thread is left in a namespace of its own.
    fn new(test: &str, needs_netem: bool) -> Option<Self> {
        if !geteuid().is_root() || unshare(CloneFlags::CLONE_NEWNET).is_err() {
            skipped(test, "root: run the tests with sudo to include it");
            return None;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let near = Self::control(&runtime, "near");
        if needs_netem && !runtime.block_on(near.has_netem()).unwrap() {
            skipped(test, "netem in this kernel: `modprobe sch_netem`, or scripts/test-vm");
            return None;
        }
        let here = own_namespace();
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        let far = Self::control(&runtime, "far");
        let there = own_namespace();
        // Both indices must be free where the link is made.
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        let between = Self::control(&runtime, "between");
        let end = |file: &File, name, mac| link::End { namespace: file.as_raw_fd(), name, index: INDEX, mac };
        runtime.block_on(async {
            link::create(between.handle(), end(&here, "near", NEAR), end(&there, "far", FAR), true).await.unwrap();
            near.set_up(&interface("near", NEAR, "10.0.0.1", "10.0.0.2", FAR)).await.unwrap();
            far.set_up(&interface("far", FAR, "10.0.0.2", "10.0.0.1", NEAR)).await.unwrap();
        });
        setns(&there, CloneFlags::CLONE_NEWNET).unwrap();
        let receiver = UdpSocket::bind("10.0.0.2:9").unwrap();
        setns(&here, CloneFlags::CLONE_NEWNET).unwrap();
        let sender = UdpSocket::bind("10.0.0.1:9").unwrap();
        sender.connect("10.0.0.2:9").unwrap();
        Some(Self { runtime, near, sender, receiver, egress: Egress::default(), seed: 1 })
    }

    /// Netlink into the calling thread's namespace, in which nobody speaks unasked.
    fn control(runtime: &Runtime, name: &str) -> Netlink {
        for which in ["all", "default"] {
            fs::write(format!("/proc/sys/net/ipv6/conf/{which}/disable_ipv6"), "1").unwrap();
        }
        let _in_runtime = runtime.enter();
        Netlink::here(name).unwrap()
    }

    fn set(&mut self, egress: Egress) {
        let set = self.near.set_egress(INDEX, &self.egress, &egress, self.seed);
        self.egress = self.runtime.block_on(set).unwrap();
    }

    fn impair(&mut self, impairment: Impairment) {
        self.set(Egress { impairment, blackhole: false });
    }

    /// Once what was in flight has arrived.
    fn clear(&mut self) {
        self.runtime.block_on(self.near.remove_egress(INDEX)).unwrap();
        self.egress = Egress::default();
    }

    fn qdisc(&self, kind: &str) -> Option<Qdisc> {
        let all = self.runtime.block_on(self.near.qdiscs(INDEX)).unwrap();
        all.into_iter().find(|qdisc| qdisc.kind == kind)
    }

    /// Sends a frame of 42 bytes more than `size`, with the headers of Ethernet, IP and UDP.
    fn send(&self, number: u32, size: usize) {
        let mut payload = vec![0; size];
        payload[..4].copy_from_slice(&number.to_be_bytes());
        self.sender.send(&payload).unwrap();
    }

    /// The next frame's number.
    fn receive(&self) -> u32 {
        self.receiver.set_read_timeout(Some(DEADLINE)).unwrap();
        self.read().expect("no frame within the deadline")
    }

    fn read(&self) -> Option<u32> {
        let mut buffer = [0; 2048];
        match self.receiver.recv(&mut buffer) {
            Ok(_) => Some(u32::from_be_bytes(buffer[..4].try_into().unwrap())),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => None,
            Err(error) => panic!("receive: {error}"),
        }
    }

    fn receive_all(&self, count: usize) -> Vec<u32> {
        (0..count).map(|_| self.receive()).collect()
    }

    /// Sends these frames and returns those that arrive at once, for a link without delay. They are
    /// read as they come: the socket holds few.
    fn survivors(&self, numbers: std::ops::Range<u32>) -> Vec<u32> {
        let mut arrived = Vec::new();
        self.receiver.set_nonblocking(true).unwrap();
        for number in numbers {
            self.send(number, 100);
            arrived.extend(std::iter::from_fn(|| self.read()));
        }
        self.receiver.set_nonblocking(false).unwrap();
        arrived
    }

    /// Everything until this frame, which is sent now and arrives after all others.
    fn until(&self, last: u32) -> Vec<u32> {
        self.send(last, 100);
        std::iter::from_fn(|| Some(self.receive()).filter(|number| *number != last)).collect()
    }
}

fn own_namespace() -> File {
    File::open("/proc/thread-self/ns/net").unwrap()
}

/// Of an interface in the calling thread's namespace.
fn has_carrier(name: &str) -> bool {
    let running =
        |found: InterfaceAddress| found.interface_name == name && found.flags.contains(InterfaceFlags::IFF_RUNNING);
    getifaddrs().unwrap().any(running)
}

fn interface(name: &str, mac: [u8; 6], address: &str, neighbor: &str, neighbor_mac: [u8; 6]) -> Interface {
    let neighbor: IpAddr = neighbor.parse().unwrap();
    Interface {
        name: name.into(),
        index: INDEX,
        mac,
        addresses: vec![format!("{address}/30").parse().unwrap()],
        neighbors: vec![(neighbor, neighbor_mac)],
        default_via: Vec::new(),
    }
}

fn delayed(milliseconds: u64) -> Impairment {
    Impairment { delay: Duration::from_millis(milliseconds), ..Impairment::default() }
}

#[test]
fn a_black_hole_needs_no_netem() {
    let Some(mut wire) = Wire::new("a_black_hole_needs_no_netem", false) else { return };
    let hole = Egress { blackhole: true, ..Egress::default() };
    for round in 0..3 {
        wire.set(hole);
        assert_eq!(wire.survivors(0..10), [0; 0]);
        assert_eq!(wire.qdisc("pfifo").unwrap().drops, 10, "round {round}");
        assert!(has_carrier("near"));
        wire.set(Egress::default());
        assert_eq!(wire.qdisc("pfifo"), None);
        assert_eq!(wire.until(11), [0; 0]);
    }
    // Setting what is set already, and removing nothing, are no errors.
    wire.set(Egress::default());
    wire.set(hole);
    wire.set(hole);
    wire.clear();
    wire.clear();
    assert_eq!(wire.until(12), [0; 0]);
}

#[test]
fn frames_take_their_delay_and_keep_their_order() {
    let Some(mut wire) = Wire::new("frames_take_their_delay_and_keep_their_order", true) else { return };
    let mut took = Vec::new();
    for delay in [40, 400] {
        wire.impair(delayed(delay));
        let begun = Instant::now();
        (0..20).for_each(|number| wire.send(number, 100));
        assert_eq!(wire.receive(), 0);
        took.push(begun.elapsed());
        assert!(took.last() >= Some(&wire.egress.impairment.delay), "{took:?}");
        assert_eq!(wire.receive_all(19), Vec::from_iter(1..20));
    }
    assert!(took[1] > took[0], "{took:?}");
    assert_eq!(wire.qdisc("netem").unwrap().drops, 0);
}

#[test]
fn a_share_of_the_frames_is_lost() {
    let Some(mut wire) = Wire::new("a_share_of_the_frames_is_lost", true) else { return };
    wire.impair(Impairment { loss: Share(300_000), ..Impairment::default() });
    let arrived = wire.survivors(0..1000).len() as u32;
    // Six standard deviations of a binomial distribution.
    assert!((613..=787).contains(&arrived), "{arrived} of 1000 arrived");
    assert_eq!(wire.qdisc("netem").unwrap().drops, 1000 - arrived);
}

#[test]
fn frames_are_doubled_reordered_and_damaged() {
    let Some(mut wire) = Wire::new("frames_are_doubled_reordered_and_damaged", true) else { return };
    wire.impair(Impairment { duplicate: Share::ALL, ..Impairment::default() });
    assert_eq!(wire.survivors(0..3), [0, 0, 1, 1, 2, 2]);
    // What a change does not name must not stay.
    wire.impair(Impairment { corrupt: Share::ALL, ..Impairment::default() });
    let whole = wire.survivors(0..200);
    assert!(whole.len() < 100, "{} of 200 arrived unharmed", whole.len());
    wire.impair(Impairment { reorder: Share(500_000), ..delayed(200) });
    (0..100).for_each(|number| wire.send(number, 100));
    let arrived = wire.receive_all(100);
    let early = arrived.iter().zip(arrived.iter().skip(1)).position(|(a, b)| a > b).unwrap() + 1;
    assert!((20..=80).contains(&early), "{early} of 100 came first");
    assert!(arrived[..early].is_sorted() && arrived[early..].is_sorted(), "{arrived:?}");
}

#[test]
fn a_rate_is_kept() {
    let Some(mut wire) = Wire::new("a_rate_is_kept", true) else { return };
    let queue = Some(Queue::Bytes(1_000_000));
    let mut took = Vec::new();
    for rate in [500_000, 50_000_000] {
        wire.impair(Impairment { rate: Some(rate), queue, ..delayed(10) });
        let begun = Instant::now();
        (0..60).for_each(|number| wire.send(number, 1000));
        assert_eq!(wire.receive_all(60), Vec::from_iter(0..60));
        took.push(begun.elapsed());
        let waited = f64::from(60 * 1042 - Impairment::bucket(rate)) * 8.0 / rate as f64;
        assert!(took.last() >= Some(&Duration::from_secs_f64(waited)), "{took:?}, at least {waited} s");
    }
    assert!(took[0] > took[1], "{took:?}");
}

#[test]
fn a_full_queue_drops_and_counts() {
    let Some(mut wire) = Wire::new("a_full_queue_drops_and_counts", true) else { return };
    for (round, queue) in [Queue::Packets(10), Queue::Bytes(10 * 1042), Queue::Packets(10)].into_iter().enumerate() {
        let before = wire.qdisc("tbf").map_or(0, |tbf| tbf.drops);
        wire.impair(Impairment { rate: Some(200_000), queue: Some(queue), ..Impairment::default() });
        (0..50).for_each(|number| wire.send(number, 1000));
        // A rate that goes lets what waits pass at once.
        wire.impair(Impairment { loss: Share(1), ..Impairment::default() });
        let arrived = wire.until(50).len() as u32;
        // Two in the bucket, ten in the queue, and what a machine that takes its time lets through.
        assert!((12..=25).contains(&arrived), "round {round}: {arrived} of 50 arrived");
        assert_eq!(wire.qdisc("tbf").unwrap().drops - before, 50 - arrived, "round {round}");
    }
}

#[test]
fn a_change_loses_nothing_that_flies() {
    let Some(mut wire) = Wire::new("a_change_loses_nothing_that_flies", true) else { return };
    wire.impair(delayed(1000));
    (0..20).for_each(|number| wire.send(number, 100));
    wire.impair(delayed(800));
    wire.impair(Impairment { rate: Some(100_000_000), ..delayed(1) });
    wire.send(20, 100);
    assert_eq!(wire.receive(), 20);
    wire.impair(Impairment::default());
    wire.send(21, 100);
    assert_eq!(wire.receive_all(21), [vec![21], Vec::from_iter(0..20)].concat());
    wire.clear();
    assert_eq!(wire.qdisc("netem"), None);
    assert_eq!(wire.until(22), [0; 0]);
}

#[test]
fn a_black_hole_spares_what_flies() {
    let Some(mut wire) = Wire::new("a_black_hole_spares_what_flies", true) else { return };
    let impairment = Impairment { rate: Some(10_000_000), ..delayed(500) };
    wire.impair(impairment);
    (0..5).for_each(|number| wire.send(number, 100));
    wire.set(Egress { impairment, blackhole: true });
    (5..10).for_each(|number| wire.send(number, 100));
    assert_eq!(wire.receive_all(5), [0, 1, 2, 3, 4]);
    wire.impair(impairment);
    assert_eq!(wire.until(10), [0; 0]);
    // From a link that is being cleared, too.
    wire.send(11, 100);
    wire.set(Egress { blackhole: true, ..Egress::default() });
    wire.send(12, 100);
    assert_eq!(wire.receive(), 11);
    wire.clear();
    assert_eq!(wire.until(13), [0; 0]);
}

#[test]
fn a_seed_repeats_the_losses() {
    let Some(mut wire) = Wire::new("a_seed_repeats_the_losses", true) else { return };
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split(['.', '-']).map(|number| number.parse::<u32>().unwrap_or(0));
    let seeded = (numbers.next(), numbers.next()) >= (Some(6), Some(6));
    let mut lost = Vec::new();
    for seed in [1, 2, 1] {
        wire.seed = seed;
        wire.impair(Impairment { loss: Share(500_000), ..Impairment::default() });
        lost.push(wire.survivors(0..100));
    }
    assert_ne!(lost[0], lost[1]);
    if seeded {
        assert_eq!(lost[0], lost[2]);
    } else {
        let text = format!("Linux {} draws without a seed; 6.6 is the first that takes one", release.trim());
        skip::remark("a_seed_repeats_the_losses", &text);
    }
}
