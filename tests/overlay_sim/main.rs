//! Overlays in the simulated network: the machines that a lab runs, under virtual time.

mod chord;
mod faults;
mod healing;
mod islands;
mod renumber;
mod sharing;
mod wire;
mod world;
