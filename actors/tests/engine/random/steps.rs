//! What may happen in one step.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use greenroom_actors::domain::{Message, MessageId, ReplyMode, RoomId, RoomMember, Sender, UserId};
use greenroom_actors::ports::GenerateErrorKind;
use greenroom_actors::protocol::{
    Amendment, DetailsChange, RefusalCode, ReplyWish, Responder, RoomChange, Sent, Wanted,
};
use greenroom_actors::testsuite::{CommitFault, Script, content, emoji};

use super::World;
use super::client::Holes;

/// Answers that say no and are as they should be.
fn expected(code: RefusalCode) -> bool {
    !matches!(
        code,
        RefusalCode::Overloaded
            | RefusalCode::Draining
            | RefusalCode::FeatureUnavailable
            | RefusalCode::BadRequest
    )
}

fn checked<T>(answer: Result<T, greenroom_actors::protocol::Refusal>) -> Option<T> {
    match answer {
        Ok(answer) => Some(answer),
        Err(refusal) => {
            assert!(expected(refusal.code), "{refusal:?}");
            None
        }
    }
}

impl World {
    pub async fn step(&mut self) {
        let at = self.random.usize(..self.places.len());
        let (room, owner, guest) = {
            let place = &self.places[at];
            (place.room, place.owner, place.guest)
        };
        let user = if self.random.u8(0..4) == 0 { guest } else { owner };
        match self.random.u8(0..24) {
            0..=2 => (0..self.random.u8(1..4)).for_each(|_| self.script()),
            3 => drop(checked(self.test.stop(room, user, None).await)),
            4 => {
                self.places[at].holes = Holes::MayBe;
                self.test.engine.crash_room(room);
            }
            5 => {
                let fault = [CommitFault::LostBefore, CommitFault::LostAfter, CommitFault::Conflict];
                self.test.store.fail_commits([fault[self.random.usize(..3)]]);
                self.faults += 1;
            }
            6 => {
                let (responder, answer) = Responder::channel();
                self.test.engine.read(room, user, self.random.i64(0..50), responder);
                let _ = answer.await;
            }
            7 => tokio::time::sleep(Duration::from_millis(self.random.u64(0..4))).await,
            8..=12 => self.amend(room, user).await,
            13..=16 => self.ask(room, user).await,
            17 | 18 => self.change(room, owner, guest).await,
            _ => self.say(room, user).await,
        }
    }

    fn script(&mut self) {
        let script = match self.random.u8(0..14) {
            8 => Script::Silent(vec!["1", " 2", " 3"]),
            9..=13 => {
                let to = self.random.u32(2..9);
                let breaks = self.random.bool().then(|| self.random.u32(1..to));
                let pace = Duration::from_millis(self.random.u64(0..4));
                let script = Script::Count { to, breaks, pace };
                if self.random.bool() { script.or_else() } else { script }
            }
            0 => Script::Fail(GenerateErrorKind::Unavailable),
            1 => Script::Fail(GenerateErrorKind::Refused),
            2 => Script::Break(vec!["a part"]),
            3 => Script::Hang,
            4 => Script::Panic,
            5 => Script::Say(vec!["What do ", "Ada and Tom", " say?"]),
            _ => Script::Say(vec!["all ", "of ", "it"]),
        };
        self.test.generator.script(script);
    }

    fn heard(&mut self, room: RoomId, text: &str, sent: &Sent) {
        let said = || (room, Some(text.to_owned()));
        let (in_room, stood) = self.acked.entry(sent.message.id).or_insert_with(said);
        let same = *in_room == room && stood.as_ref().is_none_or(|stood| stood == text);
        assert!(same, "one ack, one message");
    }

    /// Several sends at once, some of them twice under the same client id.
    async fn say(&mut self, room: RoomId, user: UserId) {
        let sends: Vec<(String, ReplyWish)> = (0..self.random.usize(1..6))
            .map(|_| {
                self.said += 1;
                let n = if self.random.u8(0..4) == 0 { self.random.usize(1..=self.said) } else { self.said };
                let wish = if self.random.bool() { ReplyWish::Auto } else { ReplyWish::None };
                (format!("message {n} of {user}"), wish)
            })
            .collect();
        let test = &self.test;
        let answers =
            join_all(sends.iter().map(|(text, wish)| test.say_as(room, user, text, Some(text), *wish))).await;
        for ((text, _), answer) in sends.into_iter().zip(answers) {
            if let Some(sent) = checked(answer) {
                self.heard(room, &text, &sent);
            }
        }
    }

    fn any_message(&mut self, room: RoomId) -> Option<Message> {
        self.any_of(room, |_| true)
    }

    /// One of the latest of these.
    fn any_of(&mut self, room: RoomId, wanted: impl Fn(&Message) -> bool) -> Option<Message> {
        let messages: Vec<_> =
            self.test.store.messages(room).into_iter().filter(|message| wanted(message)).collect();
        let latest = messages.len().saturating_sub(12);
        if messages.is_empty() {
            None
        } else {
            Some(messages[self.random.usize(latest..messages.len())].clone())
        }
    }

    /// From now on its text may be another, whatever is answered.
    fn touched(&mut self, message: MessageId, room: RoomId) {
        self.acked.entry(message).and_modify(|known| *known = (room, None));
    }

    /// A few changes at once, some of them of one message.
    async fn amend(&mut self, room: RoomId, user: UserId) {
        let mut changes: Vec<(MessageId, Amendment)> = Vec::new();
        for _ in 0..self.random.usize(1..4) {
            let Some(message) = self.any_message(room) else { return };
            let what = match self.random.u8(0..8) {
                0 | 1 => Amendment::Edit(content(&format!("edited {}", self.random.u8(..)))),
                2 => Amendment::Delete,
                3..=5 => Amendment::React(emoji(["❤️", "👍", "🌧"][self.random.usize(..3)])),
                6 => Amendment::Unreact(emoji("❤️")),
                _ => Amendment::Select(self.random.u16(0..3)),
            };
            if matches!(what, Amendment::Edit(_) | Amendment::Delete) {
                self.touched(message.id, room);
            }
            changes.push((message.id, what));
        }
        let test = &self.test;
        let answers =
            join_all(changes.iter().map(|(message, what)| test.amend(room, user, *message, what.clone())))
                .await;
        for ((id, _), answer) in changes.iter().zip(answers) {
            let message: Option<Arc<Message>> = checked(answer);
            assert!(message.is_none_or(|message| message.id == *id));
        }
    }

    async fn ask(&mut self, room: RoomId, user: UserId) {
        let mut wishes: Vec<Wanted> = Vec::new();
        for _ in 0..self.random.usize(1..3) {
            let kind = self.random.u8(0..8);
            let found = match kind {
                1..=4 => self.any_of(room, |one| matches!(one.sender, Sender::Character(_))),
                _ => self.any_of(room, |one| one.sender == Sender::User(user)),
            };
            // Now and then one that does not fit.
            let Some(message) = found.or_else(|| self.any_message(room)) else { return };
            wishes.push(match kind {
                0 => Wanted::Reply(None),
                1..=3 => Wanted::Regenerate(message.id),
                4 => Wanted::Continue(message.id),
                _ => {
                    self.touched(message.id, room);
                    let n = self.random.u8(..);
                    Wanted::Resend { message: message.id, content: content(&format!("again {n}")) }
                }
            });
        }
        *self.asks.entry(user).or_default() += wishes.len();
        let test = &self.test;
        for answer in join_all(wishes.into_iter().map(|wanted| test.ask(room, user, wanted))).await {
            let _ = checked(answer);
        }
    }

    async fn change(&mut self, room: RoomId, owner: UserId, guest: UserId) {
        let modes = [ReplyMode::Mention, ReplyMode::TurnOrder, ReplyMode::Talkativeness, ReplyMode::ByHand];
        let what = match self.random.u8(0..4) {
            0 | 1 => RoomChange::AddMember(RoomMember {
                id: guest,
                username: "ben".into(),
                display_name: "Ben".into(),
            }),
            2 => RoomChange::RemoveMember(guest),
            _ => RoomChange::Details(DetailsChange {
                title: Some(format!("title {}", self.random.u8(..)).into()),
                reply_mode: Some(modes[self.random.usize(..4)]),
                ..DetailsChange::default()
            }),
        };
        let by = if self.random.u8(0..4) == 0 { guest } else { owner };
        let _ = checked(self.test.change(room, by, what).await);
    }
}
