//! Delay, jitter and rate: what can be late.

use anyhow::Result;

use super::frames::Arrival;
use super::judge::{Apart, Bound, Reading, Unit, even, unevenness};
use super::subject::{LENGTH, PATIENCE, SHORT, Trial, delayed, ms, overtaken, percent, sorted};
use crate::measure::quantile;
use crate::physics::{Egress, Impairment, Queue};

/// Between two pings: long enough that each finds everybody asleep.
const PING_EVERY: std::time::Duration = ms(2);
/// What a frame may be late, in milliseconds, before a distribution is not the one asked for.
const LATE: f64 = 0.6;

pub(super) async fn measure(trial: &mut Trial, readings: &mut Vec<Reading>) -> Result<()> {
    round_trip(trial, readings).await?;
    jitter(trial, readings).await?;
    for megabits in [1, 10, 100] {
        rate(trial, readings, megabits).await?;
    }
    combined(trial, readings).await
}

async fn round_trip(trial: &mut Trial, readings: &mut Vec<Reading>) -> Result<()> {
    let bare = ping(trial, 0, 100).await?;
    let near = ping(trial, 5, 300).await?;
    // Of the least round trips: whoever stalls meanwhile, some do not meet it.
    let far = ping(trial, 20, 50).await?;
    let late = Some(Bound(10.0, f64::INFINITY));
    let reading = |property, configured: &str, value, bound, emulated, apart| {
        let (configured, unit) = (configured.into(), Unit::Milliseconds);
        Reading { property, configured, unit, value, bound, emulated, apart: Apart::By(apart) }
    };
    readings.extend([
        reading("round trip, p50", "nothing", at(&bare, 0.5), Bound(0.0, 0.5), Some(Bound::ANY), 0.5),
        reading("round trip, least", "delay 5 ms twice", at(&near, 0.0), Bound(10.0, 10.4), late, 0.3),
        reading("round trip, p50", "delay 5 ms twice", at(&near, 0.5), Bound(10.0, 10.5), late, 0.4),
        reading("round trip, p99", "delay 5 ms twice", at(&near, 0.99), Bound(10.0, 15.0), late, 4.0),
        Reading {
            unit: Unit::Plain,
            emulated: Some(Bound(1.0, 4.1)),
            ..reading("ratio of the least", "20 to 5 ms", at(&far, 0.0) / at(&near, 0.0), Bound(3.8, 4.1), None, 0.15)
        },
        Reading::exactly("pings that came back", "450 sent".into(), bare.len() + near.len() + far.len(), 450),
    ]);
    Ok(())
}

/// Round trips with this delay each way, in milliseconds, ascending.
async fn ping(trial: &mut Trial, delay: u64, count: u32) -> Result<Vec<f64>> {
    for side in [0, 1] {
        trial.pair.set(side, Egress { impairment: delayed(delay), blackhole: false }).await?;
    }
    for number in 0..count {
        trial.frames.ping(number)?;
        trial.sent += 1;
        std::thread::sleep(PING_EVERY);
    }
    let mut back = Vec::new();
    while back.len() < count as usize
        && let Some(pong) = trial.frames.pong(PATIENCE)?
    {
        back.push(pong.took());
    }
    trial.pair.clear().await?;
    Ok(sorted(back))
}

async fn jitter(trial: &mut Trial, readings: &mut Vec<Reading>) -> Result<()> {
    const FRAMES: u32 = 1500;
    trial.impair(Impairment { jitter: ms(10), ..delayed(20) }).await?;
    trial.send(0..FRAMES, SHORT).await?;
    let arrived = trial.receive(FRAMES as usize)?;
    trial.rest().await?;
    let took = sorted(arrived.iter().map(Arrival::took));
    let besides = LATE / 20.0;
    let (unevenness, even) = (unevenness(&took, 10.0, 30.0), even(took.len(), besides));
    let overtaken = overtaken(&arrived);
    let reading = |property, unit, value, bound, emulated, apart| {
        let configured = "20 ± 10 ms".into();
        Reading { property, configured, unit, value, bound, emulated: Some(emulated), apart }
    };
    let milliseconds = |property, value, bound, emulated| {
        reading(property, Unit::Milliseconds, value, bound, emulated, Apart::By(4.0))
    };
    readings.extend([
        milliseconds("jitter, least", at(&took, 0.0), Bound(10.0, 10.5), Bound(10.0, f64::INFINITY)),
        milliseconds("jitter, p50", at(&took, 0.5), Bound(18.5, 22.0), Bound(10.0, f64::INFINITY)),
        milliseconds("jitter, most", at(&took, 1.0), Bound(29.5, 35.0), Bound(29.0, f64::INFINITY)),
        reading("jitter, unevenness", Unit::Plain, unevenness, even, Bound(0.0, 1.0), Apart::Samples(took, besides)),
        reading("frames overtaken", Unit::Share, overtaken, Bound(0.4, 0.56), Bound(0.1, 0.56), Apart::By(0.1)),
    ]);
    Ok(())
}

/// As much as takes a quarter of a second.
async fn rate(trial: &mut Trial, readings: &mut Vec<Reading>, megabits: u64) -> Result<()> {
    let impairment = Impairment { rate: Some(megabits * 1_000_000), queue: PLENTY, ..Impairment::default() };
    let value = throughput(trial, impairment, (megabits * 30 + 10) as u32).await?;
    readings.push(speed("rate", format!("{megabits} Mbit/s"), megabits as f64, value));
    Ok(())
}

/// A queue that holds whatever is sent.
const PLENTY: Option<Queue> = Some(Queue::Bytes(16_000_000));

fn speed(property: &'static str, configured: String, megabits: f64, value: f64) -> Reading {
    let (bound, emulated) = (Bound(megabits * 0.97, megabits * 1.01), Some(Bound(0.0, megabits * 1.01)));
    Reading { property, configured, unit: Unit::Megabits, value, bound, emulated, apart: Apart::By(megabits * 0.03) }
}

/// Megabits per second at the other end, without what the bucket lets pass at once, since the first was
/// sent: who looks late finds a rate that is lower, never higher.
async fn throughput(trial: &mut Trial, impairment: Impairment, frames: u32) -> Result<f64> {
    trial.impair(impairment).await?;
    trial.send(0..frames, LENGTH).await?;
    let arrived = trial.receive(frames as usize)?;
    trial.rest().await?;
    let sent = arrived.iter().map(Arrival::sent).min().unwrap_or(0);
    let last = arrived.iter().map(|arrival| arrival.at).max().unwrap_or(0);
    let nanoseconds = last.saturating_sub(sent) as f64 - impairment.delay.as_nanos() as f64;
    let bucket = Impairment::bucket(impairment.rate.unwrap_or(u64::MAX));
    Ok((arrived.len() * LENGTH).saturating_sub(bucket as usize) as f64 * 8e3 / nanoseconds)
}

/// A rate together with what the two backends do on different sides of it.
async fn combined(trial: &mut Trial, readings: &mut Vec<Reading>) -> Result<()> {
    let rate = Impairment { rate: Some(10_000_000), queue: PLENTY, ..delayed(20) };
    let value = throughput(trial, rate, 310).await?;
    readings.push(speed("rate with delay", "10 Mbit/s, 20 ms".into(), 10.0, value));

    // 8 ms apart, if the rate is first.
    trial.impair(Impairment { jitter: ms(10), rate: Some(1_000_000), ..rate }).await?;
    trial.send(0..80, LENGTH).await?;
    let arrived = trial.receive(80)?;
    trial.rest().await?;
    let because = "netem delays before it rates, so what overtakes is the burst; a wire rates first";
    readings.push(Reading {
        property: "overtaken with rate",
        configured: "1 Mbit/s, 20 ± 10 ms".into(),
        unit: Unit::Share,
        value: overtaken(&arrived),
        bound: Bound(0.02, 0.7),
        emulated: None,
        apart: Apart::Because(because),
    });

    let ahead = Impairment { reorder: percent(25), ..rate };
    let value = throughput(trial, ahead, 310).await?;
    let because = "netem sends reordered frames past its rate; on a wire they wait for their turn";
    // The delay of the last frame, which the first may not have, counts as a pause.
    let (bound, emulated) = (Bound(9.2, 15.5), Some(Bound(0.0, 15.5)));
    let configured = "10 Mbit/s, 20 ms, 25%".into();
    let (property, unit, apart) = ("rate with reorder", Unit::Megabits, Apart::Because(because));
    readings.push(Reading { property, configured, unit, value, bound, emulated, apart });
    Ok(())
}

fn at(sorted: &[f64], q: f64) -> f64 {
    quantile(sorted, q).unwrap_or(f64::NAN)
}
