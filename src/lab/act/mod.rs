//! Carries out the actions of the timeline and of `anybed fault`: one doer for each family of the scenario's.

pub(super) mod begun;
mod fault;
mod flood;
mod items;
mod keys;
mod look;
mod overlay;
pub(super) mod ping;
mod predicted;
mod process;
mod renumber;
mod roa;
mod rogue;
mod series;
mod site;
mod stretch;
mod verify;

use std::sync::Arc;

use anyhow::{Context, Result, anyhow};

use super::{Lab, Shared};
use crate::kernel::now;
use crate::record::What;
use crate::scenario::{Action, Origin};

impl Lab {
    /// Carries out one action and records it. Puts, audits, floods and measurements go on in the background.
    ///
    /// # Errors
    /// It cannot be done as things are (undoing what was not done), or the kernel refused.
    pub(in crate::lab) async fn act(self: &Arc<Self>, action: &Action, origin: Origin, live: bool) -> Result<()> {
        let text = action.display(&self.topology).to_string();
        let at = now();
        let done = self.carry_out(action, origin).await;
        match &done {
            Ok(()) if action.is_fault() => {
                let (verb, target) = (action.verb().into(), action.target(&self.topology).into());
                self.recorder.at(
                    at,
                    What::Fault { action: text.clone(), verb, target, deed: Some(action.deed()), done: now(), live },
                );
            }
            Ok(()) => {}
            Err(error) => self.recorder.at(at, What::Refused { action: text.clone(), reason: format!("{error:#}") }),
        }
        done.with_context(|| format!("`{text}` could not be done"))
    }

    async fn carry_out(self: &Arc<Self>, action: &Action, origin: Origin) -> Result<()> {
        match action {
            Action::Link(_)
            | Action::Process(_)
            | Action::Site(_)
            | Action::Policy(_)
            | Action::Rogue(_)
            | Action::Roa(_) => self.inflict(action, origin).await,
            Action::Overlay(act) => self.tell_overlay(act).await,
            Action::Look(act) => {
                self.look(act);
                Ok(())
            }
            Action::Series(act) => self.begin_or_end(act).await,
        }
    }

    fn background(self: &Arc<Self>, work: impl Future<Output = ()> + Send + 'static) {
        let running = self.background.clone();
        running.send_modify(|count| *count += 1);
        tokio::spawn(async move {
            work.await;
            running.send_modify(|count| *count -= 1);
        });
    }

    /// Waits until no put, audit, flood or verification is under way.
    pub(in crate::lab) async fn background_done(&self) {
        let mut running = self.background.subscribe();
        // The sender lives in self.
        let _ = running.wait_for(|count| *count == 0).await;
    }
}

/// Carries out all actions of one text, as `anybed fault` sends it.
pub(in crate::lab) async fn act_live(lab: &Shared, text: &str) -> Result<Vec<String>> {
    let actions = crate::scenario::acts::parse(text, &lab.topology);
    let actions = actions.map_err(|error| match &error.help {
        Some(help) => anyhow!("{} ({help})", error.message),
        None => anyhow!("{}", error.message),
    })?;
    let mut done = Vec::new();
    for action in &actions {
        lab.act(action, Origin::Direct, true).await?;
        done.push(action.display(&lab.topology).to_string());
    }
    Ok(done)
}
