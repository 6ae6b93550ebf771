//! Overlays in the simulated network: the machines that a lab runs, under virtual time.

mod asking;
mod can;
mod can_faults;
mod chord;
mod churn;
mod crowd;
mod dispatch;
mod faults;
mod flood;
mod healing;
mod islands;
mod keyed;
mod large;
mod layered;
mod merging;
mod oracle;
mod oracle_can;
mod pastry;
mod ports;
mod renumber;
mod schedules;
mod searching;
mod sharing;
mod supernodes;
mod wire;
mod world;
