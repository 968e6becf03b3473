//! The composition root: the only place where ports meet adapters. What starts here ends here, in the other order.

mod life;
mod money;
mod mounted;
mod settings;
mod seeding;
mod stand_in;
mod tasks;
mod web;
mod workshop;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::JoinHandle as Thread;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use anyhow::Context;
use greenroom_actors::domain::NodeId;
use greenroom_actors::engine::{Engine, Ports};
use greenroom_actors::ports::SystemClock;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use self::money::Money;
use self::mounted::{API, ROOT};
use self::web::{Serving, Shared};
use self::workshop::{Tools, Workshop};
use crate::accounts::{Accounts, ERASE_SWEEP, Gates, People, Privacy};
use crate::ai::{
    AiUsage, Answers, Audio, DeadReplies, Estimates, ProviderDesk, ProviderModeration, Providers, Tokens,
};
use crate::audit::Audit;
use crate::billing::plans::Quotas;
use crate::billing::stripe::standin::StandIn;
use crate::cache::Caches;
use crate::characters::Characters;
use crate::completions::Completions;
use crate::config::Config;
use crate::control::{Control, Reloader, Switches};
use crate::conversations::{Conversations, ERASE_DELETED};
use crate::http::{Health, Metrics, Site};
use crate::insights::{self, Insights, Noting};
use crate::jobs::{Handlers, Jobs};
use crate::media::{Links, Media, Objects};
use crate::memory::Memories;
use crate::outbound::{Outbound, Outbox};
use crate::postgres::Database;
use crate::postgres::archive::{OtherNodes, PostgresArchive};
use crate::postgres::drafts::PostgresDrafts;
use crate::postgres::journal::{PostgresCharges, PostgresJournal};
use crate::postgres::nodes::NodeLease;
use crate::realtime::{Hub, LastSeen, LiveBackend, Taps};
use crate::summaries::{Summarizer, Wishes};
use crate::voices::{Shows, Voice};
use crate::{ai, cache, characters, media};

pub use mounted::openapi;
pub use seeding::{seed, unseed};
pub use workshop::Outside;

/// How old a copy of what a character remembers may be where other nodes may write to the same database.
const MEMORIES_FRESH_SHARED: Duration = Duration::from_secs(2);

/// A running server.
pub struct App {
    address: SocketAddr,
    config: Arc<Config>,
    database: Database,
    engine: Engine,
    hub: Hub,
    conversations: Conversations,
    health: Health,
    jobs: Jobs,
    lease: NodeLease,
    /// What goes on beside the requests.
    chores: [JoinHandle<()>; 10],
    characters: Characters,
    last_seen: LastSeen,
    moderation: ProviderModeration,
    http: ServerHandle,
    http_thread: Thread<()>,
    stripe_stand_in: Option<StandIn>,
    drain_asked: watch::Receiver<bool>,
}

/// Serves until it is asked to end (SIGTERM, Ctrl-C, an admin), then drains. The exit code is 0 when no reply was cut.
pub async fn serve(config: Config) -> anyhow::Result<ExitCode> {
    let mut app = App::start(config).await?;
    tracing::info!("Greenroom is ready: http://{}", app.address);
    app.until_asked().await;
    let unfinished = app.stop().await;
    if unfinished > 0 {
        tracing::warn!(unfinished, "replies were cut by the deadline; the next start takes them up");
    }
    Ok(ExitCode::SUCCESS)
}

impl App {
    /// Starts everything and returns when requests are answered. Call it on a multi-thread runtime: the engine's.
    pub async fn start(config: Config) -> anyhow::Result<Self> {
        Self::start_around(config, Outside::default()).await
    }

    /// The same with others in the place of providers.
    pub async fn start_around(config: Config, outside: Outside) -> anyhow::Result<Self> {
        // Whoever starts it need not carry all that is under way meanwhile.
        Box::pin(Self::assemble(config, outside)).await
    }

    async fn assemble(config: Config, outside: Outside) -> anyhow::Result<Self> {
        let (config, stripe_stand_in) = stand_in::start(config).await?;
        let config = Arc::new(config);
        let node = NodeId::new();
        let database = Database::open(&config.database.options(), &config.data_dir).await?;
        database.migrate().await?;
        let pool = database.pool();
        let outbound = Outbound::open(&config)?;
        let accounts = Accounts::open(pool.clone(), config.clone(), outbound.clone())?;
        accounts.load_revoked().await.context("ended sign-ins cannot be read")?;
        let plans = accounts.plans().clone();
        tasks::check_plans(&pool, &plans).await?;
        let seeded = seed(&config, &accounts, &pool).await?;
        tracing::info!("{seeded}");

        // The engine and its outside.
        let mut settings = config.engine_settings();
        settings.plans = plans.clone();
        let name = format!("{}:{}", config.server.host, config.server.port);
        let beat = config.database.node_beat();
        let lease = NodeLease::start(&database.connector(), node, &name, beat).await?;
        let others = match database.private_cluster() {
            Some(_) => OtherNodes::Gone,
            None => OtherNodes::Leased(config.database.node_dead_after()),
        };
        if others != OtherNodes::Gone {
            // Nobody tells this node what a character learned on another one.
            settings.turn.memories_fresh = settings.turn.memories_fresh.min(MEMORIES_FRESH_SHARED);
        }
        let hub = Hub::new(config.realtime_settings());
        let taps = Taps::new(Arc::new(hub.clone()));
        let objects = Objects::open(&config.media.store, &media::folder(&config.data_dir))?;
        let providers = Providers::new(&config.ai)?
            .waited_for(settings.pool.first_token_timeout)
            .seeing(objects.clone(), settings.turn.prompt.images_max_bytes);
        if !providers.sees() {
            // No prompt makes room for pictures, and no reply waits for them.
            settings.turn.prompt.images_max = 0;
        }
        let desk = ProviderDesk::new(providers.clone(), pool.clone());
        desk.load().await.context("what is switched at providers cannot be read")?;
        Links::new(&config.signing_secret()?, &config.auth.jwt_previous_secrets, config.media.url_lifetime())
            .under(&config.media.cdn_base_url)
            .install();
        let gates = Gates::new(accounts.clone(), plans.clone());
        let media = Media::open(objects, pool.clone(), gates.clone(), &config.media);
        media.on_changed(tasks::file_changed(&hub));
        let audio = Audio::new(providers.clone(), config.speech.clone());
        let wishes = Wishes::new(pool.clone());
        let answers = Answers::around(Arc::new(providers.clone()), providers.default_name(), &config.ai);
        let archive = Arc::new(PostgresArchive::new(pool.clone(), plans.clone(), node, others));
        let estimates = Estimates::new(archive.clone(), settings.turn.prompt.clone(), &config.ai);
        let moderation = ProviderModeration::start(&config, providers.clone(), pool.clone());
        let ports = Ports {
            archive,
            journal: Arc::new(
                PostgresJournal::new(database.connector(), node).keeping(settings.turn.memories_max),
            ),
            drafts: Arc::new(PostgresDrafts::new(&database.connector())),
            charges: Arc::new(PostgresCharges::new(pool.clone(), node, others)),
            generator: Arc::new(answers.clone()),
            tokens: tasks::tokens(&config),
            moderator: Arc::new(moderation.clone()),
            fanout: Arc::new(Noting::before(Arc::new(taps.clone()), pool.clone())),
            clock: Arc::new(SystemClock),
            speech: Arc::new(Voice::new(audio.clone(), config.speech.clone(), media.clone())),
            gallery: Arc::new(Shows::new(pool.clone(), gates.clone())),
            summaries: Arc::new(wishes.clone()),
        };
        let summarizer = Summarizer {
            wishes,
            archive: ports.archive.clone(),
            generator: ports.generator.clone(),
            tokens: ports.tokens.clone(),
            max_tokens: settings.turn.prompt.summary_max_tokens,
        };
        let mut settings = settings;
        if !(config.speech.transcribe && audio.listens()) {
            // Nobody listens: no reply waits for it.
            settings.turn.transcript_wait = Duration::ZERO;
        }
        let engine = Engine::start(settings, ports).await.context("the engine cannot start")?;

        // The features around it.
        let tokens = accounts.tokens().clone();
        let characters = Characters::open(pool.clone(), &config.characters);
        let memories = Memories::new(pool.clone(), engine.clone());
        let told = hub.clone();
        let conversations = Conversations::new(
            pool.clone(),
            database.epoch(),
            engine.clone(),
            characters.clone(),
            config.conversation_settings(),
            Arc::new(move |members, conversation| told.conversation_created(members, conversation)),
        );
        characters.on_changed(tasks::character_changed(&engine, &hub, &conversations));
        let completions = Completions::new(
            pool.clone(),
            engine.clone(),
            characters.clone(),
            conversations.clone(),
            taps,
            media.clone(),
            tasks::fetcher(&config)?,
        );
        let last_seen = LastSeen::new(pool.clone());
        hub.attach(Arc::new(LiveBackend {
            epoch: database.epoch(),
            engine: engine.clone(),
            conversations: conversations.clone(),
            characters: characters.clone(),
            tokens: tokens.clone(),
            foreign: tasks::foreign(&accounts),
            profiles: tasks::profiles(&accounts),
            last_seen: last_seen.clone(),
            plans: plans.clone(),
        }));
        let sockets = hub.clone();
        accounts.on_ended(Arc::new(move |user, sign_in| sockets.end_sign_ins(user, sign_in)));
        accounts.on_changed(tasks::account_changed(&engine, &hub, &gates, &conversations, &plans));
        let further = [gates.cache(), conversations.cache(), answers.cache()];
        let caches = characters.caches().into_iter().chain(further);
        let caches = Caches::new(caches.chain(cache::of_engine(&engine, &config.engine)).collect());
        let money = Money::open(&config, &pool, &plans, (&outbound, &hub), &accounts)?;
        let people = People::new(accounts.clone(), money.terms.clone());
        let privacy = Privacy::new(accounts.clone(), engine.clone());
        // Before anything counts.
        Metrics::install();
        let usage = AiUsage::new(pool.clone(), config.ai.calls_keep_days);
        ai::describe_metrics();
        let insights = Insights::new(insights::Parts {
            pool: pool.clone(),
            accounts: accounts.clone(),
            plans: plans.clone(),
            engine: engine.clone(),
            hub: hub.clone(),
            books: money.books.clone(),
            usage: usage.clone(),
            content_open_max: config.content.open_per_user,
            warning_percent: config.engine.quota_warning_percent,
        });
        let tools = Tools {
            pool: &pool,
            characters: &characters,
            gates: &gates,
            media: &media,
            providers: &providers,
            moderation: &moderation,
            hub: &hub,
        };
        let workshop = Workshop::open(&config, &tools, outside)?;
        let mut handlers: Handlers =
            vec![tasks::sweep_handler(&accounts), characters::statistics::handler(&characters)];
        handlers.extend(money.handlers());
        handlers.extend(accounts.handlers());
        handlers.extend(usage.handlers());
        handlers.extend(insights.handlers());
        handlers.extend(privacy.handlers());
        handlers.extend(conversations.handlers());
        handlers.extend(media.handlers());
        handlers.extend(workshop.handlers());
        if config.speech.transcribe {
            handlers.extend(tasks::listener(&config, &audio, &media, &engine, &pool)?.handlers());
        }
        handlers.extend(outbound.handlers(pool.clone()));
        handlers.extend(summarizer.handlers());
        let outbox = Outbox::new(outbound, pool.clone());
        let jobs = Jobs::start(
            pool.clone(),
            database.connector(),
            config.jobs.queue(others),
            node,
            handlers,
            tasks::live_queues(&engine),
        )
        .await;
        jobs.repeat(tasks::SWEEP);
        jobs.repeat(ERASE_SWEEP);
        jobs.repeat(characters::statistics::recurring(config.characters.statistics_every()));
        jobs.repeat(ERASE_DELETED);
        jobs.repeat(media::SWEEP);
        money.recurring().into_iter().for_each(|job| jobs.repeat(job));
        Workshop::recurring().into_iter().for_each(|job| jobs.repeat(job));
        AiUsage::recurring().into_iter().for_each(|job| jobs.repeat(job));
        Insights::recurring().into_iter().for_each(|job| jobs.repeat(job));
        let (drain, drain_asked) = watch::channel(false);
        let switches = Switches::new(drain, Arc::new(tasks::set_log_level));
        let control = Control::new(node, engine.clone(), pool.clone(), switches, hub.clone());
        let audit = Audit::new(pool.clone());
        let dead_replies = DeadReplies::new(pool.clone(), conversations.clone(), audit.clone());
        let health = Health::new(tasks::probes(&database, &engine, &providers, &jobs, &media));
        let quotas = Quotas::new(pool.clone(), plans.clone(), engine.clone(), characters.clone());
        let site = Site::new(config.clone(), plans.clone(), tokens, health.clone(), API, ROOT);
        let in_force = tasks::put_in_force(&plans, &engine, &hub, site.limits());
        let reloader = Reloader::open(pool.clone(), &config, in_force).await.context("no reload")?;
        let counted = hub.clone();
        site.metrics().ask(move || counted.counts().record());
        let asked = providers.clone();
        site.metrics().ask(move || asked.record());
        let recovery = tasks::recover(engine.clone(), config.database.node_beat());
        let upkeep = tokio::spawn(site.metrics().clone().upkeep());
        let news = accounts.listen(&database.connector());
        let character_news = characters.listen(&database.connector());
        let switched = desk.listen(&database.connector());
        let (reloads, hangups) = (reloader.listen(&database.connector()), reloader.at_hangups());
        let views = characters.keep_writing_views(config.characters.views_flush());
        let kept = tokio::spawn(conversations.clone().upkeep());
        let every = Duration::from_millis(config.realtime.last_seen_write_ms);
        let seeing = last_seen.clone().keep(hub.clone(), every);
        let counts_tokens = providers.counts_tokens();
        let shared = workshop
            .share(money.share(Shared::default()))
            .with(&hub)
            .with(&engine)
            .with(&accounts)
            .with(&audit)
            .with(&characters)
            .with(&gates)
            .with(&caches)
            .with(&conversations)
            .with(&completions)
            .with(&providers)
            .with(&usage)
            .with(&estimates)
            .with(&insights)
            .with(&desk)
            .with(&control)
            .with(&dead_replies)
            .with(&jobs)
            .with(&media)
            .with(&memories)
            .with(&outbox)
            .with(&people)
            .with(&privacy)
            .with(&quotas)
            .with(&reloader);
        let listener = tasks::listen(&config.server).with_context(|| format!("cannot listen on {name}"))?;
        money.listens_at(listener.local_addr()?);
        let Serving { address, handle: http, thread: http_thread } =
            web::serve(&config, listener, site, shared).await?;
        stand_in::deliver(stripe_stand_in.as_ref(), address, &config);
        if counts_tokens {
            Tokens::load_aside();
        }
        Ok(Self {
            address,
            config,
            database,
            engine,
            hub,
            conversations,
            health,
            jobs,
            lease,
            chores: [recovery, upkeep, news, character_news, switched, reloads, hangups, views, kept, seeing],
            characters,
            last_seen,
            moderation,
            http,
            http_thread,
            stripe_stand_in,
            drain_asked,
        })
    }
}
