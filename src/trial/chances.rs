//! Loss, duplicates, corruption and reordering: what is drawn for each frame.

use std::collections::HashMap;

use anyhow::Result;

use super::frames::Arrival;
use super::frames::{SHORTEST, data};
use super::judge::{Apart, Reading, Unit, even, unevenness};
use super::subject::{SHORT, Trial, delayed, numbers, percent, sorted};
use crate::physics::{FRAME, Impairment};

/// Frames for each share.
const FRAMES: usize = 5000;

pub(super) async fn measure(trial: &mut Trial, readings: &mut Vec<Reading>) -> Result<()> {
    lengths(trial, readings).await?;
    for share in [1, 20] {
        let counts = counts(trial, Impairment { loss: percent(share), ..Impairment::default() }).await?;
        readings.push(Reading::share("lost", format!("loss {share}%"), counts[0], FRAMES, f64::from(share) / 100.0));
    }
    let twice = counts(trial, Impairment { duplicate: percent(20), ..Impairment::default() }).await?;
    readings.push(Reading::share("arrived twice", "duplicate 20%".into(), twice[2], FRAMES, 0.2));
    // Of those that are doubled, each copy may be lost by itself; but where the original is, it is
    // the copy that is not made.
    let both = Impairment { loss: percent(30), duplicate: percent(50), ..Impairment::default() };
    let both = counts(trial, both).await?;
    let configured = "loss 30%, duplicate 50%";
    readings.push(Reading::share("lost", configured.into(), both[0], FRAMES, 0.5 * 0.3));
    readings.push(Reading::share("arrived twice", configured.into(), both[2], FRAMES, 0.5 * 0.7 * 0.7));
    corruption(trial, readings).await?;
    reordering(trial, readings).await
}

/// Frames of every length pass whole.
async fn lengths(trial: &mut Trial, readings: &mut Vec<Reading>) -> Result<()> {
    let lengths = (SHORTEST as u32..=FRAME).step_by(3);
    let frames: Vec<_> = lengths.map(|length| data(length, length as usize)).collect();
    trial.impair(delayed(1)).await?;
    for frame in &frames {
        trial.frames.send(frame)?;
        trial.sent += 1;
        trial.settle().await?;
    }
    let arrived = trial.rest().await?;
    let whole = arrived.iter().zip(&frames).filter(|(arrival, frame)| arrival.frame == **frame).count();
    let configured = format!("{SHORTEST} to {FRAME} bytes");
    readings.push(Reading::exactly("whole, in order", configured, whole, frames.len()));
    Ok(())
}

/// How many frames arrive never, once and twice.
async fn counts(trial: &mut Trial, impairment: Impairment) -> Result<[usize; 3]> {
    trial.impair(impairment).await?;
    trial.send(0..FRAMES as u32, SHORT).await?;
    let mut times: HashMap<u32, usize> = HashMap::new();
    for number in numbers(&trial.rest().await?) {
        *times.entry(number).or_default() += 1;
    }
    let of = |times_wanted: usize| times.values().filter(|times| **times == times_wanted).count();
    Ok([FRAMES - times.len(), of(1), of(2)])
}

async fn corruption(trial: &mut Trial, readings: &mut Vec<Reading>) -> Result<()> {
    const LENGTH: usize = 1000;
    let (sent, count) = (data(0, LENGTH), FRAMES / 2);
    trial.impair(Impairment { corrupt: percent(20), ..Impairment::default() }).await?;
    for _ in 0..count {
        trial.frames.send(&sent)?;
        trial.sent += 1;
        trial.settle().await?;
    }
    let arrived = trial.rest().await?;
    let flips: Vec<_> = arrived.iter().map(|arrival| flipped(&sent, &arrival.frame)).collect();
    let one = flips.iter().filter(|bits| bits.len() == 1).count();
    let more = flips.iter().filter(|bits| bits.len() > 1).count();
    let configured = "corrupt 20%".to_owned();
    readings.push(Reading::share("one bit flipped", configured.clone(), one, count, 0.2));
    readings.push(Reading::exactly("more bits flipped", configured.clone(), more, 0));
    let places = sorted(flips.iter().flatten().map(|bit| *bit as f64));
    let (least, most) = (0.0, (LENGTH * 8) as f64);
    let (value, bound) = (unevenness(&places, least, most), even(places.len(), 0.0));
    let (property, unit, apart) = ("bits, unevenness", Unit::Plain, Apart::Samples(places, 0.0));
    readings.push(Reading { property, configured, unit, value, bound, emulated: None, apart });
    Ok(())
}

/// Places of the bits in which two frames differ.
fn flipped(sent: &[u8], arrived: &[u8]) -> Vec<usize> {
    let bytes = sent.iter().zip(arrived).enumerate();
    bytes
        .flat_map(|(at, (a, b))| (0..8).filter(move |bit| (a ^ b) >> bit & 1 == 1).map(move |bit| at * 8 + bit))
        .collect()
}

async fn reordering(trial: &mut Trial, readings: &mut Vec<Reading>) -> Result<()> {
    // All are sent before the first lands, in an emulated machine too.
    const COUNT: usize = 1000;
    const DELAY: u64 = 500;
    trial.impair(Impairment { reorder: percent(25), ..delayed(DELAY) }).await?;
    trial.send(0..COUNT as u32, SHORT).await?;
    let arrived = trial.receive(COUNT)?;
    trial.rest().await?;
    let (ahead, behind): (Vec<Arrival>, Vec<Arrival>) =
        arrived.into_iter().partition(|arrival| arrival.took() < DELAY as f64);
    let configured = format!("reorder 25%, {DELAY} ms");
    readings.push(Reading::share("sent ahead", configured.clone(), ahead.len(), COUNT, 0.25));
    let falls = |of: &[Arrival]| numbers(of).windows(2).filter(|pair| pair[0] > pair[1]).count();
    let falls = falls(&ahead) + falls(&behind);
    readings.push(Reading::exactly("out of order among those", configured, falls, 0));
    Ok(())
}
