//! What the journal locks in these tables, and what it writes.

use super::{Tables, Turn};
use crate::domain::{
    Changes, CharacterId, Message, MessageId, NodeId, Reply, ReplyState, Revision, RoomId, Sender,
};
use crate::journal::decide::{Locked, LockedTurn, NewMemory, RoomRow, Touched, Writes};
use crate::ports::{Entry, StoredBefore};
use crate::protocol::{Featured, RoomChange};

impl Tables {
    pub(super) fn lock_for(&self, batch: &[Entry]) -> Locked {
        let touched = Touched::of(batch);
        let mut locked = Locked::default();
        for room in touched.rooms {
            locked.heads.extend(self.heads.get(&room).map(|head| (room, *head)));
        }
        for id in touched.turns {
            let turn =
                self.turns.get(&id).map(|turn| LockedTurn { fence: turn.open.fence, ended: turn.ended });
            locked.turns.extend(turn.map(|turn| (id, turn)));
        }
        for key in touched.meters {
            locked.meters.extend(self.meters.get(&key).map(|used| (key, *used)));
        }
        for key in touched.reads {
            locked.reads.extend(self.reads.get(&key).map(|mark| (key, *mark)));
        }
        for (room, sender, client_id) in touched.client_keys {
            let message = self
                .messages
                .range((room, 0)..=(room, Revision::MAX))
                .map(|(_, message)| message)
                .find(|message| message.sender.uuid() == sender && message.client_id == client_id);
            if let Some(message) = message {
                let replies = self.replies(message.id);
                let before = StoredBefore { message: message.clone(), replies };
                locked.before.insert((room, sender, client_id), before);
            }
        }
        for id in &touched.messages {
            let Some(message) = self.messages.values().find(|message| message.id == *id) else { continue };
            let mut replies = self.replies(*id);
            replies.retain(|reply| reply.state != ReplyState::Done);
            locked.messages.insert(*id, Message { replies, ..message.clone() });
        }
        let wanted = |key: &(MessageId, u16)| touched.variants.contains(&key.0);
        locked.variants = self
            .variants
            .iter()
            .filter(|(key, _)| wanted(key))
            .map(|(key, text)| (*key, text.clone()))
            .collect();
        locked.done = touched.changes.iter().filter_map(|id| Some((*id, *self.done.get(id)?))).collect();
        locked.slugs = self.rooms.iter().map(|(id, room)| (room.details.slug.clone(), *id)).collect();
        locked
    }

    /// All replies that this message asked for.
    fn replies(&self, asked: MessageId) -> Vec<Reply> {
        let mut replies: Vec<Reply> = self
            .turns
            .values()
            .filter(|turn| turn.open.asked == asked)
            .map(|turn| Reply {
                character: turn.open.character,
                message: turn.open.message,
                state: turn.state,
                code: None,
            })
            .collect();
        replies.sort_by_key(|reply| reply.message);
        replies
    }

    pub(super) fn apply(&mut self, writes: Writes) {
        let life = self.life.unwrap_or_else(NodeId::new);
        for (room, last) in writes.heads {
            self.heads.entry(room).and_modify(|head| head.last = last);
        }
        for new in writes.messages {
            let message = Message {
                id: new.id,
                room: new.room,
                offset: new.offset,
                revision: new.offset,
                sender: new.sender,
                client_id: new.client_id,
                kind: new.kind,
                content: new.content,
                attachment: new.attachment,
                reply_to: new.reply_to,
                finish: new.finish,
                replies: Vec::new(),
                changes: Changes::default(),
                created_at: new.created_at,
            };
            let taken = self.messages.insert((new.room, new.offset), message);
            assert!(taken.is_none(), "an offset is given once");
        }
        for (id, revision) in writes.changed {
            if let Some(message) = self.messages.values_mut().find(|message| message.id == id) {
                message.revision = revision;
            }
        }
        for (id, new) in writes.amended {
            if let Some(message) = self.messages.values_mut().find(|message| message.id == id) {
                let revision = new.revision.max(message.revision);
                *message = Message { replies: Vec::new(), revision, ..new };
            }
        }
        for id in writes.erased {
            self.variants.retain(|(of, _), _| *of != id);
            self.memories.retain(|memory| memory.message != id);
        }
        for (room, place) in writes.reworded {
            self.summaries.retain(|(of, _), summary| *of != room || summary.up_to < place);
        }
        for (key, row) in writes.variants {
            self.variants.insert(key, row.variant);
        }
        self.done.extend(writes.changes.iter().map(|change| (change.id, change.revision)));
        for row in &writes.rooms {
            self.change_room(row);
        }
        self.meters.extend(writes.meters);
        for open in writes.opened {
            let turn = Turn {
                holder: life,
                state: ReplyState::Queued,
                ended: None,
                draft: None,
                trouble: None,
                open,
            };
            self.turns.insert(turn.open.message, turn);
        }
        for ended in writes.ended {
            if let Some(turn) = self.turns.get_mut(&ended.turn) {
                assert!(turn.ended.is_none(), "a turn ends once");
                turn.ended = Some(ended.revision);
                turn.state = ended.state;
                (turn.draft, turn.trouble) = (None, ended.trouble);
            }
        }
        for new in writes.calls {
            if !self.calls.iter().any(|known| known.call.id == new.call.id) {
                self.calls.push(new);
            }
        }
        for new in writes.memories {
            self.remember(new);
        }
        self.reads.extend(writes.reads);
        for (room, revision) in writes.deleted {
            self.heads.entry(room).and_modify(|head| head.closed = true);
            for turn in self.turns.values_mut().filter(|turn| turn.open.room == room && turn.ended.is_none())
            {
                turn.ended = Some(revision);
                turn.state = ReplyState::Stopped;
                turn.draft = None;
            }
        }
    }

    fn remember(&mut self, new: NewMemory) {
        let same = |old: &NewMemory| {
            old.user == new.user && old.character == new.character && old.fact.key() == new.fact.key()
        };
        if !self.memories.iter().any(same) {
            self.memories.push(new);
        }
    }

    fn change_room(&mut self, row: &RoomRow) {
        let Some(room) = self.rooms.get_mut(&row.room) else { return };
        match &row.what {
            RoomChange::AddMember(member) => {
                self.reads.remove(&(row.room, member.id));
                room.members.push(member.clone());
            }
            RoomChange::RemoveMember(user) => room.members.retain(|member| member.id != *user),
            RoomChange::Owner(user) => room.owner = *user,
            RoomChange::AddCharacter(character) => {
                let mut character = character.clone();
                character.since = row.revision;
                room.characters.push(character);
            }
            RoomChange::RemoveCharacter(id) => room.characters.retain(|character| character.id != *id),
            RoomChange::Details(change) => change.apply(&mut room.details),
            RoomChange::Feature(featured) => room.details.featured = *featured == Featured::Yes,
        }
    }

    /// Who of the characters spoke last.
    pub(super) fn last_speaker(&self, room: RoomId) -> Option<CharacterId> {
        self.messages.range((room, 0)..=(room, i64::MAX)).rev().find_map(|(_, message)| {
            match message.sender {
                Sender::Character(id) => Some(id),
                Sender::User(_) => None,
            }
        })
    }
}
