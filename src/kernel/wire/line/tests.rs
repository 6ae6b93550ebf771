use std::time::Duration;

use proptest::prelude::*;

use super::*;

const MS: u64 = 1_000_000;

fn line(impairment: Impairment) -> Line {
    Line::new(Egress { impairment, blackhole: false }, 7, 0)
}

fn delayed(milliseconds: u64) -> Impairment {
    Impairment { delay: Duration::from_millis(milliseconds), ..Impairment::default() }
}

/// Lets every frame depart at its very time until `end`: when, and what.
fn drain(line: &mut Line, end: u64) -> Vec<(u64, Box<[u8]>)> {
    let mut departed = Vec::new();
    while let Some(at) = line.next_departure().filter(|at| *at <= end) {
        departed.extend(std::iter::from_fn(|| line.depart(at)).map(|(frame, _)| (at, frame)));
    }
    departed
}

/// Frames that carry their number.
fn numbers(departed: &[(u64, Box<[u8]>)]) -> Vec<u64> {
    departed.iter().map(|(_, frame)| u64::from_le_bytes(frame[..8].try_into().unwrap())).collect()
}

fn numbered(number: u64, length: usize) -> Vec<u8> {
    let mut frame = vec![0; length];
    frame[..8].copy_from_slice(&number.to_le_bytes());
    frame
}

fn dropped(counters: &Counters) -> u64 {
    counters.blackholed + counters.lost + counters.queue_drops + counters.overflows + counters.flushed
}

#[test]
fn a_line_that_does_nothing_keeps_nothing() {
    let mut line = line(Impairment::default());
    assert!(line.passes(100));
    let counters = line.counters();
    assert_eq!((counters.frames_in, counters.bytes_out, counters.held), (1, 100, 0));
    line.change(0, Egress { blackhole: true, ..Egress::default() });
    assert!(!line.passes(100));
}

#[test]
fn a_delayed_frame_departs_at_its_time_and_says_how_late() {
    let mut line = line(delayed(5));
    line.arrive(MS, &[1; 60]);
    assert_eq!(line.next_departure(), Some(6 * MS));
    assert_eq!(line.depart(6 * MS - 1), None);
    assert_eq!(line.depart(6 * MS + 40_000).map(|(_, late)| late), Some(40_000));
    assert_eq!(line.next_departure(), None);
}

#[test]
fn what_is_in_flight_lands_as_it_would_have() {
    let mut line = line(delayed(100));
    line.arrive(0, &numbered(0, 60));
    line.change(10 * MS, Egress { impairment: delayed(5), blackhole: false });
    line.arrive(10 * MS, &numbered(1, 60));
    line.change(11 * MS, Egress { impairment: Impairment::default(), blackhole: true });
    line.arrive(12 * MS, &numbered(2, 60));
    let departed = drain(&mut line, u64::MAX);
    assert_eq!(departed.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [15 * MS, 100 * MS]);
    assert_eq!(numbers(&departed), [1, 0]);
    assert_eq!(line.counters().blackholed, 1);
}

#[test]
fn a_full_queue_drops_its_tail() {
    // A bucket of 3028 bytes; a frame of 1000 bytes takes 8 ms.
    let queue = Some(Queue::Packets(2));
    let mut line = line(Impairment { rate: Some(1_000_000), queue, ..Impairment::default() });
    for number in 0..10 {
        line.arrive(0, &numbered(number, 1000));
    }
    let departed = drain(&mut line, u64::MAX);
    assert_eq!(numbers(&departed), [0, 1, 2, 3, 4]);
    assert_eq!(line.counters().queue_drops, 5);
    // Frame 3 finds 28 bytes left in the bucket.
    let micros: Vec<u64> = departed.iter().map(|(at, _)| at / 1000).collect();
    assert_eq!(micros, [0, 0, 0, 7776, 15776]);
}

#[test]
fn the_queue_counts_bytes_when_told_so() {
    let queue = Some(Queue::Bytes(2500));
    let mut line = line(Impairment { rate: Some(1_000_000), queue, ..Impairment::default() });
    for number in 0..10 {
        line.arrive(0, &numbered(number, 1000));
    }
    assert_eq!(line.counters().held, 5);
    assert_eq!(line.counters().queue_drops, 5);
}

#[test]
fn what_waits_follows_a_new_rate() {
    let limited = |rate| Egress { impairment: Impairment { rate, ..Impairment::default() }, blackhole: false };
    let mut line = Line::new(limited(Some(8_000_000)), 7, 0);
    for number in 0..10 {
        line.arrive(0, &numbered(number, 1000));
    }
    // The bucket passes three; then one a millisecond.
    assert_eq!(drain(&mut line, 2 * MS).len(), 5);
    line.change(2 * MS, limited(None));
    let departed = drain(&mut line, 2 * MS);
    assert_eq!(numbers(&departed), [5, 6, 7, 8, 9]);
}

#[test]
fn frames_sent_ahead_overtake() {
    let mut line = line(Impairment { reorder: Share(100_000), ..delayed(10) });
    for number in 0..1000 {
        line.arrive(number * 1000, &numbered(number, 60));
    }
    let ahead = line.counters().reordered;
    assert!((60..140).contains(&ahead), "{ahead}");
    let departed = drain(&mut line, 10 * MS - 1);
    assert_eq!(departed.len() as u64, ahead);
    assert!(departed.iter().zip(numbers(&departed)).all(|((at, _), number)| *at == number * 1000));
}

#[test]
fn a_corrupted_frame_differs_in_one_bit() {
    let mut line = line(Impairment { corrupt: Share::ALL, ..Impairment::default() });
    for _ in 0..100 {
        line.arrive(0, &[0; 60]);
    }
    let departed = drain(&mut line, 0);
    assert!(departed.iter().all(|(_, frame)| frame.iter().map(|b| b.count_ones()).sum::<u32>() == 1));
    assert!(departed.windows(2).any(|pair| pair[0].1 != pair[1].1), "always the same bit");
    assert_eq!(line.counters().corrupted, 100);
}

#[test]
fn a_duplicate_may_be_lost_by_itself() {
    let half = Share(500_000);
    let mut line = line(Impairment { duplicate: Share::ALL, loss: half, ..Impairment::default() });
    for number in 0..4000 {
        line.arrive(0, &numbered(number, 60));
    }
    // Both: the original passes. Otherwise the original does, and the copy half the time.
    let out = drain(&mut line, 0).len() as f64;
    assert!((out - 4000.0 * 1.25).abs() < 150.0, "{out}");
}

#[test]
fn flushing_leaves_nothing_and_the_line_usable() {
    let mut line = line(Impairment { rate: Some(1_000_000), ..delayed(5) });
    for _ in 0..8 {
        line.arrive(0, &[0; 1000]);
    }
    line.flush();
    assert_eq!((line.next_departure(), line.counters().flushed, line.counters().held), (None, 8, 0));
    line.arrive(1000 * MS, &[0; 1000]);
    assert_eq!(drain(&mut line, u64::MAX).len(), 1);
}

#[test]
fn memory_without_a_rate_is_bounded() {
    let mut line = line(delayed(1000));
    let frame = [0; 1436];
    for _ in 0..MOST_FLYING / 1500 + 10 {
        line.arrive(0, &frame);
    }
    assert_eq!(line.counters().held as usize, MOST_FLYING / 1500);
    assert_eq!(line.counters().overflows, 10);
    assert_eq!(drain(&mut line, u64::MAX).len(), MOST_FLYING / 1500);
    line.arrive(2000 * MS, &frame);
    assert_eq!(line.counters().held, 1);
}

/// The n-th frame's fate, whatever the times and however the line is driven.
#[test]
fn fates_follow_from_the_seed() {
    let share = Share(200_000);
    let impairment = Impairment { loss: share, duplicate: share, corrupt: share, ..delayed(5) };
    let passed = |seed, pace: u64| {
        let mut line = Line::new(Egress { impairment, blackhole: false }, seed, 0);
        let mut departed = Vec::new();
        for number in 0..500 {
            line.arrive(number * pace, &numbered(number, 60));
            if number % 3 == 0 {
                departed.extend(drain(&mut line, number * pace));
            }
        }
        departed.extend(drain(&mut line, u64::MAX));
        departed.into_iter().map(|(_, frame)| frame).collect::<Vec<_>>()
    };
    assert_eq!(passed(1, MS), passed(1, 17));
    assert_ne!(passed(1, MS), passed(2, MS));
}

fn impairments() -> impl Strategy<Value = Impairment> {
    let share = || prop_oneof![Just(Share(0)), (0..=Share::ALL.0 / 2).prop_map(Share)];
    let queue = prop_oneof![
        Just(None),
        (1..=50u32).prop_map(|n| Some(Queue::Packets(n))),
        (1..=50_000u32).prop_map(|n| Some(Queue::Bytes(n))),
    ];
    let rate = prop_oneof![Just(None), (50_000..=1_000_000_000u64).prop_map(Some)];
    let times = (0..=50_000u64, 0..=50_000u64).prop_map(|(a, b)| (a.max(b), a.min(b)));
    let shares = (share(), share(), share(), share());
    (times, shares, rate, queue).prop_map(|((delay, jitter), (loss, reorder, duplicate, corrupt), rate, queue)| {
        let (delay, jitter) = (Duration::from_micros(delay), Duration::from_micros(jitter));
        Impairment { delay, jitter, loss, rate, queue, reorder, duplicate, corrupt }
    })
}

/// Gaps in nanoseconds, and lengths, of frames one after the other.
fn arrivals() -> impl Strategy<Value = Vec<(u64, usize)>> {
    proptest::collection::vec((prop_oneof![Just(0), 0..=2 * MS], 60..=1514usize), 1..200)
}

/// Lets frames arrive and depart; for each that departs: when it arrived and departed, its length.
fn course(line: &mut Line, arrivals: &[(u64, usize)]) -> Vec<(u64, u64, usize)> {
    let (mut now, mut arrived, mut departed) = (0, Vec::new(), Vec::new());
    for (number, (gap, length)) in arrivals.iter().enumerate() {
        now += gap;
        departed.extend(drain(line, now));
        arrived.push(now);
        line.arrive(now, &numbered(number as u64, *length));
    }
    departed.extend(drain(line, u64::MAX));
    let numbers = numbers(&departed);
    departed.iter().zip(numbers).map(|((at, frame), n)| (arrived[n as usize], *at, frame.len())).collect()
}

proptest! {
    #[test]
    fn every_frame_is_accounted_for(impairment in impairments(), arrivals in arrivals(), cut in 0..200usize) {
        let mut line = line(impairment);
        let (mut now, mut departed) = (0, 0);
        for (number, (gap, length)) in arrivals.iter().enumerate() {
            now += gap;
            line.arrive(now, &vec![0; *length]);
            if number % 7 == 0 {
                departed += std::iter::from_fn(|| line.depart(now)).count() as u64;
            }
            if number == cut {
                line.flush();
            }
            let counters = line.counters();
            let here = counters.frames_out + dropped(&counters) + counters.held;
            prop_assert_eq!(counters.frames_in + counters.duplicated, here);
            prop_assert_eq!(counters.frames_out, departed);
        }
        drain(&mut line, u64::MAX);
        prop_assert_eq!(line.counters().held, 0);
        prop_assert_eq!((line.waiting_bytes, line.flying_bytes), (0, 0));
    }

    #[test]
    fn no_frame_departs_before_its_time(impairment in impairments(), arrivals in arrivals()) {
        let impairment = Impairment { corrupt: Share(0), ..impairment };
        let least = least_delay(&impairment);
        let most = (impairment.delay + impairment.jitter).as_nanos() as u64;
        for (arrived, departed, _) in course(&mut line(impairment), &arrivals) {
            prop_assert!(departed >= arrived + least);
            prop_assert!(impairment.rate.is_some() || departed <= arrived + most);
        }
    }

    #[test]
    fn frames_keep_their_order_without_jitter(impairment in impairments(), arrivals in arrivals()) {
        let zero = Share(0);
        let impairment = Impairment { jitter: Duration::ZERO, reorder: zero, corrupt: zero, ..impairment };
        let course = course(&mut line(impairment), &arrivals);
        prop_assert!(course.is_sorted_by_key(|(arrived, departed, _)| (*arrived, *departed)));
    }

    #[test]
    fn the_rate_is_kept_over_every_stretch(impairment in impairments(), arrivals in arrivals(), rate in 50_000..=100_000_000u64) {
        let zero = Share(0);
        let impairment = Impairment { rate: Some(rate), jitter: Duration::ZERO, reorder: zero, corrupt: zero, ..impairment };
        let course = course(&mut line(impairment), &arrivals);
        for first in 0..course.len() {
            let mut bytes = 0;
            for (_, departed, length) in &course[first..] {
                bytes += *length as u128;
                let elapsed = u128::from(departed - course[first].1);
                // The bucket, what flows in meanwhile, and a byte for rounding.
                let most = u128::from(Impairment::bucket(rate)) + u128::from(rate) * (elapsed + 1) / 8_000_000_000 + 1;
                prop_assert!(bytes <= most, "{bytes} bytes in {elapsed} ns at {rate}");
            }
        }
    }

    #[test]
    fn memory_is_bounded_by_queue_and_rate(arrivals in arrivals(), rate in 50_000..=100_000_000u64, delay in 0..=50u64) {
        let impairment = Impairment { rate: Some(rate), ..delayed(delay) };
        let Queue::Bytes(queue) = impairment.queue_or_default() else { unreachable!() };
        let flying = u64::from(Impairment::bucket(rate)) + rate * delay / 8000 + 1514;
        let mut line = line(impairment);
        let mut now = 0;
        for (gap, length) in arrivals {
            now += gap;
            line.arrive(now, &vec![0; length]);
            while line.depart(now).is_some() {}
            prop_assert!(line.waiting_bytes <= queue as usize);
            let frames = line.flying.len();
            prop_assert!((line.flying_bytes - frames * OVERHEAD) as u64 <= flying);
        }
    }

    #[test]
    fn losses_are_as_many_as_asked_for(share in 0..=Share::ALL.0, seed: u64) {
        let impairment = Impairment { loss: Share(share), ..Impairment::default() };
        let mut line = Line::new(Egress { impairment, blackhole: false }, seed, 0);
        let frames = 10_000;
        for _ in 0..frames {
            line.arrive(0, &[0; 60]);
        }
        let p = impairment.loss.ratio();
        let expected = f64::from(frames) * p;
        // Six standard deviations, and one frame where they are none: one in a billion runs.
        let most = 6.0 * (expected * (1.0 - p)).sqrt() + 1.0;
        prop_assert!((line.counters().lost as f64 - expected).abs() <= most);
    }
}
