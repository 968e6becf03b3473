//! Which worker threads have sockets in which room, and how many sockets a room has.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use greenroom_actors::domain::RoomId;

use super::ShardIndex;

/// Rooms are spread over this many locks, so that joins do not hold up the fan-out.
const STRIPES: usize = 16;

/// For each room the workers that have sockets in it, and how many.
type Places = HashMap<RoomId, Vec<(ShardIndex, u32)>>;

#[derive(Default)]
pub(in crate::realtime) struct Rooms {
    stripes: [RwLock<Places>; STRIPES],
}

impl Rooms {
    fn stripe(&self, room: RoomId) -> &RwLock<Places> {
        // The last bytes of a version 7 id are random.
        &self.stripes[usize::from(room.uuid().as_bytes()[15]) % STRIPES]
    }

    fn read(&self, room: RoomId) -> RwLockReadGuard<'_, Places> {
        self.stripe(room).read().unwrap_or_else(PoisonError::into_inner)
    }

    /// A socket of this worker joins. From here on the worker gets the room's events.
    pub(in crate::realtime) fn join(&self, room: RoomId, shard: ShardIndex) {
        let mut stripe = self.stripe(room).write().unwrap_or_else(PoisonError::into_inner);
        let shards = stripe.entry(room).or_default();
        match shards.iter_mut().find(|(index, _)| *index == shard) {
            Some((_, sockets)) => *sockets += 1,
            None => shards.push((shard, 1)),
        }
    }

    pub(in crate::realtime) fn leave(&self, room: RoomId, shard: ShardIndex) {
        let mut stripe = self.stripe(room).write().unwrap_or_else(PoisonError::into_inner);
        let Some(shards) = stripe.get_mut(&room) else { return };
        if let Some(position) = shards.iter().position(|(index, _)| *index == shard) {
            shards[position].1 -= 1;
            if shards[position].1 == 0 {
                shards.swap_remove(position);
            }
        }
        if shards.is_empty() {
            stripe.remove(&room);
        }
    }

    pub(super) fn shards(&self, room: RoomId) -> Vec<ShardIndex> {
        self.read(room).get(&room).into_iter().flatten().map(|(shard, _)| *shard).collect()
    }

    /// Sockets that joined the room.
    pub(super) fn sockets(&self, room: RoomId) -> usize {
        self.read(room).get(&room).into_iter().flatten().map(|(_, sockets)| *sockets as usize).sum()
    }

    pub(super) fn count(&self) -> u64 {
        self.stripes
            .iter()
            .map(|stripe| stripe.read().unwrap_or_else(PoisonError::into_inner).len() as u64)
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_hears_of_a_room_from_its_first_socket_to_its_last() {
        let (rooms, room) = (Rooms::default(), RoomId::new());
        rooms.join(room, 1);
        rooms.join(room, 1);
        rooms.join(room, 0);
        assert_eq!((rooms.shards(room), rooms.sockets(room), rooms.count()), (vec![1, 0], 3, 1));
        rooms.leave(room, 1);
        assert_eq!(rooms.shards(room), [1, 0]);
        rooms.leave(room, 1);
        assert_eq!(rooms.shards(room), [0]);
        rooms.leave(room, 0);
        rooms.leave(room, 0);
        assert_eq!((rooms.shards(room).len(), rooms.count()), (0, 0));
    }
}
