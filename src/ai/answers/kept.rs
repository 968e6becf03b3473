//! One answer that is kept, what it is known by, and how it is said again.

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use greenroom_actors::domain::{BackEnd, Counted, Finish, TokenUsage};
use greenroom_actors::ports::{GenerateRequest, Piece, PieceStream, PromptRole};
use sha2::{Digest, Sha256};

/// Characters of one piece: it is passed on as a stream, as clients expect.
const PIECE_CHARS: usize = 48;
/// Bytes of an entry beside its text, about.
const ENTRY_BYTES: usize = 256;

/// A SHA-256 of a request.
pub(super) type Key = [u8; 32];

pub(super) struct Kept {
    pub back_end: Arc<BackEnd>,
    pub text: String,
    /// What it took when it was made.
    pub usage: TokenUsage,
    pub counted: Counted,
}

impl Kept {
    pub fn bytes(&self) -> usize {
        self.text.len() + ENTRY_BYTES
    }
}

/// Hashes all that an answer hangs on, each part with its length before it, so that no two requests read the same.
pub(super) fn key(request: &GenerateRequest) -> Key {
    let mut hash = Sha256::new();
    let mut put = |part: &[u8]| {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    };
    let character = &request.character;
    put(character.id.uuid().as_bytes());
    put(&character.version.to_le_bytes());
    for name in [&character.model.provider, &character.model.model] {
        // No name and an empty one are two things.
        put(&[u8::from(name.is_some())]);
        put(name.as_deref().unwrap_or_default().as_bytes());
    }
    put(&request.temperature.to_bits().to_le_bytes());
    put(&request.max_tokens.to_le_bytes());
    put(request.user_name.as_bytes());
    put(&(request.stop.len() as u64).to_le_bytes());
    for stop in &request.stop {
        put(stop.as_bytes());
    }
    for message in &request.messages {
        put(&[match message.role {
            PromptRole::System => 0,
            PromptRole::User => 1,
            PromptRole::Assistant => 2,
            PromptRole::Note => 3,
        }]);
        put(message.content.as_bytes());
        put(&(message.images.len() as u64).to_le_bytes());
        for image in &message.images {
            put(image.object.as_bytes());
        }
    }
    hash.finalize().into()
}

/// It, said again from the beginning.
pub(super) fn pieces(kept: &Kept) -> PieceStream {
    let mut rest = kept.text.as_str();
    let mut pieces = Vec::with_capacity(rest.len() / PIECE_CHARS + 2);
    while !rest.is_empty() {
        let end = rest.char_indices().nth(PIECE_CHARS).map_or(rest.len(), |(at, _)| at);
        let (piece, after) = rest.split_at(end);
        pieces.push(Ok(Piece::Text(piece.to_owned())));
        rest = after;
    }
    let (usage, counted) = (kept.usage, kept.counted);
    pieces.push(Ok(Piece::End { finish: Finish::Complete, usage, counted }));
    stream::iter(pieces).boxed()
}
