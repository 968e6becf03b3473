use super::*;
use crate::domain::{CharacterId, RoomCharacter, RoomDetails, RoomId, RoomMember};
use crate::protocol::DetailsChange;
use crate::testsuite::{member, room_character};

struct Scene {
    room: RoomRecord,
    guest: RoomMember,
    stranger: RoomMember,
    newcomer: RoomCharacter,
}

fn scene() -> Scene {
    let (owner, guest) = (member("Mira"), member("Ben"));
    let room = RoomRecord {
        id: RoomId::new(),
        owner: owner.id,
        details: RoomDetails::default(),
        members: vec![owner, guest.clone()],
        characters: vec![room_character("Ada"), room_character("Tom")],
        last_speaker: None,
        head: 7,
    };
    Scene { room, guest, stranger: member("Eve"), newcomer: room_character("Kim") }
}

fn judged(room: &RoomRecord, user: UserId, what: &RoomChange) -> Option<RefusalCode> {
    judge(room, user, what, &RoomSettings::default()).err().map(|refusal| refusal.code)
}

#[test]
fn who_may_change_what() {
    use RefusalCode::{Conflict, Forbidden, NotFound};
    let Scene { room, guest, stranger, newcomer } = scene();
    let (owner, first) = (room.owner, room.characters[0].id);
    let details =
        RoomChange::Details(DetailsChange { title: Some("Tea".into()), ..DetailsChange::default() });
    // The change, and how it is answered to the owner, a member and a stranger.
    let table = [
        (RoomChange::AddMember(stranger.clone()), None, Some(Forbidden), Some(NotFound)),
        (RoomChange::RemoveMember(guest.id), None, None, Some(NotFound)),
        (RoomChange::RemoveMember(owner), Some(Conflict), Some(Forbidden), Some(NotFound)),
        (RoomChange::RemoveMember(stranger.id), Some(NotFound), Some(Forbidden), Some(NotFound)),
        (RoomChange::Owner(guest.id), None, Some(Forbidden), Some(NotFound)),
        (RoomChange::Owner(stranger.id), Some(NotFound), Some(Forbidden), Some(NotFound)),
        (RoomChange::AddMember(guest.clone()), Some(Conflict), Some(Forbidden), Some(NotFound)),
        (RoomChange::AddCharacter(newcomer), None, Some(Forbidden), Some(NotFound)),
        (
            RoomChange::AddCharacter(room.characters[0].clone()),
            Some(Conflict),
            Some(Forbidden),
            Some(NotFound),
        ),
        (RoomChange::RemoveCharacter(first), None, Some(Forbidden), Some(NotFound)),
        (RoomChange::RemoveCharacter(CharacterId::new()), Some(NotFound), Some(Forbidden), Some(NotFound)),
        (details, None, Some(Forbidden), Some(NotFound)),
        // The edge lets admins through, and nobody else.
        (RoomChange::Feature(Featured::Yes), None, None, None),
    ];
    for (what, to_owner, to_member, to_stranger) in table {
        let answers = [owner, guest.id, stranger.id].map(|user| judged(&room, user, &what));
        assert_eq!(answers, [to_owner, to_member, to_stranger], "{what:?}");
    }
}

#[test]
fn a_room_holds_so_many_and_keeps_a_character() {
    let Scene { mut room, stranger, newcomer, .. } = scene();
    let settings = RoomSettings { members_max: 2, characters_max: 2, ..RoomSettings::default() };
    let refused = |room: &RoomRecord, what| judge(room, room.owner, &what, &settings).unwrap_err();
    let full = refused(&room, RoomChange::AddMember(stranger));
    assert_eq!((full.code, full.message.contains('2')), (RefusalCode::Conflict, true));
    assert_eq!(refused(&room, RoomChange::AddCharacter(newcomer)).code, RefusalCode::Conflict);
    room.characters.truncate(1);
    let last = RoomChange::RemoveCharacter(room.characters[0].id);
    assert_eq!(refused(&room, last).code, RefusalCode::Conflict);
}

#[test]
fn the_record_follows_the_log() {
    let Scene { mut room, guest, stranger, newcomer } = scene();
    let owner = room.owner;
    let mut offset = room.head;
    let mut change = |room: &mut RoomRecord, what: RoomChange| {
        offset += 1;
        apply(room, Change { id: Uuid::now_v7(), by: owner, at: jiff::Timestamp::UNIX_EPOCH, what }, offset)
    };
    let event = change(&mut room, RoomChange::AddMember(stranger.clone()));
    assert!(matches!(event, RoomEvent::MemberAdded { offset: 8, by, .. } if by == owner));
    change(&mut room, RoomChange::Owner(guest.id));
    let members: Vec<UserId> = room.members.iter().map(|member| member.id).collect();
    assert_eq!((room.owner, members), (guest.id, vec![guest.id, owner, stranger.id]));
    let event = change(&mut room, RoomChange::RemoveMember(owner));
    assert!(matches!(event, RoomEvent::MemberRemoved { offset: 10, user, .. } if user == owner));
    assert!(!room.is_member(owner));
    change(&mut room, RoomChange::AddCharacter(newcomer.clone()));
    assert_eq!(room.character(newcomer.id).unwrap().since, 11, "it knows what is said from now on");
    let first = room.characters[0].id;
    change(&mut room, RoomChange::RemoveCharacter(first));
    let event = change(&mut room, RoomChange::Feature(Featured::Yes));
    let RoomEvent::Changed { offset, owner, details, characters } = event else { panic!("{event:?}") };
    assert_eq!((offset, owner, details.featured, characters.len()), (13, guest.id, true, 2));
}

#[test]
fn what_stands_already_needs_no_change() {
    let Scene { room, guest, .. } = scene();
    assert!(stands(&room, &RoomChange::Owner(room.owner)));
    assert!(!stands(&room, &RoomChange::Owner(guest.id)));
    assert!(stands(&room, &RoomChange::Feature(Featured::No)));
    assert!(stands(&room, &RoomChange::Details(DetailsChange::default())));
    let title = Some("Tea".into());
    assert!(!stands(&room, &RoomChange::Details(DetailsChange { title, ..DetailsChange::default() })));
}
