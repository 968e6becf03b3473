//! What people make here, put together: avatars, generated pictures and videos, and the way in for files.

use std::sync::Arc;

use deadpool_postgres::Pool;
use greenroom_actors::moderation::Moderation;

use super::tasks;
use super::web::Shared;
use crate::accounts::Gates;
use crate::ai::{Artist, ProviderModeration, Providers, Writer};
use crate::characters::Characters;
use crate::config::Config;
use crate::jobs::{Handlers, Recurring};
use crate::media::Media;
use crate::media::uploads::Uploads;
use crate::realtime::Hub;
use crate::studio::avatars::{self, Avatars};
use crate::studio::content::{self, Contents, Maker, Sheets, Words};

/// What stands in the place of providers; what is `None` is asked for as the settings say.
#[derive(Clone, Default)]
pub struct Outside {
    pub maker: Option<Arc<dyn Maker>>,
    pub words: Option<Arc<dyn Words>>,
    pub sheets: Option<Arc<dyn Sheets>>,
}

/// What they are made with.
pub(super) struct Tools<'a> {
    pub pool: &'a Pool,
    pub characters: &'a Characters,
    pub gates: &'a Gates,
    pub media: &'a Media,
    pub providers: &'a Providers,
    pub moderation: &'a ProviderModeration,
    pub hub: &'a Hub,
}

pub(super) struct Workshop {
    avatars: Avatars,
    contents: Contents,
    uploads: Uploads,
}

impl Workshop {
    pub fn open(config: &Config, tools: &Tools<'_>, outside: Outside) -> anyhow::Result<Self> {
        let Tools { pool, characters, gates, media, providers, moderation, hub } = *tools;
        let writer = Writer::new(pool.clone(), providers.clone(), tasks::tokens(config));
        let moderation = Moderation::new(config.engine_settings().moderation, Arc::new(moderation.clone()));
        let artist = Artist::new(providers.clone(), config.artist.clone()).map_err(anyhow::Error::msg)?;
        let maker = outside.maker.unwrap_or_else(|| content::by_artist(artist, pool.clone()));
        let avatars = Avatars::new(avatars::Parts {
            pool: pool.clone(),
            characters: characters.clone(),
            gates: gates.clone(),
            media: media.clone(),
            writer: writer.clone(),
            painter: maker.clone(),
            moderation: moderation.clone(),
            settings: config.avatars.clone(),
            tell: tasks::notifier(hub),
            job_retries: config.jobs.retries,
        });
        media.on_changed(tasks::thumbnail_changed(&avatars));
        let contents = Contents::new(content::Parts {
            pool: pool.clone(),
            media: media.clone(),
            maker,
            words: outside.words.unwrap_or_else(|| Arc::new(writer)),
            sheets: outside.sheets.unwrap_or_else(|| Arc::new(avatars.clone())),
            moderation,
            settings: config.content.clone(),
        });
        contents.on_changed(tasks::content_changed(hub));
        Ok(Self { avatars, contents, uploads: Uploads::new(media.clone()) })
    }

    pub fn handlers(&self) -> Handlers {
        let mut handlers = self.contents.handlers();
        handlers.extend(self.avatars.handlers());
        handlers
    }

    pub fn recurring() -> [Recurring; 2] {
        [avatars::SWEEP, content::SWEEP]
    }

    pub fn share(&self, shared: Shared) -> Shared {
        shared.with(&self.avatars).with(&self.contents).with(&self.uploads)
    }
}
