//! `anybed bench-wire`: measures the user-space link, in a sandbox of its own. Hidden: it is what
//! `scripts/bench-wire` runs.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use serde::{Deserialize, Serialize};

use super::{Ended, print, sandboxed};
use crate::kernel::namespace::{self, Namespace, Stepper};
use crate::kernel::wire::{Counters, End, Wanted, Wire, Wires};
use crate::kernel::{now, sys};
use crate::lab::supervisor::raise_descriptor_limit;
use crate::physics::{Backend, Egress, Impairment};
use crate::trial::pair::{Pair, address};

/// A link of 5 ms each way.
const DELAY: Duration = Duration::from_millis(5);
const PINGS: u64 = 2000;
/// Long enough that no ping finds the threads awake.
const PING_EVERY: Duration = Duration::from_millis(2);
/// How long each throughput is measured.
const LOAD: Duration = Duration::from_secs(2);
/// As many as 500 routers of a random graph have, and some of the namespaces.
const LINKS: u32 = 750;
const NAMESPACES: u32 = 100;

/// What was measured.
#[derive(Debug, Serialize, Deserialize)]
struct Measured {
    rtt: Rtt,
    loads: Vec<Load>,
    memory: Memory,
    create_ms_per_link: f64,
    /// From the end of the process to the end of its sandbox, [`LINKS`] links.
    end_seconds: f64,
    /// When the process ended (CLOCK_MONOTONIC, nanoseconds).
    ended: u64,
}

/// Milliseconds of round trips with [`DELAY`] each way.
#[derive(Debug, Serialize, Deserialize)]
struct Rtt {
    pings: usize,
    min: f64,
    p50: f64,
    p99: f64,
    max: f64,
    /// Microseconds by which frames departed late.
    lateness_p50: u64,
    lateness_p99: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Load {
    payload: usize,
    delay_ms: u64,
    /// Thousands of frames a second, as sent, as delivered, and as delivered per second of CPU.
    sent_kpps: f64,
    kpps: f64,
    kpps_per_core: f64,
    lateness_p99: u64,
}

/// MiB resident before, and with a line of 1 s at 100 Mbit/s that is full.
#[derive(Debug, Serialize, Deserialize)]
struct Memory {
    before: f64,
    full: f64,
    held_frames: u64,
}

pub(super) fn execute() -> Ended {
    let measure = async || {
        let measured = measure().await?;
        Ok((serde_json::to_string(&measured).context("write JSON")?, 0))
    };
    let (text, code) = sandboxed::measured("bench-wire", measure)?;
    let ended = now();
    let mut measured: Measured = serde_json::from_str(&text).context("read what was measured")?;
    measured.end_seconds = (ended - measured.ended) as f64 / 1e9;
    print(&(serde_json::to_string_pretty(&measured).context("write JSON")? + "\n"));
    Ok(code)
}

async fn measure() -> Result<Measured> {
    raise_descriptor_limit();
    let stepper = Stepper::start()?;
    let wires = Wires::start(750)?;
    let mut pair = Ends::create(&stepper).await?;
    let rtt = pair.ping().await?;
    let mut loads = Vec::new();
    for delay in [Duration::ZERO, DELAY] {
        for payload in [64, 1400] {
            loads.push(pair.load(payload, delay).await?);
        }
    }
    let memory = pair.fill().await?;
    let (create_ms_per_link, kept) = create_many(&stepper, &wires).await?;
    // As at the end of a lab: the process ends with all its wires.
    std::mem::forget((kept, pair, wires));
    Ok(Measured { rtt, loads, memory, create_ms_per_link, end_seconds: 0.0, ended: now() })
}

/// A wire, and a socket at each end.
struct Ends {
    pair: Pair,
    client: Arc<UdpSocket>,
    server: UdpSocket,
}

impl Ends {
    async fn create(stepper: &Stepper) -> Result<Self> {
        let pair = Pair::create(stepper, Backend::Wire, [1, 2]).await?;
        let [a, b] = &pair.namespaces;
        let [client, server] = [socket(stepper, a, 0).await?, socket(stepper, b, 1).await?];
        client.connect(server.local_addr().context("a socket's address")?).context("connect a socket")?;
        Ok(Self { pair, client: Arc::new(client), server })
    }

    fn wire(&self) -> Result<&Wire> {
        self.pair.wire().context("the pair is a wire")
    }

    async fn set(&mut self, impairment: Impairment) -> Result<()> {
        for side in [0, 1] {
            self.pair.set(side, Egress { impairment, blackhole: false }).await?;
        }
        Ok(())
    }

    async fn counters(&self) -> Result<Counters> {
        let [counters, _] = self.wire()?.counters().await?;
        Ok(counters)
    }

    /// The threads at the ends run before others, as the wire's do: what is measured is the wire.
    async fn ping(&mut self) -> Result<Rtt> {
        self.set(Impairment { delay: DELAY, ..Impairment::default() }).await?;
        let server = self.server.try_clone().context("clone a socket")?;
        let echo = std::thread::spawn(move || {
            let _ = sys::run_first();
            let mut buffer = [0; 64];
            for _ in 0..PINGS {
                let Ok((length, from)) = server.recv_from(&mut buffer) else { return };
                let _ = server.send_to(&buffer[..length], from);
            }
        });
        let client = self.client.clone();
        std::thread::spawn(move || {
            for _ in 0..PINGS {
                let _ = client.send(&now().to_le_bytes());
                std::thread::sleep(PING_EVERY);
            }
        });
        let client = self.client.clone();
        let receive = move || {
            let _ = sys::run_first();
            let mut buffer = [0; 8];
            let mut answers = Vec::new();
            while (answers.len() as u64) < PINGS && client.recv(&mut buffer).is_ok() {
                answers.push((now() - u64::from_le_bytes(buffer)) as f64 / 1e6);
            }
            answers
        };
        let receive = std::thread::spawn(receive);
        // If a ping was lost they end by their sockets' timeouts. No task waits meanwhile.
        let mut answers = receive.join().map_err(|_| anyhow!("the receiver panicked"))?;
        let _ = echo.join();
        answers.sort_by(f64::total_cmp);
        let at = |q| crate::measure::quantile(&answers, q).unwrap_or(f64::NAN);
        let lateness = self.wire()?.lateness();
        Ok(Rtt {
            pings: answers.len(),
            min: at(0.0),
            p50: at(0.5),
            p99: at(0.99),
            max: at(1.0),
            lateness_p50: lateness.value_at_quantile(0.5),
            lateness_p99: lateness.value_at_quantile(0.99),
        })
    }

    /// Sends as fast as one thread can. Nobody reads: what was delivered is what the wire counts.
    async fn load(&mut self, payload: usize, delay: Duration) -> Result<Load> {
        self.set(Impairment { delay, ..Impairment::default() }).await?;
        let before = self.counters().await?;
        // Of earlier loads.
        drop(self.wire()?.lateness());
        let (begun, cpu) = (now(), wire_seconds()?);
        let sent = self.blast(payload, LOAD).await?;
        let after = self.counters().await?;
        let (seconds, cpu) = ((now() - begun) as f64 / 1e9, wire_seconds()? - cpu);
        let out = (after.frames_out - before.frames_out) as f64 / 1e3;
        let lateness = self.wire()?.lateness();
        Ok(Load {
            payload,
            delay_ms: delay.as_millis() as u64,
            sent_kpps: sent as f64 / 1e3 / seconds,
            kpps: out / seconds,
            kpps_per_core: out / cpu,
            lateness_p99: lateness.value_at_quantile(0.99),
        })
    }

    async fn blast(&self, payload: usize, time: Duration) -> Result<u64> {
        let (client, stop) = (self.client.clone(), Arc::new(AtomicBool::new(false)));
        let stopped = stop.clone();
        let send = tokio::task::spawn_blocking(move || {
            let (frame, mut sent) = (vec![0; payload], 0);
            while !stopped.load(Ordering::Relaxed) {
                sent += u64::from(client.send(&frame).is_ok());
            }
            sent
        });
        tokio::time::sleep(time).await;
        stop.store(true, Ordering::Relaxed);
        send.await.context("send")
    }

    async fn fill(&mut self) -> Result<Memory> {
        let before = resident()?;
        let impairment = Impairment { delay: Duration::from_secs(1), rate: Some(100_000_000), ..Impairment::default() };
        self.set(impairment).await?;
        self.blast(1400, Duration::from_millis(1500)).await?;
        let held_frames = self.counters().await?.held;
        let full = resident()?;
        self.wire()?.flush()?;
        Ok(Memory { before, full, held_frames })
    }
}

async fn socket(stepper: &Stepper, namespace: &Namespace, side: usize) -> Result<UdpSocket> {
    let at = SocketAddr::from((address(side), 4000));
    let open = move || {
        let socket = UdpSocket::bind(at).context("open a socket")?;
        socket.set_read_timeout(Some(Duration::from_secs(2))).context("set a socket's timeout")?;
        Ok(socket)
    };
    stepper.within(namespace, open).await
}

/// Milliseconds for each of [`LINKS`] wires.
async fn create_many(stepper: &Stepper, wires: &Wires) -> Result<(f64, Vec<Wire>)> {
    let all: Vec<Namespace> =
        stepper.run(|| (0..NAMESPACES).map(|n| namespace::create(&format!("n{n}"))).collect()).await?;
    let end = |number: u32, at: u32| End {
        namespace: all[(at % NAMESPACES) as usize].clone(),
        name: format!("w{number}"),
        index: 100 + number,
        mac: [2, 0, 0, 1, (number >> 8) as u8, number as u8],
    };
    let one = |link: u32| Wanted {
        ends: [end(2 * link, link), end(2 * link + 1, link + 1)],
        lines: [Egress::default(); 2],
        seeds: [link.into(); 2],
    };
    let wanted = (0..LINKS).map(one).collect();
    let begun = now();
    let created = wires.create_all(stepper, wanted).await?;
    Ok(((now() - begun) as f64 / 1e6 / f64::from(LINKS), created))
}

/// CPU time of all threads that carry frames.
fn wire_seconds() -> Result<f64> {
    let mut nanoseconds = 0;
    for task in fs::read_dir("/proc/self/task").context("list own threads")? {
        let task = task.context("list own threads")?.path();
        let read = |file: &str| fs::read_to_string(task.join(file)).unwrap_or_default();
        if read("comm").starts_with("wires-") {
            nanoseconds += read("schedstat").split(' ').next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
        }
    }
    Ok(nanoseconds as f64 / 1e9)
}

/// MiB.
fn resident() -> Result<f64> {
    let status = fs::read_to_string("/proc/self/status").context("read own status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().context("read VmRSS")?;
    Ok(kib / 1024.0)
}
