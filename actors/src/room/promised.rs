//! Replies that have been promised but have not begun.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Replies that a message on its way to the journal asks for: they count as open before they begin, so that a drain
/// which sees none open has truly nothing to wait for.
pub(super) struct Promised {
    open_on_node: Arc<AtomicUsize>,
    replies: usize,
}

impl Promised {
    pub fn new(open_on_node: &Arc<AtomicUsize>, replies: usize) -> Self {
        open_on_node.fetch_add(replies, Relaxed);
        Self { open_on_node: open_on_node.clone(), replies }
    }
}

impl Drop for Promised {
    fn drop(&mut self) {
        self.open_on_node.fetch_sub(self.replies, Relaxed);
    }
}
