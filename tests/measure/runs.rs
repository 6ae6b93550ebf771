//! Several runs, summarized.

use anybed::measure::{Report, Summary, SummaryVerdict};
use anybed::record::What;
use anybed::report::summary::{self, Files};
use anybed::scenario::{Op, Value, When};
use roxmltree::Document;

use crate::metric::metric;
use crate::synthetic::Synthetic;

/// A site that is gone for this many seconds; its client sends a probe every 100 ms.
fn run(seed: u64, gone: f64) -> Synthetic {
    let stubs: [(&str, &[&str], &[&str]); 2] = [("east", &["n1"], &["c1"]), ("west", &["n1"], &[])];
    let mut lab = Synthetic::new("web").stubs(&stubs).group("web");
    lab.facts.seed = seed;
    lab.fib(-1.0, "east.gw", Some("east.n1"))
        .probes("east.c1", 0.0, 20.0, Some("east.n1"))
        .fault(20.0, "withdraw east.n1")
        .fib(20.0 + gone / 2.0, "east.gw", Some("core"))
        .probes("east.c1", 20.0, 20.0 + gone, None)
        .probes("east.c1", 20.0 + gone, 60.0, Some("west.n1"))
        .expect_named("soon <again>", metric("lost probes"), Op::Le, Value::Number(20.0), When::End);
    lab
}

fn ended(mut lab: Synthetic) -> Report {
    lab.end(60.0).report()
}

fn set(mut lab: Synthetic, key: &str, value: &str) -> Synthetic {
    lab.facts.settings = [(key.into(), value.into())].into();
    lab
}

/// What makes a run invalid.
fn died() -> What {
    What::Exit { node: "core".into(), process: "bird".into(), kind: None, status: "signal 11".into(), expected: false }
}

fn numbered(reports: Vec<Report>) -> Vec<(String, Report)> {
    reports.into_iter().enumerate().map(|(i, report)| (format!("{:03}", i + 1), report)).collect()
}

/// Two values of a key: eight good runs, of which two fail, one invalid, one cut short; and two.
fn swept() -> Summary {
    let rfc = |seed, gone| set(run(seed, gone), "lab.timers", "r|c");
    let mut reports: Vec<Report> = (1..=8).map(|i| ended(rfc(i, i as f64 * 0.3))).collect();
    let mut slow = rfc(9, 9.0);
    slow.at(59.0, died());
    reports.push(ended(slow));
    reports.push(rfc(10, 9.0).report());
    reports.extend((1..=2).map(|i| ended(set(run(i, 0.5), "lab.timers", "lab"))));
    Summary::of(&numbered(reports)).expect("there are runs")
}

#[test]
fn what_does_not_count_is_counted() {
    let summary = swept();
    let [rfc, lab] = &summary.combinations[..] else { panic!("two combinations") };
    assert_eq!((rfc.runs, rfc.counted, rfc.passed, rfc.invalid, rfc.incomplete), (10, 8, 6, 1, 1));
    assert_eq!((lab.runs, lab.counted, lab.passed), (2, 2, 2));
    let lost = rfc.figures.iter().find(|f| f.what == "lost probes").unwrap().spread.unwrap();
    // 3, 6, … 24 lost probes: nothing of the 90 of the invalid run. All eight make the interval.
    assert_eq!((lost.n, lost.median, lost.min, lost.max), (8, 13.5, 3.0, 24.0));
    assert_eq!(lost.interval.map(|i| (i.low, i.high)), Some((3.0, 24.0)));
    let too_few = lab.figures.iter().find(|f| f.what == "lost probes").unwrap().spread.unwrap();
    assert_eq!((too_few.n, too_few.interval), (2, None));
    let soon = &rfc.expectations[0];
    assert_eq!((soon.passed, soon.of), (6, 8));
    assert!(soon.interval.is_some_and(|i| i.low > 0.4 && i.high < 1.0));
    assert!(summary.runs[8].left_out.contains("bird"), "{}", summary.runs[8].left_out);
}

#[test]
fn the_worst_run_decides() {
    let verdict = |reports: Vec<Report>| Summary::of(&numbered(reports)).map(|s| (s.verdict, s.exit_code()));
    let invalid = || {
        let mut lab = run(1, 0.5);
        lab.at(59.0, died());
        ended(lab)
    };
    let (pass, fail) = (|| ended(run(1, 0.5)), || ended(run(1, 5.0)));
    let stopped = |reason: &str| run(1, 0.5).at(40.0, What::End { reason: reason.into() }).report();
    assert_eq!(verdict(vec![]), None);
    assert_eq!(verdict(vec![pass(), pass()]), Some((SummaryVerdict::Pass, 0)));
    assert_eq!(verdict(vec![pass(), invalid()]), Some((SummaryVerdict::Invalid, 5)));
    assert_eq!(verdict(vec![fail(), invalid(), pass()]), Some((SummaryVerdict::Fail, 1)));
    assert_eq!(verdict(vec![fail(), stopped("no route")]), Some((SummaryVerdict::Incomplete, 4)));
    assert_eq!(verdict(vec![fail(), stopped("interrupted")]), Some((SummaryVerdict::Interrupted, 130)));
}

#[test]
fn a_summary_in_words() {
    let text = summary::text(&swept(), false);
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    insta::assert_snapshot!(text);
    insta::assert_snapshot!(summary::markdown(&swept()));
    insta::assert_snapshot!(summary::csv(&swept()).unwrap());
    let one = Summary::of(&numbered(vec![ended(run(1, 0.5))])).unwrap();
    insta::assert_snapshot!(summary::text(&one, false));
}

#[test]
fn a_page_of_runs_is_complete_in_itself() {
    let page = summary::html(&swept());
    let document = Document::parse_with_options(
        &page,
        roxmltree::ParsingOptions { allow_dtd: true, ..roxmltree::ParsingOptions::default() },
    );
    let document = document.unwrap_or_else(|error| panic!("{error}: {page}"));
    let drawn = document.descendants().filter(|n| n.has_tag_name("svg"));
    let about: Vec<_> = drawn.filter_map(|n| n.attribute("aria-label")).collect();
    assert!(about.contains(&"lost probes in each run"), "{about:?}");
    // What is the same in every run has no picture.
    assert!(!about.contains(&"moved clients in each run"), "{about:?}");
    for fetched in ["http:", "https:", "src=", "@import", "url("] {
        assert!(!page.contains(fetched), "{fetched}");
    }
    let links: Vec<_> = document.descendants().filter_map(|n| n.attribute("href")).collect();
    assert_eq!(links.len(), 13, "{links:?}");
    assert!(links[1..].iter().all(|link| link.ends_with("/report.html")), "{links:?}");
}

#[test]
fn a_summary_is_all_its_files() {
    let folder = tempfile::tempdir().unwrap();
    Files::of(&swept()).write(folder.path()).unwrap();
    for name in Files::NAMES {
        assert!(folder.path().join(name).is_file(), "{name}");
    }
    let text = std::fs::read_to_string(folder.path().join("summary.json")).unwrap();
    assert_eq!(serde_json::from_str::<Summary>(&text).unwrap(), swept());
}
