//! What a machine without a free CPU does to a run. It does the same to other tests, and so runs
//! alone (`.config/nextest.toml`).

use std::hint::spin_loop;
use std::time::{Duration, Instant};

use anybed::kernel::sys::run_first;

use crate::support::{Scene, play, skipped, wait_for_play};

/// Longer than a run may keep a process waiting, shorter than the kernel lets such a thread have a CPU.
const BUSY: Duration = Duration::from_millis(600);

#[test]
fn a_run_without_a_cpu_is_invalid() {
    play("a_run_without_a_cpu_is_invalid", Scene::of("root"), |place| {
        let (file, out) = (place.copy("topologies/two-sites.toml"), place.out("two-sites"));
        let run = place.anybed().arg("run").arg(&file).args(["--name", &place.name, "--out"]).arg(&out).start();
        wait_for_play(&out);
        if !take_all_cpus() {
            skipped(&place.name, "the privilege to run before others");
            run.wait();
            return;
        }
        let why = ["invalid", "a process waited", "ms for a CPU, more than 300 ms"];
        let done = run.wait().expect_code(5).expect_stdout(&why);
        assert!(!done.stdout.contains("\npass "), "{done}");
    });
}

/// False: not all of them could be had.
fn take_all_cpus() -> bool {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let take = || {
        let first = run_first().is_ok();
        let end = Instant::now() + BUSY;
        while first && Instant::now() < end {
            spin_loop();
        }
        first
    };
    let threads: Vec<_> = (0..cpus).map(|_| std::thread::spawn(take)).collect();
    threads.into_iter().all(|thread| thread.join().unwrap())
}
