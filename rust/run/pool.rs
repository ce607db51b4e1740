//! Thread pools, kept between runs. A pool does not survive a fork, so each process has its own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::{Error, Result};

type Pools = HashMap<(u32, usize), Arc<ThreadPool>>;
static POOLS: Mutex<Option<Pools>> = Mutex::new(None);

/// This process's pool of `threads` threads.
///
/// # Errors
/// If the system cannot start the threads.
pub fn with_threads(threads: usize) -> Result<Arc<ThreadPool>> {
    let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    let pools = pools.get_or_insert_default();
    let key = (std::process::id(), threads);
    if let Some(pool) = pools.get(&key) {
        return Ok(pool.clone());
    }
    // A forked child inherits pools whose threads stayed in the parent: joining them would wait for ever.
    let (own, inherited) = pools.drain().partition(|((process, _), _)| *process == key.0);
    *pools = own;
    std::mem::forget::<Pools>(inherited);
    let pool =
        ThreadPoolBuilder::new().num_threads(threads).thread_name(|i| format!("langevin-{i}")).build().map_err(
            |error| Error::invalid(format!("threads={threads}: cannot start them ({error}); ask for fewer")),
        )?;
    Ok(pools.entry(key).or_insert(Arc::new(pool)).clone())
}

/// A part of some work.
pub type Task<'a> = Box<dyn FnOnce() + Send + 'a>;

/// How many of some things go into a task, so that threads are busy to the end.
pub fn share(things: usize, pool: Option<&ThreadPool>) -> usize {
    things.div_ceil(pool.map_or(1, |pool| 8 * pool.current_num_threads())).max(1)
}

/// Does tasks, in any order where there is a pool. They are boxed: what hands them to threads is compiled once for all.
pub fn all(tasks: Vec<Task>, pool: Option<&ThreadPool>) {
    match pool {
        None => tasks.into_iter().for_each(|task| task()),
        Some(pool) => pool.scope(|scope| tasks.into_iter().for_each(|task| scope.spawn(|_| task()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pools_are_kept_between_runs_of_different_sizes() -> Result<()> {
        let (two, three) = (with_threads(2)?, with_threads(3)?);
        assert_eq!((two.current_num_threads(), three.current_num_threads()), (2, 3));
        assert!(Arc::ptr_eq(&two, &with_threads(2)?));
        assert!(Arc::ptr_eq(&three, &with_threads(3)?));
        Ok(())
    }
}
