//! What goes on beside the requests, and the small bridges between parts that do not know each other.

use std::net::{TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use deadpool_postgres::Pool;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, TryFutureExt};
use greenroom_actors::domain::{Catalogue, CharacterId, Plan, UserId};
use greenroom_actors::engine::Engine;
use greenroom_actors::ports::{Fanout, TokenCounter};
use greenroom_actors::protocol::{Notification, NotificationLevel, Presence, UserEvent};
use greenroom_actors::session::Pacing;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal as on_signal};
use tokio::task::JoinHandle;

use crate::accounts::{Accounts, Gates, OnChanged};
use crate::ai::{Audio, Providers, Tokens};
use crate::billing::plans::check_in_use;
use crate::billing::terms::Teller;
use crate::characters::{self, Changed};
use crate::config::{Config, Logging, ServerSettings};
use crate::control::Apply;
use crate::conversations::Conversations;
use crate::http::{Finding, Probe, RateLimits};
use crate::jobs::{Handler, Job, JobError, Jobs, LiveNumbers, LiveQueue, QueueName, Recurring};
use crate::media::files::FileView;
use crate::media::{self, Media};
use crate::outbound::fetch::{Fetcher, Reach};
use crate::postgres::{Database, HealthState};
use crate::realtime::{ForeignTokens, Hub, Profile, Profiles};
use crate::studio::avatars::Avatars;
use crate::studio::content;
use crate::voices::{Listener, ListenerParts};

/// A database that gives no answer by then is down.
const PROBE_DEADLINE: Duration = Duration::from_secs(2);

/// Connections that the kernel keeps for a server that is busy: after a restart all clients come at once.
const BACKLOG: i32 = 4_096;

/// Binds the address, before anything that would have to be undone.
pub fn listen(server: &ServerSettings) -> std::io::Result<TcpListener> {
    let address = (server.host.as_str(), server.port)
        .to_socket_addrs()?
        .next()
        .ok_or_else(|| std::io::Error::other("the host has no address"))?;
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Resolves when the process is asked to end: SIGTERM by a supervisor, SIGINT by Ctrl-C.
pub async fn signal() {
    let (Ok(mut term), Ok(mut interrupt)) =
        (on_signal(SignalKind::terminate()), on_signal(SignalKind::interrupt()))
    else {
        tracing::error!("signals cannot be listened to");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Takes up the replies of dead nodes, now and again.
pub fn recover(engine: Engine, every: Duration) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            match engine.recover().await {
                Ok(0) => {}
                Ok(taken) => tracing::info!(taken, "replies of a dead node were taken up"),
                // The journal and the health tell of a database that is away.
                Err(error) => tracing::debug!(%error, "dead nodes cannot be looked for"),
            }
            tokio::time::sleep(every).await;
        }
    })
}

/// Forgets refresh tokens that ran out long ago, once an hour on one of the nodes.
pub const SWEEP: Recurring =
    Recurring { queue: QueueName::Maintenance, kind: "accounts.sweep", every: Duration::from_secs(3_600) };

struct Sweep(Accounts);

impl Handler for Sweep {
    fn handle<'a>(&'a self, _: &'a Job) -> BoxFuture<'a, Result<(), JobError>> {
        let swept = self.0.sweep().map_err(|error| JobError::Again(error.message));
        swept.map_ok(drop).boxed()
    }
}

pub fn sweep_handler(accounts: &Accounts) -> (&'static str, Arc<dyn Handler>) {
    (SWEEP.kind, Arc::new(Sweep(accounts.clone())))
}

/// The engine's own queues, as admins see them beside the stored ones.
pub fn live_queues(engine: &Engine) -> Vec<LiveQueue> {
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let (messages, replies) = (engine.clone(), engine.clone());
    let messages = move || {
        let journal = messages.snapshot().journal;
        LiveNumbers { waiting: number(journal.queued), done: journal.committed, ..LiveNumbers::default() }
    };
    let replies = move || {
        let pool = replies.snapshot().pool;
        let waiting = pool.queued.iter().map(|(_, waiting)| number(*waiting)).sum();
        LiveNumbers {
            waiting,
            running: number(pool.running),
            oldest_waiting: (waiting > 0).then(|| Duration::from_millis(pool.longest_wait_ms)),
            done: pool.completed,
            failed: pool.failed,
        }
    };
    vec![
        LiveQueue { name: QueueName::Messages, look: Arc::new(messages) },
        LiveQueue { name: QueueName::AiResponses, look: Arc::new(replies) },
    ]
}

/// How a socket learns who it speaks for.
pub fn profiles(accounts: &Accounts) -> Profiles {
    let accounts = accounts.clone();
    Arc::new(move |user, sign_in| {
        let accounts = accounts.clone();
        async move {
            let profile = accounts.profile_of(user, sign_in).await?;
            let plan = accounts.plans().get(&profile.plan);
            Ok(Profile {
                username: profile.username,
                display_name: profile.display_name,
                role: profile.role,
                pacing: pacing(&plan),
                plan: profile.plan.into(),
            })
        }
        .boxed()
    })
}

/// How a socket learns whose ID token it was shown.
pub fn foreign(accounts: &Accounts) -> ForeignTokens {
    let accounts = accounts.clone();
    Arc::new(move |token| accounts.foreign(token))
}

/// What follows from another plan or standing of an account: its actor reads it anew, and its sockets hear how much of
/// the plan is used.
pub fn account_changed(
    engine: &Engine,
    hub: &Hub,
    gates: &Gates,
    conversations: &Conversations,
    plans: &Catalogue,
) -> OnChanged {
    let (engine, hub, gates, runtime) = (engine.clone(), hub.clone(), gates.clone(), Handle::current());
    let (conversations, plans) = (conversations.clone(), plans.clone());
    Arc::new(move |user| {
        gates.forget(user);
        engine.user_changed(user);
        conversations.names_changed();
        if hub.online(user) == Presence::Offline {
            return;
        }
        let (engine, hub, plans) = (engine.clone(), hub.clone(), plans.clone());
        runtime.spawn(async move {
            // A blocked account has none.
            if let Ok(usage) = engine.usage(user).await {
                hub.plan_changed(user, &usage.plan, pacing(&plans.get(&usage.plan)));
                hub.to_user(user, UserEvent::Usage(usage), None);
            }
        });
    })
}

fn pacing(plan: &Plan) -> Pacing {
    if plan.premium { Pacing::Free } else { Pacing::Paced }
}

/// Everybody has a plan that is there, or the server does not start.
pub async fn check_plans(pool: &Pool, plans: &Catalogue) -> anyhow::Result<()> {
    let client = pool.get().await.context("the plans that people have cannot be read")?;
    Ok(check_in_use(&client, &plans.current()).await?)
}

/// What of the settings a running server takes over, and how.
pub fn put_in_force(plans: &Catalogue, engine: &Engine, hub: &Hub, limits: &RateLimits) -> Box<Apply> {
    let (plans, engine, hub, limits) = (plans.clone(), engine.clone(), hub.clone(), limits.clone());
    Box::new(move |before, now| {
        if before.engine_plans() != now.engine_plans() {
            plans.replace(now.engine_plans());
            engine.plans_changed();
            hub.plans_changed(|plan| pacing(&plans.get(plan)));
        }
        if before.log.level != now.log.level
            && let Err(error) = set_log_level(&now.log.level)
        {
            tracing::warn!(error, "the log goes on as it was");
        }
        limits.change(&before.limits, &now.limits);
    })
}

/// How people hear on their sockets what has changed of their plan, payments and credits.
pub fn teller(hub: &Hub) -> Teller {
    let hub = hub.clone();
    Arc::new(move |notice| {
        let level = if notice.warning { NotificationLevel::Warning } else { NotificationLevel::Info };
        let notification = Notification {
            kind: notice.code.to_owned(),
            title: notice.title().to_owned(),
            body: notice.message.clone(),
            level,
        };
        hub.to_user(notice.user, UserEvent::Notification(Arc::new(notification)), None);
    })
}

/// How the tokens of prompts and answers are counted.
pub fn tokens(config: &Config) -> Arc<dyn TokenCounter> {
    Arc::new(Tokens::default().with_margin(config.ai.margin()))
}

/// What tells the sockets of a user something.
pub fn notifier(hub: &Hub) -> Arc<dyn Fn(UserId, Notification) + Send + Sync> {
    let hub = hub.clone();
    Arc::new(move |user, notification| {
        hub.to_user(user, UserEvent::Notification(Arc::new(notification)), None);
    })
}

/// What follows from a file that is ready: it may be an avatar's new thumbnail.
pub fn thumbnail_changed(avatars: &Avatars) -> media::OnChanged {
    let avatars = avatars.clone();
    Arc::new(move |file| avatars.file_changed(file))
}

/// What follows from a changed character: its persona reads it anew before its next reply, and who looks at it is told.
pub fn character_changed(engine: &Engine, hub: &Hub, conversations: &Conversations) -> characters::OnChanged {
    let (engine, hub, conversations) = (engine.clone(), hub.clone(), conversations.clone());
    Arc::new(move |changed| match changed {
        Changed::Record(id) => {
            engine.character_changed(id);
            conversations.names_changed();
        }
        Changed::View(view) => {
            engine.character_named(CharacterId::from_uuid(view.id), &view.name, view.reply_type.into());
            hub.character_changed(&view);
        }
        Changed::Gone(id) => {
            engine.character_gone(id);
            conversations.names_changed();
        }
        Changed::Kept { view, owner } => {
            let id = CharacterId::from_uuid(view.id);
            engine.character_named(id, &view.name, view.reply_type.into());
            engine.character_kept(id, owner);
            hub.character_kept(&view, owner);
        }
        Changed::Deleted(id) => hub.character_deleted(id),
    })
}

/// How people hear on their sockets what became of their files.
pub fn file_changed(hub: &Hub) -> media::OnChanged {
    let hub = hub.clone();
    Arc::new(move |file| hub.media_updated(file.owner, &FileView::from(file)))
}

/// How people hear on their sockets how far their pictures and videos are.
pub fn content_changed(hub: &Hub) -> content::OnChanged {
    let hub = hub.clone();
    Arc::new(move |user, change| match change {
        content::Change::Updated(view) => hub.content_updated(user, view),
        content::Change::Deleted(id) => hub.content_deleted(user, *id),
    })
}

/// What fetches what people's addresses lead to.
pub fn fetcher(config: &Config) -> anyhow::Result<Fetcher> {
    let reach = if config.media.fetch_private { Reach::Private } else { Reach::Public };
    Fetcher::new(reach, config.media.fetch_max_bytes, config.media.fetch_timeout())
        .map_err(anyhow::Error::msg)
}

/// What listens to audio messages.
pub fn listener(
    config: &Config,
    audio: &Audio,
    media: &Media,
    engine: &Engine,
    pool: &Pool,
) -> anyhow::Result<Listener> {
    let max_bytes = config.media.fetch_max_bytes;
    let parts = ListenerParts {
        media: media.clone(),
        fetcher: fetcher(config)?,
        engine: engine.clone(),
        pool: pool.clone(),
        content_max_chars: config.engine.content_max_chars,
        max_bytes,
    };
    Ok(Listener::new(audio.clone(), parts))
}

/// How each thing that the server depends on is asked.
pub fn probes(
    database: &Database,
    engine: &Engine,
    providers: &Providers,
    jobs: &Jobs,
    media: &Media,
) -> Vec<Probe> {
    let media = media.clone();
    let (database, engine, providers) = (database.clone(), engine.clone(), providers.clone());
    let jobs = jobs.clone();
    vec![
        Probe::required("database", move || {
            let database = database.clone();
            async move {
                match database.health(PROBE_DEADLINE).await.state {
                    HealthState::Up => Finding::up(),
                    HealthState::Down => Finding::down("it cannot be reached"),
                }
            }
            .boxed()
        }),
        Probe::required("journal", move || {
            let journal = engine.snapshot().journal;
            let finding = if journal.down {
                Finding::down(format!("{} entries wait for the database", journal.queued))
            } else {
                Finding::up()
            };
            std::future::ready(finding).boxed()
        }),
        Probe::optional("jobs", move || std::future::ready(jobs.finding()).boxed()),
        Probe::optional("storage", move || {
            let media = media.clone();
            async move { media.finding().await }.boxed()
        }),
        Probe::optional("ai", move || std::future::ready(providers.finding()).boxed()),
    ]
}

/// For admins: what the log tells from now on.
pub fn set_log_level(level: &str) -> Result<(), String> {
    match Logging::running() {
        Some(logging) => logging.set_level(level).map_err(|error| error.to_string()),
        None => Err("this process has no log".to_owned()),
    }
}
