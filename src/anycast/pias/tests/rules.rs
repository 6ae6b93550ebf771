//! Rules, against naive models.

use proptest::prelude::*;

use super::super::lists::{Choice, Lists};
use super::super::message::Jap;
use super::super::settings::{Selection, Settings};
use super::super::soft::Soft;
use super::super::targets::{Registration, Targets};
use super::*;
use crate::overlay::wire::Tag;

fn at(milliseconds: u64) -> Time {
    Time(Duration::from_millis(milliseconds))
}

fn settings(change: f64) -> Settings {
    let plan = Plan::random(1, 0, 0, 1).with("change", Value::Float(change));
    Settings::of(&plan.facts())
}

/// Those of a plan's proxies that are alive, as the first sees it.
fn alive(facts: &Facts, dead: &[usize]) -> (Proxies, Time) {
    let (mut proxies, now) = (proxies(facts, "h0"), at(10_000));
    for server in (0..facts.servers.len()).filter(|server| !dead.contains(server)) {
        proxies.heard(now, server, Vec::new());
    }
    (proxies, now)
}

#[derive(Clone, Debug)]
enum Use {
    Insert(u8, u8),
    Get(u8),
    Remove(u8),
    Wait(u16),
}

proptest! {
    /// Consistent hashing: as a walk around the ring has it, and who dies takes only its own groups along.
    #[test]
    fn a_group_moves_only_if_its_proxy_dies(
        servers in 2usize..40,
        dead in prop::collection::vec(1usize..40, 0..10),
        dies in 1usize..40,
    ) {
        let facts = Plan::random(servers, 0, 0, 1).facts();
        let (before, now) = alive(&facts, &dead);
        let more = [&dead[..], &[dies]].concat();
        let (after, _) = alive(&facts, &more);
        for group in 1..=GROUPS {
            let shared = &facts.groups[group - 1];
            let key = Id::hash(&[b"group", shared.name.as_bytes(), shared.address.to_string().as_bytes()]);
            let was = before.responsible(now, key);
            prop_assert_eq!(was, rap(&facts, group, &dead));
            prop_assert_eq!(after.responsible(now, key), rap(&facts, group, &more));
            if was != dies {
                prop_assert_eq!(after.responsible(now, key), was);
            }
        }
    }

    /// What a RAP believes is within Δ of the truth at once, and exact when nothing has changed for a while; few and
    /// none are exact at once. All messages arrive.
    #[test]
    fn a_raps_count_is_within_the_change_that_is_not_reported(
        steps in prop::collection::vec((any::<bool>(), 1u32..20, 0u64..4000), 1..20),
        change in 0.0..=1.0f64,
    ) {
        let settings = settings(change);
        let proxies = proxies(&Plan::random(2, 0, 0, 1).facts(), "h0");
        let (mut jap, mut rap) = (Lists::default(), Lists::default());
        let (mut now, mut count) = (0, 0u32);
        let told = |jap: &mut Lists, rap: &mut Lists, now, count| {
            if jap.has_to_tell(at(now), 1, 0, count, &settings) {
                rap.counted(at(now), 1, Jap { server: 0, count, flows: 0 }, &settings);
            }
            rap.counts(at(now), 1, &proxies).first().map_or(0, |jap| jap.count)
        };
        for (more, by, wait) in steps {
            // A proxy looks ten times a second.
            for pause in (0..wait).step_by(100) {
                let believed = told(&mut jap, &mut rap, now + pause, count);
                if pause >= 3100 {
                    prop_assert_eq!(believed, count, "quiet for a report's time");
                }
            }
            now += wait;
            count = if more { count + by } else { count.saturating_sub(by) };
            let believed = told(&mut jap, &mut rap, now, count);
            prop_assert!(f64::from(believed.abs_diff(count)) <= change * f64::from(believed), "{} {}", believed, count);
            prop_assert!(count > 1 || believed == count, "{} {}", believed, count);
        }
    }

    /// A JAP that comes takes clients from all and moves nobody between others; the same when one goes.
    #[test]
    fn by_affinity_only_those_move_whom_a_new_proxy_gets(
        counts in prop::collection::vec(1u32..50, 1..20),
        new in 1u32..50,
        clients in prop::collection::vec(any::<u32>(), 1..20),
    ) {
        let facts = Plan::random(counts.len() + 1, 0, 0, 1).facts();
        let (proxies, now) = alive(&facts, &[]);
        let japs = |counts: &[u32]| -> Vec<_> {
            counts.iter().zip(0u16..).map(|(count, server)| Jap { server, count: *count, flows: 0 }).collect()
        };
        let (before, after) = (japs(&counts), japs(&[&counts[..], &[new]].concat()));
        for client in clients {
            let choice = |iap| Choice {
                selection: Selection::Affinity, iap, client: std::net::Ipv4Addr::from(client).into(), past: None,
            };
            let was = choice(0).among(now, &before, &proxies).unwrap();
            let is = choice(0).among(now, &after, &proxies).unwrap();
            prop_assert!(is == was || is == counts.len(), "{} {}", was, is);
            prop_assert_eq!(choice(counts.len()).among(now, &after, &proxies), Some(is), "whoever is asked");
            let past = Choice { past: Some(is as u16), ..choice(0) }.among(now, &after, &proxies);
            prop_assert_ne!(past, Some(is), "not there again");
        }
    }

    /// Against a list in the order of use.
    #[test]
    fn soft_state_forgets_the_idlest(
        uses in prop::collection::vec(
            prop_oneof![
                (0..24u8, any::<u8>()).prop_map(|(k, v)| Use::Insert(k, v)),
                (0..24u8).prop_map(Use::Get),
                (0..24u8).prop_map(Use::Remove),
                (0..700u16).prop_map(Use::Wait),
            ],
            1..200,
        ),
    ) {
        let (mut soft, mut naive, mut now) = (Soft::new(8, Duration::from_millis(1000)), Vec::new(), 0u64);
        for one in uses {
            // Of several of the same time the one with the smallest key goes first.
            now += 1;
            match one {
                Use::Insert(k, v) => {
                    let known = naive.iter().position(|(_, key, _)| *key == k);
                    let expected = match known {
                        Some(index) => Some(naive.remove(index)),
                        None if naive.len() == 8 => Some(naive.remove(0)),
                        None => None,
                    };
                    naive.push((now, k, v));
                    prop_assert_eq!(soft.insert(at(now), k, v), expected.map(|(_, k, v)| (k, v)));
                }
                Use::Get(k) => {
                    let known = naive.iter().position(|(_, key, _)| *key == k).map(|index| naive.remove(index));
                    naive.extend(known.map(|(_, k, v)| (now, k, v)));
                    prop_assert_eq!(soft.get(at(now), &k), known.map(|(_, _, v)| v));
                }
                Use::Remove(k) => {
                    let known = naive.iter().position(|(_, key, _)| *key == k).map(|index| naive.remove(index));
                    prop_assert_eq!(soft.remove(&k), known.map(|(_, _, v)| v));
                }
                Use::Wait(pause) => {
                    now += u64::from(pause);
                    let old: Vec<_> = naive.iter().filter(|(used, ..)| now - used > 1000).map(|(_, k, v)| (*k, *v)).collect();
                    naive.retain(|(used, ..)| now - used <= 1000);
                    prop_assert_eq!(soft.expire(at(now)), old);
                }
            }
            prop_assert_eq!(soft.len(), naive.len());
        }
    }

    /// Soft state of targets: who refreshes stays, and nobody else longer than a lease.
    #[test]
    fn a_target_lives_as_long_as_its_lease(refreshes in prop::collection::vec((0usize..12, 0u64..4000), 1..80)) {
        let (mut targets, mut leases, mut now) = (Targets::default(), BTreeMap::new(), 0);
        for (host, pause) in refreshes {
            now += pause;
            for (group, address) in targets.dead(at(now)) {
                prop_assert!(targets.remove(group, address));
            }
            leases.retain(|_, until| *until > now);
            let new = Registration {
                group: 1, address: address(host, 8080), agent: address(host, 4000), tag: Tag::of_agent("p", "g"), plain: true,
            };
            targets.register(at(now), &new, Duration::from_millis(6000), Duration::from_secs(3600));
            leases.insert(host, now + 6000);
            let known: Vec<_> = targets.of(1).map(|target| host_of(target.address)).collect();
            prop_assert!(known.len() == leases.len() && known.iter().all(|host| leases.contains_key(host)));
            prop_assert_eq!(targets.len(), leases.len());
            let client = address(500, 1);
            let fixed = targets.pick(1, client, true).map(|target| target.address);
            prop_assert_eq!(fixed, targets.pick(1, address(500, 2), true).map(|target| target.address));
        }
    }
}
