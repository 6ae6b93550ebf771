//! The command line: one file per command.

mod ask;
mod bench_wire;
mod capture;
mod catalog;
mod catchment;
mod check;
mod choices;
mod compare_links;
mod crowd;
mod daemons;
mod diff;
mod doctor;
mod end;
mod generate;
mod graph;
mod hunt;
mod inside;
mod labs;
mod lookup;
mod paper;
mod play;
mod probe;
mod run;
mod sandboxed;
mod several;
mod sim;
mod studied;
mod variant;
mod verify;
mod what_if;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use choices::{Choices, Format};
use end::{Ended, Failure, complain, is_colored, print};

/// A Linux testbed for network-layer anycast.
///
/// From one lab file, anybed builds a small Internet out of network namespaces, runs a real BIRD in every router and on
/// every overlay host, lets overlay nodes join by anycast, breaks things, and measures what routing and the overlay did.
#[derive(Debug, Parser)]
#[command(
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    after_help = "Example: anybed run topologies/two-sites.toml\n\nExit codes: 0 pass, 1 an expectation failed, \
                  2 wrong usage or lab file, 3 the machine lacks something, 4 the lab failed, \
                  5 the machine did not keep up, 130 interrupted."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Play a lab file's timeline, judge its expectations, write a report
    #[command(after_help = "Examples: anybed run topologies/stub-failure.toml --seed 7 --out /tmp/run\n          \
                            anybed run topologies/two-sites.toml --repeat 10 --sweep lab.timers=lab,rfc")]
    Run(run::Run),
    /// Build a lab and leave it running in the background
    #[command(after_help = "Example: anybed up topologies/two-sites.toml && anybed shell two-sites")]
    Up(run::Up),
    /// End a running lab
    #[command(after_help = "Example: anybed down two-sites")]
    Down(labs::Down),
    /// List running labs
    #[command(after_help = "Example: anybed ls --format json")]
    Ls(labs::Ls),
    /// Show the nodes, sessions, overlays and faults of a running lab
    #[command(after_help = "Example: anybed status two-sites")]
    Status(labs::Status),
    /// Do something to a running lab, as its timeline would
    #[command(after_help = "Example: anybed fault stub-failure fail campus")]
    Fault(labs::Fault),
    /// Run a command on a node of a running lab
    #[command(
        after_help = "Example: anybed exec two-sites west -- birdc -s /run/anybed/west.ctl show route\n\nThe command \
                      runs in the current directory, or in / where the lab has none of that name: its /run is its own. \
                      It ends with `anybed exec`, and with it all that it has started; what it leaves in the \
                      background when it ends by itself stays until the lab ends."
    )]
    Exec(inside::Exec),
    /// Open a shell in a running lab, or on one of its nodes
    #[command(after_help = "Example: anybed shell two-sites\n         ip netns exec west ip route")]
    Shell(inside::Shell),
    /// Show the routes of a node's BIRD in a running lab, and why the best are the best
    #[command(after_help = "Example: anybed routes two-sites r2 dns")]
    Routes(ask::Routes),
    /// Show a packet's way through a running lab, hop by hop, and BGP's beside it
    #[command(after_help = "Example: anybed trace two-sites home.c1 dns")]
    Trace(ask::TraceOf),
    /// Show which member of a group each node of a running lab reaches: by packets and by the kernels' routes
    #[command(
        after_help = "Example: anybed catchment two-sites dns --from all\n\nExit code 1: packets and routes do not lead \
                      to the same member; both traces are shown."
    )]
    Catchment(catchment::CatchmentOf),
    /// Look a key up through an overlay of a running lab, and say whether the answer is right
    #[command(
        after_help = "Example: anybed lookup stub-failure music key-7 --from campus.n3\n\nExit code 1: the owner is \
                      wrong by the membership of now, or nobody answered."
    )]
    Lookup(lookup::LookupOf),
    /// Probe an anycast group from nodes of a running lab, as ping would
    #[command(
        after_help = "Example: anybed probe two-sites home.c1 --count 10\n\nCtrl-C ends it with the summary. Exit code \
                      1: some node got no answer at all. A router's probes arrive, but answers find no way back: ask \
                      `anybed catchment --from routers`."
    )]
    Probe(probe::ProbeOf),
    /// Show what happens in a running lab as it happens
    #[command(after_help = "Example: anybed watch two-sites")]
    Watch(ask::Watch),
    /// Write the frames of a node of a running lab to a file, or into Wireshark
    #[command(after_help = "Example: anybed capture two-sites r2:to-r1 tcp port 179 -w bgp.pcapng\n         \
                            anybed capture two-sites r2 -w - | wireshark -k -i -")]
    Capture(capture::CaptureOf),
    /// Report every problem of a lab file; touches nothing
    #[command(after_help = "Example: anybed check --configs topologies/two-sites.toml")]
    Check(check::Check),
    /// Print what would be built; touches nothing
    #[command(after_help = "Example: anybed plan topologies/two-sites.toml --bird west")]
    Plan(check::Plan),
    /// Predict every router's best route and who answers each client; touches nothing
    #[command(after_help = "Examples: anybed verify topologies/two-sites.toml\n          anybed verify \
                      topologies/two-sites.toml --with two-sites\n\nWhat is predicted follows from the configs, if every \
                      host announces its groups and nothing is broken. Exit code 1: the running lab has other routes.")]
    Verify(verify::Verify),
    /// Rank what sites could announce otherwise by what it would do to loads and ways
    #[command(after_help = "Examples: anybed what-if topologies/prepending.toml\n          anybed what-if \
                      topologies/detour.toml --by distance --play\n\nEach change by itself: a site withdraws, or tells one \
                      neighbor with its AS number repeated, with no-export, or nothing. --play builds the lab, makes the \
                      best change, and compares; without it nothing is touched. Exit code 1: it is not as predicted.")]
    WhatIf(what_if::WhatIf),
    /// List questions about anycast that lab files answer, print one, or play them all
    #[command(after_help = "Examples: anybed catalog\n          anybed catalog E15 > mine.toml\n          anybed run \
                      catalog/E15\n          anybed catalog --play --quick\n\nThe lab files are part of the program. \
                      Exit code 1: an expectation failed.")]
    Catalog(catalog::Catalog),
    /// Print a Topology Zoo GraphML file, or CAIDA's AS relationships, as a lab file
    #[command(after_help = "Examples: anybed import Abilene.graphml > abilene.toml\n          anybed import \
                      20240101.as-rel2.txt.bz2 --ases 100 --sites 13335 > hundred.toml")]
    Import(generate::Import),
    /// Print a generated lab file of single-router ASes: a tree, a clique, random graphs, tiers as the Internet's
    #[command(after_help = "Example: anybed generate internet --nodes 100 > internet.toml")]
    Generate(generate::Generate),
    /// Simulate overlays under virtual time: a lab file's, or one of thousands of nodes; touches nothing
    #[command(after_help = "Examples: anybed sim topologies/stub-failure.toml\n          anybed sim --nodes \
                      100,1000,10000 --lookups 100000\n          anybed sim --crowd 2000 --within 1s --seeds 20 \
                      --protocol chord\n\nThe nodes are a lab's; routing, links and the clock are not \
                      real: see docs/simulated.md. The same seed gives the same results.")]
    Sim(sim::Simulation),
    /// Rebuild the report of a run from its record
    #[command(after_help = "Example: anybed report anybed-out/two-sites")]
    Report(run::ReportOf),
    /// Say what changed between two runs (verdict, expectations, figures), or who moved between two surveys
    #[command(
        after_help = "Examples: anybed diff before/two-sites anybed-out/two-sites --tolerance 50%\n          anybed \
                      catchment two-sites dns --format json > before.json; anybed diff before.json after.json\n\nExit \
                      code 1: an expectation or a figure got worse; of surveys, somebody moved."
    )]
    Diff(diff::Diff),
    /// Draw the network of a lab file, or of a running lab
    #[command(after_help = "Example: anybed graph topologies/two-sites.toml -o two-sites.svg")]
    Graph(graph::Graph),
    /// Play the experiments that answer the paper's questions, and write what was found
    #[command(
        after_help = "Examples: anybed paper 4.1 --quick\n          anybed paper 4.2 --rtt planetlab-rtt-490.txt --network \
                      Geant2012.graphml --out docs/results\n\nLabs are played in namespaces where they fit; the rest is the same \
                      nodes in a simulated network. Every number says which."
    )]
    Paper(paper::Paper),
    /// Say what this machine has and lacks, and how to get it
    #[command(after_help = "Example: anybed doctor --format json")]
    Doctor(doctor::Doctor),
    /// Measure the user-space link; run by scripts/bench-wire
    #[command(hide = true)]
    BenchWire,
    /// The part of `capture` that runs on the node
    #[command(hide = true)]
    CaptureHere(capture::CaptureHere),
    /// Put a link of each backend through the same course; run by scripts/compare-links
    #[command(hide = true)]
    CompareLinks(compare_links::CompareLinks),
    /// The process on a host; started by a lab
    #[command(hide = true)]
    Node {
        #[arg(long)]
        config: PathBuf,
    },
}

/// Runs the command and returns its exit code. `begun` is when the process began (CLOCK_MONOTONIC, nanoseconds).
pub fn run(cli: Cli, begun: u64) -> i32 {
    start_log();
    let outcome = match cli.command {
        Command::Run(run) => run.execute(begun),
        Command::Up(up) => up.execute(begun),
        Command::Down(down) => down.execute(),
        Command::Ls(ls) => ls.execute(),
        Command::Status(status) => status.execute(),
        Command::Fault(fault) => fault.execute(),
        Command::Exec(exec) => exec.execute(),
        Command::Shell(shell) => shell.execute(),
        Command::Routes(routes) => routes.execute(),
        Command::Trace(trace) => trace.execute(),
        Command::Catchment(catchment) => catchment.execute(),
        Command::Lookup(lookup) => lookup.execute(),
        Command::Probe(probe) => probe.execute(),
        Command::Watch(watch) => watch.execute(),
        Command::Capture(capture) => capture.execute(),
        Command::CaptureHere(capture) => capture.execute(),
        Command::Check(check) => check.execute(),
        Command::Plan(plan) => plan.execute(),
        Command::Catalog(catalog) => catalog.execute(),
        Command::Import(import) => import.execute(),
        Command::Generate(generate) => generate.execute(),
        Command::Sim(simulation) => simulation.execute(),
        Command::Report(report) => report.execute(),
        Command::Diff(diff) => diff.execute(),
        Command::Graph(graph) => graph.execute(),
        Command::Verify(verify) => verify.execute(),
        Command::WhatIf(what_if) => what_if.execute(),
        Command::Paper(paper) => paper.execute(),
        Command::Doctor(doctor) => doctor.execute(),
        Command::BenchWire => bench_wire::execute(),
        Command::CompareLinks(compare) => compare.execute(),
        Command::Node { config } => crate::node::host::run(&config).map(|()| 0).map_err(Failure::Lab),
    };
    outcome.unwrap_or_else(Failure::say)
}

/// Log lines go to standard error; `ANYBED_LOG=debug` shows more.
fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("ANYBED_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,netlink_packet_route=error"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    // A second subscriber cannot exist yet: this is the first line of the program.
    let _ = log.without_time().with_ansi(is_colored()).try_init();
}
