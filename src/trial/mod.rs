//! One link alone on trial: what it does to frames, property by property, over either backend.
//!
//! - [`pair`]: two namespaces and the link; `frames`: what crosses it; `subject`: both together
//! - `chances`, `times`, `queues`: the properties, each from a setting to a reading
//! - [`judge`]: whether a reading is what was asked for, and whether two backends are the same

mod chances;
mod frames;
pub mod judge;
pub mod pair;
mod queues;
mod subject;
mod times;

use anyhow::{Context, Result};

use crate::kernel::namespace::Stepper;
use crate::physics::Backend;
use judge::{Reading, Row};
use subject::Trial;

/// Puts links of these backends through the same course, one after the other. `emulated`: in a
/// machine that is emulated times mean nothing, so only order and ratio are judged.
///
/// # Errors
/// If a link cannot be made, or set.
pub async fn run(stepper: &Stepper, backends: &[Backend], emulated: bool) -> Result<Vec<Row>> {
    let mut found = Vec::new();
    for backend in backends {
        let readings = course(stepper, *backend).await;
        found.push((*backend, readings.with_context(|| format!("measure a link of {}", judge::name(*backend)))?));
    }
    Ok(judge::rows(&found, emulated))
}

async fn course(stepper: &Stepper, backend: Backend) -> Result<Vec<Reading>> {
    let mut trial = Trial::begin(stepper, backend).await?;
    let mut readings = Vec::new();
    times::measure(&mut trial, &mut readings).await?;
    chances::measure(&mut trial, &mut readings).await?;
    queues::measure(&mut trial, &mut readings).await?;
    Ok(readings)
}
