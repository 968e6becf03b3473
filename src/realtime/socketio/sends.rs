//! Who sends to a room follows it: a Socket.IO client hears the answer on the same socket without having joined. So a
//! send waits until its room is found, where it names a character, and joined; what is sent to that room meanwhile waits
//! behind it, in order.
//!
//! Limits: as many sends as may wait for the engine; what is over is refused.

use greenroom_actors::domain::{CharacterId, RoomId};
use greenroom_actors::protocol::{Refusal, Responder};

use super::actor::SocketIoActor;
use crate::realtime::delivery::{FoundAnswer, JoinedAnswer, ToSession};
use crate::realtime::session::{Outlet, run, too_many};
use crate::realtime::wire::{Command, Request, SendTo};

const COMMAND: &str = "message:send";
const CONNECT: &str = "connect";

#[derive(Default)]
pub(super) struct Sends {
    /// In the order in which they came.
    waiting: Vec<Request>,
    /// Characters whose room is being looked for.
    finding: Vec<CharacterId>,
    /// The rooms that were found, as long as they are joined.
    found: Vec<(CharacterId, RoomId)>,
}

fn target(request: &mut Request) -> Option<&mut SendTo> {
    match &mut request.command {
        Command::Send { to, .. } => Some(to),
        _ => None,
    }
}

impl Sends {
    /// Those that wait for this, taken out.
    fn take(&mut self, wanted: SendTo) -> Vec<Request> {
        self.waiting.extract_if(.., |request| target(request).is_some_and(|to| *to == wanted)).collect()
    }

    fn waits_for(&mut self, wanted: SendTo) -> bool {
        self.waiting.iter_mut().any(|request| target(request).is_some_and(|to| *to == wanted))
    }
}

impl SocketIoActor {
    /// Carries a command out; a send once its room is joined.
    pub(super) fn on_request(&mut self, mut request: Request) {
        let Some(to) = target(&mut request) else {
            return self.session.on_command(request, &mut self.out);
        };
        let session = &self.session;
        self.sends.found.retain(|(_, room)| session.is_live(*room));
        if let SendTo::Character(character) = *to
            && let Some((_, room)) = self.sends.found.iter().find(|(known, _)| *known == character)
        {
            *to = SendTo::Room(*room);
        }
        let to = *to;
        if matches!(to, SendTo::Room(room) if self.session.is_live(room)) {
            return self.session.on_command(request, &mut self.out);
        }
        if self.sends.waiting.len() >= self.session.engine_calls_max() {
            return self.session.refuse(request.id.as_ref(), COMMAND, &too_many(), &mut self.out);
        }
        self.sends.waiting.push(request);
        match to {
            SendTo::Character(character) => self.find(character),
            SendTo::Room(room) => self.join_for_send(room),
        }
    }

    /// What comes with `auth.characterId`: the conversation with that character, found or made, is joined, and the socket
    /// is told when the character changes.
    pub(super) fn follow(&mut self, character: CharacterId) {
        self.find(character);
        let subscribe = Request { id: None, command: Command::Subscribe { character } };
        self.session.on_command(subscribe, &mut self.out);
    }

    fn find(&mut self, character: CharacterId) {
        if self.sends.finding.contains(&character) {
            return;
        }
        let Some(user) = self.session.user() else { return };
        if !self.session.begin_feature_call() {
            return self.not_found(character, &too_many());
        }
        self.sends.finding.push(character);
        let (address, backend) = (self.out.address(), self.session.backend().clone());
        let responder = Responder::new(move |result| {
            drop(address.try_send(ToSession::Found(Box::new(FoundAnswer { character, result }))));
        });
        run(responder, async move { backend.default_room(user, character).await });
    }

    pub(super) fn on_found(&mut self, answer: FoundAnswer) {
        self.session.end_feature_call();
        let FoundAnswer { character, result } = answer;
        self.sends.finding.retain(|known| *known != character);
        let room = match result {
            Ok(room) => room,
            Err(refusal) => return self.not_found(character, &refusal),
        };
        self.sends.found.push((character, room));
        for to in self.sends.waiting.iter_mut().filter_map(target) {
            if *to == SendTo::Character(character) {
                *to = SendTo::Room(room);
            }
        }
        if self.session.is_live(room) {
            self.carry_out(room);
        } else {
            self.join_for_send(room);
        }
    }

    fn not_found(&mut self, character: CharacterId, refusal: &Refusal) {
        let waiting = self.sends.take(SendTo::Character(character));
        if waiting.is_empty() {
            self.session.refuse(None, CONNECT, refusal, &mut self.out);
        }
        for request in waiting {
            self.session.refuse(request.id.as_ref(), COMMAND, refusal, &mut self.out);
        }
    }

    fn join_for_send(&mut self, room: RoomId) {
        let Some(user) = self.session.user() else { return };
        if self.session.is_in(room) {
            // A join is under way; its answer comes.
            return;
        }
        self.session.join(user, room, None, None, &mut self.out);
        if !self.session.is_in(room) {
            // It cannot be joined now, and the client has been told; its messages are said all the same.
            self.carry_out(room);
        }
    }

    pub(super) fn on_joined(&mut self, answer: JoinedAnswer) {
        let room = answer.room;
        if answer.id.is_none()
            && let Err(refusal) = &answer.result
            && self.sends.waits_for(SendTo::Room(room))
        {
            // Who is not in a room is told so once, as the answer to the message.
            let refusal = refusal.clone();
            self.session.give_up(&answer, &mut self.out);
            for request in self.sends.take(SendTo::Room(room)) {
                self.session.refuse(request.id.as_ref(), COMMAND, &refusal, &mut self.out);
            }
            return;
        }
        self.session.on_message(ToSession::Joined(Box::new(answer)), &mut self.out);
        self.carry_out(room);
    }

    fn carry_out(&mut self, room: RoomId) {
        for request in self.sends.take(SendTo::Room(room)) {
            self.session.on_command(request, &mut self.out);
        }
    }
}
