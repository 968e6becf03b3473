//! Answers that are given again: the same prompt of a character that allows it gets, for an hour, what the model answered
//! the first time.
//!
//! [`Answers`] stands around the engine's generator. It knows an answer by a hash of the whole request: every message with
//! its role, the character and its version, the model, the temperature, the limits and the speaker's name. So a changed
//! character, another history or another memory is another prompt, and two users share an answer only where their prompts
//! are the same to the byte: nothing that one of them told, or that is remembered of one, reaches the other.
//!
//! Kept is what ended well and in one go, said by the provider and the model that the character names: no part, nothing that
//! goes on from a part, nothing that a stand-in said while that one was away. Who has a reply made anew gets a new answer, which
//! takes the older one's place. Bounds: entries, bytes and time by `ai.response_cache_*`; all is in this node's memory.

mod kept;

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use greenroom_actors::domain::{Finish, Purpose, ResponseCache};
use greenroom_actors::ports::{
    Attempt, Freshness, GenerateError, GenerateRequest, Generator, Opened, Piece, PieceStream, Start,
};

use self::kept::{Kept, Key, key, pieces};
use crate::cache::{Cache, Counted};
use crate::config::AiSettings;

/// Bytes of an answer that is kept; longer ones are not.
const ANSWER_MAX_BYTES: usize = 256 * 1024;

/// The generator of the engine, with a memory. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct Answers(Arc<Inner>);

struct Inner {
    generator: Arc<dyn Generator>,
    /// The provider of characters that name none.
    default_provider: Arc<str>,
    kept: Cache<Key, Arc<Kept>>,
}

impl Answers {
    #[must_use]
    pub fn around(generator: Arc<dyn Generator>, default_provider: &str, settings: &AiSettings) -> Self {
        let kept = Cache::weighed(
            "ai-answers",
            settings.response_cache_max,
            settings.response_cache_max_bytes,
            settings.response_cache_life(),
            |kept: &Arc<Kept>| kept.bytes(),
        );
        Self(Arc::new(Inner { generator, default_provider: default_provider.into(), kept }))
    }

    /// For the status of the caches.
    #[must_use]
    pub fn cache(&self) -> Box<dyn Counted> {
        Box::new(self.0.kept.clone())
    }
}

impl Inner {
    /// Whether answers to this request may be kept and given again at all.
    fn allows(request: &GenerateRequest, attempt: &Attempt) -> bool {
        let on = request.character.model.response_cache == ResponseCache::On;
        // What is tried or counted for its own sake is asked for.
        let said = matches!(request.purpose, Purpose::Reply | Purpose::Completion);
        on && said && attempt.so_far.is_none()
    }

    /// Whether who answers is whom the character names, and no stand-in.
    fn is_meant(&self, request: &GenerateRequest, opened: &Opened) -> bool {
        let choice = &request.character.model;
        let provider = choice.provider.as_deref().unwrap_or(&self.default_provider);
        let model = choice.model.as_deref();
        *opened.back_end.provider == *provider && model.is_none_or(|model| *opened.back_end.model == *model)
    }
}

impl Generator for Answers {
    fn generate(
        &self,
        request: Arc<GenerateRequest>,
        attempt: Attempt,
    ) -> BoxFuture<'static, Result<Opened, GenerateError>> {
        if !Inner::allows(&request, &attempt) {
            return self.0.generator.generate(request, attempt);
        }
        let inner = self.0.clone();
        Box::pin(async move {
            let key = key(&request);
            if request.freshness == Freshness::Any
                && let Some(kept) = inner.kept.get(&key)
            {
                let back_end = kept.back_end.clone();
                return Ok(Opened { back_end, start: Start::Cached, pieces: pieces(&kept) });
            }
            let first = attempt.failed.is_empty();
            let opened = inner.generator.generate(request.clone(), attempt).await?;
            if opened.start != Start::Anew || !first || !inner.is_meant(&request, &opened) {
                return Ok(opened);
            }
            let pieces = watched(inner.kept.clone(), key, &opened.back_end.clone(), opened.pieces);
            Ok(Opened { pieces, ..opened })
        })
    }
}

/// The same pieces; when they have come to a good end, all of them are kept.
fn watched(
    cache: Cache<Key, Arc<Kept>>,
    key: Key,
    back_end: &Arc<greenroom_actors::domain::BackEnd>,
    pieces: PieceStream,
) -> PieceStream {
    let back_end = back_end.clone();
    let mut said = Some(String::new());
    let keep = move |piece: &Result<Piece, GenerateError>| match piece {
        Ok(Piece::Text(more)) => {
            let fits = said.as_ref().is_some_and(|text| text.len() + more.len() <= ANSWER_MAX_BYTES);
            match &mut said {
                Some(text) if fits => text.push_str(more),
                _ => said = None,
            }
        }
        Ok(Piece::End { finish: Finish::Complete, usage, counted }) => {
            if let Some(text) = said.take().filter(|text| !text.trim().is_empty()) {
                let kept = Kept { back_end: back_end.clone(), text, usage: *usage, counted: *counted };
                cache.put(key, Arc::new(kept));
            }
        }
        Ok(Piece::End { .. }) | Err(_) => said = None,
    };
    pieces.inspect(keep).boxed()
}

#[cfg(test)]
mod tests;
