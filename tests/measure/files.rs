//! The other forms of a report: page, tables, Markdown, JUnit; pictures of networks; differences.

use anybed::measure::Findings;
use anybed::report::{Diff, Files, Map, Network, dot, html, junit, markdown, mermaid, tables};
use anybed::scenario::{Op, Value, When};
use roxmltree::{Document, Node, ParsingOptions};

use crate::draw::{stub_failure, two_sites};
use crate::metric::metric;
use crate::synthetic::{Synthetic, waited};

fn page(lab: &Synthetic) -> String {
    let record = lab.record();
    let findings = Findings::of(&record);
    html(&findings.report(), &Network::of_facts(&record.facts), &findings.series())
}

fn parse(text: &str) -> Document<'_> {
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// What a reader reads: a line for each block, a drawing by its description.
fn skeleton(node: Node<'_, '_>, lines: &mut Vec<String>) {
    const BLOCKS: [&str; 12] = ["title", "p", "h1", "h2", "h3", "h4", "dd", "dt", "tr", "figcaption", "li", "summary"];
    let name = node.tag_name().name();
    if ["style", "script"].contains(&name) {
        return;
    }
    if name == "svg" {
        lines.extend(node.attribute("aria-label").map(|about| format!("[{about}]")));
    } else if BLOCKS.contains(&name) {
        let in_svg = |n: Node<'_, '_>| n.ancestors().any(|a| a.tag_name().name() == "svg");
        let words = node.descendants().filter(|n| n.is_text() && !in_svg(*n)).filter_map(|n| n.text());
        let words: Vec<String> = words.flat_map(str::split_whitespace).map(str::to_owned).collect();
        lines.push(format!("{name}: {}", words.join(" ")));
    } else {
        node.children().for_each(|child| skeleton(child, lines));
    }
}

pub(crate) fn skeleton_of(lab: &Synthetic) -> String {
    let text = page(lab);
    let mut lines = Vec::new();
    skeleton(parse(&text).root(), &mut lines);
    lines.join("\n")
}

#[test]
fn two_sites_on_a_page() {
    insta::assert_snapshot!(skeleton_of(&two_sites()));
}

#[test]
fn a_stub_failure_on_a_page() {
    insta::assert_snapshot!(skeleton_of(&stub_failure()));
}

#[test]
fn a_page_asks_for_nothing_else() {
    for lab in [two_sites(), stub_failure()] {
        let text = page(&lab);
        let document = parse(&text);
        for node in document.descendants() {
            for attribute in node.attributes().filter(|a| ["src", "href", "action"].contains(&a.name())) {
                assert!(attribute.value().starts_with(['#', 'd']), "{}", attribute.value());
            }
            assert!(!["link", "script"].contains(&node.tag_name().name()) || node.attribute("src").is_none());
        }
        assert!(!text.contains("@import") && !text.contains("url(") && !text.contains("fetch("));
        assert_eq!(page(&lab), text, "the same record, the same page");
    }
}

#[test]
fn names_cannot_become_markup() {
    let mut lab = Synthetic::new("<b>&\"'").stubs(&[("x<y", &["n1"], &["c1"])]).group("a&b");
    lab.probes("x<y.c1", 0.0, 5.0, Some("x<y.n1")).fault(2.0, "fail <i>").end(5.0);
    lab.expect_named("1 < 2 & \"so on\" | `x`", metric("lost probes"), Op::Eq, Value::Number(1.0), When::End);
    let text = page(&lab);
    let title = parse(&text).descendants().find(|n| n.has_tag_name("title")).and_then(|n| n.text().map(str::to_owned));
    assert_eq!(title.as_deref(), Some("<b>&\"' · fail"));
    assert_junit(&junit(&lab.report()));
    assert!(markdown(&lab.report()).contains("1 &lt; 2 & \"so on\" \\| \\`x\\`"));
}

#[test]
fn an_empty_run_is_a_short_page() {
    let mut lab = Synthetic::new("empty");
    lab.end(1.0);
    insta::assert_snapshot!(skeleton_of(&lab));
}

/// A thousand routers, a client at each of 300 stubs, many faults: every part is bounded.
#[test]
fn the_page_of_a_large_lab_is_no_more_than_a_few_megabytes() {
    let names: Vec<String> = (0..300).map(|i| format!("s{i}")).collect();
    let stubs: Vec<(&str, &[&str], &[&str])> =
        names.iter().map(|name| (name.as_str(), &["n1"][..], &["c1", "c2"][..])).collect();
    let mut lab = Synthetic::new("large").stubs(&stubs).group("web");
    for (i, name) in names.iter().enumerate() {
        for round in 0..30 {
            let (from, member) = (f64::from(round) * 2.0, &names[(i + round as usize) % 300]);
            lab.probes(&format!("{name}.c1"), from, from + 1.0, Some(&format!("{member}.n1")));
            lab.probes(&format!("{name}.c2"), from, from + 0.4, None);
        }
    }
    for round in 0..29 {
        let at = f64::from(round) * 2.0 + 1.9;
        lab.fault(at, &format!("fail s{round}"));
        for (i, name) in names.iter().enumerate() {
            lab.fib(at + 0.0001 * i as f64, &format!("{name}.gw"), Some("core"));
        }
    }
    lab.end(60.0);
    let size = page(&lab).len();
    assert!(size < 3_000_000, "{size} bytes");
}

/// What Jenkins' and Surefire's schemas agree on.
fn assert_junit(xml: &str) {
    let document = parse(xml);
    let number = |node: Node<'_, '_>, name: &str| {
        node.attribute(name).and_then(|v| v.parse::<usize>().ok()).unwrap_or_else(|| panic!("{name} of {node:?}"))
    };
    let decimal = |node: Node<'_, '_>| {
        let (whole, part) = node.attribute("time").and_then(|t| t.split_once('.')).unwrap_or_default();
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        digits(whole) && digits(part) && part.len() == 3
    };
    for node in document.descendants().filter(Node::is_element) {
        let (parent, attributes, required): (_, &[&str], &[&str]) = match node.tag_name().name() {
            "testsuites" => ("", &["name", "tests", "failures", "errors", "time"], &[]),
            "testsuite" => (
                "testsuites",
                &["name", "tests", "failures", "errors", "skipped", "time"],
                &["name", "tests", "failures", "errors", "skipped"],
            ),
            "properties" => ("testsuite", &[], &[]),
            "property" => ("properties", &["name", "value"], &["name", "value"]),
            "testcase" => ("testsuite", &["name", "classname", "time"], &["name", "classname", "time"]),
            "failure" | "error" => ("testcase", &["type", "message"], &["type", "message"]),
            "skipped" => ("testcase", &["message"], &[]),
            other => panic!("no schema has {other}"),
        };
        assert_eq!(node.parent_element().map_or("", |p| p.tag_name().name()), parent);
        assert!(node.attributes().all(|a| attributes.contains(&a.name())), "{node:?}");
        assert!(required.iter().all(|name| node.has_attribute(*name)), "{node:?}");
        if node.has_tag_name("testcase") {
            assert!(decimal(node) && node.children().filter(Node::is_element).count() <= 1);
        }
        if node.has_tag_name("testsuite") {
            let inside = |name: &str| node.descendants().filter(|n| n.has_tag_name(name)).count();
            let elements: Vec<_> = node.children().filter(Node::is_element).collect();
            assert!(elements[0].has_tag_name("properties") && decimal(node), "properties come first");
            assert_eq!(number(node, "tests"), inside("testcase"));
            assert_eq!(number(node, "failures"), inside("failure"));
            assert_eq!(number(node, "errors"), inside("error"));
            assert_eq!(number(node, "skipped"), inside("skipped"));
        }
    }
}

#[test]
fn expectations_as_junit() {
    let mut lab = two_sites();
    lab.expect_named("too late", metric("lost probes"), Op::Lt, Value::Number(9.0), When::At { at: 70.0, within: 1.0 });
    let complete = junit(&lab.report());
    assert_junit(&complete);
    insta::assert_snapshot!(complete);
    lab.events.pop();
    let cut = junit(&lab.report());
    assert_junit(&cut);
    assert!(cut.contains("<error type=\"incomplete\"") && cut.contains("<skipped message="), "{cut}");
    let mut slow = two_sites();
    slow.at(59.0, waited(350.0));
    let invalid = junit(&slow.report());
    assert_junit(&invalid);
    assert!(invalid.contains("<error type=\"invalid\" message=\"a process waited 350 ms"), "{invalid}");
}

#[test]
fn reports_in_markdown() {
    let both = [two_sites(), stub_failure()].map(|lab| markdown(&lab.report())).join("\n");
    insta::assert_snapshot!(both);
}

#[test]
fn series_as_tables() {
    let lab = stub_failure();
    let record = lab.record();
    let findings = Findings::of(&record);
    let (report, series) = (findings.report(), findings.series());
    let mut heads = String::new();
    for (name, text) in tables(&report, &series).unwrap() {
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let columns = reader.headers().unwrap().len();
        assert!(reader.records().all(|row| row.unwrap().len() == columns));
        let lines: Vec<&str> = text.lines().collect();
        heads += &format!("{name}, {} rows\n", lines.len() - 1);
        heads += &lines.iter().take(4).map(|line| format!("  {line}\n")).collect::<String>();
    }
    insta::assert_snapshot!(heads);
    let sent: usize = report.faults.iter().map(|f| f.probes).sum();
    assert!(series.probes.len() >= sent && sent > 0);
    assert_eq!(series.lookups.len(), report.overlays["music"].lookups.total.sent);
}

#[test]
fn all_files_of_a_run() {
    let folder = tempfile::tempdir().unwrap();
    Files::of(&two_sites().record()).write(folder.path()).unwrap();
    for name in Files::NAMES {
        assert!(folder.path().join(name).is_file(), "{name}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), Files::NAMES.len() + 1);
    assert!(folder.path().join(Files::TABLES).join("probes.csv").is_file());
}

#[test]
fn a_network_in_three_languages() {
    let network = Network::of_facts(&two_sites().facts);
    insta::assert_snapshot!(dot(&network) + &mermaid(&network));
    let drawn = Map::of(&network).svg();
    let document = parse(&drawn);
    let names: Vec<_> = document.descendants().filter(|n| n.has_tag_name("text")).filter_map(|n| n.text()).collect();
    assert_eq!(names, ["core", "left", "right"]);
    assert_eq!(Map::of(&Network::of_facts(&two_sites().facts)).svg(), drawn, "the same lab, the same picture");
    let mut other = two_sites().facts;
    other.seed = 2;
    assert_ne!(Map::of(&Network::of_facts(&other)).svg(), drawn, "another seed, another picture");
}

#[test]
fn runs_are_compared() {
    let before = two_sites().report();
    let same = Diff::of(&before, &before, 0.0);
    assert!(!same.worse && same.figures.is_empty() && same.expectations.is_empty() && same.compared > 10);
    let mut lab = two_sites();
    lab.probes("right.c1", 50.0, 55.0, None).fib(47.0, "left.gw", Some("core"));
    let after = lab.report();
    let diff = Diff::of(&before, &after, 0.25);
    assert!(diff.worse);
    insta::assert_snapshot!(diff.text(false));
    // What gets better is told and no fault.
    let back = Diff::of(&after, &before, 0.25);
    assert!(!back.worse && back.figures.len() == diff.figures.len(), "{}", back.text(false));
}
