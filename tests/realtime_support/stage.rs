//! Stands in for the engine and the features: rooms in memory that commit and publish in order, as room actors do.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use greenroom::accounts::{Role, TokenError};
use greenroom::conversations::view::{ConversationView, MessageView, Visibility};
use greenroom::conversations::{MessageRange, NewConversation, Snapshot};
use greenroom::http::{Page, PageQuery};
use greenroom::realtime::{Answer, Backend, Hub, Profile, Verified};
use greenroom_actors::domain::{
    CharacterId, ClientId, Content, Finish, Message, MessageId, MessageKind, ReplyState, Revision, RoomId,
    Sender, SessionId, Usage, UserId, utf16_len,
};
use greenroom_actors::ports::{Clock, Fanout};
use greenroom_actors::protocol::{
    OpenReply, Refusal, RefusalCode, Responder, RoomEvent, Send as SendMessage, Sent, Typing, Typist,
    UserEvent,
};
use greenroom_actors::session::{self, Identity};
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

    pub fn log(&self, room: RoomId) -> Vec<Message> {
        self.state().rooms[&room].log.clone()
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
            reply_to: None,
            finish: Finish::Complete,
            replies: Vec::new(),
            created_at: now,
        };
        self.log.push(message.clone());
        message
    }

    fn view(&self, room: RoomId, now: jiff::Timestamp) -> ConversationView {
        ConversationView {
            id: room.uuid(),
            slug: "a-room".to_owned(),
            title: "A room".to_owned(),
            owner_id: self.members[0].uuid(),
            visibility: Visibility::Private,
            characters: Vec::new(),
            member_ids: self.members.iter().map(|member| member.uuid()).collect(),
            last_offset: self.head,
            read_offset: 0,
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

impl Backend for Stage {
    fn epoch(&self) -> Uuid {
        self.epoch
    }

    fn is_draining(&self) -> bool {
        false
    }

    fn verify(&self, token: &str) -> Result<Verified, TokenError> {
        let state = self.state();
        let identity = state.tokens.get(token).ok_or(TokenError::Invalid)?;
        if identity.expires_at <= self.clock.now() {
            return Err(TokenError::Expired);
        }
        Ok(Verified { identity: *identity, sign_in: SessionId::new() })
    }

    fn profile(&self, user: UserId) -> Answer<'_, Profile> {
        let name = self.state().names.get(&user).cloned();
        let profile = name.map(|username| Profile {
            display_name: username.to_uppercase(),
            username,
            role: Role::User,
        });
        async { profile.ok_or_else(|| Refusal::new(RefusalCode::Forbidden, "this account is blocked")) }
            .boxed()
    }

    fn send(&self, send: SendMessage, responder: Responder<Sent>) {
        let mut state = self.state();
        if state.silent {
            state.unanswered.push(responder);
            return;
        }
        let now = self.clock.now();
        let sender = Sender::User(send.user);
        let result = state.room(send.user, send.room).map(|room| {
            room.commit(send.room, MessageId::new(), sender, send.client_id, send.content.as_str(), now)
        });
        match result {
            Err(refusal) => responder.refuse(refusal),
            Ok(message) => {
                let message = Arc::new(message);
                let usage = Some(Self::usage());
                responder.answer(Ok(Sent {
                    message: message.clone(),
                    replies: Vec::new(),
                    usage: usage.clone(),
                    duplicate: false,
                }));
                self.hub.to_room(send.room, vec![RoomEvent::Received(message)]);
                self.hub.to_user(send.user, UserEvent::Usage(Self::usage()), send.session);
            }
        }
    }

    fn read(&self, room: RoomId, user: UserId, offset: Revision, responder: Responder<Revision>) {
        let mut state = self.state();
        match state.room(user, room) {
            Err(refusal) => responder.refuse(refusal),
            Ok(on_stage) => {
                on_stage.head += 1;
                let event = RoomEvent::Read { offset: on_stage.head, user, read_offset: offset };
                responder.answer(Ok(offset));
                self.hub.to_room(room, vec![event]);
            }
        }
    }

    fn typing(&self, room: RoomId, user: UserId, typing: Typing, responder: Responder<()>) {
        responder.answer(self.state().room(user, room).map(|_| ()));
        self.hub.to_room(room, vec![RoomEvent::Typing { who: Typist::User(user), active: typing }]);
    }

    fn stop_reply(&self, room: RoomId, user: UserId, _: Option<MessageId>, responder: Responder<u32>) {
        responder.answer(self.state().room(user, room).map(|room| room.open.len() as u32));
    }

    fn delete_room(&self, room: RoomId, user: UserId, responder: Responder<Revision>) {
        let mut state = self.state();
        let result = state.room(user, room).map(|on_stage| on_stage.head + 1);
        if let Ok(offset) = result {
            state.rooms.remove(&room);
            self.hub.to_room(room, vec![RoomEvent::Deleted { offset }]);
        }
        responder.answer(result);
    }

    fn open_replies(&self, room: RoomId) -> BoxFuture<'_, Vec<OpenReply>> {
        let mut state = self.state();
        state.replies_asked += 1;
        let open = state.rooms.get(&room).map(|room| room.open.clone()).unwrap_or_default();
        async { open }.boxed()
    }

    fn create(&self, user: UserId, new: NewConversation) -> Answer<'_, ConversationView> {
        let members: Vec<UserId> = std::iter::once(user).chain(new.members).collect();
        let room = self.room(&members);
        let view = self.state().rooms[&room].view(room, self.clock.now());
        self.hub.conversation_created(&members, &view);
        async { Ok(view) }.boxed()
    }

    fn list(&self, user: UserId, page: PageQuery) -> Answer<'_, Page<ConversationView>> {
        let now = self.clock.now();
        let state = self.state();
        let rooms = state.rooms.iter().filter(|(_, room)| room.members.contains(&user));
        let items = rooms.map(|(id, room)| room.view(*id, now)).collect();
        async move { Ok(Page::new(&page, items, None, None)) }.boxed()
    }

    fn messages(
        &self,
        user: UserId,
        room: RoomId,
        _: MessageRange,
        limit: usize,
    ) -> Answer<'_, (Vec<MessageView>, bool)> {
        let found = self.state().room(user, room).map(|room| {
            let skip = room.log.len().saturating_sub(limit);
            (room.log[skip..].iter().map(MessageView::from).collect(), skip > 0)
        });
        async { found }.boxed()
    }

    fn snapshot(&self, user: UserId, room: RoomId, from: Option<(Uuid, Revision)>) -> Answer<'_, Snapshot> {
        async move {
            drop(self.before_snapshot.read().await);
            let snapshot = {
                let mut state = self.state();
                let now = self.clock.now();
                let on_stage = state.room(user, room)?;
                let from = from.filter(|(epoch, from)| *epoch == self.epoch && *from <= on_stage.head);
                let mut messages: Vec<&Message> = match from {
                    Some((_, from)) => {
                        on_stage.log.iter().filter(|message| message.revision > from).collect()
                    }
                    None => on_stage.log.iter().skip(on_stage.log.len().saturating_sub(50)).collect(),
                };
                let more = messages.len() > PAGE;
                messages.truncate(PAGE);
                let offset = if more { messages[PAGE - 1].revision } else { on_stage.head };
                Snapshot {
                    conversation: on_stage.view(room, now),
                    epoch: self.epoch,
                    offset,
                    recovered: from.is_some(),
                    more,
                    messages: messages.into_iter().map(MessageView::from).collect(),
                    reads: Vec::new(),
                }
            };
            drop(self.after_snapshot.read().await);
            Ok(snapshot)
        }
        .boxed()
    }

    fn default_room(&self, user: UserId, character: CharacterId) -> Answer<'_, RoomId> {
        let known = self.state().defaults.get(&(user, character)).copied();
        let room = known.unwrap_or_else(|| self.room(&[user]));
        self.state().defaults.insert((user, character), room);
        async move { Ok(room) }.boxed()
    }
}
