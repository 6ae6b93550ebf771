//! Properties of the grammars: what is shown can be read, and nothing makes them panic.

use std::path::Path;
use std::time::Duration;

use crate::metric::metric;
use anybed::physics::{Properties, Queue, Share};
use anybed::program::Process;
use anybed::routing::daemon::Needs;
use anybed::routing::registry;
use anybed::scenario::acts;
use anybed::scenario::damage::Damage;
use anybed::scenario::{
    Action, Ends, LinkAct, LookAct, Op, Origin, OverlayAct, Part, ProcessAct, SeriesAct, SiteAct, Value, Victim,
    expect, read_text,
};
use anybed::topology::{AsId, GroupId, LinkId, NodeId, NodeKind, Overrides, Topology, graphml};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

fn lab(name: &str) -> Topology {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("topologies").join(name);
    anybed::scenario::read(&path).expect("a shipped lab file is right").0
}

fn properties() -> impl Strategy<Value = Properties> {
    let milliseconds = |n: u64| Some(Duration::from_millis(n));
    prop_oneof![
        (1..1000u64).prop_map(move |n| Properties { delay: milliseconds(n), ..Properties::default() }),
        (0..=1_000_000u32).prop_map(|n| Properties { loss: Some(Share(n)), ..Properties::default() }),
        (1_000..1_000_000_000u64, 1..1000u32).prop_map(|(rate, packets)| Properties {
            rate: Some(rate),
            queue: Some(Queue::Packets(packets)),
            ..Properties::default()
        }),
    ]
}

/// Every fault about a topology that has an undo.
fn faults(topology: &Topology) -> impl Strategy<Value = Action> + use<> {
    let links = select((0..topology.links.len()).map(LinkId).collect::<Vec<_>>());
    let ases: Vec<_> = (0..topology.ases.len()).map(AsId).collect();
    let stubs = select(ases.iter().copied().filter(|a| topology.ases[a.0].stub).collect::<Vec<_>>());
    let routers = select(topology.of_kind(NodeKind::is_router).collect::<Vec<_>>());
    let members = select(topology.of_kind(|k| k == NodeKind::Member).collect::<Vec<_>>());
    let ends = select(vec![Ends::Both, Ends::One(0), Ends::One(1)]);
    let sites = select(sites(topology));
    let routing = registry::preferred().processes(&Needs::default())[0];
    let processes = vec![Victim::Program(Process::NODE), Victim::Program(routing), Victim::All];
    let victims = select([&processes[..], &[Victim::Host]].concat());
    let processes = select(processes);
    prop_oneof![
        links.clone().prop_map(LinkAct::Cut).prop_map(Action::Link),
        (links.clone(), ends.clone()).prop_map(|(link, ends)| Action::Link(LinkAct::Blackhole(link, ends))),
        (links, ends, properties())
            .prop_map(|(link, ends, properties)| Action::Link(LinkAct::Impair(link, ends, properties))),
        (stubs, any::<bool>()).prop_map(|(stub, silently)| Action::Link(LinkAct::Fail { stub, silently })),
        (subsequence(ases, 1..4), any::<bool>()).prop_map(|(ases, silently)| Action::Link(LinkAct::Partition {
            parts: ases.into_iter().map(Part::As).collect(),
            silently
        })),
        routers.clone().prop_map(move |r| Action::Process(ProcessAct::Crash(r, Victim::Program(routing)))),
        routers.prop_map(move |r| Action::Process(ProcessAct::Freeze(r, Victim::Program(routing)))),
        (members.clone(), victims).prop_map(|(m, v)| Action::Process(ProcessAct::Crash(m, v))),
        (members, processes).prop_map(|(m, v)| Action::Process(ProcessAct::Freeze(m, v))),
        (sites, any::<bool>()).prop_map(|((host, group), drain)| match drain {
            true => Action::Site(SiteAct::Drain { host, group }),
            false => Action::Site(SiteAct::Withdraw { host, group }),
        }),
    ]
}

fn sites(topology: &Topology) -> Vec<(NodeId, GroupId)> {
    let groups = topology.groups.iter().enumerate();
    groups.flat_map(|(i, g)| g.members.iter().map(move |m| (*m, GroupId(i)))).collect()
}

/// Every action that can be said about a topology.
fn actions(topology: &Topology) -> impl Strategy<Value = Action> + use<> {
    let members = select(topology.of_kind(|k| k == NodeKind::Member).collect::<Vec<_>>());
    let hosts = select(topology.of_kind(NodeKind::is_host).collect::<Vec<_>>());
    prop_oneof![
        4 => faults(topology),
        4 => faults(topology).prop_map(|fault| fault.undo().expect("a fault has an undo")),
        1 => (faults(topology), 20..10_000u64, 1..100u32).prop_map(|(fault, every, times)| Action::Series(SeriesAct::Flap {
            fault: Box::new(fault),
            every: Duration::from_millis(every),
            times,
        })),
        1 => faults(topology).prop_map(|fault| Action::Series(SeriesAct::Stop(Box::new(fault)))),
        1 => members.clone().prop_map(SiteAct::Renumber).prop_map(Action::Site),
        1 => members.clone().prop_map(|host| Action::Overlay(OverlayAct::Join { host, overlay: 0 })),
        1 => members.clone().prop_map(|host| Action::Overlay(OverlayAct::Leave { host, overlay: 0 })),
        1 => (1..1_000_000u32, proptest::collection::vec(members, 0..4)).prop_map(|(keys, from)| Action::Overlay(OverlayAct::Overwrite {
            overlay: 0,
            keys,
            from,
        })),
        1 => (1..1_000_000u32).prop_map(|keys| Action::Overlay(OverlayAct::Put { overlay: 0, keys })),
        1 => Just(Action::Overlay(OverlayAct::Audit { overlay: 0, asked: 0, from: Vec::new() })),
        1 => (hosts, 1..=20_000u32, 100_000..=60_000_000u64).prop_map(|(from, rate, time)| Action::Overlay(OverlayAct::Flood {
            overlay: 0,
            from,
            rate,
            time: Duration::from_micros(time),
        })),
        1 => Just(Action::Look(LookAct::Stretch(None))),
        1 => (0..topology.groups.len()).prop_map(|group| Action::Look(LookAct::Stretch(Some(GroupId(group))))),
    ]
}

/// Words that bring arbitrary text near to the grammars.
fn text() -> impl Strategy<Value = String> {
    let words = "cut mend blackhole impair clear delay=80ms loss=x partition heal silently freeze thaw flap every 2s times \
                 stop renumber drain fail recover crash restart join leave announce withdraw put overwrite audit search share music campus campus.n1 \
                 campus.c1 sea sea-sun in of from for node 7 95% 4s yes no == = != <= > joins failed joins lookup \
                 success catchment moved clients stretch flood gain 4000/s at p90 best site load fairness flips 1.2 é \u{3000} music/3";
    let known = select(words.split_whitespace().collect::<Vec<_>>()).prop_map(str::to_owned);
    let word = prop_oneof![4 => known, 1 => "\\PC{0,6}"];
    proptest::collection::vec(word, 0..8).prop_map(|words| words.join(" "))
}

#[test]
fn shown_actions_read_back() {
    let topology = lab("stub-failure.toml");
    proptest!(|(action in actions(&topology))| {
        let text = action.display(&topology).to_string();
        prop_assert_eq!(acts::parse(&text, &topology).unwrap(), vec![action.clone()]);
        prop_assert_eq!(text.split(" ").next(), Some(action.verb()));
        prop_assert!(text.contains(action.target(&topology)));
    });
}

/// The links' and processes' states follow from the faults in force: in whatever order they are undone,
/// nothing is left of them.
#[test]
fn faults_overlap_and_are_undone_in_any_order() {
    let topology = lab("stub-failure.toml");
    let order = proptest::collection::vec((faults(&topology), any::<u32>(), any::<bool>()), 0..30);
    proptest!(|(plan in order)| {
        let mut damage = Damage::default();
        let mut done = Vec::new();
        for (number, (fault, rank, flaps)) in plan.into_iter().enumerate() {
            let origin = if flaps { Origin::Flap(number as u32) } else { Origin::Direct };
            let before = damage.clone();
            match damage.apply(&fault, origin, &topology) {
                Ok(()) => done.push((rank, fault, origin)),
                Err(_) => prop_assert_eq!(&damage, &before),
            }
        }
        done.sort_by_key(|(rank, ..)| *rank);
        for (_, fault, origin) in done {
            // Refused where another undo has undone it too, such as one `clear` two impairments.
            let _ = damage.apply(&fault.undo().unwrap(), origin, &topology);
        }
        prop_assert_eq!(damage.report(&topology), Vec::<String>::new());
        prop_assert_eq!(damage, Damage::default());
    });
}

#[test]
fn no_text_panics_and_every_span_is_in_it() {
    let topology = lab("stub-failure.toml");
    proptest!(|(text in text())| {
        for error in [acts::parse(&text, &topology).err(), expect::parse(&text, &topology).err()].into_iter().flatten() {
            prop_assert!(text.get(error.span.clone()).is_some(), "{:?} of {:?}", error.span, text);
        }
        let escaped = toml::Value::String(text.clone()).to_string();
        let file = format!("[[as]]\nname = {escaped}\n[[timeline]]\nat = {escaped}\ndo = {escaped}\n[[expect]]\nthat = {escaped}\n");
        if let Err(errors) = read_text(Path::new("x.toml"), &file, &Overrides::default()) {
            prop_assert!(!errors.render(true).is_empty());
        }
        let _ = read_text(Path::new("x.toml"), &text, &Overrides::default()).map_err(|e| e.render(false));
    });
}

#[test]
fn cut_short_files_do_not_panic() {
    let lab = include_str!("../../topologies/stub-failure.toml");
    let graph = include_str!("../fixtures/quirks.graphml");
    proptest!(|(at in any::<proptest::sample::Index>(), junk in "\\PC{0,3}")| {
        for (text, is_lab) in [(lab, true), (graph, false)] {
            let at = text.floor_char_boundary(at.index(text.len()));
            let cut = format!("{}{junk}", &text[..at]);
            let rendered = if is_lab {
                read_text(Path::new("x.toml"), &cut, &Overrides::default()).err()
            } else {
                graphml::parse("x", "x", &cut, graphml::Choice::default()).err()
            };
            let _ = rendered.map(|e| (e.render(false), serde_json::to_string(&e.json())));
        }
    });
}

/// An example of each verb, and which verb undoes it.
const EXAMPLES: [(&str, Option<&str>); 37] = [
    ("cut sea-sun", Some("mend")),
    ("mend sea-sun", None),
    ("blackhole sea-sun from sun", Some("clear")),
    ("impair sea-sun delay=80ms", Some("clear")),
    ("clear sea-sun", None),
    ("fail campus silently", Some("recover")),
    ("recover campus", None),
    ("partition campus bay", Some("heal")),
    ("heal campus bay", None),
    ("crash campus.n1 host", Some("restart")),
    ("restart campus.n1 node", None),
    ("freeze campus.n1 bird", Some("thaw")),
    ("thaw campus.n1 both", None),
    ("renumber campus.n1", None),
    ("announce campus.n1 music", None),
    ("withdraw campus.n1 music", Some("announce")),
    ("drain campus.n1 music", Some("announce")),
    ("set campus-den from campus for music prepend=3 med=0 add=65535:666 reject=no", Some("unset")),
    ("unset campus-den from den", None),
    ("hijack dns by mallory more specific forging 1000", Some("end")),
    ("leak mallory", Some("end")),
    ("end hijack dns by mallory", None),
    ("publish 198.51.100.0/24 of site max 25", Some("revoke")),
    ("revoke 203.0.113.0/24 of 0", None),
    ("join campus.n1 in music", None),
    ("leave campus.n1 in music", None),
    ("put 7 in music", None),
    ("overwrite 7 in music from campus.n1", None),
    ("audit music", None),
    ("share 7 in files", None),
    ("search 7 in files from campus.n1", None),
    ("flood music from campus.c1 at 7/s for 1s", None),
    ("ping campus.n1 bay.n2", None),
    ("stretch", None),
    ("catchment music", None),
    ("flap fail campus every 2s times 3", None),
    ("stop crash campus.n1 node", None),
];

#[test]
fn every_verb_reads_what_it_shows_and_has_its_undo() {
    let all = ["stub-failure", "music-and-files", "hijack", "rov"];
    let [stubs, files, hijack, rov] = all.map(|name| lab(&format!("{name}.toml")));
    let verbs: Vec<_> = acts::verbs().collect();
    assert_eq!(
        EXAMPLES.map(|(text, _)| text.split(' ').next().unwrap()).to_vec(),
        verbs.iter().map(|v| v.name).collect::<Vec<_>>()
    );
    for ((text, undone), verb) in EXAMPLES.iter().zip(&verbs) {
        let topology = match text {
            _ if text.contains("files") => &files,
            _ if text.contains("mallory") => &hijack,
            _ if text.contains("/24") => &rov,
            _ => &stubs,
        };
        let actions = acts::parse(text, topology).unwrap_or_else(|e| panic!("{text}: {e}"));
        let [action] = &actions[..] else { panic!("{text}") };
        assert_eq!(action.display(topology).to_string(), *text);
        assert_eq!((action.verb(), action.class()), (verb.name, verb.class));
        assert!(verb.form.split(" | ").all(|form| form.split(' ').next() == Some(verb.name)), "{}", verb.form);
        let undo = action.undo();
        assert_eq!(undo.as_ref().map(Action::verb), *undone, "{text}");
        assert!(undo.is_none_or(|undo| undo.undo().is_none()), "{text}: an undo has none");
    }
}

#[test]
fn a_flood_has_a_source_a_rate_and_a_time() {
    let topology = lab("stub-failure.toml");
    let shown = |text: &str| match &acts::parse(text, &topology).unwrap()[..] {
        [action] => action.display(&topology).to_string(),
        several => panic!("{several:?}"),
    };
    assert_eq!(shown("flood music from campus at 4000/s for 5s"), "flood music from campus.c1 at 4000/s for 5s");
    assert_eq!(shown("flood  music from campus.n2 at 1/s for 1500ms"), "flood music from campus.n2 at 1/s for 1s500ms");
    let micro = lab("flash-crowd.toml");
    let of_members = &acts::parse("flood music from h at 1000000/s for 60s", &micro).unwrap()[0];
    assert_eq!(of_members.display(&micro).to_string(), "flood music from h.n12 at 1000000/s for 1m");
    let topology = lab("joiner-flood.toml");
    for (wrong, message, help) in [
        ("flood", "an overlay is missing", Some("write `flood OVERLAY from HOST|STUB at RATE for TIME`")),
        ("flood music", "`from` is missing", Some("write `flood OVERLAY from HOST|STUB at RATE for TIME`")),
        ("flood musik from campus at 1/s for 1s", "there is no overlay `musik`", Some("did you mean `music`?")),
        ("flood music from campos at 1/s for 1s", "there is no host `campos`", Some("did you mean `campus`?")),
        ("flood music from west at 1/s for 1s", "`west` is a router, not a host", None),
        (
            "flood music from lake 1/s for 1s",
            "`at` belongs here, not `1/s`",
            Some("write `flood OVERLAY from HOST|STUB at RATE for TIME`"),
        ),
        (
            "flood music from lake at 0/s for 1s",
            "`0/s` is no rate of a flood",
            Some("joiners a second, from 1/s to 1000000/s"),
        ),
        (
            "flood music from lake at 1000001/s for 1s",
            "`1000001/s` is no rate of a flood",
            Some("joiners a second, from 1/s to 1000000/s"),
        ),
        (
            "flood music from lake at 7 for 1s",
            "`7` is no rate of a flood",
            Some("joiners a second, from 1/s to 1000000/s"),
        ),
        (
            "flood music from lake at 7/s for 99ms",
            "`99ms` is no time of a flood",
            Some("from 100ms to 1m, such as `5s`"),
        ),
        ("flood music from lake at 7/s for 61s", "`61s` is no time of a flood", Some("from 100ms to 1m, such as `5s`")),
        (
            "flood music from lake at 7/s for 2s more",
            "`more` is one word too many",
            Some("write `flood OVERLAY from HOST|STUB at RATE for TIME`"),
        ),
    ] {
        let error = acts::parse(wrong, &topology).unwrap_err();
        assert_eq!((error.message.as_str(), error.help.as_deref()), (message, help), "{wrong}");
    }
}

#[test]
fn expectations_are_read() {
    let topology = lab("stub-failure.toml");
    let parse = |text| expect::parse(text, &topology);
    assert_eq!(parse("joins of music == 24").unwrap(), (metric("joins of music"), Op::Eq, Value::Number(24.0)));
    let success = metric("lookup success of music from campus");
    assert_eq!(parse("lookup success of music from campus>=95%").unwrap(), (success, Op::Ge, Value::Number(0.95)));
    assert_eq!(parse("merge of music < 1m30s").unwrap(), (metric("merge of music"), Op::Lt, Value::Number(90.0)));
    assert_eq!(parse("whole of music != yes").unwrap(), (metric("whole of music"), Op::Ne, Value::Yes));
    let agree = (metric("disagreements of music"), Op::Eq, Value::Number(0.0));
    assert_eq!(parse("disagreements of music == 0").unwrap(), agree);
    assert_eq!(parse("disagreements < 3").unwrap(), (metric("disagreements"), Op::Lt, Value::Number(3.0)));
    assert_eq!(parse("lost probes<=3").unwrap(), (metric("lost probes"), Op::Le, Value::Number(3.0)));
    assert_eq!(parse("loops of music/3 == 0").unwrap().0, metric("loops of music/3"));
    assert_eq!(parse("blackholes < 4").unwrap().0, metric("blackholes"));
    let hole = (metric("longest blackhole of music/3"), Op::Lt, Value::Number(3.0));
    assert_eq!(parse("longest blackhole of music/3 < 3s").unwrap(), hole);
    assert_eq!(parse("updates > loops of music").unwrap().2, Value::Metric(Box::new(metric("loops of music"))));
    let catchment = metric("catchment of campus.c1 for music");
    let value = Value::Name("bay.n2".to_owned());
    assert_eq!(parse("catchment of campus.c1 for music == bay.n2").unwrap(), (catchment, Op::Eq, value));

    let outage = |group: &str| metric(&format!("outage of campus.c1 for {group}"));
    let compared = parse("outage of campus.c1 for music <= outage of campus.c1 for music").unwrap();
    assert_eq!(compared, (outage("music"), Op::Le, Value::Metric(Box::new(outage("music")))));

    assert_eq!(parse("stretch p90 <= 1.2").unwrap(), (metric("stretch p90"), Op::Le, Value::Number(1.2)));
    let of_color = metric("best site of music/3");
    assert_eq!(parse("best site of music/3 >= 80%").unwrap(), (of_color, Op::Ge, Value::Number(0.8)));
    let fairness = metric("fairness of music");
    assert_eq!(parse("fairness of music >= 0.8").unwrap(), (fairness, Op::Ge, Value::Number(0.8)));
    let load = metric("load of campus for music");
    assert_eq!(parse("load of campus for music <= 60%").unwrap(), (load, Op::Le, Value::Number(0.6)));
    let flips = metric("flips of campus.c1");
    assert_eq!(parse("flips of campus.c1 == 0").unwrap(), (flips, Op::Eq, Value::Number(0.0)));
    let compared = parse("stretch p50 < stretch p99").unwrap();
    assert_eq!(compared.2, Value::Metric(Box::new(metric("stretch p99"))));

    let gain = |op, value| (metric("flood gain of music"), op, Value::Number(value));
    assert_eq!(parse("flood gain of music <= 1").unwrap(), gain(Op::Le, 1.0));
    assert_eq!(parse("flood gain of music == 0").unwrap(), gain(Op::Eq, 0.0));

    for wrong in [
        "flood gain <= 1",
        "flood gain of campus <= 1",
        "flood gain of music >= 0",
        "flood gain of music < 0",
        "flood gain of music < 80%",
        "stretch <= 1.2",
        "stretch p95 <= 1.2",
        "stretch p50 <= 20%",
        "stretch p50 < -1",
        "stretch p50 of musik <= 1.2",
        "best site >= 0%",
        "best site <= 100%",
        // Nobody probes a color, so nobody sees its load.
        "fairness of music/3 >= 0.8",
        "fairness <= 1",
        // The least that 24 members' index can be.
        "fairness >= 4%",
        "fairness > 1",
        "fairness < load of campus",
        "load <= 60%",
        "load of den <= 60%",
        "load of campus.c1 <= 60%",
        "load of campus for musik <= 60%",
        "load of campus > 100%",
        "flips >= 0",
        "flips of campus.n1 == 0",
        "outage of campus.c1 for music < lost probes of campus.c1",
        "members of music == islands of music",
        "",
        "==",
        "joins == 3",
        "disagreements of campus == 0",
        "joins of music ==",
        "joins of music == 3 4",
        "joins of music == -3",
        "joins of music == 2.5",
        "joins of music < 0",
        "joins of music from campus == 3",
        "members of music <= 24",
        "members of music > 24",
        "islands of music == 25",
        "moved clients <= 6",
        "moved clients of campus.c1 == 1",
        "whole of music >= yes",
        "whole of music == maybe",
        "lookup success of music > 100%",
        "lookups of music from campus.n1 > 3",
        "lost probes of campus.n1 == 0",
        "loops of musik == 0",
        "blackholes >= 0",
        "longest blackhole of musik < 3s",
        "longest blackhole < 0s",
        "loops < 0",
        "updates of campus == 3",
        "catchment of campus.c1 == den",
        "catchment of campus.c1 == campus.c1",
        "catchment of campus.c1 for musik == campus",
    ] {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
}
