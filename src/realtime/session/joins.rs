//! Joining a room and following it: subscribe, take the snapshot, answer, let go what was held meanwhile.

use greenroom_actors::domain::{MessageId, Revision, RoomId, UserId, utf16_len};
use greenroom_actors::protocol::{OpenReply, Presence, Refusal, Responder};
use greenroom_actors::session::{Frame, Joined, Repair, ReplyMark, Step};
use jiff::Timestamp;
use uuid::Uuid;

use super::calls::run;
use super::{SessionActor, SocketContext};
use crate::conversations::Snapshot;
use crate::conversations::view::{ReplyStateView, SenderKind};
use crate::realtime::delivery::{Body, JoinedAnswer, RoomNow, ToSession};
use crate::realtime::wire::{self, CommandId};

const COMMAND: &str = "conversation:join";

impl SessionActor {
    pub(in crate::realtime) fn join(
        &mut self,
        user: UserId,
        room: RoomId,
        from: Option<(Uuid, Revision)>,
        id: Option<CommandId>,
        context: &mut SocketContext,
    ) {
        let Some(local) = self.local.clone() else { return };
        if self.count_feature_call(id.as_ref(), COMMAND, context).is_none() {
            return;
        }
        let ticket = match self.core.begin_join(room) {
            Ok(ticket) => ticket,
            Err(refusal) => {
                self.feature_calls -= 1;
                return self.refuse(id.as_ref(), COMMAND, &refusal, context);
            }
        };
        // First the subscription, then the snapshot: what is committed in between comes by both, and nothing by none.
        self.shard.join(&local, room);
        let (address, backend, hub) = (context.address(), self.backend.clone(), self.hub.clone());
        let responder = Responder::new(move |result| {
            let answer = JoinedAnswer { room, ticket, id, result };
            drop(address.try_send(ToSession::Joined(Box::new(answer))));
        });
        run(responder, async move {
            let snapshot = backend.snapshot(user, room, from).await?;
            let replies = if snapshot.more { Vec::new() } else { backend.open_replies(room).await };
            let absent = hub.absent_from(room, members(&snapshot));
            // Less to tell is no reason to refuse.
            let seen = if absent.is_empty() { Ok(Vec::new()) } else { backend.last_seen(absent).await };
            Ok(RoomNow { snapshot, replies, seen: seen.unwrap_or_default() })
        });
    }

    pub(super) fn on_joined(&mut self, answer: JoinedAnswer, context: &mut SocketContext) {
        let JoinedAnswer { room, ticket, id, result } = answer;
        let id = id.as_ref();
        let result = result.and_then(|answer| self.core.check_join(room, ticket).map(|()| answer));
        let RoomNow { snapshot, mut replies, seen } = match result {
            Ok(answer) => answer,
            Err(refusal) => {
                self.refuse(id, COMMAND, &refusal, context);
                let step = self.core.give_up_join(room, ticket, |body| context.frame(body));
                return self.on_step(room, step, context);
            }
        };
        let ended = ended(&snapshot);
        replies.retain(|reply| !ended.contains(&reply.message));
        if snapshot.more {
            self.leave(room);
            return self.acknowledge_join(id, room, &snapshot, (replies, seen), context);
        }
        let marks = marks(&replies);
        if let Some(identity) = self.core.identity() {
            self.hub.show_in(room, identity.user);
        }
        self.acknowledge_join(id, room, &snapshot, (replies, seen), context);
        let joined = Joined { position: snapshot.offset, replies: &marks, ended: &ended };
        let step = self.core.finish_join(room, ticket, &joined, |body| context.frame(body));
        self.count_rooms();
        self.on_step(room, step, context);
    }

    /// The same for a join that was refused, without a word to the client: its host has one.
    pub(in crate::realtime) fn give_up(&mut self, answer: &JoinedAnswer, context: &mut SocketContext) {
        self.feature_calls -= 1;
        let step = self.core.give_up_join(answer.room, answer.ticket, |body| context.frame(body));
        self.on_step(answer.room, step, context);
    }

    fn acknowledge_join(
        &self,
        id: Option<&CommandId>,
        room: RoomId,
        snapshot: &Snapshot,
        (replies, seen): (Vec<OpenReply>, Vec<(UserId, Timestamp)>),
        context: &mut SocketContext,
    ) {
        if id.is_none() && !context.tells_joins() {
            return;
        }
        let present = self.hub.present_in(room, members(snapshot));
        let mut presence: Vec<_> = present.into_iter().map(|(user, now)| (user, now, None)).collect();
        for user in self.hub.absent_from(room, members(snapshot)) {
            let written = seen.iter().find(|(known, _)| *known == user).map(|(_, at)| *at);
            presence.push((user, Presence::Offline, self.hub.left_at(user).or(written)));
        }
        let joined = wire::JoinAck { snapshot, replies, presence: &presence };
        context.text(match id {
            Some(id) => joined.encode(id),
            None => joined.event(),
        });
    }

    pub(super) fn leave(&mut self, room: RoomId) {
        if self.core.leave(room) {
            self.shard.leave(self.core.id(), room);
            self.count_rooms();
        }
    }

    fn count_rooms(&self) {
        let rooms = self.core.rooms().count();
        self.hub.people().update(self.core.id(), |info| info.rooms = rooms);
    }

    pub(super) fn on_frames(&mut self, room: RoomId, frames: &[Frame<Body>], context: &mut SocketContext) {
        let step = self.core.on_frames(room, frames, |body| context.frame(body));
        self.on_step(room, step, context);
    }

    fn on_step(&mut self, room: RoomId, step: Step, context: &mut SocketContext) {
        match step {
            Step::Go => {}
            Step::AskReplies => self.ask_replies(room, context),
            Step::Left => {
                self.shard.leave(self.core.id(), room);
                self.count_rooms();
            }
            Step::Close(code) => self.close(code, context),
        }
    }

    /// Pieces of a reply were dropped on the way here: its text as it stands makes up for them.
    fn ask_replies(&mut self, room: RoomId, context: &mut SocketContext) {
        if let Some((_, again)) = self.asked.iter_mut().find(|(asked, _)| *asked == room) {
            *again = true;
            return;
        }
        self.asked.push((room, false));
        let (address, backend) = (context.address(), self.backend.clone());
        let responder = Responder::new(move |result: Result<Vec<OpenReply>, Refusal>| {
            drop(address.try_send(ToSession::Replies { room, replies: result.unwrap_or_default() }));
        });
        run(responder, async move { Ok(backend.open_replies(room).await) });
    }

    pub(super) fn on_replies(&mut self, room: RoomId, replies: &[OpenReply], context: &mut SocketContext) {
        let Some(position) = self.asked.iter().position(|(asked, _)| *asked == room) else { return };
        let (_, again) = self.asked.swap_remove(position);
        let step = self.core.repair(room, &marks(replies), |repair| match repair {
            Repair::Frame(body) => context.frame(body),
            Repair::Text { message, from } => {
                if let Some(reply) = replies.iter().find(|reply| reply.message == message) {
                    context.text(wire::repair(room, reply, from));
                }
            }
        });
        if again || step == Step::AskReplies {
            self.ask_replies(room, context);
        }
    }
}

fn members(snapshot: &Snapshot) -> impl Iterator<Item = UserId> {
    snapshot.conversation.member_ids.iter().copied().map(UserId::from_uuid)
}

fn marks(replies: &[OpenReply]) -> Vec<ReplyMark> {
    replies
        .iter()
        .map(|reply| ReplyMark {
            message: reply.message,
            attempt: reply.attempt,
            state: reply.state,
            length: utf16_len(&reply.text),
        })
        .collect()
}

/// The replies that had ended when the snapshot was taken, as far as it tells: the room's actor may still have held
/// some of them as open when it was asked just after.
fn ended(snapshot: &Snapshot) -> Vec<MessageId> {
    let mut ended = Vec::new();
    for message in &snapshot.messages {
        if message.sender.kind == SenderKind::Character {
            ended.push(MessageId::from_uuid(message.id));
        }
        ended.extend(
            message
                .replies
                .iter()
                .filter(|reply| {
                    !matches!(
                        reply.state,
                        ReplyStateView::Queued | ReplyStateView::Thinking | ReplyStateView::Streaming
                    )
                })
                .map(|reply| MessageId::from_uuid(reply.message_id)),
        );
    }
    ended
}
