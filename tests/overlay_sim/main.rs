//! Overlays in the simulated network: the machines that a lab runs, under virtual time.

mod can;
mod can_faults;
mod chord;
mod faults;
mod flood;
mod healing;
mod keyed;
mod oracle;
mod oracle_can;
mod pastry;
mod renumber;
mod schedules;
mod wire;
mod world;
