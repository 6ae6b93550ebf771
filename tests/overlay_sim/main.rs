//! Overlays in the simulated network: the machines that a lab runs, under virtual time.

mod can;
mod can_faults;
mod chord;
mod faults;
mod healing;
mod oracle_can;
mod renumber;
mod wire;
mod world;
