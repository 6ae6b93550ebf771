//! Many runs at once: simulations of one thread each, on all CPUs; labs that mostly wait, in pairs.

use std::sync::Mutex;

use anyhow::Result;

/// Labs that mostly wait, whose numbers are seconds of timers and who reached whom, are played so many at once.
const LABS_AT_ONCE: usize = 2;

/// Does all of these, on as many threads as there are CPUs; results in the order of the jobs.
pub(super) fn in_parallel<J: Sync, R: Send>(jobs: &[J], run: impl Fn(&J) -> R + Sync) -> Vec<R> {
    on_threads(std::thread::available_parallelism().map_or(1, usize::from), jobs, run)
}

/// What came of those jobs of which this holds, in their order.
pub(super) fn runs_of<'r, J, R>(
    jobs: &'r [J],
    runs: &'r [R],
    is: impl Fn(&J) -> bool + 'r,
) -> impl Iterator<Item = &'r R> {
    jobs.iter().zip(runs).filter(move |(job, _)| is(job)).map(|(_, run)| run)
}

/// Plays labs, two at a time; results in the order of the jobs.
///
/// # Errors
/// The first of the jobs' errors.
pub(super) fn labs_in_pairs<J: Sync, R: Send>(jobs: &[J], play: impl Fn(&J) -> Result<R> + Sync) -> Result<Vec<R>> {
    on_threads(LABS_AT_ONCE, jobs, play).into_iter().collect()
}

fn on_threads<J: Sync, R: Send>(most: usize, jobs: &[J], run: impl Fn(&J) -> R + Sync) -> Vec<R> {
    let threads = most.min(jobs.len().max(1));
    let next = Mutex::new(jobs.iter().enumerate());
    let done = Mutex::new(Vec::with_capacity(jobs.len()));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                // A thread that panicked has shown why already.
                while let Some((at, job)) = next.lock().ok().and_then(|mut next| next.next()) {
                    let one = run(job);
                    if let Ok(mut done) = done.lock() {
                        done.push((at, one));
                    }
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_default();
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, one)| one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_jobs() {
        let jobs: Vec<u64> = (1..=100).collect();
        assert_eq!(in_parallel(&jobs, |n| n * 2), (1..=100).map(|n| n * 2).collect::<Vec<_>>());
        assert!(in_parallel(&[], |n: &u64| *n).is_empty());
    }
}
