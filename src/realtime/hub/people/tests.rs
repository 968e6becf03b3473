use greenroom_actors::domain::UserId;

use super::*;
use crate::accounts::Role;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;
const GRACE: Duration = Duration::from_secs(3);

fn info(user: UserId) -> SessionInfo {
    SessionInfo {
        id: SessionId::new(),
        user,
        username: None,
        role: Role::User,
        sign_in: SessionId::new(),
        address: None,
        connected_at: Timestamp::UNIX_EPOCH,
        presence: Presence::Online,
        rooms: 0,
    }
}

#[test]
fn a_user_is_away_when_all_their_sockets_are_and_offline_without_one() {
    let (people, user) = (People::default(), UserId::new());
    let (one, two) = (info(user), info(user));
    people.add(one.clone(), 0, Served::default(), 2).unwrap();
    people.add(two.clone(), 1, Served::default(), 2).unwrap();
    assert_eq!(people.add(info(user), 0, Served::default(), 2), Err(TooMany));
    people.update(one.id, |info| info.presence = Presence::Away);
    assert_eq!(people.presence(user), Presence::Online);
    people.update(two.id, |info| info.presence = Presence::Away);
    assert_eq!(people.presence(user), Presence::Away);
    assert!(!people.remove(one.id, NOW));
    people.remove(two.id, NOW);
    assert_eq!((people.presence(user), people.counts()), (Presence::Offline, (0, 0)));
}

#[test]
fn who_comes_back_in_time_was_never_gone() {
    let (people, user, room) = (People::default(), UserId::new(), RoomId::new());
    let one = info(user);
    people.add(one.clone(), 0, Served::default(), 2).unwrap();
    assert!(people.show(user, room, NOW));
    assert!(!people.show(user, room, NOW));
    assert!(people.remove(one.id, NOW));
    let two = info(user);
    people.add(two.clone(), 0, Served::default(), 2).unwrap();
    assert_eq!(people.forget(user, later(NOW, GRACE), GRACE), None);
    let left = later(NOW, GRACE);
    assert!(people.remove(two.id, left));
    assert_eq!(people.forget(user, later(NOW, GRACE), GRACE), None, "it has the whole time again");
    assert_eq!(people.forget(user, later(left, GRACE), GRACE), Some((vec![room], left)));
    assert_eq!(people.forget(user, later(left, GRACE), GRACE), None);
}

#[test]
fn a_users_sockets_are_found_by_worker_and_by_sign_in() {
    let (people, user) = (People::default(), UserId::new());
    let (one, two) = (info(user), info(user));
    people.add(one.clone(), 0, Served::default(), 9).unwrap();
    people.add(two.clone(), 1, Served::default(), 9).unwrap();
    assert_eq!(people.sessions_of(user, None, Some(one.id)), [(1, vec![two.id])]);
    assert_eq!(people.sessions_of(user, Some(one.sign_in), None), [(0, vec![one.id])]);
    assert_eq!(people.list(1, None).len(), 1);
    let first = people.list(1, None)[0].id;
    assert_eq!(people.list(9, Some(first)).len(), 1);
}

#[test]
fn one_who_changes_again_and_again_is_told_of_once_a_span() {
    let (people, user, room) = (People::default(), UserId::new(), RoomId::new());
    let one = info(user);
    people.add(one.clone(), 0, Served::default(), 2).unwrap();
    assert!(people.show(user, room, NOW));
    let set = |presence| people.update(one.id, |info| info.presence = presence);
    let told = |told: Option<Told>| told.map(|told| (told.presence, told.rooms));
    let after = |spans: u32| later(NOW, GRACE * spans);
    set(Presence::Away);
    assert_eq!(told(people.changed(user, after(1), GRACE)), Some((Presence::Away, vec![room])));
    for _ in 0..3 {
        set(Presence::Online);
        assert!(people.changed(user, after(1), GRACE).is_none());
        set(Presence::Away);
        assert!(people.changed(user, after(1), GRACE).is_none());
    }
    assert!(people.settled(after(2), GRACE).is_empty(), "it is as it was told");
    set(Presence::Online);
    assert_eq!(told(people.changed(user, after(2), GRACE)), Some((Presence::Online, vec![room])));
    set(Presence::Away);
    assert!(people.changed(user, after(2), GRACE).is_none());
    assert!(people.settled(after(2), GRACE).is_empty());
    assert_eq!(told(people.settled(after(3), GRACE).pop()), Some((Presence::Away, vec![room])));
    people.hide(user, room);
    set(Presence::Online);
    assert_eq!(told(people.changed(user, after(4), GRACE)), Some((Presence::Online, vec![])));
}

#[test]
fn who_was_seen_is_told_once_and_who_is_connected_each_time() {
    let (people, [here, gone]) = (People::default(), [UserId::new(), UserId::new()]);
    let one = info(gone);
    people.add(info(here), 0, Served::default(), 2).unwrap();
    people.add(one.clone(), 0, Served::default(), 2).unwrap();
    people.remove(one.id, NOW);
    assert_eq!(people.left_at(gone), Some(NOW));
    assert_eq!(people.absent([here, gone].into_iter()), [gone]);
    let now = later(NOW, GRACE);
    let mut seen = people.take_seen(now);
    seen.sort_by_key(|(_, at)| *at);
    assert_eq!(seen, [(gone, NOW), (here, now)]);
    assert_eq!(people.take_seen(now), [(here, now)]);
}
