//! One of the runs of a lab file: what is set otherwise than the file and the command line have it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::daemons::Daemons;
use super::{Choices, Failure, check};
use crate::scenario::{self, Scenario, Setting};
use crate::topology::{Diagnostics, Overrides, Topology};

/// One of the runs: what is set otherwise than the lab file and the command line have it.
#[derive(Clone, Debug, Default)]
pub(super) struct Variant {
    pub(super) settings: Vec<Setting>,
    /// Instead of what the lab file and the command line say.
    pub(super) seed: Option<u64>,
    /// Of its own, in a series.
    pub(super) out: Option<PathBuf>,
}

impl Variant {
    pub(super) fn load(&self, file: &Path, choices: &Choices) -> Result<(Topology, Scenario), Failure> {
        self.read(file, choices).map_err(|problems| check::refused(&problems))
    }

    pub(super) fn read(&self, file: &Path, choices: &Choices) -> Result<(Topology, Scenario), Diagnostics> {
        let overrides = choices.overrides();
        let overrides = Overrides { seed: self.seed.or(overrides.seed), ..overrides };
        scenario::read_set(file, &self.settings, &overrides)
    }

    pub(super) fn settings(&self) -> BTreeMap<String, String> {
        self.settings.iter().map(|setting| (setting.key.clone(), setting.value.clone())).collect()
    }

    /// What plays this run alone; `None`: what was typed does.
    pub(super) fn command(&self, file: &Path, choices: &Choices, daemons: &Daemons) -> Option<String> {
        self.out.as_ref()?;
        let mut words = vec!["run".to_owned(), file.display().to_string()];
        let mut option =
            |name: &str, value: Option<String>| words.extend(value.map(|value| format!("--{name}={value}")));
        option("seed", self.seed.map(|seed| seed.to_string()));
        for setting in &self.settings {
            option("sweep", Some(setting.to_string()));
        }
        let given = choices.options().into_iter().chain(daemons.options());
        given.for_each(|(name, value)| option(name, Some(value)));
        Some(crate::lab::facts::command(words.into_iter()))
    }

    pub(super) fn title(&self, topology: &Topology) -> String {
        let settings = self.settings.iter().filter(|setting| !setting.is_of_lab("seed"));
        let mut parts: Vec<String> = settings.map(ToString::to_string).collect();
        parts.push(format!("seed {}", topology.seed));
        parts.join(", ")
    }
}
