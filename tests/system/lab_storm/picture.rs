//! A lab's state as its kernels, BIRDs and processes tell it, to be compared with what it was.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::support::Lab;

/// What is known, in lines: those of each section, in whatever order they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Picture(BTreeMap<String, BTreeSet<String>>);

/// Inside the sandbox, all nodes at once: a command outside costs as much as ten of these.
const LOOK: &str = r#"
for name in /run/netns/*; do
    node=${name##*/}
    echo "== $node links"; ip -n $node -o link
    echo "== $node addresses"; ip -n $node -o addr
    echo "== $node ipv4 routes"; ip -n $node -o -4 route show table all
    echo "== $node ipv6 routes"; ip -n $node -o -6 route show table all
    echo "== $node neighbors"; ip -n $node neigh show nud permanent
    echo "== $node disciplines"; tc -n $node qdisc
    socket=/run/anybed/$node.ctl
    if [ -S $socket ]; then
        # Without the time of the last change. What does not answer is dead or stopped.
        echo "== $node sessions"
        timeout 2 birdc -s $socket show protocols | tail -n +3 | awk '{ print $1, $2, $4, $6, $7, $8 }'
        echo "== $node adjacencies"
        for family in ipv4 ipv6; do
            timeout 2 birdc -s $socket "show ospf neighbors 'igp-$family'" |
                awk -v family=$family '/^[0-9]+\./ { print family, $1, $3, $5 }'
        done
    fi
done
echo "== processes"
for pid in /proc/[0-9]*; do
    words=$(tr '\0' ' ' <$pid/cmdline 2>/dev/null)
    case $words in
        sh*) ;;
        *bird\ -f*|*node\ --config*) echo "$words$(awk '/^State/ { print $2 == "T" ? "stopped" : "alive" }' $pid/status)" ;;
    esac
done
"#;

impl Picture {
    pub(super) fn of(lab: &Lab<'_>, node: &str) -> Self {
        let text = lab.exec_args(node, &["sh", "-c", LOOK]).ok().stdout;
        let mut sections: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut section = String::new();
        for line in text.lines() {
            match line.strip_prefix("== ") {
                Some(name) => {
                    name.clone_into(&mut section);
                    sections.entry(section.clone()).or_default();
                }
                None => {
                    sections.entry(section.clone()).or_default().insert(sorted_paths(line));
                }
            }
        }
        assert!(sections.len() > 20, "a picture of nothing:\n{text}");
        Self(sections)
    }

    /// What differs, in lines; `None`: nothing.
    pub(super) fn difference(&self, now: &Self) -> Option<String> {
        let none = BTreeSet::new();
        let names: BTreeSet<&String> = self.0.keys().chain(now.0.keys()).collect();
        let mut lines = Vec::new();
        for name in names {
            let (before, after) = (self.0.get(name).unwrap_or(&none), now.0.get(name).unwrap_or(&none));
            lines.extend(before.difference(after).map(|line| format!("{name}: - {line}\n")));
            lines.extend(after.difference(before).map(|line| format!("{name}: + {line}\n")));
        }
        (!lines.is_empty()).then(|| lines.concat())
    }
}

impl fmt::Display for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} lines in {} sections", self.0.values().map(BTreeSet::len).sum::<usize>(), self.0.len())
    }
}

/// The next hops of a route come in any order.
fn sorted_paths(line: &str) -> String {
    let mut pieces: Vec<_> = line.split('\\').map(str::trim).collect();
    if let Some((_, hops)) = pieces.split_first_mut() {
        hops.sort_unstable();
    }
    pieces.join(" ")
}
