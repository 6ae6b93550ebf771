//! The questions, and what has been published of each.

use super::Entry;

macro_rules! entries {
    ($($id:ident $name:literal $title:literal $([$($about:literal),+])? $published:literal;)+) => {
        /// In the order of their numbers.
        pub const ENTRIES: &[Entry] = &[$(Entry {
            id: stringify!($id),
            name: $name,
            text: include_str!(concat!("../../topologies/", $name, ".toml")),
            title: $title,
            published: $published,
            about: &[$($($about),+)?],
        }),+];
    };
}

entries! {
    E1 "detour" "Does anycast lead to the nearest site?"
        "Not always: more than 95 % of users go a longer way to the root name servers than they need to, and 35 % to a \
         large CDN (Koch et al., SIGCOMM 2021).";
    E2 "more-sites" "Does one more site help?"
        "A few sites are enough for short ways, and some make them longer: 12 of 15 sites are 33 ms quicker on average \
         (AnyOpt, SIGCOMM 2021).";
    E3 "regional" "One prefix for the world, or one for each region?"
        "With regional prefixes the slowest tenth of clients is 58.7 to 78.6 % quicker (SIGCOMM 2023).";
    E4 "providers" "Through which providers is a site announced?"
        "For 30 % of groups of vantage points some subset of providers is at least a quarter quicker than all of them \
         (Taming Anycast).";
    E5 "pairs" "Do pairs of sites say what all sites together do?"
        "94.7 % of catchments are as experiments with pairs predict (AnyOpt, SIGCOMM 2021).";
    E6 "failover" "A site says that it goes" ["said"]
        "Nothing in numbers. Neighbors already have the other route.";
    E7 "failover" "A site's routing daemon is killed" ["crash"]
        "Nothing in numbers. Its kernel closes the connection, which is seen at once.";
    E8 "failover" "A site's link loses its carrier" ["cut"]
        "Nothing in numbers. The session ends with the interface.";
    E9 "failover" "A site falls silent" ["silent: not before", "silent: the hold time", "silent: the longer"]
        "As long as the hold time: RFC 4271 suggests 90 s.";
    E10 "failover" "A site falls silent, and BFD listens" ["silent: BFD"]
        "Detection takes the interval times the multiplier (RFC 5880, section 6.8.4).";
    E11 "last-site" "How an address without sites dies" ["the last one", "and nobody"]
        "Slowly: by path hunting, in minutes in the Internet (Labovitz et al., SIGCOMM 2000).";
    E12 "mrai" "What an interval between announcements costs"
        "30 s between two announcements of a prefix, by RFC 4271's suggestion; in cliques the time of path hunting grows \
         with it (docs/daemons.md has a table).";
    E13 "last-site" "One of several sites goes" ["at first", "one of two", "and lose", "routers tell"]
        "Nothing in numbers. Neighbors already have the other route: nothing is hunted for.";
    E14 "affinity" "What becomes of open connections?"
        "About 1 % of vantage points see unstable catchments, and TCP suffers for 0.15 % of pairs of vantage point and \
         root letter (Wei and Heidemann 2018).";
    E15 "prepending" "How far does prepending move clients?"
        "Playbooks list it among what operators do against floods (Rizvi et al.).";
    E16 "local-sites" "Sites for the neighbors only"
        "RFC 4786, section 4.4.2, has local nodes, and what keeps them local.";
    E17 "med" "What does MED decide?"
        "It is compared among routes of one neighbor AS only (RFC 4271, section 9.1.2.2).";
    E18 "hidden-backup" "Can a site go without loss?"
        "Graceful shutdown is there to cut the loss of a withdrawal behind which a backup is hidden (RFC 8326).";
    E19 "damping" "A site that flaps is punished"
        "At least 9 % of measured ASes damp routes, most with defaults that are advised against (Gray et al. 2020); \
         a withdrawal costs 1000 points.";
    E20 "hijack" "Somebody else announces the address"
        "Nothing in numbers: with the same prefix whoever is nearer to the hijacker, with a longer one everybody.";
    E21 "rov" "Whom does route origin validation protect?"
        "Nothing in numbers: those whose packets do not go by way of somebody who does not look (RFC 6811).";
    E22 "leak" "A customer passes on what it should not"
        "Route leaks are a cause of bad catchments (Li et al., SIGCOMM 2018); RFC 9234 has roles against them.";
    E23 "graceful-restart" "Does graceful restart help a host that announces?"
        "RFC 4724 keeps routes of a neighbor whose forwarding goes on; a dead host's does not.";
    E24 "frozen-site" "The service hangs, and BGP is up"
        "Routing and service must share their fate (RFC 4786, section 4.4.1).";
    E25 "absorb" "Absorb a flood, or withdraw the site?"
        "A site that is withdrawn under load hands the load to the next one (Rizvi et al.).";
    E26 "older" "A site comes back: do its clients?"
        "Not where the older route is preferred (RFC 5004): the order of announcements is a reason why pairs of sites do \
         not predict all (AnyOpt, SIGCOMM 2021).";
    E27 "worse-metric" "A dead site with a longer path instead of none"
        "Nothing in numbers; health checks that change a metric instead of withdrawing are a common choice.";
    E28 "two-exchanges" "Who answers whom at exchanges?"
        "Nothing in numbers: a route server tells each client one route, and hides others (RFC 7947, section 2.3).";
    E29 "rtr" "What do validators believe that are cut off from their server?"
        "What it has said last, until that expires: two hours after the last word, or what the server says, ten minutes \
         at least (RFC 8210 §6).";
}
