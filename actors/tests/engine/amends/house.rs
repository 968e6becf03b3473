//! A room on tables in memory, and the entries that change it.

use greenroom_actors::domain::{
    CharacterId, ClientId, Content, Emoji, Finish, Into, Message, MessageId, MessageKind, Priority, RoomId,
    UserId,
};
use greenroom_actors::ports::{
    Amend, Ask, CloseTurn, Entry, EntryKind, JournalLane, JournalStore, OpenTurn, Outcome, Refused, Say,
    TurnEnd,
};
use greenroom_actors::protocol::Amendment;
use greenroom_actors::testsuite::{MemoryStore, character};
use jiff::Timestamp;
use uuid::Uuid;

/// A room with two members and a character, and the lane that writes it.
pub struct House {
    pub store: MemoryStore,
    pub lane: Box<dyn JournalLane>,
    pub room: RoomId,
    pub owner: UserId,
    pub guest: UserId,
    pub character: CharacterId,
}

pub fn time() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

pub fn text(text: &str) -> Content {
    Content::trusted(text)
}

pub fn emoji(text: &str) -> Emoji {
    Emoji::parse(text).unwrap()
}

impl House {
    pub fn new() -> Self {
        let store = MemoryStore::default();
        let (owner, guest) = (store.add_user("free"), store.add_user("free"));
        let character = store.add_character(character("Ada"));
        let room = store.add_room(&[owner, guest], &[character]);
        let lane = store.lane(0);
        Self { store, lane, room, owner, guest, character }
    }

    pub async fn commit(&mut self, kinds: Vec<EntryKind>) -> Vec<Outcome> {
        let batch: Vec<Entry> = kinds.into_iter().map(|kind| Entry { room: self.room, kind }).collect();
        self.lane.commit(&batch).await.unwrap()
    }

    pub async fn put(&mut self, kind: EntryKind) -> Outcome {
        self.commit(vec![kind]).await.pop().unwrap()
    }

    pub fn turn(&self, asked: MessageId, into: Into) -> OpenTurn {
        OpenTurn {
            message: MessageId::new(),
            room: self.room,
            character: self.character,
            asked,
            asked_offset: 0,
            user: self.owner,
            priority: Priority(3),
            into,
            kind: MessageKind::Text,
            depth: 0,
            fence: 0,
            refund: Vec::new(),
        }
    }

    pub fn say(&self, sender: UserId, said: &str, turns: Vec<OpenTurn>) -> Say {
        let id = turns.first().map_or_else(MessageId::new, |turn| turn.asked);
        Say {
            id,
            sender,
            client_id: ClientId::of_message(id),
            kind: MessageKind::Text,
            content: text(said),
            attachment: None,
            reply_to: None,
            created_at: time(),
            meters: Vec::new(),
            turns,
        }
    }

    /// The owner says something and the character answers; both messages.
    pub async fn exchange(&mut self) -> (MessageId, MessageId) {
        let asked = MessageId::new();
        let turn = self.turn(asked, Into::New);
        let say = self.say(self.owner, "Good evening", vec![turn.clone()]);
        self.put(EntryKind::Say(say)).await;
        self.put(EntryKind::Close(close(&turn, "Evening."))).await;
        (asked, turn.message)
    }

    pub async fn amend(&mut self, by: UserId, message: MessageId, what: Amendment) -> Outcome {
        let amend = self.amendment(by, message, what);
        self.put(EntryKind::Amend(amend)).await
    }

    pub fn amendment(&self, by: UserId, message: MessageId, what: Amendment) -> Amend {
        Amend { id: Uuid::now_v7(), message, by, owner: by == self.owner, at: time(), what }
    }

    pub fn ask(&self, turn: OpenTurn) -> Ask {
        Ask {
            id: Uuid::now_v7(),
            by: self.owner,
            at: time(),
            edit: None,
            meters: Vec::new(),
            turns: vec![turn],
        }
    }

    /// Another variant of the reply, made and stored.
    pub async fn regenerate(&mut self, asked: MessageId, of: MessageId, said: &str) -> Outcome {
        let turn = self.turn(asked, Into::Variant(of));
        let ask = self.ask(turn.clone());
        match self.put(EntryKind::Ask(ask)).await {
            Outcome::Stored { .. } => self.put(EntryKind::Close(close(&turn, said))).await,
            refused => refused,
        }
    }

    pub fn message(&self, id: MessageId) -> Message {
        self.store.messages(self.room).into_iter().find(|message| message.id == id).unwrap()
    }

    pub fn head(&self) -> i64 {
        self.store.head(self.room)
    }
}

pub fn close(turn: &OpenTurn, said: &str) -> CloseTurn {
    CloseTurn {
        turn: turn.message,
        fence: turn.fence,
        character: turn.character,
        asked: turn.asked,
        created_at: time(),
        end: TurnEnd::Said { content: text(said), finish: Finish::Complete, attachment: None },
        into: turn.into,
        user: turn.user,
        calls: Vec::new(),
        memories: Vec::new(),
        trouble: None,
        refund_if_gone: Vec::new(),
        follow: Vec::new(),
    }
}

pub fn amended(outcome: Outcome) -> Message {
    match outcome {
        Outcome::Amended(message) => *message,
        other => panic!("{other:?}"),
    }
}

pub fn refused(outcome: Outcome) -> Refused {
    match outcome {
        Outcome::Refused(refused) => refused,
        other => panic!("{other:?}"),
    }
}
