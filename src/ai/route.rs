//! Which back end of a chain is asked now.
//!
//! The first that is switched on, is not left alone (paused, breaker), has not failed at this request and reads as much as
//! the prompt is long. Where only a place is missing the next one with a free place is taken; where none has one, the
//! first place that is given back. What failed at this request is asked again only when nobody else can be.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::select_all;
use greenroom_actors::domain::BackEnd;
use greenroom_actors::ports::{GenerateError, GenerateErrorKind, NextTry};
use tokio::time::{Instant, timeout_at};

use super::limits::Place;
use super::provider::{NotNow, Passes, Provider};

/// One back end of a chain.
#[derive(Clone)]
pub(super) struct Link {
    pub provider: Arc<Provider>,
    pub back_end: Arc<BackEnd>,
}

/// What one request may be answered by.
pub(super) struct Plan {
    /// Long enough for the prompt, in order.
    links: Vec<Link>,
    /// Failed at this request before.
    failed: Vec<Arc<BackEnd>>,
}

/// Who answers.
pub(super) struct Taken {
    pub link: Link,
    pub place: Place,
    pub passes: Passes,
}

/// What stands in the way of all.
#[derive(Default)]
struct Obstacles {
    paused: Option<Instant>,
    open: Option<Instant>,
}

impl Obstacles {
    fn add(&mut self, why: NotNow) {
        let sooner = |before: Option<Instant>, until: Instant| Some(before.map_or(until, |it| it.min(until)));
        match why {
            NotNow::Paused(until) => self.paused = sooner(self.paused, until),
            NotNow::Open(until) => self.open = sooner(self.open, until),
            NotNow::Probing => self.open = sooner(self.open, Instant::now()),
            NotNow::Off => {}
        }
    }

    fn error(&self, now: Instant) -> GenerateError {
        let (kind, detail) = match (self.paused, self.open) {
            (Some(paused), open) if open.is_none_or(|open| paused <= open) => {
                (GenerateErrorKind::RateLimited, "every provider asked to be left alone")
            }
            (None, None) => (GenerateErrorKind::Unavailable, "no provider is on"),
            _ => (GenerateErrorKind::Unavailable, "every provider failed too often and is left alone"),
        };
        let soonest = self.paused.into_iter().chain(self.open).min();
        let mut error = GenerateError::new(kind, detail);
        error.retry_after = soonest.map(|at| at - now);
        error
    }
}

fn same(one: &BackEnd, other: &BackEnd) -> bool {
    one.provider == other.provider && one.model == other.model
}

impl Plan {
    pub fn new(links: Vec<Link>, failed: Vec<Arc<BackEnd>>) -> Self {
        Self { links, failed }
    }

    fn has_failed(&self, link: &Link) -> bool {
        self.failed.iter().any(|failed| same(failed, &link.back_end))
    }

    /// Whether another back end stands ready where `failed` has failed now.
    pub fn next_after(&self, failed: &BackEnd, now: Instant) -> NextTry {
        let stands_ready = |link: &&Link| {
            !same(&link.back_end, failed)
                && !self.has_failed(link)
                && link.provider.ready(&link.back_end.model, now).is_ok()
        };
        match self.links.iter().find(stands_ready) {
            Some(_) => NextTry::Elsewhere,
            None => NextTry::AfterPause,
        }
    }

    /// Takes a place at the first back end that can answer, waiting for one at most so long.
    pub async fn take(&self, patience: Duration) -> Result<Taken, GenerateError> {
        let deadline = Instant::now() + patience;
        let (fresh, mut failed): (Vec<&Link>, Vec<&Link>) =
            self.links.iter().partition(|link| !self.has_failed(link));
        // Who refuses would refuse again.
        failed.sort_by_key(|link| link.provider.statistics.refuses());
        let mut obstacles = Obstacles::default();
        for links in [fresh, failed] {
            loop {
                let full = match now(&links, &mut obstacles) {
                    Found::Taken(taken) => return Ok(*taken),
                    Found::Full(full) => full,
                    Found::None => break,
                };
                let (link, place) = wait(&full, deadline).await?;
                match link.provider.admit(&link.back_end, Instant::now()) {
                    Ok(passes) => return Ok(Taken { link: link.clone(), place, passes }),
                    // It failed or was switched off meanwhile: all are looked at again.
                    Err(why) => obstacles.add(why),
                }
            }
        }
        Err(obstacles.error(Instant::now()))
    }
}

enum Found<'a> {
    Taken(Box<Taken>),
    /// These would answer, but have no place.
    Full(Vec<&'a Link>),
    None,
}

fn now<'a>(links: &[&'a Link], obstacles: &mut Obstacles) -> Found<'a> {
    let now = Instant::now();
    let mut full = Vec::new();
    for link in links {
        if let Err(why) = link.provider.ready(&link.back_end.model, now) {
            obstacles.add(why);
            continue;
        }
        let Some(place) = link.provider.places.try_take() else {
            full.push(*link);
            continue;
        };
        match link.provider.admit(&link.back_end, now) {
            Ok(passes) => {
                let link = (*link).clone();
                return Found::Taken(Box::new(Taken { link, place, passes }));
            }
            Err(why) => obstacles.add(why),
        }
    }
    if full.is_empty() { Found::None } else { Found::Full(full) }
}

/// The first place that is given back at any of these.
async fn wait<'a>(full: &[&'a Link], deadline: Instant) -> Result<(&'a Link, Place), GenerateError> {
    let busy = |detail| GenerateError::new(GenerateErrorKind::Unavailable, detail);
    let mut waiting = Vec::with_capacity(full.len());
    for link in full {
        // Two models of one provider have the same places.
        let again = waiting.iter().any(|(one, _): &(&Link, _)| Arc::ptr_eq(&one.provider, &link.provider));
        if let (false, Some(place)) = (again, link.provider.places.take()) {
            waiting.push((*link, Box::pin(place)));
        }
    }
    if waiting.is_empty() {
        return Err(busy("too many replies wait for a place already"));
    }
    let (links, places): (Vec<&Link>, Vec<_>) = waiting.into_iter().unzip();
    match timeout_at(deadline, select_all(places)).await {
        Ok((place, at, _)) => Ok((links[at], place)),
        Err(_) => Err(busy("no place was given back in time")),
    }
}
