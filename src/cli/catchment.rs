//! `anybed catchment`: which member of a group each node of a running lab reaches.

use std::collections::BTreeSet;

use clap::{Args, ValueEnum};

use super::{Ended, Format, is_colored, labs, print};
use crate::lab::survey::{From, SurveyRequest};
use crate::record::survey::{Echo, Survey, Surveyed, WayEnd, Witness, hash_policy};
use crate::report::page::{BAD, BOLD, Cell, DIM, Page};

#[derive(Args, Debug)]
pub(super) struct CatchmentOf {
    /// Running lab
    lab: String,
    /// Anycast group [default: the lab's only one]
    group: Option<String>,
    /// Nodes to ask; routers are gateways too, hosts are members and clients
    #[arg(long, value_enum, default_value_t)]
    from: FromArg,
    /// Witnesses: a packet of each node (data), the kernels' routes (routes), both of them, an echo from the group's
    /// address to each node (verfploeter), or all three
    #[arg(long, value_enum, default_value_t)]
    method: Method,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum FromArg {
    #[default]
    Clients,
    Routers,
    Hosts,
    All,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Method {
    #[default]
    Both,
    Data,
    Routes,
    Verfploeter,
    All,
}

impl FromArg {
    fn meant(self) -> From {
        match self {
            Self::Clients => From::Clients,
            Self::Routers => From::Routers,
            Self::Hosts => From::Hosts,
            Self::All => From::All,
        }
    }
}

impl Method {
    fn witnesses(self) -> BTreeSet<Witness> {
        use Witness::{Echoes, Packets, Routes};
        match self {
            Self::Both => [Packets, Routes].into(),
            Self::Data => [Packets].into(),
            Self::Routes => [Routes].into(),
            Self::Verfploeter => [Echoes].into(),
            Self::All => [Packets, Routes, Echoes].into(),
        }
    }
}

impl CatchmentOf {
    pub(super) fn execute(self) -> Ended {
        let (from, witnesses) = (self.from.meant(), self.method.witnesses());
        let request = SurveyRequest { group: self.group, from, witnesses };
        let surveys: Vec<Survey> = labs::post(&self.lab, "/catchment", &request)?;
        match self.format {
            Format::Json => print(&labs::json(&surveys)?),
            Format::Text => print(&show(&surveys)),
        }
        Ok(i32::from(surveys.iter().any(|survey| !survey.disagreements().is_empty())))
    }
}

fn show(surveys: &[Survey]) -> String {
    let mut page = Page::new(is_colored());
    for (number, survey) in surveys.iter().enumerate() {
        if number > 0 {
            page.blank();
        }
        page.raw(&format!("{} · {}", page.paint(BOLD, &survey.address.to_string()), survey.group));
        table(&mut page, survey);
        shares(&mut page, survey);
        notes(&mut page, survey);
        findings(&mut page, survey);
    }
    page.finish()
}

fn table(page: &mut Page, survey: &Survey) {
    let mut header = vec!["node", "AS", "member", "site", "hops", "RTT", "AS path"];
    let echoed = survey.nodes.iter().any(|node| node.packet.is_some() && node.echo.is_some());
    if echoed {
        header.insert(4, "echo caught by");
    }
    let mut rows = vec![header.iter().map(|word| Cell::left(*word).styled(DIM)).collect::<Vec<_>>()];
    for node in &survey.nodes {
        let site = node.member().and_then(|member| survey.sites.get(member)).map_or("", String::as_str);
        let hops = way(node);
        let rtt = node.packet.as_ref().and_then(|packet| packet.rtt);
        let mut row = vec![
            Cell::left(node.node.clone()),
            Cell::left(node.as_name.clone()),
            Cell::left(caught(node)).styled(if node.disagreement().is_some() && survey.settled { BAD } else { BOLD }),
            Cell::left(site),
            Cell::right(hops.map_or("–".to_owned(), |hops| hops.len().to_string())),
            Cell::right(rtt.map_or("–".to_owned(), |ns| format!("{:.2}\u{a0}ms", ns as f64 / 1e6))),
            Cell::left(hops.map_or(String::new(), |hops| as_path(survey, node, hops))),
        ];
        if echoed {
            let by = |echo: &Echo| echo.member.clone().unwrap_or_else(|| "nobody".to_owned());
            row.insert(4, Cell::left(node.echo.as_ref().map_or("–".to_owned(), by)));
        }
        rows.push(row);
    }
    page.table(&rows);
}

/// Who catches a node.
fn caught(node: &Surveyed) -> String {
    match (node.member(), &node.routes) {
        (Some(member), _) if member == node.node => "itself".to_owned(),
        (Some(member), _) => member.to_owned(),
        (None, Some(routes)) if node.packet.is_none() && !routes.members.is_empty() => {
            routes.members.iter().map(String::as_str).collect::<Vec<_>>().join(" or ")
        }
        _ if !node.is_asked() => "–".to_owned(),
        _ => "nobody".to_owned(),
    }
}

/// The nodes on the way to the group: of the packet, else of the first way of the routes that arrives.
fn way(node: &Surveyed) -> Option<&[String]> {
    if let Some(packet) = &node.packet {
        return packet.member.is_some().then(|| own(node, &packet.hops));
    }
    let ways = &node.routes.as_ref()?.ways;
    ways.iter().find(|way| way.end == WayEnd::Arrives).map(|way| &way.hops[..])
}

/// A member's packet to itself comes to nobody else: no hop.
fn own<'a>(node: &Surveyed, hops: &'a [String]) -> &'a [String] {
    if hops.first() == Some(&node.node) { &hops[1..] } else { hops }
}

/// ASes on the way, the node's own first, each once.
fn as_path(survey: &Survey, node: &Surveyed, hops: &[String]) -> String {
    let mut path = vec![node.as_name.as_str()];
    path.extend(hops.iter().filter_map(|hop| survey.ases.get(hop)).map(String::as_str));
    path.dedup();
    path.join(" ")
}

fn shares(page: &mut Page, survey: &Survey) {
    let all = survey.nodes.iter().filter(|node| node.is_asked()).count();
    let share = |(site, nodes): (Option<&str>, usize)| {
        let percent = 100.0 * nodes as f64 / all as f64;
        format!("{} {nodes} of {all} ({percent:.0} %)", site.unwrap_or("no site")).replace(' ', "\u{a0}")
    };
    let shares: Vec<String> = survey.shares().into_iter().map(share).collect();
    page.labeled("by site", &shares.join(", "));
}

fn notes(page: &mut Page, survey: &Survey) {
    let branches = survey.nodes.iter().any(|node| node.routes.as_ref().is_some_and(|routes| routes.ways.len() > 1));
    if survey.nodes.iter().any(|node| node.routes.is_some()) {
        let policies: Vec<_> =
            survey.hash_policies.iter().map(|value| format!("{value} ({})", hash_policy(*value))).collect();
        let family = if survey.address.is_ipv4() { "ipv4" } else { "ipv6" };
        let policy = format!("net.{family}.fib_multipath_hash_policy = {}", policies.join(" or "));
        let text = if policies.is_empty() { "this kernel cannot say how it chooses".to_owned() } else { policy };
        page.labeled(
            "equal cost",
            &format!("{}; {text}", if branches { "some routes branch" } else { "no route branches" }),
        );
    }
    let silent = |node: &&Surveyed| node.packet.as_ref().is_some_and(|p| p.member.is_some() && p.answered_by.is_none());
    if survey.nodes.iter().any(|node| silent(&node)) {
        let text = "no answer came back: the member's node is silent, or it is a router, whose address nobody outside \
                    its AS knows; that the packet arrived was seen where it did";
        page.labeled("RTT –", text);
    }
    if survey.echoed_by.is_some() && survey.nodes.iter().any(|node| node.echo.is_none()) {
        let text = "not sent to routers, whose addresses nobody outside their AS knows, and to members that announce \
                    the group: to them it would come from themselves";
        page.labeled("no echo", text);
    }
    for cost in &survey.cost {
        let witness = match cost.witness {
            Witness::Packets => "packets",
            Witness::Routes => "routes",
            Witness::Echoes => "echoes",
        };
        let what = if cost.witness == Witness::Routes { "questions to kernels" } else { "packets sent" };
        let by = survey.echoed_by.as_ref().filter(|_| cost.witness == Witness::Echoes);
        let by = by.map_or(String::new(), |sender| format!(" by {sender}"));
        page.labeled(
            witness,
            &format!("{} {what}{by}, {} sockets, {:.0} ms", cost.sent, cost.sockets, cost.milliseconds),
        );
    }
    if !survey.settled {
        page.labeled("unsettled", "routes, links or processes changed meanwhile: nothing is compared; ask again");
    }
}

/// What witnesses differ about, with both traces.
fn findings(page: &mut Page, survey: &Survey) {
    for node in survey.disagreements() {
        page.blank();
        let found = node.disagreement().unwrap_or_default();
        page.raw(&page.paint(BAD, &format!("{}: {found}", node.node)));
        if let Some(packet) = &node.packet {
            let end = if packet.member.is_some() { "and was taken" } else { "and got lost" };
            page.labeled("packet", &format!("{}, {end}", trace(&node.node, own(node, &packet.hops))));
        }
        for way in node.routes.iter().flat_map(|routes| &routes.ways) {
            let end = match way.end {
                WayEnd::Arrives => "where the address is",
                WayEnd::NoRoute => "which has no route",
                WayEnd::DeadLink => "whose next link carries nothing",
                WayEnd::Circle => "in a circle",
            };
            page.labeled("routes", &format!("{}, {end}", trace(&node.node, &way.hops)));
        }
    }
}

fn trace(node: &str, hops: &[String]) -> String {
    std::iter::once(node).chain(hops.iter().map(String::as_str)).collect::<Vec<_>>().join(" → ")
}
