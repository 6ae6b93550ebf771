//! Options that several commands have.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::topology::{FamilyChoice, Overrides, TimerPreset};

/// How results are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    #[default]
    Text,
    Json,
}

/// What replaces the lab file's own choices.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Choices {
    /// Random choices derive from this number, instead of the lab file's
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,
    /// Address family, instead of the lab file's
    #[arg(long, value_enum)]
    pub(super) family: Option<FamilyArg>,
    /// Routing timers, instead of the lab file's
    #[arg(long, value_enum)]
    pub(super) timers: Option<TimersArg>,
    /// Take BIRD config templates from this folder; a file that is missing there is built in
    #[arg(long, value_name = "DIR")]
    pub(super) bird_configs: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum FamilyArg {
    Ipv4,
    Ipv6,
    Dual,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum TimersArg {
    Lab,
    Rfc,
    Bird,
}

impl Choices {
    /// As the option wants it.
    pub(super) fn family_name(&self) -> Option<String> {
        self.family.and_then(|family| Some(family.to_possible_value()?.get_name().to_owned()))
    }

    pub(super) fn timers_name(&self) -> Option<String> {
        self.timers.and_then(|timers| Some(timers.to_possible_value()?.get_name().to_owned()))
    }

    /// As options of a command, but for the seed.
    pub(super) fn options(&self) -> Vec<(&'static str, String)> {
        let templates = self.bird_configs.as_ref().map(|path| path.display().to_string());
        let all = [("family", self.family_name()), ("timers", self.timers_name()), ("bird-configs", templates)];
        all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    pub(super) fn overrides(&self) -> Overrides {
        Overrides {
            seed: self.seed,
            family: self.family.map(|family| match family {
                FamilyArg::Ipv4 => FamilyChoice::Ipv4,
                FamilyArg::Ipv6 => FamilyChoice::Ipv6,
                FamilyArg::Dual => FamilyChoice::Dual,
            }),
            timers: self.timers.map(|timers| match timers {
                TimersArg::Lab => TimerPreset::Lab,
                TimersArg::Rfc => TimerPreset::Rfc,
                TimersArg::Bird => TimerPreset::Bird,
            }),
        }
    }
}
