//! What is set of a session while a lab runs: `set LINK prepend=3`.

use std::fmt;

use super::communities::read_community;
use super::id::{GroupId, LinkId, NodeId};
use super::model::Topology;
use super::policy::{Community, Direction, MOST_PREPENDS, Pattern, Policy, Then, Which};

/// What is said, and nothing of what is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// 0 takes back what the file says of all routes.
    prepend: Option<u8>,
    weight: Option<u16>,
    local_pref: Option<u32>,
    med: Option<u32>,
    add: Vec<Community>,
    remove: Vec<Community>,
    reject: Option<bool>,
}

impl Change {
    pub const KEYS: [&'static str; 7] = ["prepend", "weight", "local_pref", "med", "add", "remove", "reject"];

    /// Whether it names a weight, which not every daemon has.
    pub fn has_weight(&self) -> bool {
        self.weight.is_some()
    }

    /// # Errors
    /// The key has no such value: why, and what to write.
    pub fn set(&mut self, key: &str, value: &str, topology: &Topology) -> Result<(), String> {
        let number = |most: u32| {
            let read = value.parse().ok().filter(|number| *number <= most);
            read.ok_or_else(|| format!("`{key}` must be from 0 to {most}"))
        };
        match key {
            "prepend" => self.prepend = Some(number(MOST_PREPENDS.into())? as u8),
            "weight" => self.weight = Some(number(u16::MAX.into())? as u16),
            "local_pref" => self.local_pref = Some(number(u32::MAX)?),
            "med" => self.med = Some(number(u32::MAX)?),
            "add" => self.add.push(community(value, topology)?),
            "remove" => self.remove.push(community(value, topology)?),
            _ => match value {
                "yes" => self.reject = Some(true),
                "no" => self.reject = Some(false),
                _ => return Err("`reject` must be `yes` or `no`".to_owned()),
            },
        }
        Ok(())
    }

    /// What `later` says wins.
    pub fn take(&mut self, later: &Self) {
        self.prepend = later.prepend.or(self.prepend);
        self.weight = later.weight.or(self.weight);
        self.local_pref = later.local_pref.or(self.local_pref);
        self.med = later.med.or(self.med);
        self.reject = later.reject.or(self.reject);
        let new = |had: &[Community], more: &[Community]| more.iter().filter(|c| !had.contains(c)).copied().collect();
        let (add, remove): (Vec<_>, Vec<_>) = (new(&self.add, &later.add), new(&self.remove, &later.remove));
        self.add.extend(add);
        self.remove.extend(remove);
    }
}

fn community(text: &str, topology: &Topology) -> Result<Community, String> {
    read_community(text, topology).map_err(|wrong| format!("{}: {}", wrong.message, wrong.label))
}

/// As [`Change::set`] reads it.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |key, value: Option<u32>| value.map(|value| format!("{key}={value}"));
        let first = [
            number("prepend", self.prepend.map(u32::from)),
            number("weight", self.weight.map(u32::from)),
            number("local_pref", self.local_pref),
            number("med", self.med),
        ];
        let add = self.add.iter().map(|community| format!("add={community}"));
        let remove = self.remove.iter().map(|community| format!("remove={community}"));
        let reject = self.reject.map(|yes| format!("reject={}", if yes { "yes" } else { "no" }));
        let all: Vec<String> = first.into_iter().flatten().chain(add).chain(remove).chain(reject).collect();
        f.write_str(&all.join(" "))
    }
}

impl Topology {
    /// Changes the rules of one end of a session. Those of the file come first, but for what they prepend to all
    /// routes, which gives way. `weight` and `local_pref` are about what is heard, everything else about what is announced.
    pub fn change_policy(&mut self, at: NodeId, link: LinkId, group: Option<GroupId>, change: &Change) {
        let prefixes = group.iter().flat_map(|group| self.groups[group.0].prefixes());
        let which =
            Which { prefixes: prefixes.map(|prefix| Pattern { prefix, longer: false }).collect(), ..Which::default() };
        if group.is_none() && change.prepend.is_some() {
            let here = |rule: &&mut Policy| (rule.at, rule.link, rule.direction) == (at, link, Direction::Export);
            let all = self.policies.iter_mut().filter(here).filter(|rule| rule.which == Which::default());
            all.for_each(|rule| rule.then.prepend = 0);
        }
        let told = Then {
            prepend: change.prepend.unwrap_or(0),
            med: change.med,
            add: change.add.clone(),
            remove: change.remove.clone(),
            reject: change.reject == Some(true),
            weight: None,
            local_pref: None,
        };
        let heard = Then { weight: change.weight, local_pref: change.local_pref, ..Then::default() };
        for (direction, then) in [(Direction::Export, told), (Direction::Import, heard)] {
            if then != Then::default() {
                self.policies.push(Policy { at, link, direction, which: which.clone(), then });
            }
        }
    }
}
