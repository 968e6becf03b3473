//! Carrying out a client's command, after it was read and admitted.

use std::sync::Arc;

use futures_util::FutureExt;
use greenroom_actors::domain::{CharacterId, Message, Revision, RoomId, UserId};
use greenroom_actors::protocol::{
    Ask, Asked, Presence, Refusal, RefusalCode, Responder, Send as SendMessage, Sent, Typing,
};

use super::calls::run;
use super::{SessionActor, SocketContext};
use crate::characters::CharacterView;
use crate::conversations::Laden;
use crate::realtime::wire::{self, Command, CommandId, Request, SendTo};

/// Rooms in which one socket can be typing; in the one before that it stops by itself a little later.
const TYPING_MAX: usize = 8;

impl SessionActor {
    pub(in crate::realtime) fn on_command(&mut self, request: Request, context: &mut SocketContext) {
        let Request { id, command } = request;
        let name = command.name();
        let command = match command {
            Command::Auth { token } => return self.on_token(&token, id, false, context),
            Command::Ping => {
                let time = crate::conversations::view::wire_time(self.hub.now());
                return self.acknowledge(id.as_ref(), &wire::TimeAck { time }, context);
            }
            command => command,
        };
        // All others were admitted only because the socket is signed in.
        let Some(user) = self.core.identity().map(|identity| identity.user) else { return };
        match command {
            Command::Auth { .. } | Command::Ping => {}
            Command::Send { .. } => self.send(user, id, command, context),
            Command::Join { room, from } => self.join(user, room, from, id, context),
            Command::Leave { room } => {
                if self.typing.contains(&room) {
                    self.stop_typing(user, room);
                }
                self.leave(room);
                self.acknowledge(id.as_ref(), &wire::Nothing {}, context);
            }
            Command::Status(presence) => {
                self.set_presence(user, presence);
                self.acknowledge(id.as_ref(), &wire::Nothing {}, context);
            }
            Command::Read { room, offset } => {
                let encode = |id: &CommandId, offset: Revision| wire::ack(id, &wire::OffsetAck { offset });
                if let Some(responder) = self.engine_call(id, name, encode, context) {
                    self.backend.read(room, user, offset, responder);
                }
            }
            Command::Typing { room, typing } => {
                self.note_typing(room, typing);
                let encode = |id: &CommandId, ()| wire::ack(id, &wire::Nothing {});
                if let Some(responder) = self.engine_call(id, name, encode, context) {
                    self.backend.typing(room, user, typing, responder);
                }
            }
            Command::StopReply { room, reply } => {
                let encode = |id: &CommandId, stopped: u32| wire::ack(id, &wire::StoppedAck { stopped });
                if let Some(responder) = self.engine_call(id, name, encode, context) {
                    self.backend.stop_reply(room, user, reply, responder);
                }
            }
            Command::Delete { room } => {
                let encode = |id: &CommandId, _: Revision| wire::ack(id, &wire::Nothing {});
                if let Some(responder) = self.engine_call(id, name, encode, context) {
                    self.backend.delete_room(room, user, responder);
                }
            }
            Command::Amend { room, message, what } => {
                let encode = |id: &CommandId, message: Arc<Message>| wire::amended(id, &message);
                if let Some(responder) = self.engine_call(id, name, encode, context) {
                    self.backend.amend(room, user, message, what, responder);
                }
            }
            Command::Ask { room, wanted, reply_kind } => {
                let encode = |id: &CommandId, asked: Asked| wire::asked(id, &asked);
                if let Some(responder) = self.engine_call(id, name, encode, context) {
                    let session = Some(self.core.id());
                    self.backend.ask(Ask { room, user, session, wanted, reply_kind }, responder);
                }
            }
            Command::Change { room, change } => {
                let encode = |id: &CommandId, offset: Revision| wire::ack(id, &wire::OffsetAck { offset });
                if let Some(responder) = self.feature_call(id, name, encode, context) {
                    let backend = self.backend.clone();
                    run(responder, async move { backend.change(user, room, change).await });
                }
            }
            Command::Create(new) => {
                let encode =
                    |id: &CommandId, conversation| wire::ack(id, &wire::ConversationAck { conversation });
                if let Some(responder) = self.feature_call(id, name, encode, context) {
                    let backend = self.backend.clone();
                    run(responder, async move { backend.create(user, new).await });
                }
            }
            Command::List(page) => {
                let encode = |id: &CommandId, page: crate::http::Page<_>| {
                    wire::ack(id, &wire::ListAck { items: page.items, next_cursor: page.next_cursor })
                };
                if let Some(responder) = self.feature_call(id, name, encode, context) {
                    let backend = self.backend.clone();
                    run(responder, async move { backend.list(user, page).await });
                }
            }
            Command::Subscribe { character } => self.subscribe(user, character, id, name, context),
            Command::Unsubscribe { character } => {
                self.hub.unwatch(self.core.id(), character);
                self.acknowledge(id.as_ref(), &wire::Nothing {}, context);
            }
            Command::Messages { room, range, limit } => {
                let encode =
                    |id: &CommandId, (items, has_more)| wire::ack(id, &wire::MessagesAck { items, has_more });
                if let Some(responder) = self.feature_call(id, name, encode, context) {
                    let backend = self.backend.clone();
                    run(responder, async move { backend.messages(user, room, range, limit).await });
                }
            }
        }
    }

    fn acknowledge(&self, id: Option<&CommandId>, data: &impl serde::Serialize, context: &mut SocketContext) {
        if let Some(id) = id {
            context.text(wire::ack(id, data));
        }
    }

    /// A message goes to the engine. Where it names a character, that room is found or made first; where it carries a file of
    /// ours, that is looked up. What came before it goes before it: one is looked up at a time, and as many wait as may wait
    /// for the engine.
    fn send(&mut self, user: UserId, id: Option<CommandId>, command: Command, context: &mut SocketContext) {
        let name = command.name();
        let Command::Send { to, said, client_id, reply_to, reply, reply_kind } = command else { return };
        let encode = |id: &CommandId, sent: Sent| wire::sent(id, &sent);
        let Some(responder) = self.engine_call(id, name, encode, context) else { return };
        let session = Some(self.core.id());
        let in_room = move |room, laden: Laden| SendMessage {
            room,
            user,
            session,
            content: laden.content,
            kind: laden.kind,
            attachment: laden.attachment,
            client_id,
            reply_to,
            reply,
            reply_kind,
        };
        let said = match (to, said.laden()) {
            (SendTo::Room(room), Ok(laden)) if self.line.try_lock().is_ok() => {
                return self.backend.send(in_room(room, laden), responder);
            }
            (_, said) => said,
        };
        let backend = self.backend.clone();
        let mut turn = Box::pin(self.line.clone().lock_owned());
        // It stands in line from here on, not from when its task first runs.
        let first = (&mut turn).now_or_never();
        actix_web::rt::spawn(async move {
            let turn = match first {
                Some(turn) => turn,
                None => turn.await,
            };
            let sending = async {
                let laden = match said {
                    Ok(laden) => laden,
                    Err(said) => backend.laden(user, said).await?,
                };
                let room = match to {
                    SendTo::Room(room) => room,
                    SendTo::Character(character) => backend.default_room(user, character).await?,
                };
                Ok(in_room(room, laden))
            };
            match sending.await {
                Ok(send) => backend.send(send, responder),
                Err(refusal) => responder.refuse(refusal),
            }
            drop(turn);
        });
    }

    /// The socket is told from here on, and then reads: a change in between is told, never missed.
    fn subscribe(
        &mut self,
        user: UserId,
        character: CharacterId,
        id: Option<CommandId>,
        name: &'static str,
        context: &mut SocketContext,
    ) {
        let session = self.core.id();
        let encode = |id: &CommandId, character: Arc<CharacterView>| {
            wire::ack(id, &wire::CharacterAck { character: &character })
        };
        let Some(responder) = self.feature_call(id, name, encode, context) else { return };
        if self.hub.watch(session, self.shard.index(), character).is_err() {
            let message = "this socket is told of 100 characters already: unsubscribe from one";
            return responder.refuse(Refusal::new(RefusalCode::Conflict, message));
        }
        let (backend, hub) = (self.backend.clone(), self.hub.clone());
        run(responder, async move {
            let found = backend.character(user, character).await;
            if found.is_err() {
                hub.unwatch(session, character);
            }
            found
        });
    }

    /// Keeps in mind where to say that the user types no more when this socket goes.
    fn note_typing(&mut self, room: RoomId, typing: Typing) {
        self.typing.retain(|known| *known != room);
        if typing == Typing::Started {
            if self.typing.len() >= TYPING_MAX {
                self.typing.remove(0);
            }
            self.typing.push(room);
        }
    }

    /// The socket leaves the room, or is gone: its user types no more there.
    pub(super) fn stop_typing(&mut self, user: UserId, room: RoomId) {
        self.typing.retain(|known| *known != room);
        // Nobody waits for the answer.
        self.backend.typing(room, user, Typing::Stopped, Responder::new(drop));
    }

    fn set_presence(&mut self, user: UserId, presence: Presence) {
        if self.core.set_presence(presence) {
            self.hub.people().update(self.core.id(), |info| info.presence = presence);
            self.hub.presence_changed(user);
        }
    }
}
