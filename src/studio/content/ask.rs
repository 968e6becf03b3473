//! Asking for something: judged, priced, held for and put into the queue, all at once or not at all.

use greenroom_actors::domain::{AttachmentKind, UserId};
use greenroom_actors::protocol::{Refusal, RefusalCode};
use jiff::Timestamp;
use uuid::Uuid;

use super::costs::{self, CostsView};
use super::decide::Charge;
use super::kinds::{Kind, Quality, State, Wording};
use super::{AnswerView, Content, Contents, Offer, prompt, store};
use crate::billing::ledger;
use crate::media::files::{self, FileId};
use crate::postgres::refusal;

/// What a result takes at least, for whoever has no room left: pictures, and videos.
const ROOM_IMAGE: u64 = 2 * 1024 * 1024;
const ROOM_VIDEO: u64 = 10 * 1024 * 1024;

/// What is wanted, checked in itself.
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
    pub size: String,
    /// Of a video.
    pub seconds: Option<u32>,
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
    pub async fn ask(&self, user: UserId, wanted: Wanted) -> Result<AnswerView, Refusal> {
        self.offer(wanted.kind)?;
        let sheet = self.sheet(user, wanted.avatar).await?;
        let source = match wanted.image {
            Some(image) => Some(self.source(user, image).await?),
            None => None,
        };
        self.check_room(user, wanted.kind).await?;
        self.judged(user, wanted.avatar, &wanted.prompt).await?;
        let optimized = match (wanted.optimized, wanted.wording) {
            (Some(optimized), _) => {
                self.judged(user, wanted.avatar, &optimized).await?;
                Some(optimized)
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
            client_id: wanted.client_id,
            kind: wanted.kind,
            state: State::Queued,
            progress: 0,
            prompt: wanted.prompt,
            optimized_prompt: optimized,
            wording: wanted.wording,
            avatar: wanted.avatar,
            image: wanted.image,
            source: source.map(FileId::uuid),
            quality: wanted.quality,
            size: wanted.size,
            seconds: wanted.seconds,
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
        self.take_on(content).await
    }

    async fn take_on(&self, mut content: Content) -> Result<AnswerView, Refusal> {
        let user = content.user;
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        store::lock(&transaction, user).await.map_err(|error| refusal(&error))?;
        if let Some(client_id) = &content.client_id {
            let before =
                store::by_client_id(&transaction, user, client_id).await.map_err(|error| refusal(&error))?;
            if let Some(before) = before {
                drop(transaction);
                drop(client);
                if before.kind != content.kind || before.prompt != content.prompt {
                    let message = "this clientId stands for another content";
                    return Err(Refusal::new(RefusalCode::Conflict, message));
                }
                return self.answer(&before).await;
            }
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

    /// Whether the user may have one more under way.
    pub(super) async fn check_open(
        &self,
        client: &impl deadpool_postgres::GenericClient,
        user: UserId,
    ) -> Result<(), Refusal> {
        let most = self.settings().open_per_user;
        let open = store::open(client, user).await.map_err(|error| refusal(&error))?;
        if open < u64::from(most) {
            return Ok(());
        }
        let message = format!("{most} are under way already: wait for one, or cancel it");
        Err(Refusal::new(RefusalCode::RateLimited, message))
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
