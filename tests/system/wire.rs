//! The user-space link between two namespaces, as the library gives it: real TAP interfaces, real
//! datagrams.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

use anybed::kernel::interface::Netlink;
use anybed::kernel::namespace::{self, NAMES, Namespace, Stepper};
use anybed::kernel::wire::{Counters, End, Wanted, Wire, Wires};
use anybed::physics::{Egress, Impairment, Queue, Share};
use anybed::physics::{Interface, link_local};
use anyhow::Result;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::geteuid;
use serde_json::Value;

use crate::support::{DEADLINE, skip, wait_until};

const MACS: [[u8; 6]; 2] = [[2, 0, 0, 0, 1, 0], [2, 0, 0, 0, 1, 1]];
const INDEX: u32 = 77;

/// Two namespaces, a wire between them, and a socket in each.
struct Pair {
    stepper: Stepper,
    namespaces: [Namespace; 2],
    wire: Wire,
    sockets: [UdpSocket; 2],
}

/// Runs a test's body, or says why it cannot.
fn with_pair(name: &str, body: impl AsyncFnOnce(&Pair) -> Result<()>) {
    if !geteuid().is_root() {
        return skip::say(name, "root: run the tests with sudo to include it");
    }
    if let Err(error) = File::options().read(true).write(true).open("/dev/net/tun") {
        return skip::say(name, &format!("/dev/net/tun: {error}"));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let done = runtime.block_on(async {
        let pair = Pair::create([5, 6], false).await?;
        body(&pair).await
    });
    done.unwrap_or_else(|error| panic!("{error:#}"));
}

fn address(side: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, side as u8 + 1)
}

impl Pair {
    /// Without IPv6, no frame crosses but those that the test sends.
    async fn create(seeds: [u64; 2], ipv6: bool) -> Result<Self> {
        let stepper = Stepper::start()?;
        let namespaces = stepper.run(move || namespaces(ipv6)).await?;
        let end = |side: usize| End {
            namespace: namespaces[side].clone(),
            name: format!("end{side}"),
            index: INDEX,
            mac: MACS[side],
        };
        let wanted = Wanted { ends: [end(0), end(1)], lines: [Egress::default(); 2], seeds };
        let wire = Wires::start(1)?.create(&stepper, wanted).await?;
        for side in [0, 1] {
            set_up(&stepper, &namespaces[side], side).await?;
        }
        let mut sockets = Vec::new();
        for side in [0, 1] {
            let open = move || {
                let socket = UdpSocket::bind(SocketAddr::from((address(side), 4000)))?;
                socket.connect(SocketAddr::from((address(1 - side), 4000)))?;
                socket.set_read_timeout(Some(DEADLINE))?;
                Ok(socket)
            };
            sockets.push(stepper.within(&namespaces[side], open).await?);
        }
        let sockets = sockets.try_into().unwrap();
        Ok(Self { stepper, namespaces, wire, sockets })
    }

    /// Sets what becomes of the frames that end 0 sends.
    fn set(&self, impairment: Impairment) -> Result<()> {
        self.wire.set(0, Egress { impairment, blackhole: false })
    }

    /// Sends from end 0.
    fn send(&self, payload: &[u8]) {
        self.sockets[0].send(payload).unwrap();
    }

    /// What arrives next at end 1.
    fn receive(&self) -> Vec<u8> {
        let mut buffer = vec![0; 2000];
        let length = self.sockets[1].recv(&mut buffer).unwrap_or_else(|error| panic!("nothing arrives: {error}"));
        buffer.truncate(length);
        buffer
    }

    /// Waits until the counters of what end 0 sends are as `look` wants them.
    async fn wait_for(&self, what: &str, look: impl Fn(&Counters) -> bool) -> Result<Counters> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let [counters, _] = self.wire.counters().await?;
            if look(&counters) {
                return Ok(counters);
            }
            assert!(Instant::now() < deadline, "waited in vain until {what}: {counters:?}");
        }
    }

    async fn set_state(&self, side: usize, up: bool) -> Result<()> {
        Netlink::open(&self.stepper, &self.namespaces[side]).await?.set_state(INDEX, up).await
    }

    /// `ip -json WORDS` at an end.
    async fn ip(&self, side: usize, words: &str) -> Result<Value> {
        let words: Vec<_> = words.split(' ').map(str::to_owned).collect();
        let ask = move || Ok(Command::new("ip").arg("-json").args(words).output()?.stdout);
        let said = self.stepper.within(&self.namespaces[side], ask).await?;
        if said.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_slice(&said)?) }
    }
}

/// In a mount namespace of the stepper's thread: nothing is seen outside.
fn namespaces(ipv6: bool) -> Result<[Namespace; 2]> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
    mount(Some("tmpfs"), "/run", Some("tmpfs"), MsFlags::empty(), none)?;
    fs::create_dir_all(NAMES)?;
    let namespaces = [namespace::create("a")?, namespace::create("b")?];
    for namespace in &namespaces {
        namespace::enter(namespace)?;
        fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", if ipv6 { "0" } else { "1" })?;
    }
    Ok(namespaces)
}

async fn set_up(stepper: &Stepper, namespace: &Namespace, side: usize) -> Result<()> {
    let interface = Interface {
        name: format!("end{side}"),
        index: INDEX,
        mac: MACS[side],
        addresses: vec![format!("{}/24", address(side)).parse()?],
        neighbors: vec![(IpAddr::V4(address(1 - side)), MACS[1 - side])],
        default_via: Vec::new(),
    };
    Netlink::open(stepper, namespace).await?.set_up(&interface).await
}

fn delay(milliseconds: u64) -> Impairment {
    Impairment { delay: Duration::from_millis(milliseconds), ..Impairment::default() }
}

#[test]
fn an_end_is_like_that_of_a_veth() {
    with_pair("an_end_is_like_that_of_a_veth", async |_| {
        let pair = Pair::create([5, 6], true).await?;
        for side in [0, 1] {
            let shown = &pair.ip(side, &format!("address show dev end{side}")).await?[0];
            assert_eq!(shown["ifindex"], INDEX, "{shown}");
            assert_eq!(shown["mtu"], 1500, "{shown}");
            assert_eq!(shown["address"], format!("02:00:00:00:01:0{side}"), "{shown}");
            let flags = shown["flags"].as_array().unwrap();
            assert!(flags.contains(&"LOWER_UP".into()), "{shown}");
            let expected = link_local(MACS[side]).to_string();
            let addresses = shown["addr_info"].as_array().unwrap();
            assert!(addresses.iter().any(|a| a["local"] == expected), "no {expected}: {shown}");
        }
        pair.send(b"there");
        assert_eq!(pair.receive(), b"there");
        let mut buffer = [0; 10];
        pair.sockets[1].send(&[7; 1472])?;
        assert_eq!(pair.sockets[0].recv(&mut buffer)?, 10);
        Ok(())
    });
}

#[test]
fn a_change_does_not_lose_what_is_in_flight() {
    with_pair("a_change_does_not_lose_what_is_in_flight", async |pair| {
        pair.set(delay(300))?;
        let before = pair.wire.counters().await?[0].frames_in;
        pair.send(b"slow");
        pair.wait_for("the first frame flies", |counters| counters.frames_in > before).await?;
        pair.set(delay(1))?;
        pair.send(b"fast");
        assert_eq!(pair.receive(), b"fast");
        assert_eq!(pair.receive(), b"slow");
        Ok(())
    });
}

#[test]
fn a_delayed_answer_is_not_early() {
    with_pair("a_delayed_answer_is_not_early", async |pair| {
        pair.set(delay(20))?;
        for _ in 0..20 {
            let begun = Instant::now();
            pair.send(b"ping");
            pair.receive();
            assert!(begun.elapsed() >= Duration::from_millis(20));
        }
        Ok(())
    });
}

#[test]
fn a_black_hole_swallows_and_ends() {
    with_pair("a_black_hole_swallows_and_ends", async |pair| {
        pair.set(delay(100))?;
        let before = pair.wire.counters().await?[0].frames_in;
        pair.send(b"before");
        pair.wait_for("the first frame flies", |counters| counters.frames_in > before).await?;
        pair.wire.set(0, Egress { impairment: delay(100), blackhole: true })?;
        // Set before the next frame is sent, as it is answered after it.
        pair.wire.counters().await?;
        for _ in 0..10 {
            pair.send(b"within");
        }
        pair.wait_for("ten frames are swallowed", |counters| counters.blackholed >= 10).await?;
        pair.set(Impairment::default())?;
        assert_eq!(pair.receive(), b"before");
        pair.wire.counters().await?;
        pair.send(b"after");
        assert_eq!(pair.receive(), b"after");
        Ok(())
    });
}

#[test]
fn a_stream_crosses_whole_though_frames_are_corrupted() {
    with_pair("a_stream_crosses_whole_though_frames_are_corrupted", async |pair| {
        pair.set(Impairment { corrupt: Share(20_000), ..delay(1) })?;
        let at = SocketAddr::from((address(1), 4001));
        let listener = pair.stepper.within(&pair.namespaces[1], move || Ok(TcpListener::bind(at)?)).await?;
        let mut stream = pair.stepper.within(&pair.namespaces[0], move || Ok(TcpStream::connect(at)?)).await?;
        let sent: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
        let received = std::thread::spawn(move || {
            let mut received = Vec::new();
            listener.accept()?.0.read_to_end(&mut received).map(|_| received)
        });
        stream.write_all(&sent)?;
        drop(stream);
        assert!(received.join().unwrap()? == sent, "what arrived is not what was sent");
        assert!(pair.wire.counters().await?[0].corrupted > 0);
        Ok(())
    });
}

#[test]
fn overload_is_dropped_and_counted() {
    with_pair("overload_is_dropped_and_counted", async |pair| {
        let queue = Some(Queue::Packets(5));
        pair.set(Impairment { rate: Some(2_000_000), queue, ..Impairment::default() })?;
        let before = pair.wire.counters().await?[0];
        for _ in 0..100 {
            pair.send(&[0; 1000]);
        }
        let done = |counters: &Counters| counters.frames_in >= before.frames_in + 100 && counters.held == 0;
        let after = pair.wait_for("the queue is empty again", done).await?;
        let out = after.frames_out - before.frames_out;
        assert!(after.queue_drops > 0 && out >= 7, "{after:?}");
        assert_eq!(after.frames_in + after.duplicated, after.frames_out + after.queue_drops, "{after:?}");
        Ok(())
    });
}

#[test]
fn an_end_that_is_down_takes_nothing_until_it_is_up() {
    with_pair("an_end_that_is_down_takes_nothing_until_it_is_up", async |pair| {
        pair.set_state(1, false).await?;
        let before = pair.wire.counters().await?[0];
        pair.send(b"lost");
        let counters = pair.wait_for("the frame is refused", |counters| counters.refused > before.refused).await?;
        assert!(counters.frames_in > before.frames_in, "{counters:?}");
        set_up(&pair.stepper, &pair.namespaces[1], 1).await?;
        pair.set_state(0, false).await?;
        assert!(pair.sockets[0].send(b"nowhere").is_err());
        set_up(&pair.stepper, &pair.namespaces[0], 0).await?;
        pair.send(b"again");
        assert_eq!(pair.receive(), b"again");
        Ok(())
    });
}

#[test]
fn ends_that_are_down_or_gone_keep_no_thread_busy() {
    with_pair("ends_that_are_down_or_gone_keep_no_thread_busy", async |pair| {
        for state in ["down", "gone"] {
            pair.send(b"busy");
            assert_eq!(pair.receive(), b"busy");
            pair.set_state(1, false).await?;
            // With frames that nobody fetches any more.
            pair.set(delay(1))?;
            pair.send(b"late");
            if state == "gone" {
                pair.ip(1, "link delete end1").await?;
            }
            let mut looks = 0;
            wait_until("all threads that carry frames sleep, 20 looks in a row", || {
                looks = if busy() { 0 } else { looks + 1 };
                if looks < 20 { Err(looks) } else { Ok(()) }
            });
            // They still work.
            pair.wire.counters().await?;
            if state == "down" {
                pair.set(Impairment::default())?;
                set_up(&pair.stepper, &pair.namespaces[1], 1).await?;
            }
        }
        Ok(())
    });
}

/// Whether any thread that carries frames runs.
fn busy() -> bool {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let stats = tasks.filter_map(|task| fs::read_to_string(task.path().join("stat")).ok());
    stats.into_iter().any(|stat| stat.contains("(wires-") && !stat.contains(") S "))
}

#[test]
fn the_same_seed_loses_the_same_frames() {
    with_pair("the_same_seed_loses_the_same_frames", async |pair| {
        let twin = Pair::create([5, 6], false).await?;
        let mut arrived = Vec::new();
        for pair in [pair, &twin] {
            pair.set(Impairment { loss: Share(300_000), ..Impairment::default() })?;
            for number in 0..200_u8 {
                pair.send(&[number]);
            }
            pair.wait_for("all frames are there", |counters| counters.frames_in >= 200).await?;
            pair.set(Impairment::default())?;
            pair.wire.counters().await?;
            pair.send(b"end");
            let numbers = std::iter::from_fn(|| Some(pair.receive()).filter(|frame| frame != b"end"));
            arrived.push(numbers.collect::<Vec<_>>());
        }
        assert!((100..180).contains(&arrived[0].len()), "{} of 200 have arrived", arrived[0].len());
        assert_eq!(arrived[0], arrived[1]);
        Ok(())
    });
}

#[test]
fn nothing_is_left_of_a_wire() {
    with_pair("nothing_is_left_of_a_wire", async |pair| {
        pair.send(b"there");
        assert_eq!(pair.receive(), b"there");
        assert!(!held().is_empty(), "the look itself does not work");
        Ok(())
    });
    // Where tests share a process, the others end first.
    wait_until("no thread and no descriptor is left", || {
        let held = held();
        if held.is_empty() { Ok(()) } else { Err(format!("{held:?}")) }
    });
}

/// This process's threads that carry frames, and its open TAP interfaces.
fn held() -> Vec<String> {
    let entries = |folder: &str| fs::read_dir(folder).into_iter().flatten().flatten();
    let threads = entries("/proc/self/task").filter_map(|e| fs::read_to_string(e.path().join("comm")).ok());
    let files = entries("/proc/self/fd").filter_map(|e| Some(fs::read_link(e.path()).ok()?.display().to_string()));
    let ours = |name: &String| name.starts_with("wires-") || name.starts_with("/dev/net/tun");
    threads.chain(files).filter(ours).collect()
}
