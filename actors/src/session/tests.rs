//! The session without a runtime: its sign-in and limits, and the order of frames under every interleaving.

use super::*;
use crate::domain::{MessageId, ReplyState, UserId};

mod order;

type TestSession = Session<u32>;

fn start() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn seconds(seconds: u64) -> Timestamp {
    later(start(), Duration::from_secs(seconds))
}

fn session() -> TestSession {
    Session::new(SessionId::new(), Arc::default(), start())
}

fn identity(user: UserId) -> Identity {
    Identity { user, role: Role::User, premium: false, expires_at: seconds(900) }
}

fn logged(offset: Revision) -> Frame<u32> {
    Frame { mark: Mark::Logged { offset, closes: None }, body: offset as u32 }
}

fn snapshot(position: Revision) -> Joined<'static> {
    Joined { position, replies: &[], ended: &[] }
}

/// A session that stands in a room at `position`.
fn joined(position: Revision) -> (TestSession, RoomId) {
    let mut session = session();
    let room = RoomId::new();
    let ticket = session.begin_join(room).unwrap();
    session.finish_join(room, ticket, &snapshot(position), |_| ());
    (session, room)
}

fn deliver(session: &mut TestSession, room: RoomId, frames: &[Frame<u32>]) -> (Vec<u32>, Step) {
    let mut sent = Vec::new();
    let step = session.on_frames(room, frames, |body| sent.push(*body));
    (sent, step)
}

#[test]
fn a_socket_that_does_not_sign_in_is_closed_at_its_deadline() {
    let mut session = session();
    assert_eq!(session.next_due(), seconds(10));
    assert_eq!(session.on_tick(seconds(9)), Due::default());
    assert_eq!(session.on_tick(seconds(10)).close, Some(CloseCode::SignInTimeout));
}

#[test]
fn before_the_sign_in_only_opening_commands_are_taken() {
    let mut session = session();
    session.admit(CommandClass::Opening, start()).unwrap();
    let refusal = session.admit(CommandClass::Other, start()).unwrap_err();
    assert_eq!(refusal.code, RefusalCode::Unauthenticated);
}

#[test]
fn a_token_is_prolonged_by_its_own_user_only() {
    let mut session = session();
    let user = UserId::new();
    assert_eq!(session.sign_in(identity(user)), Ok(SignIn::First));
    assert_eq!(session.sign_in(identity(UserId::new())).unwrap_err().code, RefusalCode::Forbidden);
    let newer = Identity { expires_at: seconds(1_800), ..identity(user) };
    assert_eq!(session.sign_in(newer), Ok(SignIn::Prolonged));
    session.on_frame(seconds(1_000));
    assert_eq!(session.on_tick(seconds(1_000)).close, None);
}

#[test]
fn the_client_is_told_once_before_its_token_ends_and_closed_when_it_has() {
    let mut session = session();
    session.sign_in(identity(UserId::new())).unwrap();
    session.on_frame(seconds(850));
    assert!(session.on_tick(seconds(840)).token_ends);
    assert!(!session.on_tick(seconds(850)).token_ends);
    assert_eq!(session.on_tick(seconds(900)).close, Some(CloseCode::TokenEnded));
}

#[test]
fn two_silent_heartbeats_close_the_socket_and_any_frame_keeps_it() {
    let mut session = session();
    session.sign_in(identity(UserId::new())).unwrap();
    let first = session.next_due();
    assert!(first > seconds(21) && first <= seconds(25), "{first}");
    assert!(session.on_tick(first).ping);
    session.on_frame(seconds(26));
    assert_eq!(session.on_tick(seconds(75)).close, None);
    assert_eq!(session.on_tick(seconds(76)).close, Some(CloseCode::NoHeartbeat));
}

#[test]
fn what_is_due_is_never_later_than_said() {
    let mut session = session();
    session.sign_in(identity(UserId::new())).unwrap();
    // Walking from due to due, a session that never answers is closed after exactly two heartbeats.
    let mut now = start();
    let closed = (0..10).find_map(|_| {
        now = session.next_due();
        session.on_tick(now).close
    });
    assert_eq!((closed, now), (Some(CloseCode::NoHeartbeat), seconds(50)));
}

#[test]
fn messages_are_limited_for_a_plan_that_is_not_premium() {
    let mut session = session();
    let user = UserId::new();
    session.sign_in(identity(user)).unwrap();
    for _ in 0..10 {
        session.admit(CommandClass::Message, start()).unwrap();
    }
    let refusal = session.admit(CommandClass::Message, start()).unwrap_err();
    assert_eq!((refusal.code, refusal.retry_after), (RefusalCode::RateLimited, Some(Duration::from_secs(6))));
    session.admit(CommandClass::Typing, start()).unwrap();
    session.sign_in(Identity { premium: true, ..identity(user) }).unwrap();
    for _ in 0..1_000 {
        session.admit(CommandClass::Message, start()).unwrap();
    }
}

#[test]
fn a_flood_and_a_score_of_bad_frames_close_the_socket() {
    let mut session = session();
    assert!((0..1_200).all(|_| session.on_frame(start()).is_none()));
    assert_eq!(session.on_frame(start()), Some(CloseCode::Flooding));
    assert!((0..19).all(|_| session.on_bad_frame().is_none()));
    assert_eq!(session.on_bad_frame(), Some(CloseCode::NotProtocol));
}

#[test]
fn frames_that_the_snapshot_holds_are_dropped_and_later_ones_follow_it() {
    let mut session = session();
    let room = RoomId::new();
    let ticket = session.begin_join(room).unwrap();
    let (sent, _) = deliver(&mut session, room, &[logged(4), logged(5), logged(6)]);
    assert!(sent.is_empty());
    let mut sent = Vec::new();
    session.check_join(room, ticket).unwrap();
    assert_eq!(session.finish_join(room, ticket, &snapshot(5), |body| sent.push(*body)), Step::Go);
    assert_eq!(sent, [6]);
    assert_eq!(deliver(&mut session, room, &[logged(6), logged(7)]), (vec![7], Step::Go));
}

#[test]
fn a_gap_closes_the_socket() {
    let (mut session, room) = joined(5);
    assert_eq!(
        deliver(&mut session, room, &[logged(6), logged(8)]),
        (vec![6], Step::Close(CloseCode::OutOfStep))
    );
}

#[test]
fn a_room_that_was_left_or_deleted_sends_no_more() {
    let (mut session, room) = joined(5);
    let deleted = Frame { mark: Mark::Deleted { offset: 6 }, body: 6 };
    assert_eq!(deliver(&mut session, room, &[deleted, logged(7)]), (vec![6], Step::Left));
    assert_eq!(deliver(&mut session, room, &[logged(8)]), (vec![], Step::Go));
    let (mut session, room) = joined(5);
    assert!(session.leave(room));
    assert!(!session.leave(room));
    assert_eq!(deliver(&mut session, room, &[logged(9)]), (vec![], Step::Go));
}

#[test]
fn a_join_that_failed_leaves_the_session_where_it_stood() {
    let (mut session, room) = joined(5);
    let ticket = session.begin_join(room).unwrap();
    assert_eq!(session.begin_join(room).unwrap_err().code, RefusalCode::Conflict);
    deliver(&mut session, room, &[logged(6)]);
    let mut sent = Vec::new();
    assert_eq!(session.give_up_join(room, ticket, |body| sent.push(*body)), Step::Go);
    assert_eq!(sent, [6]);
    assert_eq!(deliver(&mut session, room, &[logged(7)]), (vec![7], Step::Go));
}

#[test]
fn the_answer_to_a_join_that_was_left_is_refused_and_changes_nothing() {
    let mut session = session();
    let room = RoomId::new();
    let old = session.begin_join(room).unwrap();
    session.leave(room);
    assert_eq!(session.check_join(room, old).unwrap_err().code, RefusalCode::Conflict);
    let new = session.begin_join(room).unwrap();
    assert_eq!(session.check_join(room, old).unwrap_err().code, RefusalCode::Conflict);
    assert_eq!(session.give_up_join(room, old, |_| ()), Step::Go);
    session.check_join(room, new).unwrap();
}

#[test]
fn a_join_that_holds_too_much_is_refused_and_can_be_asked_again() {
    let settings = SessionSettings { held_frames_max: 2, ..SessionSettings::default() };
    let mut session = TestSession::new(SessionId::new(), Arc::new(settings), start());
    let room = RoomId::new();
    let ticket = session.begin_join(room).unwrap();
    deliver(&mut session, room, &[logged(1), logged(2), logged(3)]);
    let refusal = session.check_join(room, ticket).unwrap_err();
    assert_eq!((refusal.code, refusal.retry_after.is_some()), (RefusalCode::Overloaded, true));
    assert_eq!(session.give_up_join(room, ticket, |_| ()), Step::Left);
    session.begin_join(room).unwrap();
}

#[test]
fn rooms_of_one_socket_are_bounded() {
    let settings = SessionSettings { rooms_max: 1, ..SessionSettings::default() };
    let mut session = TestSession::new(SessionId::new(), Arc::new(settings), start());
    session.begin_join(RoomId::new()).unwrap();
    assert_eq!(session.begin_join(RoomId::new()).unwrap_err().code, RefusalCode::BadRequest);
}

#[test]
fn a_session_behind_a_restarted_room_is_closed() {
    let (mut session, room) = joined(5);
    assert_eq!(session.on_resync(room, 5), None);
    assert_eq!(session.on_resync(room, 6), Some(CloseCode::OutOfStep));
    assert_eq!(session.on_resync(RoomId::new(), 6), None);
    // While joining, the snapshot may still reach there.
    for (position, step) in [(9, Step::Go), (8, Step::Close(CloseCode::OutOfStep))] {
        let room = RoomId::new();
        let ticket = session.begin_join(room).unwrap();
        assert_eq!(session.on_resync(room, 9), None);
        assert_eq!(session.finish_join(room, ticket, &snapshot(position), |_| ()), step);
    }
}

#[test]
fn a_state_older_than_the_one_in_the_snapshot_is_not_sent() {
    let mut session = session();
    let (room, message) = (RoomId::new(), MessageId::new());
    let ticket = session.begin_join(room).unwrap();
    let status = |attempt, state, body| Frame { mark: Mark::Status { message, attempt, state }, body };
    deliver(
        &mut session,
        room,
        &[
            status(1, ReplyState::Thinking, 1),
            status(1, ReplyState::Streaming, 2),
            status(2, ReplyState::Thinking, 3),
        ],
    );
    let replies = [ReplyMark { message, attempt: 1, state: ReplyState::Streaming, length: 4 }];
    let joined = Joined { position: 0, replies: &replies, ended: &[] };
    let mut sent = Vec::new();
    session.finish_join(room, ticket, &joined, |body| sent.push(*body));
    assert_eq!(sent, [3]);
}
