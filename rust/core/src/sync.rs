//! What threads share, by one name: rust/model puts a scheduler's own in their place, to try the orders in which threads can
//! come. In every other build they are the real ones, and this costs nothing.

#[cfg(not(feature = "shuttle"))]
pub(crate) use {
    arc_swap::{ArcSwap, Guard},
    std::sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
};

#[cfg(feature = "shuttle")]
pub(crate) use {
    arc_swap::Guard,
    scheduled::ArcSwap,
    shuttle::sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
};

/// The real swap, with a point before each step at which another thread may come first. What happens inside of it is for
/// Miri and the thread sanitizer (rust/stress).
#[cfg(feature = "shuttle")]
mod scheduled {
    use arc_swap::Guard;
    use shuttle::thread::yield_now;
    use std::sync::Arc;

    #[derive(Debug, Default)]
    pub(crate) struct ArcSwap<T>(arc_swap::ArcSwap<T>);

    impl<T> ArcSwap<T> {
        pub(crate) fn load(&self) -> Guard<Arc<T>> {
            yield_now();
            self.0.load()
        }

        pub(crate) fn load_full(&self) -> Arc<T> {
            yield_now();
            self.0.load_full()
        }

        pub(crate) fn store(&self, value: Arc<T>) {
            yield_now();
            self.0.store(value);
        }
    }
}
