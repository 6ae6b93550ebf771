//! Queues, changes under way and black holes: what becomes of frames that wait or fly.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use anyhow::{Context, Result, anyhow};

use super::judge::{Apart, Bound, Reading, Unit};
use super::pair::address;
use super::subject::{LENGTH, SHORT, Trial, delayed, numbers};
use crate::physics::{Egress, FRAME, Impairment, Queue};

pub(super) async fn measure(trial: &mut Trial, readings: &mut Vec<Reading>) -> Result<()> {
    drops(trial, readings, "200 kbit/s, 10p", 200_000, Some(Queue::Packets(10)), 13).await?;
    drops(trial, readings, "200 kbit/s, 10kb", 200_000, Some(Queue::Bytes(10_000)), 13).await?;
    // 100 ms of the rate, and the bucket.
    drops(trial, readings, "2 Mbit/s, the default", 2_000_000, None, 28).await?;
    remainder(trial, readings).await?;
    many(trial, readings).await?;
    delay_changed(trial, readings).await?;
    rate_changed(trial, readings).await?;
    black_hole(trial, readings).await?;
    // At the end: nobody waits for the connection's last words.
    stream(trial, readings).await
}

/// More frames than fit, at once. `fit`: those in the bucket and in the queue.
async fn drops(
    trial: &mut Trial,
    readings: &mut Vec<Reading>,
    configured: &str,
    rate: u64,
    queue: Option<Queue>,
    fit: usize,
) -> Result<()> {
    trial.impair(Impairment { rate: Some(rate), queue, ..Impairment::default() }).await?;
    let took = trial.send(0..60, LENGTH).await?;
    let arrived = trial.rest().await?.len();
    let each = LENGTH as u64 * 8 * 1_000_000_000 / rate;
    // For each that leaves meanwhile there is room again.
    let left = (took / each + 1) as f64;
    let (fit, unit, value, apart) = (fit as f64, Unit::Frames, arrived as f64, Apart::By(left));
    let (property, configured, bound) = ("fit, of 60", configured.into(), Bound(fit, fit + left));
    readings.push(Reading { property, configured, unit, value, bound, emulated: None, apart });
    Ok(())
}

/// Where no large frame fits, a small one does.
async fn remainder(trial: &mut Trial, readings: &mut Vec<Reading>) -> Result<()> {
    let queue = Some(Queue::Bytes(10_500));
    trial.impair(Impairment { rate: Some(2_000), queue, ..Impairment::default() }).await?;
    trial.send(0..60, LENGTH).await?;
    trial.send(60..70, SHORT).await?;
    let arrived = numbers(&trial.rest().await?);
    let small = arrived.iter().filter(|number| **number >= 60).count();
    readings.push(Reading::exactly("small ones fit, of 10", "2 kbit/s, 10500b".into(), small, 5));
    Ok(())
}

async fn many(trial: &mut Trial, readings: &mut Vec<Reading>) -> Result<()> {
    const COUNT: u32 = 3000;
    trial.impair(delayed(1000)).await?;
    trial.send(0..COUNT, SHORT).await?;
    let arrived = numbers(&trial.rest().await?);
    let in_order = if arrived.is_sorted() { arrived.len() } else { 0 };
    readings.push(Reading::exactly("in flight at once", "delay 1 s".into(), in_order, COUNT as usize));
    Ok(())
}

/// The frames of a TCP stream: one that is lost is one on the wire.
async fn stream(trial: &mut Trial, readings: &mut Vec<Reading>) -> Result<()> {
    const BYTES: usize = 200_000;
    trial.impair(delayed(5)).await?;
    let (at, namespaces) = (SocketAddr::from((address(1), 4001)), &trial.pair.namespaces);
    let listen = move || TcpListener::bind(at).context("listen");
    let listener = trial.pair.stepper.within(&namespaces[1], listen).await?;
    let connect = move || TcpStream::connect(at).context("connect");
    let mut sender = trial.pair.stepper.within(&namespaces[0], connect).await?;
    let (mut receiver, _) = listener.accept().context("accept a connection")?;
    let send = std::thread::spawn(move || sender.write_all(&[0; BYTES]));
    receiver.read_exact(&mut [0; BYTES]).context("receive a stream")?;
    let sent = send.join().map_err(|_| anyhow!("the sender panicked"))?;
    sent.context("send a stream")?;
    let lengths = trial.rest().await?.into_iter().map(|arrival| arrival.frame.len());
    let longest = lengths.max().unwrap_or(0) as f64;
    let (property, configured, unit) = ("a stream's longest frame", "200 kB".into(), Unit::Bytes);
    let (bound, apart) = (Bound(1500.0, f64::from(FRAME)), Apart::By(0.0));
    readings.push(Reading { property, configured, unit, value: longest, bound, emulated: None, apart });
    Ok(())
}

async fn delay_changed(trial: &mut Trial, readings: &mut Vec<Reading>) -> Result<()> {
    trial.impair(delayed(1000)).await?;
    trial.send(0..20, SHORT).await?;
    trial.impair(delayed(1)).await?;
    trial.send(20..21, SHORT).await?;
    let arrived = numbers(&trial.rest().await?);
    let expected = [vec![20], Vec::from_iter(0..20)].concat();
    let right = if arrived == expected { arrived.len() } else { 0 };
    readings.push(Reading::exactly("survive a change", "delay 1 s, 1 ms".into(), right, 21));
    Ok(())
}

async fn rate_changed(trial: &mut Trial, readings: &mut Vec<Reading>) -> Result<()> {
    let queue = Some(Queue::Packets(50));
    let rated = |rate| Impairment { rate: Some(rate), queue, ..Impairment::default() };
    trial.impair(rated(10_000)).await?;
    trial.send(0..20, LENGTH).await?;
    trial.impair(rated(10_000_000)).await?;
    trial.send(20..21, LENGTH).await?;
    let arrived = numbers(&trial.receive(21)?);
    let right = if arrived.is_sorted() { arrived.len() } else { 0 };
    readings.push(Reading::exactly("survive a change", "rate 10 kbit/s, 10 Mbit/s".into(), right, 21));
    trial.rest().await.map(drop)
}

async fn black_hole(trial: &mut Trial, readings: &mut Vec<Reading>) -> Result<()> {
    let impairment = delayed(300);
    trial.impair(impairment).await?;
    trial.send(0..5, SHORT).await?;
    trial.set(Egress { impairment, blackhole: true }).await?;
    trial.send(5..15, SHORT).await?;
    trial.impair(impairment).await?;
    trial.send(15..20, SHORT).await?;
    let arrived = numbers(&trial.rest().await?);
    let configured = "5 sent before, 10 in, 5 after";
    let right = arrived.iter().filter(|number| !(5..15).contains(*number)).count();
    readings.push(Reading::exactly("pass a black hole", configured.into(), right, 10));
    readings.push(Reading::exactly("lost in a black hole", configured.into(), 20 - arrived.len(), 10));
    trial.set(Egress { blackhole: true, ..Egress::default() }).await?;
    trial.send(0..10, SHORT).await?;
    let arrived = trial.rest().await?.len();
    readings.push(Reading::exactly("lost in a black hole", "and nothing else".into(), 10 - arrived, 10));
    Ok(())
}
