//! One provider: who speaks, what is known of its models, and whether it is to be asked now.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use greenroom_actors::domain::{BackEnd, Price};
use tokio::time::Instant;

use super::aside::Aside;
use super::breaker::{Admits, Breaker, Pass, Stand};
use super::limits::Places;
use super::offline::Offline;
use super::openai::{About, OpenAi};
use super::statistics::Statistics;
use super::status::ProviderState;
use crate::config::{AiSettings, BreakerSettings, Capability, ModelSettings, ProviderKind, ProviderSettings};

/// Failures in a row from which on a provider counts as down.
const DOWN_AFTER: u32 = 3;
/// Models with troubles of their own that are remembered.
const TROUBLED_MAX: usize = 1_000;
/// Models that were asked and that the settings do not tell of.
const UNTOLD_MAX: usize = 100;

pub(super) enum Voice {
    OpenAi(OpenAi),
    Offline(Offline),
}

pub(super) struct Provider {
    pub name: Arc<str>,
    pub kind: ProviderKind,
    /// For characters that name no model; the offline provider's is its name.
    pub model: Arc<str>,
    /// `None`: the settings switch it off, or it has no key.
    pub voice: Option<Voice>,
    pub models: BTreeMap<String, ModelSettings>,
    pub places: Places,
    pub aside: Aside,
    pub statistics: Statistics,
    /// For its first text; `None` leaves it to who asks.
    pub first_token: Option<Duration>,
    /// As admins switched it.
    enabled: AtomicBool,
    draining: AtomicBool,
    guards: Mutex<Guards>,
    untold: Mutex<BTreeSet<Arc<str>>>,
    breaker: BreakerSettings,
}

struct Guards {
    whole: Guard,
    /// Only of models that had troubles of their own.
    models: HashMap<Arc<str>, Guard>,
}

pub(super) struct Guard {
    pub breaker: Breaker,
    paused_until: Option<Instant>,
}

/// What lets one call through, for the provider and for the model.
#[derive(Clone, Copy, Debug)]
pub(super) struct Passes {
    whole: Pass,
    model: Option<Pass>,
}

/// Why a back end is not to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotNow {
    /// An admin switched it off, or lets it run dry.
    Off,
    /// It asked to be left alone.
    Paused(Instant),
    /// It failed too often.
    Open(Instant),
    /// It failed too often, and is being tried.
    Probing,
}

impl Guard {
    pub fn new(settings: &BreakerSettings) -> Self {
        Self { breaker: Breaker::new(settings), paused_until: None }
    }

    pub fn ready(&self, now: Instant) -> Result<(), NotNow> {
        if let Some(until) = self.paused_until.filter(|until| *until > now) {
            return Err(NotNow::Paused(until));
        }
        match self.breaker.admits(now) {
            Admits::Now => Ok(()),
            Admits::At(until) => Err(NotNow::Open(until)),
            Admits::Probing => Err(NotNow::Probing),
        }
    }

    pub fn stand(&self, now: Instant) -> Stand {
        self.breaker.stand(now)
    }

    pub fn pause(&mut self, until: Instant) {
        self.paused_until = Some(self.paused_until.map_or(until, |before| before.max(until)));
    }
}

impl Provider {
    /// Fails on settings that no request could be made with; says why.
    pub fn new(name: &str, settings: &ProviderSettings, ai: &AiSettings) -> Result<Self, String> {
        let voice = match settings.kind {
            _ if !settings.is_active() => None,
            ProviderKind::Offline => {
                Some(Voice::Offline(Offline::new(Duration::from_millis(ai.offline_word_delay_ms))))
            }
            ProviderKind::OpenAiCompatible => Some(Voice::OpenAi(OpenAi::new(settings)?)),
        };
        let model = match settings.kind {
            ProviderKind::Offline => name,
            ProviderKind::OpenAiCompatible => settings.model.as_str(),
        };
        let guards = Guards { whole: Guard::new(&ai.breaker), models: HashMap::new() };
        Ok(Self {
            name: name.into(),
            kind: settings.kind,
            model: model.into(),
            voice,
            models: settings.models.clone(),
            places: Places::new(settings.concurrency, ai.place_queue_max),
            aside: Aside::new(settings.concurrency, ai.place_queue_max, ai.breaker),
            statistics: Statistics::new(name),
            first_token: Some(settings.first_token_timeout_ms)
                .filter(|ms| *ms > 0)
                .map(Duration::from_millis),
            enabled: AtomicBool::new(true),
            draining: AtomicBool::new(false),
            guards: Mutex::new(guards),
            untold: Mutex::default(),
            breaker: ai.breaker,
        })
    }

    /// Whether the settings have it on.
    pub fn is_active(&self) -> bool {
        self.voice.is_some()
    }

    pub fn is_enabled(&self) -> bool {
        self.is_active() && self.enabled.load(SeqCst)
    }

    /// Whether new calls may go to it at all.
    pub fn is_open(&self) -> bool {
        self.is_enabled() && !self.is_draining()
    }

    pub fn is_draining(&self) -> bool {
        self.draining.load(SeqCst)
    }

    pub fn switch(&self, enabled: bool, draining: bool) {
        self.enabled.store(enabled, SeqCst);
        self.draining.store(draining, SeqCst);
    }

    /// The offline provider's costs nothing; `None` is not known.
    pub fn known_price(&self, model: &str) -> Option<Price> {
        if self.kind == ProviderKind::Offline {
            return Some(Price::default());
        }
        Some(self.models.get(model)?.price?.per_tokens())
    }

    /// As much as it reads, where that is known.
    pub fn context_tokens(&self, model: &str) -> Option<u32> {
        self.models.get(model)?.context_tokens
    }

    /// Whether the model is shown pictures.
    pub fn sees(&self, model: &str) -> bool {
        self.models.get(model).is_some_and(|model| model.capabilities.contains(&Capability::Vision))
    }

    pub fn back_end(&self, model: &str) -> Arc<BackEnd> {
        let price = self.known_price(model).unwrap_or_default();
        Arc::new(BackEnd { provider: self.name.clone(), model: model.into(), price })
    }

    /// Models that were asked and that the settings do not tell of.
    pub fn untold(&self) -> Vec<Arc<str>> {
        self.untold.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Whether a call to `model` may go out now, if there is a place.
    pub fn ready(&self, model: &str, now: Instant) -> Result<(), NotNow> {
        if !self.is_open() {
            return Err(NotNow::Off);
        }
        let guards = self.guards();
        guards.whole.ready(now)?;
        guards.models.get(model).map_or(Ok(()), |guard| guard.ready(now))
    }

    /// Lets a call through. Between [`ready`](Self::ready) and this another may have gone first.
    pub fn admit(&self, back_end: &BackEnd, now: Instant) -> Result<Passes, NotNow> {
        self.ready(&back_end.model, now)?;
        let mut guards = self.guards();
        let whole = guards.whole.breaker.admit(now).ok_or(NotNow::Probing)?;
        let model = match guards.models.get_mut(&back_end.model) {
            None => None,
            Some(guard) => match guard.breaker.admit(now) {
                Some(pass) => Some(pass),
                None => {
                    guards.whole.breaker.dropped(whole);
                    return Err(NotNow::Probing);
                }
            },
        };
        drop(guards);
        if self.kind != ProviderKind::Offline && !self.models.contains_key(&*back_end.model) {
            let mut untold = self.untold.lock().unwrap_or_else(PoisonError::into_inner);
            if untold.len() < UNTOLD_MAX {
                untold.insert(back_end.model.clone());
            }
        }
        Ok(Passes { whole, model })
    }

    /// The first of an answer is there.
    pub fn answered(&self, model: &str, passes: &mut Passes) {
        let mut guards = self.guards();
        guards.whole.breaker.answered(&mut passes.whole);
        if let (Some(guard), Some(pass)) = (guards.models.get_mut(model), &mut passes.model) {
            guard.breaker.answered(pass);
        }
    }

    pub fn succeeded(&self, model: &str, passes: Passes) {
        let mut guards = self.guards();
        guards.whole.breaker.succeeded(passes.whole);
        if let (Some(guard), Some(pass)) = (guards.models.get_mut(model), passes.model) {
            guard.breaker.succeeded(pass);
        }
    }

    /// The call says nothing of the provider.
    pub fn dropped(&self, model: &str, passes: Passes) {
        let mut guards = self.guards();
        guards.whole.breaker.dropped(passes.whole);
        if let (Some(guard), Some(pass)) = (guards.models.get_mut(model), passes.model) {
            guard.breaker.dropped(pass);
        }
    }

    /// The call failed, and it was the provider's fault, or its model's.
    pub fn failed(&self, model: &Arc<str>, passes: Passes, about: About, now: Instant) {
        if about == About::Provider {
            let mut guards = self.guards();
            guards.whole.breaker.failed(passes.whole, now);
            if let (Some(guard), Some(pass)) = (guards.models.get_mut(model), passes.model) {
                guard.breaker.dropped(pass);
            }
            return;
        }
        let mut guards = self.guards();
        // It answered: the provider itself is there.
        guards.whole.breaker.succeeded(passes.whole);
        let guard = self.of_model(&mut guards, model);
        let pass = passes.model.or_else(|| guard.breaker.admit(now));
        if let Some(pass) = pass {
            guard.breaker.failed(pass, now);
        }
    }

    /// It asked to be left alone, or its model did.
    pub fn pause(&self, model: &Arc<str>, about: About, until: Instant) {
        let mut guards = self.guards();
        match about {
            About::Model => self.of_model(&mut guards, model).pause(until),
            About::Provider | About::Prompt => guards.whole.pause(until),
        }
    }

    fn of_model<'a>(&self, guards: &'a mut Guards, model: &Arc<str>) -> &'a mut Guard {
        if guards.models.len() >= TROUBLED_MAX && !guards.models.contains_key(model) {
            guards.models.clear();
        }
        guards.models.entry(model.clone()).or_insert_with(|| Guard::new(&self.breaker))
    }

    /// How the breaker stands, its failures in a row, and until when a pause lasts. Where the provider itself is well, those
    /// of its own model are told.
    pub fn standing(&self, now: Instant) -> (Stand, u32, Option<Instant>) {
        let guards = self.guards();
        let of = |guard: &Guard| {
            let paused = guard.paused_until.filter(|until| *until > now);
            (guard.breaker.stand(now), guard.breaker.in_a_row(), paused)
        };
        let whole = of(&guards.whole);
        match guards.models.get(&self.model) {
            Some(model) if whole.0 == Stand::Closed => {
                let (stand, failures, paused) = of(model);
                (stand, failures.max(whole.1), whole.2.or(paused))
            }
            _ => whole,
        }
    }

    /// A model's own: how its breaker stands, and failures in a row; `None` where all is well with it.
    pub fn trouble(&self, model: &str, now: Instant) -> Option<(Stand, u32)> {
        let own = self.guards().models.get(model).map(|guard| (guard.stand(now), guard.breaker.in_a_row()));
        own.filter(|(_, failures)| *failures > 0).or_else(|| self.aside.trouble(model, now))
    }

    pub fn state(&self, now: Instant) -> ProviderState {
        if !self.is_enabled() {
            return ProviderState::Off;
        }
        if self.kind == ProviderKind::Offline {
            return ProviderState::Up;
        }
        let (asked, in_a_row) = self.statistics.row();
        match (self.standing(now).0, in_a_row) {
            (Stand::Open { .. }, _) => ProviderState::Down,
            (Stand::HalfOpen, 0) => ProviderState::Degraded,
            (Stand::Closed, 0) if asked == 0 => ProviderState::Idle,
            (Stand::Closed, 0) => ProviderState::Up,
            (Stand::Closed | Stand::HalfOpen, failures) if failures < DOWN_AFTER => ProviderState::Degraded,
            (Stand::Closed | Stand::HalfOpen, _) => ProviderState::Down,
        }
    }

    fn guards(&self) -> MutexGuard<'_, Guards> {
        self.guards.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
