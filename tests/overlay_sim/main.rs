//! Overlays in the simulated network: the machines that a lab runs, under virtual time.

mod chord;
mod faults;
mod flood;
mod healing;
mod oracle;
mod pastry;
mod keyed;
mod renumber;
mod schedules;
mod wire;
mod world;
