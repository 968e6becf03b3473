//! The stage as sockets see it.

use jiff::Timestamp;

use super::*;

impl Backend for Stage {
    fn epoch(&self) -> Uuid {
        self.epoch
    }

    fn is_draining(&self) -> bool {
        false
    }

    fn verify(&self, token: &str) -> Verification {
        let state = self.state();
        Verification::Done(match state.tokens.get(token) {
            None => Err(TokenError::Invalid),
            Some(identity) if identity.expires_at <= self.clock.now() => Err(TokenError::Expired),
            Some(identity) => {
                Ok(Verified { identity: *identity, sign_in: SessionId::new(), plan: "free".into() })
            }
        })
    }

    fn profile(&self, user: UserId, _: SessionId) -> Answer<'_, Profile> {
        let name = self.state().names.get(&user).cloned();
        let premium = self.state().tokens.values().any(|it| it.user == user && it.premium);
        let profile = name.map(|username| Profile {
            display_name: username.to_uppercase(),
            username,
            role: Role::User,
            plan: "free".into(),
            pacing: if premium { Pacing::Free } else { Pacing::Paced },
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

    fn amend(
        &self,
        room: RoomId,
        user: UserId,
        message: MessageId,
        what: Amendment,
        responder: Responder<Arc<Message>>,
    ) {
        let mut state = self.state();
        let now = self.clock.now();
        let result = state.room(user, room).and_then(|on_stage| on_stage.amend(user, message, what, now));
        if let Ok(message) = &result {
            let event = RoomEvent::Updated { message: message.clone(), reply: None };
            self.hub.to_room(room, vec![event]);
        }
        responder.answer(result);
    }

    fn ask(&self, ask: Ask, responder: Responder<Asked>) {
        let known = self.state().room(ask.user, ask.room).map(|_| ());
        responder.answer(known.map(|()| {
            let message = self.open_reply(ask.room);
            let state = ReplyState::Queued;
            let reply = Reply { character: CharacterId::new(), message, state, code: None };
            Asked { replies: vec![reply], usage: Some(Self::usage()), message: None }
        }));
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

    fn change(&self, user: UserId, room: RoomId, change: Change) -> Answer<'_, Revision> {
        let mut state = self.state();
        let result = state.room(user, room).map(|on_stage| {
            on_stage.head += 1;
            let (offset, by) = (on_stage.head, user);
            let event = match change {
                Change::AddMember(Invited::Id(id)) => {
                    on_stage.members.push(id);
                    let member = RoomMember { id, username: "guest".into(), display_name: "Guest".into() };
                    RoomEvent::MemberAdded { offset, member, by }
                }
                Change::RemoveMember(user) => {
                    on_stage.members.retain(|member| *member != user);
                    RoomEvent::MemberRemoved { offset, user, by }
                }
                _ => {
                    let details = Arc::new(RoomDetails::default());
                    RoomEvent::Changed { offset, owner: on_stage.members[0], details, characters: Vec::new() }
                }
            };
            self.hub.to_room(room, vec![event]);
            offset
        });
        async move { result }.boxed()
    }

    fn last_seen(&self, users: Vec<UserId>) -> Answer<'_, Vec<(UserId, Timestamp)>> {
        let seen = users.into_iter().filter(|user| self.state().names.contains_key(user));
        let seen = seen.map(|user| (user, Timestamp::UNIX_EPOCH)).collect();
        async { Ok(seen) }.boxed()
    }

    fn laden(&self, _: UserId, said: Said) -> Answer<'_, Laden> {
        let missing = |_| Refusal::new(RefusalCode::NotFound, "nothing is uploaded here");
        std::future::ready(said.laden().map_err(missing)).boxed()
    }

    fn default_room(&self, user: UserId, character: CharacterId) -> Answer<'_, RoomId> {
        let known = self.state().defaults.get(&(user, character)).copied();
        let room = known.unwrap_or_else(|| self.room(&[user]));
        self.state().defaults.insert((user, character), room);
        async move { Ok(room) }.boxed()
    }

    fn character(&self, _: UserId, _: CharacterId) -> Answer<'_, Arc<CharacterView>> {
        async { Err(Refusal::new(RefusalCode::NotFound, "there are no characters on this stage")) }.boxed()
    }
}
