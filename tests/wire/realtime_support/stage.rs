//! Stands in for the engine and the features: rooms in memory that commit and publish in order, as room actors do.

mod backend;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use greenroom::accounts::{Role, TokenError};
use greenroom::characters::CharacterView;
use greenroom::conversations::view::{ConversationView, MessageView, ReplyModeView, Visibility};
use greenroom::conversations::{Change, Invited, Laden, MessageRange, NewConversation, Said, Snapshot};
use greenroom::http::{Page, PageQuery};
use greenroom::realtime::{Answer, Backend, Hub, Profile, Verification, Verified};
use greenroom_actors::domain::{
    Changes, CharacterId, ClientId, Content, Finish, Into, Message, MessageId, MessageKind, Reaction, Reply,
    ReplyState, Revision, RoomDetails, RoomId, RoomMember, Sender, SessionId, Usage, UserId, utf16_len,
};
use greenroom_actors::ports::{Clock, Fanout};
use greenroom_actors::protocol::{
    Amendment, Ask, Asked, OpenReply, Refusal, RefusalCode, Responder, RoomEvent, Send as SendMessage, Sent,
    Typing, Typist, UserEvent,
};
use greenroom_actors::session::{self, Identity, Pacing};
use greenroom_actors::testsuite::TestClock;
use tokio::sync::RwLock;
use uuid::Uuid;

/// Messages of one page of a resume.
const PAGE: usize = 100;

pub struct Stage {
    pub epoch: Uuid,
    hub: Hub,
    clock: Arc<TestClock>,
    state: Mutex<State>,
    /// Held for writing, snapshots wait before they look.
    pub before_snapshot: RwLock<()>,
    /// Held for writing, they wait after they looked.
    pub after_snapshot: RwLock<()>,
}

#[derive(Default)]
struct State {
    tokens: HashMap<String, Identity>,
    names: HashMap<UserId, String>,
    rooms: HashMap<RoomId, Room>,
    defaults: HashMap<(UserId, CharacterId), RoomId>,
    /// Sends that are never answered, to see what the socket does.
    silent: bool,
    unanswered: Vec<Responder<Sent>>,
    replies_asked: usize,
}

struct Room {
    members: Vec<UserId>,
    log: Vec<Message>,
    head: Revision,
    open: Vec<OpenReply>,
}

impl Stage {
    pub fn new(hub: Hub, clock: Arc<TestClock>) -> Self {
        Self {
            epoch: Uuid::new_v4(),
            hub,
            clock,
            state: Mutex::default(),
            before_snapshot: RwLock::new(()),
            after_snapshot: RwLock::new(()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic under the lock")
    }

    /// A user with a token that is the same as the name.
    pub fn user(&self, name: &str) -> UserId {
        let user = UserId::new();
        self.token(name, user, Duration::from_secs(900), false);
        self.state().names.insert(user, name.to_owned());
        user
    }

    /// Makes a token of this user that holds for so long from now.
    pub fn token(&self, token: &str, user: UserId, ttl: Duration, premium: bool) {
        let expires_at = self.clock.now() + ttl;
        let identity = Identity { user, role: session::Role::User, premium, expires_at };
        self.state().tokens.insert(token.to_owned(), identity);
    }

    /// The account is blocked: its tokens still verify, its profile does not.
    pub fn block(&self, user: UserId) {
        self.state().names.remove(&user);
    }

    pub fn room(&self, members: &[UserId]) -> RoomId {
        let room = RoomId::new();
        let members = members.to_vec();
        self.state().rooms.insert(room, Room { members, log: Vec::new(), head: 0, open: Vec::new() });
        room
    }

    /// Commits a message and tells the room's sockets.
    pub fn say(&self, room: RoomId, sender: Sender, text: &str) -> Message {
        self.say_all(room, sender, &[text]).remove(0)
    }

    /// The same for several in one commit.
    pub fn say_all(&self, room: RoomId, sender: Sender, texts: &[&str]) -> Vec<Message> {
        let mut state = self.state();
        let now = self.clock.now();
        let on_stage = state.rooms.get_mut(&room).expect("a room");
        let said: Vec<Message> = texts
            .iter()
            .map(|text| on_stage.commit(room, MessageId::new(), sender, None, text, now))
            .collect();
        let events = said.iter().cloned().map(|message| RoomEvent::Received(Arc::new(message))).collect();
        self.hub.to_room(room, events);
        said
    }

    /// Opens a reply to the room's last message.
    pub fn open_reply(&self, room: RoomId) -> MessageId {
        let mut state = self.state();
        let on_stage = state.rooms.get_mut(&room).expect("a room");
        let message = MessageId::new();
        let in_reply_to = on_stage.log.last().map_or_else(MessageId::new, |last| last.id);
        on_stage.open.push(OpenReply {
            message,
            character: CharacterId::new(),
            in_reply_to,
            into: Into::New,
            attempt: 1,
            state: ReplyState::Streaming,
            text: String::new(),
        });
        message
    }

    /// The reply says more.
    pub fn stream(&self, room: RoomId, reply: MessageId, more: &str) {
        let mut state = self.state();
        let on_stage = state.rooms.get_mut(&room).expect("a room");
        let open = on_stage.open.iter_mut().find(|open| open.message == reply).expect("an open reply");
        let position = utf16_len(&open.text);
        open.text.push_str(more);
        let event = RoomEvent::Delta {
            message: reply,
            character: open.character,
            in_reply_to: open.in_reply_to,
            into: Into::New,
            attempt: open.attempt,
            position,
            text: more.to_owned(),
        };
        self.hub.to_room(room, vec![event]);
    }

    /// The reply becomes a message.
    pub fn end_reply(&self, room: RoomId, reply: MessageId) -> Message {
        let mut state = self.state();
        let now = self.clock.now();
        let on_stage = state.rooms.get_mut(&room).expect("a room");
        let at = on_stage.open.iter().position(|open| open.message == reply).expect("an open reply");
        let open = on_stage.open.remove(at);
        let message = on_stage.commit(room, reply, Sender::Character(open.character), None, &open.text, now);
        self.hub.to_room(room, vec![RoomEvent::Received(Arc::new(message.clone()))]);
        message
    }

    /// Commits a message that the sockets are not told of: something went wrong on the way.
    pub fn say_unheard(&self, room: RoomId, sender: Sender) {
        let mut state = self.state();
        let now = self.clock.now();
        state.rooms.get_mut(&room).expect("a room").commit(room, MessageId::new(), sender, None, "?", now);
    }

    pub fn head(&self, room: RoomId) -> Revision {
        self.state().rooms[&room].head
    }

    pub fn set_silent(&self, silent: bool) {
        self.state().silent = silent;
    }

    /// Drops the responders of unanswered sends, as a crash of their room would.
    pub fn drop_unanswered(&self) {
        let unanswered = std::mem::take(&mut self.state().unanswered);
        drop(unanswered);
    }

    pub fn replies_asked(&self) -> usize {
        self.state().replies_asked
    }

    pub fn usage() -> Arc<Usage> {
        Arc::new(Usage { plan: "free".into(), lines: Vec::new() })
    }
}

impl Room {
    fn commit(
        &mut self,
        room: RoomId,
        id: MessageId,
        sender: Sender,
        client_id: Option<ClientId>,
        text: &str,
        now: jiff::Timestamp,
    ) -> Message {
        self.head += 1;
        let message = Message {
            id,
            room,
            offset: self.head,
            revision: self.head,
            sender,
            client_id: client_id.unwrap_or_else(|| ClientId::of_message(id)),
            kind: MessageKind::Text,
            content: Content::trusted(text),
            attachment: None,
            reply_to: None,
            finish: Finish::Complete,
            replies: Vec::new(),
            changes: Changes::default(),
            created_at: now,
        };
        self.log.push(message.clone());
        message
    }

    fn amend(
        &mut self,
        user: UserId,
        id: MessageId,
        what: Amendment,
        now: jiff::Timestamp,
    ) -> Result<Arc<Message>, Refusal> {
        let message = self.log.iter_mut().find(|message| message.id == id).ok_or_else(not_found)?;
        match what {
            Amendment::Edit(content) => {
                message.content = content;
                message.changes.edited_at = Some(now);
            }
            Amendment::Transcript(content) => message.content = content,
            Amendment::File(now) => message.attachment = Some(now),
            Amendment::Delete => {
                message.content = Content::trusted("");
                message.changes.deleted_at = Some(now);
            }
            Amendment::React(emoji) => message.changes.reactions.push(Reaction { emoji, user }),
            Amendment::Unreact(emoji) => {
                message.changes.reactions.retain(|one| *one != Reaction { emoji: emoji.clone(), user });
            }
            Amendment::Select(_) => {
                return Err(Refusal::new(RefusalCode::NotFound, "there is no such variant"));
            }
        }
        self.head += 1;
        message.revision = self.head;
        Ok(Arc::new(message.clone()))
    }

    fn view(&self, room: RoomId, now: jiff::Timestamp) -> ConversationView {
        ConversationView {
            id: room.uuid(),
            slug: "a-room".to_owned(),
            title: "A room".to_owned(),
            owner_id: self.members[0].uuid(),
            visibility: Visibility::Private,
            category: None,
            tags: Vec::new(),
            featured: false,
            reply_mode: ReplyModeView::Mention,
            characters: Vec::new(),
            member_ids: self.members.iter().map(|member| member.uuid()).collect(),
            members: Vec::new(),
            last_offset: self.head,
            read_offset: 0,
            unread_count: 0,
            last_message: self.log.last().map(MessageView::from),
            created_at: now,
            updated_at: now,
        }
    }
}

fn not_found() -> Refusal {
    Refusal::new(RefusalCode::NotFound, "there is no such conversation")
}

impl State {
    fn room(&mut self, user: UserId, room: RoomId) -> Result<&mut Room, Refusal> {
        self.rooms.get_mut(&room).filter(|room| room.members.contains(&user)).ok_or_else(not_found)
    }
}
