//! Step 5b of a turn: a reply whose text is complete is spoken, or shown with something of the gallery, where that was
//! asked for. Whatever comes between, the text stands: a reply that could not be spoken is a text.

use std::sync::Arc;

use super::{Arguments, Ended, Ending};
use crate::domain::{Attachment, CharacterRecord, Content, Finish, Into, MessageId, MessageKind};
use crate::engine::Context;
use crate::ports::{Calls, GalleryWish, SpeakRequest};

/// What is needed beside the text.
pub(super) struct Material {
    pub character: Arc<CharacterRecord>,
    /// The message that is answered.
    pub asked: Content,
    /// What the text goes on from.
    pub before: Option<Content>,
}

/// The end of the turn with what its message carries.
pub(super) async fn carried(
    context: &Context,
    turn: &Arguments,
    material: Option<Material>,
    ended: Ended,
) -> Ended {
    let Some(material) = material else { return ended };
    let (MessageKind::Audio | MessageKind::Media, Ending::Said { text, finish, .. }) =
        (turn.turn.kind, &ended.outcome)
    else {
        return ended;
    };
    if !matches!(finish, Finish::Complete | Finish::Length) {
        return ended;
    }
    let whole: Arc<str> = match &material.before {
        Some(before) => format!("{}{text}", before.as_str()).into(),
        None => text.as_str().into(),
    };
    let (finish, calls) = (*finish, Calls::default());
    let wait = context.settings.turn.voice_timeout;
    let made = tokio::select! {
        biased;
        () = turn.stop.cancelled() => None,
        made = tokio::time::timeout(wait, make(context, turn, material, whole, calls.clone())) => {
            Some(made.unwrap_or_else(|_| {
                tracing::warn!(turn = %turn.turn.message, "a reply's voice took too long: it stays a text");
                None
            }))
        }
    };
    let (finish, made) = match made {
        // It was stopped while it was spoken: the text stands.
        None => (Finish::Stopped, None),
        Some(made) => (finish, made),
    };
    ended.with(finish, made, &calls)
}

async fn make(
    context: &Context,
    turn: &Arguments,
    material: Material,
    whole: Arc<str>,
    calls: Calls,
) -> Option<Arc<Attachment>> {
    let of = &turn.turn;
    match of.kind {
        MessageKind::Text => None,
        MessageKind::Audio => {
            let request = SpeakRequest {
                character: material.character,
                user: of.user,
                room: of.room,
                message: becomes(of.into, of.message),
                text: whole,
            };
            let spoken = context.ports.speech.speak(request, calls).await;
            spoken
                .inspect_err(|error| {
                    tracing::warn!(%error, turn = %of.message, "a reply was not spoken: it stays a text");
                })
                .ok()
        }
        MessageKind::Media => {
            let wish = GalleryWish {
                character: of.character,
                room: of.room,
                user: of.user,
                members: turn.members.clone(),
                audience: turn.audience,
                asked: material.asked,
                said: whole,
            };
            let found = context.ports.gallery.find(wish).await;
            found
                .inspect_err(|error| tracing::warn!(%error, turn = %of.message, "a gallery cannot be read"))
                .ok()
                .flatten()
        }
    }
}

/// The message that carries it.
fn becomes(into: Into, own: MessageId) -> MessageId {
    match into {
        Into::New => own,
        Into::Variant(of) | Into::Continuation(of) => of,
    }
}

impl Ended {
    fn with(mut self, finish: Finish, made: Option<Arc<Attachment>>, calls: &Calls) -> Self {
        if let Ending::Said { finish: stands, attachment, .. } = &mut self.outcome {
            (*stands, *attachment) = (finish, made);
        }
        self.calls.extend(calls.take());
        self
    }
}
