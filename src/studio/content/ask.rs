//! Asking for something: judged, priced, held for and put into the queue, all at once or not at all. What was asked for before under
//! the same id of the client's is answered as it stands, whatever has become of offers, avatars and credits since.

use std::time::Duration;

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::{AttachmentKind, UserId};
use greenroom_actors::protocol::{Refusal, RefusalCode};
use jiff::Timestamp;
use uuid::Uuid;

use super::costs::{self, CostsView};
use super::decide::Charge;
use super::kinds::{Kind, Quality, State, Wording};
use super::{AnswerView, Content, Contents, Offer, prompt, store};
use crate::billing::ledger;
use crate::error::{ApiError, ApiResult, FieldError};
use crate::media::files::{self, FileId};
use crate::postgres::refusal;

/// What a result takes at least, for whoever has no room left: pictures, and videos.
const ROOM_IMAGE: u64 = 2 * 1024 * 1024;
const ROOM_VIDEO: u64 = 10 * 1024 * 1024;

/// When it may be worth asking again where too many are under way.
const OPEN_RETRY_AFTER: Duration = Duration::from_secs(10);

/// What is wanted, checked in itself; whether there is such a size or length is seen when it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub kind: Kind,
    /// The same one twice is one content.
    pub client_id: Option<String>,
    pub prompt: String,
    /// What the provider is to be told in its place.
    pub optimized: Option<String>,
    pub wording: Wording,
    pub avatar: Option<Uuid>,
    /// What a video begins with: a file, or a content.
    pub image: Option<Uuid>,
    pub quality: Quality,
    /// `None`: the first that is offered.
    pub size: Option<String>,
    /// Of a video; the same.
    pub seconds: Option<u32>,
}

impl Wanted {
    /// Whether a content is what was wanted. What is not named here was chosen for its user, and may be chosen otherwise by now.
    fn is(&self, content: &Content) -> bool {
        let worded = match (&self.optimized, self.wording) {
            (Some(optimized), _) => content.optimized_prompt.as_ref() == Some(optimized),
            // The avatar's looks were put beside it.
            (None, Wording::AsWritten) => self.avatar.is_some() || content.optimized_prompt.is_none(),
            (None, Wording::Improved) => true,
        };
        worded
            && (content.kind, &content.prompt) == (self.kind, &self.prompt)
            && (content.wording, content.quality) == (self.wording, self.quality)
            && (content.avatar, content.image) == (self.avatar, self.image)
            && self.size.as_ref().is_none_or(|size| *size == content.size)
            && (self.seconds.is_none() || self.seconds == content.seconds)
    }
}

impl Contents {
    /// What can be asked for; refused where nobody makes such things.
    pub(super) fn offer(&self, kind: Kind) -> Result<Offer, Refusal> {
        let settings = self.settings();
        let offer = self.0.parts.maker.offer(kind).ok_or_else(|| {
            let what = if kind == Kind::Image { "pictures" } else { "videos" };
            let message =
                format!("nobody makes {what} here at present: a model of [ai.providers] has to be able to");
            Refusal::new(RefusalCode::FeatureUnavailable, message)
        })?;
        let or = |own: Vec<String>, of_settings: &[String]| {
            if own.is_empty() { of_settings.to_vec() } else { own }
        };
        Ok(match kind {
            Kind::Image => {
                let sizes = or(offer.sizes, &settings.image_sizes);
                Offer { sizes, seconds: Vec::new(), placeholders: offer.placeholders }
            }
            Kind::Video => Offer {
                sizes: or(offer.sizes, &settings.video_sizes),
                seconds: if offer.seconds.is_empty() {
                    settings.video_seconds.clone()
                } else {
                    offer.seconds
                },
                placeholders: offer.placeholders,
            },
        })
    }

    /// Prices, what may be asked for, and what the user has.
    pub async fn costs(&self, user: UserId) -> Result<CostsView, Refusal> {
        let settings = self.settings();
        let of = |kind| {
            let offer = self.offer(kind);
            let price = |quality| costs::price(settings, kind, quality);
            costs::KindCostsView {
                available: offer.is_ok(),
                standard: price(Quality::Standard),
                hd: price(Quality::Hd),
                premium: price(Quality::Premium),
                sizes: offer.as_ref().map(|offer| offer.sizes.clone()).unwrap_or_default(),
                seconds: offer.map(|offer| offer.seconds).unwrap_or_default(),
            }
        };
        let client = self.client().await?;
        Ok(CostsView {
            image: of(Kind::Image),
            video: of(Kind::Video),
            balance: ledger::balance(&client, user).await.map_err(|error| refusal(&error))?,
            prompt_max_chars: settings.prompt_max_chars,
            optimized_max_chars: settings.optimized_max_chars,
            open_max: settings.open_per_user,
            open: store::open(&client, user).await.map_err(|error| refusal(&error))?,
        })
    }

    /// Takes it on: it is held for, and its work is in the queue.
    pub async fn ask(&self, user: UserId, wanted: Wanted) -> ApiResult<AnswerView> {
        let client = self.client().await?;
        let before = before(&client, user, &wanted).await?;
        drop(client);
        if let Some(before) = before {
            return Ok(self.answer(&before).await?);
        }
        let (size, seconds) = self.fitting(&wanted)?;
        let sheet = self.sheet(user, wanted.avatar).await?;
        let source = match wanted.image {
            Some(image) => Some(self.source(user, image).await?),
            None => None,
        };
        self.check_room(user, wanted.kind).await?;
        self.judged(user, wanted.avatar, &wanted.prompt).await?;
        let optimized = match (&wanted.optimized, wanted.wording) {
            (Some(optimized), _) => {
                self.judged(user, wanted.avatar, optimized).await?;
                Some(optimized.clone())
            }
            // Its looks are told all the same.
            (None, Wording::AsWritten) if sheet.is_some() => {
                let plain =
                    prompt::plain(&wanted.prompt, sheet.as_ref(), self.settings().optimized_max_chars);
                Some(plain)
            }
            (None, _) => None,
        };
        let now = Timestamp::now();
        let content = Content {
            id: Uuid::now_v7(),
            user,
            client_id: wanted.client_id.clone(),
            kind: wanted.kind,
            state: State::Queued,
            progress: 0,
            prompt: wanted.prompt.clone(),
            optimized_prompt: optimized,
            wording: wanted.wording,
            avatar: wanted.avatar,
            image: wanted.image,
            source: source.map(FileId::uuid),
            quality: wanted.quality,
            size,
            seconds,
            credits: costs::price(self.settings(), wanted.kind, wanted.quality),
            hold: None,
            provider: None,
            model: None,
            ticket: None,
            file: None,
            error: None,
            tries: 1,
            attempt: 0,
            looks: 0,
            step: 0,
            turn: false,
            created_at: now,
            asked_at: now,
            started_at: None,
            ended_at: None,
        };
        Ok(self.take_on(&wanted, content).await?)
    }

    async fn take_on(&self, wanted: &Wanted, mut content: Content) -> Result<AnswerView, Refusal> {
        let user = content.user;
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        store::lock(&transaction, user).await.map_err(|error| refusal(&error))?;
        // Once more: the same may have been asked for at the same moment.
        if let Some(before) = before(&transaction, user, wanted).await? {
            drop(transaction);
            drop(client);
            return self.answer(&before).await;
        }
        self.check_open(&transaction, user).await?;
        self.charge(&transaction, &mut content, Charge::Hold).await?;
        store::insert(&transaction, &content).await.map_err(|error| refusal(&error))?;
        self.give_turns(&transaction, user).await?;
        transaction.commit().await.map_err(|error| refusal(&error))?;
        drop(client);
        self.announce(&content).await;
        self.answer(&content).await
    }

    /// Size and length of those that are offered.
    fn fitting(&self, wanted: &Wanted) -> ApiResult<(String, Option<u32>)> {
        let offer = self.offer(wanted.kind)?;
        let mut wrong = Vec::new();
        let size = match &wanted.size {
            None => offer.sizes.first().cloned().unwrap_or_default(),
            Some(size) => {
                if !offer.sizes.contains(size) {
                    wrong.push(FieldError::new("size", format!("takes {}", offer.sizes.join(", "))));
                }
                size.clone()
            }
        };
        let seconds = match (wanted.kind, wanted.seconds) {
            (Kind::Image, _) => None,
            (Kind::Video, None) => offer.seconds.first().copied(),
            (Kind::Video, Some(seconds)) => {
                if !offer.seconds.contains(&seconds) {
                    let all: Vec<String> = offer.seconds.iter().map(u32::to_string).collect();
                    wrong.push(FieldError::new("seconds", format!("takes {}", all.join(", "))));
                }
                Some(seconds)
            }
        };
        if wrong.is_empty() { Ok((size, seconds)) } else { Err(ApiError::bad_request(wrong)) }
    }

    /// Whether the user may have one more under way.
    pub(super) async fn check_open(&self, client: &impl GenericClient, user: UserId) -> Result<(), Refusal> {
        let most = self.settings().open_per_user;
        let open = store::open(client, user).await.map_err(|error| refusal(&error))?;
        if open < u64::from(most) {
            return Ok(());
        }
        let message = format!("{most} are under way already: wait for one, or cancel it");
        Err(Refusal::temporary(RefusalCode::RateLimited, message, OPEN_RETRY_AFTER))
    }

    /// Whether the user has room for a result.
    pub(super) async fn check_room(&self, user: UserId, kind: Kind) -> Result<(), Refusal> {
        let bytes = if kind == Kind::Image { ROOM_IMAGE } else { ROOM_VIDEO };
        self.media().has_room(user, bytes).await
    }

    /// As it stands, and what its user has.
    pub(super) async fn answer(&self, content: &Content) -> Result<AnswerView, Refusal> {
        let view = self.view(content).await?;
        let client = self.client().await?;
        let credits = ledger::balance(&client, content.user).await.map_err(|error| refusal(&error))?;
        Ok(AnswerView { content: view, credits })
    }

    /// The picture that is named: a content of the user's, or a file.
    async fn source(&self, user: UserId, image: Uuid) -> Result<FileId, Refusal> {
        let missing = || Refusal::new(RefusalCode::NotFound, "there is no such picture");
        let client = self.client().await?;
        let content = store::by_id(&client, user, image).await.map_err(|error| refusal(&error))?;
        let id = match content {
            Some(content) if content.kind == Kind::Image && content.state == State::Done => {
                content.file.ok_or_else(missing)?
            }
            Some(_) => {
                return Err(Refusal::new(RefusalCode::Conflict, "this content is no picture that is done"));
            }
            None => image,
        };
        let file = files::by_id(&client, FileId::from_uuid(id)).await.map_err(|error| refusal(&error))?;
        let file = file.filter(|file| file.owner == user && file.state != files::State::Deleted);
        let file = file.ok_or_else(missing)?;
        if file.kind != AttachmentKind::Image || file.state != files::State::Ready {
            return Err(Refusal::new(RefusalCode::Conflict, "this file is no picture that is ready"));
        }
        Ok(file.id)
    }
}

/// What was asked for before under the id that the client gave; refused where it stands for something else.
async fn before(
    client: &impl GenericClient,
    user: UserId,
    wanted: &Wanted,
) -> Result<Option<Content>, Refusal> {
    let Some(client_id) = &wanted.client_id else { return Ok(None) };
    let before = store::by_client_id(client, user, client_id).await.map_err(|error| refusal(&error))?;
    if before.as_ref().is_some_and(|before| !wanted.is(before)) {
        return Err(Refusal::new(RefusalCode::Conflict, "this clientId stands for another content"));
    }
    Ok(before)
}
