//! Overlays in the simulated network: the machines that a lab runs, under virtual time.

mod chord;
mod faults;
mod healing;
mod large;
mod renumber;
mod wire;
mod world;
