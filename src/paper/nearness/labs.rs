//! Who is near, asked of BGP: labs on the Abilene backbone, where BGP's cost is the delay, and in networks in which
//! policies and the lengths of AS paths come first.

use anyhow::{Context, Result};
use rand::SeedableRng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use toml_edit::{Array, DocumentMut, Item, value};

use super::ases;
use super::colors::CLOSE;
use super::lists::{Found, predicted};
use super::reached::{COLORS, Client, Kind, Lab};
use crate::paper::Setup;
use crate::paper::estimate::{Estimate, shown};
use crate::paper::figure::{Axis, Line, lines};
use crate::paper::page::{Page, Source, Table, Test, number, percent};
use crate::paper::runs::labs_in_pairs;

const NEIGHBORS: &str = include_str!("../../../topologies/neighbors.toml");
/// Stubs of the networks in which BGP misleads, with one member each.
const STUBS: usize = 12;
/// Members that announce the group `sites`; the others are its clients.
const SITES: usize = 3;

/// At least so many clients are to be led to the nearest.
const NEAREST: f64 = 0.9;
/// Nine of ten are to be led no farther than this, over the nearest.
const NEARBY: f64 = 2.0;
/// All are to have less to go than to a member that anybody draws.
const DRAWN: f64 = 0.75;

pub(super) struct Labs(Vec<Lab>);

/// Plays them in pairs.
pub(super) fn play(setup: &Setup) -> Result<Labs> {
    let kinds = [(Kind::Abilene, 5), (Kind::Ases, 20)];
    let jobs = kinds.into_iter().flat_map(|(kind, full)| setup.seeds(full, 1).map(move |seed| (kind, seed)));
    Ok(Labs(reached("neighbors", setup, &jobs.collect::<Vec<_>>())?))
}

fn reached(lab: &str, setup: &Setup, jobs: &[(Kind, u64)]) -> Result<Vec<Lab>> {
    labs_in_pairs(jobs, |(kind, seed)| {
        setup.say(&format!("whom BGP reaches, in namespaces: {}, seed {seed}", kind.title()));
        let name = format!("{lab}-{}-{seed}", if *kind == Kind::Abilene { "abilene" } else { "ases" });
        let report = setup.labs.seeded(*seed).play(&name, &text(*kind, *seed)?, &[])?;
        Ok(Lab::of(*kind, *seed, &report))
    })
}

pub(super) fn show(page: &mut Page, labs: &Labs) {
    page.heading("Whom BGP reaches, in namespaces");
    page.text(format!(
        "Two kinds of labs with BIRD, all links as slow as they are long. *Abilene*: one backbone, whose OSPF costs are the \
         lengths; eleven stubs. *ASes with policies*: {STUBS} stubs with one or two providers each, six regional ASes, three \
         backbones of three routers each that are one another's peers, in random places; routes of customers are preferred to \
         those of peers, and these to those of providers (Gao and Rexford, ToN 2001), then the shorter AS path. Each lab is \
         another network or, on Abilene, another choice of sites. Every stub has one member of an overlay with {COLORS} \
         colors; {SITES} of them are sites of a service too. Packets of all members were followed to the sites, to the \
         overlay's join address and to the colors; round trips between all stubs were measured, along the ways that BGP \
         gives. Means over the labs with 95 % intervals; of a lab's eight or nine clients, what 90 % do not exceed is the worst.",
    ));
    labs.write(page);
    labs.judge(page);
}

/// Of so many networks of ASes with policies: share of the clients that BGP leads to the nearest site, and how much
/// farther than to that it leads the worst of nine of ten.
///
/// # Errors
/// If a lab could not be played.
pub(in crate::paper) fn by_policies(setup: &Setup, networks: u64) -> Result<(Option<Estimate>, Option<Estimate>)> {
    let jobs: Vec<(Kind, u64)> = (setup.seed..setup.seed + networks).map(|seed| (Kind::Ases, seed)).collect();
    let labs = reached("policies", setup, &jobs)?;
    let of = |value: &dyn Fn(&Lab) -> Option<f64>| Estimate::mean(labs.iter().filter_map(value));
    Ok((of(&Lab::nearest), of(&|lab| lab.stretch(0.9))))
}

/// The shipped lab with other sites, and perhaps another network.
fn text(kind: Kind, seed: u64) -> Result<String> {
    let mut lab: DocumentMut = NEIGHBORS.parse().context("parse neighbors.toml")?;
    // How many members there are differs.
    lab.remove("expect");
    if kind == Kind::Ases {
        let network: DocumentMut = ases::network(STUBS, seed).parse().context("parse a network of ASes")?;
        for key in ["as", "link", "stub"] {
            lab.insert(key, network.get(key).cloned().with_context(|| format!("a network without {key}"))?);
        }
    }
    let stubs = lab.get("stub").and_then(Item::as_array_of_tables).context("a lab without stubs")?;
    let stubs: Vec<String> = stubs.iter().filter_map(|s| Some(s.get("name")?.as_str()?.to_owned())).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let sites: Array = stubs.sample(&mut rng, SITES).map(String::as_str).collect();
    let first = |lab: &mut DocumentMut, key: &str, of: fn(&toml_edit::Table) -> bool, set: (&str, Item)| {
        let tables = lab.get_mut(key).and_then(Item::as_array_of_tables_mut);
        let table =
            tables.and_then(|t| t.iter_mut().find(|t| of(t))).with_context(|| format!("a lab without {key}"))?;
        table.insert(set.0, set.1);
        anyhow::Ok(())
    };
    first(&mut lab, "group", |_| true, ("members", value(sites)))?;
    let pings =
        |table: &toml_edit::Table| table.get("do").and_then(Item::as_str).is_some_and(|d| d.starts_with("ping"));
    first(&mut lab, "timeline", pings, ("do", value(format!("ping {}", stubs.join(" ")))))?;
    Ok(lab.to_string())
}

impl Labs {
    fn of(&self, kind: Kind) -> impl Iterator<Item = &Lab> {
        self.0.iter().filter(move |lab| lab.kind == kind)
    }

    fn mean(&self, kind: Kind, of: impl Fn(&Lab) -> Option<f64>) -> Option<Estimate> {
        Estimate::mean(self.of(kind).filter_map(of))
    }

    fn write(&self, page: &mut Page) {
        let kinds = [Kind::Abilene, Kind::Ases];
        let drawn = kinds.map(|kind| {
            let stretches: Vec<f64> = self.of(kind).flat_map(|lab| &lab.clients).map(Client::stretch).collect();
            Line::distribution(kind.title(), &stretches)
        });
        let axes = [("round trip over that to the nearest site", Axis::Log), ("share of clients", Axis::Linear)];
        let caption = "How much farther than the nearest site clients are led";
        page.figure(lines("stretch", caption, Source::Lab, axes, &drawn));
        let header = ["", kinds[0].title(), kinds[1].title()];
        let caption = "Whom packets reach (measured), against the measured distances";
        let mut table = Table::new("contacts", caption, Source::Lab, &header);
        let mut row = |what: &str, of: &dyn Fn(Kind) -> String| {
            table.row([what.to_owned(), of(kinds[0]), of(kinds[1])]);
        };
        row("labs", &|kind| self.of(kind).count().to_string());
        row("clients of the sites", &|kind| self.of(kind).map(|lab| lab.clients.len()).sum::<usize>().to_string());
        row("share led to the nearest site", &|kind| shown(self.mean(kind, Lab::nearest), 2));
        row("stretch, median of a lab", &|kind| shown(self.mean(kind, |lab| lab.stretch(0.5)), 2));
        row("stretch, 90 % of a lab", &|kind| shown(self.mean(kind, |lab| lab.stretch(0.9)), 2));
        row("longest stretch", &|kind| {
            let all = self.of(kind).filter_map(|lab| lab.stretch(1.0));
            all.max_by(f64::total_cmp).map_or("–".into(), |s| number(s, 1))
        });
        row("way to who is reached, over that to a site drawn at random", &|kind| {
            shown(self.mean(kind, Lab::over_drawn), 2)
        });
        row("members that reach only themselves at the join address", &|kind| {
            let (selves, members) = self.of(kind).fold((0, 0), |(s, m), lab| (s + lab.selves, m + lab.members));
            format!("{selves} of {members}")
        });
        let found = |of: fn(&Lab) -> Option<Found>, part: fn(&Found) -> f64| {
            move |kind: Kind| shown(self.mean(kind, |lab| of(lab).as_ref().map(part)), 2)
        };
        row("members whose nearest neighbor answers at a color", &found(|lab| lab.by_bgp, |f| f.nearest));
        row("the same colors, if anycast led to the nearest (derived)", &found(|lab| lab.by_distance, |f| f.nearest));
        row("theory, 1 − 1/k (derived)", &|_| number(predicted(COLORS).nearest, 2));
        row("recall of eight at the colors", &found(|lab| lab.by_bgp, |f| f.recall));
        row("the same, if anycast led to the nearest (derived)", &found(|lab| lab.by_distance, |f| f.recall));
        row("theory (derived)", &|_| number(predicted(COLORS).recall, 2));
        page.table(table);
        let header =
            ["lab", "seed", "clients", "nearest", "stretch p50", "p90", "max", "nearest at colors", "if ideal"];
        let mut table = Table::new("labs", "Each lab", Source::Lab, &header);
        for lab in &self.0 {
            let of = |value: Option<f64>| value.map_or("–".into(), |v| number(v, 2));
            table.row([
                lab.kind.title().to_owned(),
                lab.seed.to_string(),
                lab.clients.len().to_string(),
                of(lab.nearest()),
                of(lab.stretch(0.5)),
                of(lab.stretch(0.9)),
                of(lab.stretch(1.0)),
                of(lab.by_bgp.map(|f| f.nearest)),
                of(lab.by_distance.map(|f| f.nearest)),
            ]);
        }
        page.table(table);
    }

    fn judge(&self, page: &mut Page) {
        let (abilene, ases) = (Kind::Abilene, Kind::Ases);
        let title = ases.title();
        page.judge(
            "Anycast redirects a request to a nearby, or ideally the nearest, node",
            vec![
                Test::at_least("Abilene: share led to the nearest", self.mean(abilene, Lab::nearest), NEAREST),
                Test::at_least(format!("{title}: share led to the nearest"), self.mean(ases, Lab::nearest), NEAREST),
                Test::at_most(
                    format!("{title}: stretch that 90 % do not exceed"),
                    self.mean(ases, |lab| lab.stretch(0.9)),
                    NEARBY,
                ),
                Test::at_most(
                    format!("{title}: way over that to a site drawn at random"),
                    self.mean(ases, Lab::over_drawn),
                    DRAWN,
                ),
            ],
            {
                let worst = |kind| self.of(kind).filter_map(|lab| lab.stretch(1.0)).fold(1.0, f64::max);
                format!(
                    "at worst {} times as far on Abilene, {} times among {title}",
                    number(worst(abilene), 1),
                    number(worst(ases), 1)
                )
            },
        );
        let (others, members) =
            self.0.iter().fold((0, 0), |(o, m), lab| (o + lab.members - lab.selves, m + lab.members));
        page.judge(
            "A member asks the anycast address for the nodes near it",
            vec![Test::at_least(
                "share of members that reach another at the join address",
                Estimate::share(others, members),
                NEAREST,
            )],
            format!(
                "{} of {members} members reach themselves (Table 1: not available in IP anycast)",
                members - others
            ),
        );
    }

    /// What labs say of colors, beside what the simulated network says of the closed forms.
    pub(super) fn judge_colors(&self, page: &mut Page, mut tests: Vec<Test>) {
        for kind in [Kind::Abilene, Kind::Ases] {
            let what = format!("{} in namespaces, share with the nearest, less that by ideal anycast:", kind.title());
            tests.push(Test::within(what, self.mean(kind, Lab::missed), -CLOSE, CLOSE));
        }
        let share = |kind| self.mean(kind, |lab| Some(lab.by_bgp?.nearest)).map_or("–".into(), |e| percent(e.value));
        page.judge(
            "A node discovers the nodes near it through anycast (here: by colors, as often as the closed forms say)",
            tests,
            format!(
                "with {COLORS} colors in namespaces the nearest neighbor answers {} of members on Abilene and {} among {}; \
                 {} by the closed form",
                share(Kind::Abilene),
                share(Kind::Ases),
                Kind::Ases.title(),
                percent(predicted(COLORS).nearest)
            ),
        );
    }
}
