//! Section 4.1: who serves those who join, and what becomes of them when servers fail or are flooded.
//!
//! - [`crowds`]: in the simulated network, many seeds; [`played`]: in namespaces, with catchments counted
//! - [`infrastructures`]: crowds over PIAS, i3 and OASIS beside plain IP anycast
//! - [`failures`]: the member that serves a catchment fails, in namespaces
//! - [`floods`]: honest joins under a flood, in namespaces; [`forged`]: what a flood earns
//! - [`ways`]: how a crowd finds the overlay
//! - [`attempts`]: joins as a record has them; [`load`]: who served, and who could have

pub(super) mod attempts;
mod crowds;
mod failures;
mod floods;
mod forged;
mod infrastructures;
mod load;
mod played;
mod ways;

use anyhow::Result;

use super::Setup;
use super::claim::Test;
use super::page::Page;
use ways::{ANYCAST, LEAST_LOADED, ONE, SEEDS};

pub(super) fn measure(setup: &Setup) -> Result<Page> {
    let mut page = Page::new("4.1", "Node initialization and load balancing");
    page.text(
        "A crowd joins an overlay of four within a second. *Well-known*: it asks one node, or one of three in turn. \
         *Anycast*: it asks the overlay's shared address, and whoever has joined announces that address too. \
         *Least loaded*: a member that has served more than four joins within a second points to a neighbor that \
         has served fewer. *Busiest over mean*: joins that the member with most joins served for each second in \
         which it could serve, over all joins for each second of all members that could; a well-known node could \
         all the time, a node that joined in the middle of the crowd only since then, and what was never asked \
         counts nowhere. Who never joins counts as later than everybody else. Intervals are of 95 %.",
    );
    let played = played::crowds(setup, &mut page)?;
    let simulated = crowds::simulated(setup, &mut page);
    let mut beside = Page::new("", "");
    infrastructures::simulated(setup, &mut beside);
    let failures = failures::played(setup, &mut page)?;
    let floods = floods::played(setup, &mut page)?;
    let forged = forged::simulated(setup, &mut page);
    judge_serving(&mut page, &simulated, &played);
    judge_balance(&mut page, &simulated, &played);
    judge_redirection(&mut page, &simulated);
    failures.judge(&mut page);
    floods.judge(&mut page, &forged);
    page.append(beside);
    Ok(page)
}

fn judge_serving(page: &mut Page, simulated: &crowds::Crowds, played: &played::Played) {
    let size = simulated.largest();
    let one = simulated.estimate(ONE, size, |c| Some(c.most_hellos as f64));
    let any = simulated.estimate(ANYCAST, size, |c| Some(c.most_hellos as f64));
    let in_time = played.find(ONE.name).map(|c| c.within_a_second());
    let crowd = played.find(ONE.name).map_or(0, |c| c.size);
    page.judge(
        "The few well-known nodes have to serve all requests, which can overload them",
        vec![
            Test::at_least(
                format!("Hellos to the one well-known node in its busiest second, crowd of {size}"),
                one,
                size as f64 * 0.9,
            )
            .digits(0),
            Test::at_most(
                format!("share of a crowd of {crowd} in namespaces that joins through it within a second"),
                in_time.flatten(),
                0.5,
            ),
        ],
        format!(
            "that it serves all is no finding: nobody else is asked. By anycast the busiest member has {} Hellos in \
             its busiest second",
            any.map_or("–".to_owned(), |e| e.show(0))
        ),
    );
}

fn judge_balance(page: &mut Page, simulated: &crowds::Crowds, played: &played::Played) {
    let size = simulated.largest();
    let of = |value: fn(&crowds::Crowd) -> Option<f64>| simulated.estimate(ANYCAST, size, value);
    page.judge(
        "Anycast balances the bootstrapping load to all existing nodes",
        vec![
            Test::at_most(
                format!("share of all joins that the busiest member serves, crowd of {size}"),
                of(|c| c.load.most_share()),
                1.0 / SEEDS as f64,
            ),
            Test::at_most("busiest over mean", of(|c| c.load.busiest_over_mean()), 2.0).digits(1),
            Test::at_least("share of the members that serve any", of(|c| c.load.serving_share()), 0.5),
        ],
        format!(
            "balance would be a busiest over mean of 1; the first line is what the {SEEDS} members of the beginning \
             would have had alone. In namespaces catchments are the bound: {}",
            played.catchments()
        ),
    );
}

fn judge_redirection(page: &mut Page, simulated: &crowds::Crowds) {
    let size = simulated.largest();
    let ratio = |value: fn(&crowds::Crowd) -> Option<f64>| simulated.ratio(LEAST_LOADED, ANYCAST, size, value);
    let shown = |way, value: fn(&crowds::Crowd) -> Option<f64>| {
        simulated.median(way, size, value).map_or("–".to_owned(), crowds::interval)
    };
    page.judge(
        "Requests can be redirected by the load of the serving node",
        vec![
            Test::at_most(
                format!("busiest member's share of the joins, least loaded over nearest, crowd of {size}"),
                ratio(|c| c.load.most_share()),
                0.8,
            ),
            Test::at_most("join p50, least loaded over nearest", ratio(|c| c.join.p50), 1.1),
            Test::at_most("join p99, least loaded over nearest", ratio(|c| c.join.p99), 1.1),
        ],
        format!(
            "the price is round trips: p50 {} with the nearest and {} with the least loaded, p99 {} and {}; a member \
             knows the load of its neighbors only, and a join is sent on twice at most",
            shown(ANYCAST, |c| c.join.p50),
            shown(LEAST_LOADED, |c| c.join.p50),
            shown(ANYCAST, |c| c.join.p99),
            shown(LEAST_LOADED, |c| c.join.p99),
        ),
    );
}
