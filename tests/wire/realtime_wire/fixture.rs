//! Values of every kind that goes over the wire.

use std::sync::Arc;

use bytestring::ByteString;
use greenroom::characters::{CharacterStatistics, CharacterView, Dials};
use greenroom::conversations::view::{
    ConversationCharacterView, ConversationView, MemberRole, MemberView, MessageView, ReplyModeView,
    Visibility,
};
use greenroom::media::ObjectKey;
use greenroom::media::files::{FileId, FileView, MediaFile, Purpose, Size, State, Variant};
use greenroom::studio::content::{self, ContentView, FaultView};
use greenroom_actors::domain::{
    self, Alarm, Attachment, AttachmentKind, Changes, CharacterId, ClientId, Content, Emoji, FailureCode,
    Finish, Into, Message, MessageId, MessageKind, Place, Reaction, Reply, ReplyMode, ReplyState,
    RoomCharacter, RoomDetails, RoomId, RoomMember, Scope, Sender, Usage, UsageLine, UserId, Window,
};
use greenroom_actors::protocol::{Asked, OpenReply, RoomEvent, UserEvent};
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

pub fn json(text: &ByteString) -> Value {
    serde_json::from_str(text).expect("JSON")
}

pub fn time() -> Timestamp {
    "2026-01-01T00:00:00.5Z".parse().unwrap()
}

pub fn message() -> Message {
    Message {
        id: MessageId::new(),
        room: RoomId::new(),
        offset: 11,
        revision: 12,
        sender: Sender::User(UserId::new()),
        client_id: ClientId::parse("a1b2").unwrap(),
        kind: MessageKind::Text,
        content: Content::trusted("Good \"evening\"\n😀"),
        attachment: None,
        reply_to: Some(MessageId::new()),
        finish: Finish::Complete,
        replies: vec![Reply {
            character: CharacterId::new(),
            message: MessageId::new(),
            state: ReplyState::Failed,
            code: Some(FailureCode::ProviderTimeout),
        }],
        changes: Changes::default(),
        created_at: time(),
    }
}

/// A voice message with reactions, as a reply of the third variant would be.
pub fn spoken() -> Message {
    let attachment = Attachment {
        place: Place::Url("/media/user-content/1/a.ogg".into()),
        kind: AttachmentKind::Audio,
        mime: Some("audio/ogg".into()),
        duration_ms: Some(1_500),
        width: None,
        height: None,
        item: None,
        file: None,
    };
    let user = UserId::new();
    let react = |emoji| Reaction { emoji: Emoji::parse(emoji).unwrap(), user };
    Message {
        kind: MessageKind::Audio,
        content: Content::trusted(""),
        attachment: Some(Arc::new(attachment)),
        changes: Changes {
            edited_at: Some(time()),
            reactions: vec![react("👍"), react("🎉")],
            variant: 1,
            variants: 3,
            ..Changes::default()
        },
        ..message()
    }
}

pub fn tombstone() -> Message {
    let changes = Changes { deleted_at: Some(time()), ..Changes::default() };
    Message { content: Content::trusted(""), changes, ..message() }
}

pub fn member(id: UserId) -> RoomMember {
    RoomMember { id, username: "ada".into(), display_name: "Ada".into() }
}

pub fn changed() -> RoomEvent {
    let details = RoomDetails {
        title: "Tea".into(),
        slug: "tea".into(),
        visibility: domain::Visibility::Unlisted,
        category: Some("Slice of life".into()),
        tags: vec!["tea".into()],
        featured: true,
        reply_mode: ReplyMode::Talkativeness,
    };
    let character = RoomCharacter {
        id: CharacterId::new(),
        slug: "mira".into(),
        name: "Mira".into(),
        tagline: "Keeps the kettle on".into(),
        avatar_url: None,
        color: "#336699".into(),
        talkativeness: 0.5,
        since: 0,
        reply_kind: MessageKind::Text,
    };
    RoomEvent::Changed {
        offset: 12,
        owner: UserId::new(),
        details: Arc::new(details),
        characters: vec![character],
    }
}

pub fn open_reply() -> OpenReply {
    OpenReply {
        message: MessageId::new(),
        character: CharacterId::new(),
        in_reply_to: MessageId::new(),
        into: Into::New,
        attempt: 2,
        state: ReplyState::Streaming,
        text: "So 😀 far".to_owned(),
    }
}

pub fn character() -> CharacterView {
    CharacterView {
        id: CharacterId::new().uuid(),
        version: 3,
        slug: "mira".into(),
        name: "Mira".into(),
        tagline: String::new(),
        description: String::new(),
        category: "general".into(),
        tags: vec!["sea".into()],
        greeting: "Come in.".into(),
        alternate_greetings: Vec::new(),
        avatar_url: None,
        color: "#7a5cff".into(),
        traits: vec!["dry".into()],
        tone: "calm".into(),
        dials: Dials::default(),
        talkativeness: 0.5,
        voice: None,
        reply_type: MessageKind::Text.into(),
        premium: false,
        created_at: time(),
        updated_at: time(),
        statistics: CharacterStatistics { rating: Some(4.5), ratings: 2, ..CharacterStatistics::default() },
    }
}

pub fn conversation() -> ConversationView {
    let owner = UserId::new().uuid();
    ConversationView {
        id: RoomId::new().uuid(),
        slug: "tea".to_owned(),
        title: "Tea".to_owned(),
        owner_id: owner,
        visibility: Visibility::Private,
        category: None,
        tags: Vec::new(),
        featured: false,
        reply_mode: ReplyModeView::Mention,
        characters: vec![ConversationCharacterView {
            id: CharacterId::new().uuid(),
            slug: "mira".to_owned(),
            name: "Mira".to_owned(),
            tagline: "Keeps the kettle on".to_owned(),
            avatar_url: None,
            color: "#336699".to_owned(),
        }],
        member_ids: vec![owner],
        members: vec![MemberView {
            id: owner,
            username: "ada".to_owned(),
            display_name: "Ada".to_owned(),
            role: MemberRole::Owner,
        }],
        last_offset: 12,
        read_offset: 3,
        unread_count: 1,
        last_message: Some(MessageView::from(&message())),
        created_at: time(),
        updated_at: time(),
    }
}

pub fn asked(changed: Option<Message>) -> Asked {
    let replies = message().replies;
    Asked { replies, usage: Some(Arc::new(usage())), message: changed.map(Arc::new) }
}

pub fn usage() -> Usage {
    let line = |scope, window, resets_at| UsageLine { scope, window, used: 3, limit: 30, resets_at };
    Usage {
        plan: "free".into(),
        lines: vec![
            line(Scope::Character(CharacterId::new(), MessageKind::Text), Window::Lifetime, None),
            line(Scope::Daily, Window::Day, Some(time())),
        ],
    }
}

pub fn status(state: ReplyState, code: Option<FailureCode>, offset: Option<i64>) -> RoomEvent {
    RoomEvent::Status {
        message: MessageId::new(),
        character: CharacterId::new(),
        in_reply_to: MessageId::new(),
        into: Into::New,
        attempt: 1,
        state,
        code,
        offset,
    }
}

/// A message took a limit to where its user is told.
pub fn warned() -> UserEvent {
    let line = usage().lines.remove(0);
    UserEvent::Quota { usage: Arc::new(usage()), alarm: Alarm::Reached, line }
}

/// A picture of a gallery, with all that a file may have.
pub fn file(state: State) -> FileView {
    let (id, character) = (FileId::new(), CharacterId::new());
    let key = ObjectKey::parse(&format!("characters/{character}/gallery/{id}.png")).unwrap();
    let variant = Variant {
        size: Size::Small,
        key: key.variant(Size::Small).to_string(),
        width: 400,
        height: 300,
        bytes: 9_000,
    };
    FileView::from(&MediaFile {
        id,
        owner: UserId::new(),
        purpose: Purpose::Gallery,
        character: Some(character),
        kind: AttachmentKind::Image,
        state,
        name: Some("by the \"sea\".png".to_owned()),
        key,
        mime: "image/png".to_owned(),
        bytes: 60_000,
        total_bytes: 69_000,
        width: Some(800),
        height: Some(600),
        duration_ms: None,
        blurhash: Some("LEHV6nWB2yk8pyo0adR*.7kCMdnj".to_owned()),
        peaks: Some(vec![0, 255]),
        variants: vec![variant],
        created_at: time(),
    })
}

/// A video that somebody asked for, with all that it may tell as it stands so.
pub fn content(state: content::State) -> ContentView {
    use content::State::{Done, Failed, Queued};
    let error = FaultView { code: "provider_timeout".to_owned(), message: "it took too long".to_owned() };
    ContentView {
        id: Uuid::now_v7(),
        kind: content::Kind::Video,
        state,
        progress: 42,
        prompt: "a \"fox\"".to_owned(),
        optimized_prompt: (state != Queued).then(|| "a red fox".to_owned()),
        avatar_id: Some(Uuid::now_v7()),
        image_id: None,
        quality: content::Quality::Hd,
        size: "1280x720".to_owned(),
        seconds: Some(4),
        credits: 23,
        provider: (state != Queued).then(|| "openai".to_owned()),
        model: (state != Queued).then(|| "sora-2".to_owned()),
        file: (state == Done).then(|| file(State::Ready)),
        error: (state == Failed).then_some(error),
        tries: 1,
        created_at: time(),
        started_at: (state != Queued).then(time),
        ended_at: (!state.is_open()).then(time),
    }
}
