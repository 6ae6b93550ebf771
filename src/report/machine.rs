//! How the machine kept up, in words.

use crate::measure::Fidelity;
use crate::report::page::duration;

/// What the watchdog saw, most telling first; nothing if the record has none of it.
pub(crate) fn machine(fidelity: &Fidelity) -> Vec<String> {
    let percent = |share: f64| format!("{:.0} %", share * 1e2);
    let mut parts = Vec::new();
    if let Some(worst) = fidelity.worst_sched_delay_ms {
        let bound = fidelity.sched_delay_bound_ms.map_or_else(String::new, |b| format!(" of {} allowed", duration(b)));
        parts.push(format!("longest wait for a CPU {}{bound}", duration(worst)));
    }
    if let Some((mean, most)) = fidelity.cpu_busy_mean.zip(fidelity.cpu_busy_most) {
        parts.push(format!("CPUs {} busy, at most {}", percent(mean), percent(most)));
    }
    if let Some(stolen) = fidelity.cpu_stolen_most.filter(|stolen| *stolen >= 0.01) {
        parts.push(format!("up to {} taken by the hypervisor", percent(stolen)));
    }
    if let Some(wires) = fidelity.wires.as_ref().filter(|wires| wires.frames > 0) {
        parts.push(format!("wires at most {} late (p99 of a second)", duration(wires.worst_p99_ms)));
    }
    if let Some(left) = fidelity.memory_left_least {
        parts.push(format!("{} of the memory left", percent(left)));
    }
    let dropped: u64 = fidelity.backlog_drops + fidelity.receive_drops.values().sum::<u64>();
    if fidelity.worst_sched_delay_ms.is_some() || dropped > 0 {
        parts.push(match dropped {
            0 => "no packet found a buffer full".to_owned(),
            _ => format!("{dropped} packets found a buffer full"),
        });
    }
    parts
}
