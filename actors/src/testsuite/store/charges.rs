//! Charges in these tables.

use futures_util::future::BoxFuture;

use super::{MemoryStore, lock};
use crate::domain::{AiCall, MeterKey, NodeId};
use crate::ports::{Charge, ChargeEnd, Charged, Charges, Closing, StoreError};

/// A charge whose answer is under way.
#[derive(Clone, Debug)]
pub(super) struct Open {
    keys: Vec<MeterKey>,
    holder: Option<NodeId>,
}

impl Charges for MemoryStore {
    fn charge(&self, charge: Charge) -> BoxFuture<'_, Result<Charged, StoreError>> {
        self.read(move |tables| {
            if tables.charges.contains_key(&charge.id) {
                return Charged::Counted(Vec::new());
            }
            let used = |tables: &super::Tables, key| tables.meters.get(key).copied().unwrap_or_default();
            for meter in &charge.meters {
                let used = used(tables, &meter.key);
                if used >= meter.limit {
                    return Charged::OverLimit { meter: *meter, used };
                }
            }
            let mut counts = Vec::new();
            for meter in &charge.meters {
                let used = tables.meters.entry(meter.key).or_default();
                *used += 1;
                counts.push(*used);
            }
            let keys = charge.meters.iter().map(|meter| meter.key).collect();
            tables.charges.insert(charge.id, Open { keys, holder: tables.life });
            Charged::Counted(counts)
        })
    }

    fn close(&self, closing: Closing) -> BoxFuture<'_, Result<Vec<MeterKey>, StoreError>> {
        self.read(move |tables| {
            tables.outside_calls.extend(closing.calls);
            let Some(open) = tables.charges.remove(&closing.id) else { return Vec::new() };
            match closing.end {
                ChargeEnd::Kept => Vec::new(),
                ChargeEnd::GivenBack => tables.give_back(open.keys),
            }
        })
    }

    fn of_dead_nodes(&self, limit: usize) -> BoxFuture<'_, Result<Vec<MeterKey>, StoreError>> {
        self.read(move |tables| {
            let dead: Vec<_> = tables
                .charges
                .iter()
                .filter(|(_, open)| open.holder != tables.life)
                .map(|(id, _)| *id)
                .take(limit)
                .collect();
            let keys = dead.iter().filter_map(|id| tables.charges.remove(id)).flat_map(|open| open.keys);
            let keys = keys.collect();
            tables.give_back(keys)
        })
    }
}

impl super::Tables {
    fn give_back(&mut self, keys: Vec<MeterKey>) -> Vec<MeterKey> {
        for key in &keys {
            let used = self.meters.entry(*key).or_default();
            *used = used.saturating_sub(1);
        }
        keys
    }
}

impl MemoryStore {
    /// Calls that were made outside of rooms, in the order of their ends.
    #[must_use]
    pub fn outside_calls(&self) -> Vec<AiCall> {
        lock(&self.0).outside_calls.clone()
    }

    /// Charges whose answers are under way.
    #[must_use]
    pub fn open_charges(&self) -> usize {
        lock(&self.0).charges.len()
    }
}
