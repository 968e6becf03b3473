//! What waits for an answer from elsewhere: from the user's actor, the archive or the journal.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::Ticket;

/// Things by the ticket of the question that was asked for them. Who waits too long is dropped, and a responder that is
/// dropped answers `outcome_unknown`.
pub(super) struct Waiting<T> {
    by_ticket: HashMap<Ticket, (Instant, T)>,
}

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Self { by_ticket: HashMap::new() }
    }
}

impl<T> Waiting<T> {
    pub fn insert(&mut self, ticket: Ticket, waits: T) {
        self.by_ticket.insert(ticket, (Instant::now(), waits));
    }

    /// `None`: it waited too long, or nobody asked.
    pub fn take(&mut self, ticket: Ticket) -> Option<T> {
        self.by_ticket.remove(&ticket).map(|(_, waits)| waits)
    }

    pub fn holds(&self, ticket: Ticket) -> bool {
        self.by_ticket.contains_key(&ticket)
    }

    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.by_ticket.values().map(|(_, waits)| waits)
    }

    pub fn len(&self) -> usize {
        self.by_ticket.len()
    }

    pub fn expire(&mut self, deadline: Duration) {
        self.by_ticket.retain(|_, (since, _)| since.elapsed() < deadline);
    }
}
