//! The ports as they are in a running server: pictures and videos by [`Artist`], words by [`Writer`]. Looks come from
//! `studio/avatars`.
//!
//! What a call costs is accounted to its user however it ends, also when it is let go.

use std::sync::Arc;

use bytes::Bytes;
use deadpool_postgres::Pool;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use greenroom_actors::domain::{AiCall, Purpose, UserId};
use greenroom_actors::ports::{Calls, GenerateError, GenerateErrorKind};
use greenroom_actors::protocol::{Refusal, RefusalCode};

use super::kinds::{Kind, Quality};
use super::maker::{
    Film, FilmOrder, FilmState, Maker, Offer, PaintOrder, Painted, Ticket, Words, WordsOrder,
};
use crate::ai::{self, Artist, Dimensions, FilmRequest, PaintRequest, WriteRequest, Writer};
use crate::config::ProviderKind;
use crate::media::FileType;
use crate::postgres::calls::{Account, record};

/// Makes things by the providers.
#[derive(Clone)]
pub struct ByArtist {
    artist: Artist,
    pool: Pool,
}

/// The calls of one piece of work, written down when it ends or is let go.
struct Accounted {
    calls: Calls,
    ended: Vec<AiCall>,
    user: UserId,
    pool: Pool,
}

impl Drop for Accounted {
    fn drop(&mut self) {
        let mut calls = std::mem::take(&mut self.ended);
        calls.extend(self.calls.take());
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if calls.is_empty() {
            return;
        }
        let (pool, account) = (self.pool.clone(), Account { user: Some(self.user), ..Account::default() });
        runtime.spawn(async move {
            let written = async {
                let client = pool.get().await.map_err(|_| "the database is away".to_owned())?;
                record(&**client, account, &calls).await.map_err(|error| error.to_string())
            };
            if let Err(error) = written.await {
                tracing::error!(error, "calls for a picture or a video are missing in the accounts");
            }
        });
    }
}

impl ByArtist {
    #[must_use]
    pub fn new(artist: Artist, pool: Pool) -> Self {
        Self { artist, pool }
    }

    fn accounted(&self, user: UserId) -> Accounted {
        Accounted { calls: Calls::default(), ended: Vec::new(), user, pool: self.pool.clone() }
    }
}

fn quality(quality: Quality) -> ai::Quality {
    match quality {
        Quality::Standard => ai::Quality::Standard,
        Quality::Hd => ai::Quality::Hd,
        Quality::Premium => ai::Quality::Premium,
    }
}

fn dimensions(size: &str) -> Result<Dimensions, GenerateError> {
    size.parse().map_err(|_| GenerateError::new(GenerateErrorKind::Refused, "no model makes such a size"))
}

impl Maker for ByArtist {
    /// Models take the shape of a size, whatever it is: those of the settings are offered.
    fn offer(&self, kind: Kind) -> Option<Offer> {
        let image = kind == Kind::Image;
        let makes = if image { self.artist.paints() } else { self.artist.films() };
        let by = if image { self.artist.painter() } else { self.artist.filmer() };
        let placeholders = by.is_some_and(|by| by.kind == ProviderKind::Offline);
        makes.then(|| Offer { placeholders, ..Offer::default() })
    }

    fn paint(&self, order: PaintOrder) -> BoxFuture<'static, Result<Painted, GenerateError>> {
        let (artist, mut accounted) = (self.artist.clone(), self.accounted(order.user));
        async move {
            let request = PaintRequest {
                prompt: order.prompt,
                size: dimensions(&order.size)?,
                quality: quality(order.quality),
                reference: order.reference,
                user: order.user,
            };
            let painted = artist.paint(request, &accounted.calls).await?;
            accounted.ended = accounted.calls.take();
            let by = accounted.ended.last().map(|call| call.back_end.clone());
            Ok(Painted {
                bytes: painted.bytes,
                file_type: FileType::of_mime(painted.mime),
                provider: by.as_ref().map(|by| by.provider.to_string()).unwrap_or_default(),
                model: by.map(|by| by.model.to_string()).unwrap_or_default(),
            })
        }
        .boxed()
    }

    fn begin_film(&self, order: FilmOrder) -> BoxFuture<'static, Result<Ticket, GenerateError>> {
        let (artist, accounted) = (self.artist.clone(), self.accounted(order.user));
        async move {
            let request = FilmRequest {
                prompt: order.prompt,
                size: dimensions(&order.size)?,
                seconds: order.seconds,
                from: order.from,
                quality: quality(order.quality),
                user: order.user,
            };
            artist.begin_film(request, &accounted.calls).await
        }
        .boxed()
    }

    fn look_at(&self, film: Ticket) -> BoxFuture<'static, Result<FilmState, GenerateError>> {
        let artist = self.artist.clone();
        async move { artist.look_at(&film).await }.boxed()
    }

    fn fetch_film(&self, film: Ticket, max: u64) -> BoxFuture<'static, Result<Film, GenerateError>> {
        let artist = self.artist.clone();
        async move {
            let film = artist.fetch_film(&film, max).await?;
            let bytes = stream::once(std::future::ready(Ok::<Bytes, GenerateError>(film.bytes))).boxed();
            Ok(Film { file_type: FileType::of_mime(film.mime), bytes })
        }
        .boxed()
    }

    fn cancel_film(&self, film: Ticket) -> BoxFuture<'static, Result<(), GenerateError>> {
        let artist = self.artist.clone();
        async move { artist.cancel_film(&film).await }.boxed()
    }
}

/// Words by the chain of providers. The offline one is no writer: where it answers, prompts are put together by rule.
impl Words for Writer {
    fn write(&self, order: WordsOrder) -> BoxFuture<'static, Result<String, Refusal>> {
        let writer = self.clone();
        async move {
            let WordsOrder { user, system, ask, max_tokens } = order;
            let request = WriteRequest { system, ask, max_tokens, purpose: Purpose::Writing, user };
            let written = writer.written(request).await?;
            if written.offline {
                return Err(Refusal::new(RefusalCode::FeatureUnavailable, "no model writes here"));
            }
            Ok(written.text)
        }
        .boxed()
    }
}

/// Those of a running server.
#[must_use]
pub fn by_artist(artist: Artist, pool: Pool) -> Arc<dyn Maker> {
    Arc::new(ByArtist::new(artist, pool))
}
