//! Leaders that pause once an epoch: after how long they meet, against what is derived.

use std::time::Duration;

use super::outage::{Course, Outage, SURE, Until, played, round_trips};
use super::theory::first_of_two_leaders;
use crate::anycast::Healing;
use crate::overlay::Protocol;
use crate::paper::Setup;
use crate::paper::claim::Test;
use crate::paper::estimate::{Estimate, shown};
use crate::paper::page::{Page, Source, Table, number};

/// Questions in one pause.
const QUESTIONS: u32 = 4;
/// Pauses are this part of an epoch: small, as both leaders may pause at once.
const PART: u32 = 30;

/// Epochs until the first question, of epochs so long.
struct Met {
    epoch: Duration,
    epochs: Vec<f64>,
    runs: usize,
}

pub(super) fn epochs(setup: &Setup, page: &mut Page) {
    page.heading("Rendezvous and epochs");
    let derived = first_of_two_leaders(1.0 / f64::from(PART), QUESTIONS);
    page.text(format!(
        "Two islands of equal size, each with a leader that announces the rendezvous group and once in each epoch E, at a \
         moment drawn anew, pauses for E/{PART} and asks. Outages last three to four epochs, so that both leaders are at any \
         moment of an epoch when they end and the extra pauses after the loss of neighbors are over. From a random moment the \
         next pause of one leader is 7/12 E away on average: pauses are between 0 and 2 E apart. The sooner of two such \
         leaders' is ∫S² = 0.358 E away, with S = 1/6 + b/2 + b²/2 − b³/6, b = 1 − t/E, in the first E and (2 − t/E)³/6 in \
         the second; two pauses exactly E apart would give E/3. That is of pauses without length; with pauses of E/{PART}, in which four \
         questions are asked, a fifth of the pause apart, it is {} E. T is subtracted, as above.",
        number(derived, 3)
    ));
    let sizes: &'static [usize] = setup.pick(&[12, 12], &[6, 6]);
    let seconds = setup.pick(vec![120, 300, 900], vec![60]);
    let courses: Vec<Course> = seconds
        .iter()
        .map(|seconds| {
            let epoch = Duration::from_secs(*seconds);
            let outage = Outage { sizes, length: epoch * 3, renumbered: false };
            let course = Course::new(Protocol::default(), Healing::Rendezvous, outage);
            Course { epoch, listen: epoch / PART, spread: epoch, until: Until::Contact, ..course }
        })
        .collect();
    let seeds = setup.pick(100, 4);
    setup.say(&format!("rendezvous and epochs, {seeds} seeds each"));
    let all = played(&courses, setup.seed, seeds);
    let found: Vec<Met> = courses
        .iter()
        .zip(all)
        .map(|(course, runs)| {
            let in_epochs = |contact: f64| (contact - SURE.as_secs_f64() - round_trips()) / course.epoch.as_secs_f64();
            let epochs = runs.iter().filter_map(|run| run.contact.map(in_epochs)).collect();
            Met { epoch: course.epoch, epochs, runs: runs.len() }
        })
        .collect();
    let header = ["epoch E", "runs", "contact − T, in E", "derived", "E/3", "longest, in E"];
    let caption = "Epochs until the leaders of two islands meet";
    let mut table = Table::new("epochs", caption, Source::Simulated, &header);
    for one in &found {
        let longest = one.epochs.iter().copied().fold(0.0, f64::max);
        table.row([
            format!("{} s", one.epoch.as_secs()),
            format!("{} of {}", one.epochs.len(), one.runs),
            shown(Estimate::mean(one.epochs.iter().copied()), 3),
            number(derived, 3),
            "0.333".to_owned(),
            number(longest, 2),
        ]);
    }
    page.table(table);
    let all = Estimate::mean(found.iter().flat_map(|one| one.epochs.iter().copied()));
    let mut tests =
        vec![Test::within("of what is derived, all epochs", all.map(|e| e.scaled(1.0 / derived)), 0.9, 1.1)];
    tests.extend(found.iter().map(|one| {
        let mean = Estimate::mean(one.epochs.iter().copied());
        Test::within(format!("at E = {} s", one.epoch.as_secs()), mean.map(|e| e.scaled(1.0 / derived)), 0.8, 1.2)
    }));
    page.judge(
        &format!("(Analysis) Leaders that pause once an epoch meet after {} E + T", number(derived, 2)),
        tests,
        format!("{} E, T subtracted; the deviation allowed is a tenth of the mean, a fifth at each E", shown(all, 3)),
    );
}
