//! Measurements at one moment. They go on in the background.

use std::sync::Arc;

use super::{ping, stretch};
use crate::lab::Lab;
use crate::scenario::LookAct;
use crate::scenario::scope::pinged;

impl Lab {
    pub(super) fn look(self: &Arc<Self>, act: &LookAct) {
        let lab = self.clone();
        match act {
            LookAct::Ping { parts } => {
                let nodes = pinged(parts, &self.topology);
                self.background(async move { ping::ping(&lab, &nodes).await });
            }
            LookAct::Stretch(group) => {
                let group = *group;
                self.background(async move { stretch::stretch(&lab, group).await });
            }
            LookAct::Catchment { group } => {
                let group = *group;
                self.background(async move { lab.record_survey(group).await });
            }
        }
    }
}
