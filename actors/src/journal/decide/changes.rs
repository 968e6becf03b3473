//! Changes of a room's members, characters and settings. Who may is the room's affair; here is what fits.

use super::{ChangeRow, Locked, RoomRow, Writes, advance, open};
use crate::domain::RoomId;
use crate::ports::{Change, Outcome, Refused};
use crate::protocol::RoomChange;

pub(super) fn change(room: RoomId, change: &Change, locked: &mut Locked, writes: &mut Writes) -> Outcome {
    if let Some(revision) = locked.done.get(&change.id) {
        return Outcome::Stored { revision: *revision };
    }
    if !open(locked, room) {
        return Outcome::NoRoom;
    }
    if let RoomChange::Details(details) = &change.what
        && let Some(slug) = &details.slug
    {
        if locked.slugs.get(slug).is_some_and(|owner| *owner != room) {
            return Outcome::Refused(Refused::SlugTaken);
        }
        locked.slugs.insert(slug.clone(), room);
    }
    if let RoomChange::AddMember(member) = &change.what {
        // Who comes back has read nothing.
        locked.reads.remove(&(room, member.id));
    }
    let revision = advance(locked, writes, room);
    locked.done.insert(change.id, revision);
    writes.changes.push(ChangeRow {
        id: change.id,
        room,
        revision,
        by: change.by,
        kind: kind(&change.what),
        at: change.at,
    });
    writes.rooms.push(RoomRow { room, revision, at: change.at, what: change.what.clone() });
    Outcome::Stored { revision }
}

fn kind(what: &RoomChange) -> &'static str {
    match what {
        RoomChange::AddMember(_) => "member.add",
        RoomChange::RemoveMember(_) => "member.remove",
        RoomChange::Owner(_) => "owner",
        RoomChange::AddCharacter(_) => "character.add",
        RoomChange::RemoveCharacter(_) => "character.remove",
        RoomChange::Details(_) => "details",
        RoomChange::Feature(_) => "feature",
    }
}
