//! The half of the comparison that asks Stripe: events, subscriptions and payments, page by page.

use std::collections::{HashMap, HashSet};

use greenroom_actors::domain::UserId;
use greenroom_actors::protocol::Refusal;
use jiff::{SignedDuration, Timestamp};

use super::{BATCH, Online, Reconciler, Report, Subject, store};
use crate::billing::records::{self, Payment, PaymentStatus, Subscription};
use crate::billing::stripe::{IntentState, META_USER, StripeError, StripeEvent, SubscriptionState};
use crate::postgres::refusal;

/// Pages of one list at Stripe: 100 objects each.
const PAGES_MAX: usize = 200;
/// How far back payments and events are compared. Stripe keeps events for 30 days.
const WINDOW: SignedDuration = SignedDuration::from_hours(24 * 30);
/// What is younger than this may still be told of in the usual way.
const SETTLING: SignedDuration = SignedDuration::from_mins(10);

/// Done, or the reason why Stripe's side was not seen to its end.
type Seen = Result<Result<(), StripeError>, Refusal>;

impl Reconciler {
    pub(super) async fn compare(&self, online: &Online, now: Timestamp, report: &mut Report) -> Seen {
        for step in [Step::Events, Step::Subscriptions, Step::Payments] {
            let seen = match step {
                Step::Events => self.events(online, now, report).await?,
                Step::Subscriptions => self.subscriptions(online, now, report).await?,
                Step::Payments => self.payments(online, now, report).await?,
            };
            if seen.is_err() {
                return Ok(seen);
            }
        }
        Ok(Ok(()))
    }

    /// Events that never came: handled now, the oldest first.
    async fn events(&self, online: &Online, now: Timestamp, report: &mut Report) -> Seen {
        let mut missed = Vec::new();
        let mut after: Option<String> = None;
        for page in 0.. {
            if page == PAGES_MAX {
                report.find(Subject::Events, "list", "there are more events than are looked at in one run");
                break;
            }
            let events = match online.stripe.list_events(now - WINDOW, after.as_deref()).await {
                Ok(events) => events,
                Err(error) => return Ok(Err(error)),
            };
            let Some(last) = events.last() else { break };
            after = Some(last.id.clone());
            report.checked.events += events.len();
            let ids: Vec<&str> = events.iter().map(|event| event.id.as_str()).collect();
            let client = self.client().await?;
            let known = store::known_events(&client, &ids).await.map_err(|error| refusal(&error))?;
            let is_missed =
                |event: &StripeEvent| event.created_at < now - SETTLING && !known.contains(&event.id);
            missed.extend(events.into_iter().filter(is_missed));
        }
        for event in missed.into_iter().rev() {
            online.webhooks.take_listed(&event).await?;
            report.repair(Subject::Events, &event.id, &format!("{} had never come", event.kind));
        }
        Ok(Ok(()))
    }

    async fn subscriptions(&self, online: &Online, now: Timestamp, report: &mut Report) -> Seen {
        let mut running: HashMap<UserId, Vec<String>> = HashMap::new();
        let mut seen = HashSet::new();
        let mut after: Option<String> = None;
        for page in 0.. {
            if page == PAGES_MAX {
                report.find(Subject::Subscription, "list", "there are more than are looked at in one run");
                break;
            }
            let states = match online.stripe.list_subscriptions(None, after.as_deref()).await {
                Ok(states) => states,
                Err(error) => return Ok(Err(error)),
            };
            let Some(last) = states.last() else { break };
            after = Some(last.id.clone());
            for state in states {
                report.checked.subscriptions += 1;
                if state.created_at < now - SETTLING
                    && let Some(user) = self.subscription(online, &state, report).await?
                    && state.status.is_live()
                {
                    running.entry(user).or_default().push(state.id.clone());
                }
                seen.insert(state.id);
            }
        }
        for (user, ids) in running.iter().filter(|(_, ids)| ids.len() > 1) {
            let message = format!("runs {} subscriptions at once: {}", ids.len(), ids.join(", "));
            report.find(Subject::Person, &user.to_string(), &message);
        }
        let client = self.client().await?;
        let seen: Vec<&str> = seen.iter().map(String::as_str).collect();
        let unseen = store::live_but(&client, &seen, BATCH).await.map_err(|error| refusal(&error))?;
        drop(client);
        for id in unseen {
            match online.stripe.subscription(&id).await {
                Ok(_) => drop(online.sync.subscription(&id).await?),
                Err(StripeError::NotFound) => {
                    report.find(Subject::Subscription, &id, "runs here, and Stripe does not know it");
                }
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok(()))
    }

    /// One subscription as Stripe has it. Answers whose it is.
    async fn subscription(
        &self,
        online: &Online,
        state: &SubscriptionState,
        report: &mut Report,
    ) -> Result<Option<UserId>, Refusal> {
        let kept = self.kept_subscription(&state.id).await?;
        if let Some(kept) = kept.as_ref().filter(|kept| agrees(kept, state)) {
            return Ok(Some(kept.user));
        }
        let user = online.sync.subscription(&state.id).await?;
        let now = self.kept_subscription(&state.id).await?;
        match (user, now) {
            (None, _) => {
                // Of something else that is sold from the same account at Stripe, unless it carries our mark.
                if state.status.is_live() && state.metadata.contains_key(META_USER) {
                    report.find(Subject::Subscription, &state.id, "is paid, and nobody here has it");
                }
            }
            (Some(_), before) if before != kept => {
                let was = kept.map_or("unknown", |kept| kept.status.as_str());
                let message = format!("was {was} here and is {} at Stripe", state.status.as_str());
                report.repair(Subject::Subscription, &state.id, &message);
            }
            (Some(_), _) => {}
        }
        Ok(user)
    }

    async fn kept_subscription(&self, id: &str) -> Result<Option<Subscription>, Refusal> {
        let client = self.client().await?;
        records::subscription(&client, id).await.map_err(|error| refusal(&error))
    }

    async fn payments(&self, online: &Online, now: Timestamp, report: &mut Report) -> Seen {
        let since = now - WINDOW;
        let mut after: Option<String> = None;
        for page in 0.. {
            if page == PAGES_MAX {
                report.find(Subject::Payment, "list", "there are more than are looked at in one run");
                break;
            }
            let intents = match online.stripe.list_intents(since, after.as_deref()).await {
                Ok(intents) => intents,
                Err(error) => return Ok(Err(error)),
            };
            let Some(last) = intents.last() else { break };
            after = Some(last.id.clone());
            for intent in intents.into_iter().filter(|intent| intent.created_at < now - SETTLING) {
                report.checked.payments += 1;
                self.payment(online, &intent, report).await?;
            }
        }
        Ok(Ok(()))
    }

    async fn payment(
        &self,
        online: &Online,
        intent: &IntentState,
        report: &mut Report,
    ) -> Result<(), Refusal> {
        let kept = self.kept_payment(&intent.id).await?;
        let charge = intent.charge.as_ref();
        let as_kept = kept.as_ref().is_some_and(|kept| {
            kept.status == intent.status
                && kept.refunded_cents == charge.map_or(0, |charge| charge.refunded_cents)
                && kept.dispute == charge.and_then(|charge| charge.dispute)
        });
        // What nobody has paid yet leaves no row.
        if as_kept || (kept.is_none() && intent.status != PaymentStatus::Succeeded) {
            return Ok(());
        }
        let user = online.sync.intent(&intent.id).await?;
        let now = self.kept_payment(&intent.id).await?;
        if now != kept {
            let was = kept.map_or("unknown", |kept| kept.status.as_str());
            let message = format!("was {was} here and is {} at Stripe", intent.status.as_str());
            report.repair(Subject::Payment, &intent.id, &message);
        } else if user.is_none() && now.is_none() && intent.metadata.contains_key(META_USER) {
            report.find(Subject::Payment, &intent.id, "is paid, and fits nothing that was offered here");
        }
        Ok(())
    }

    async fn kept_payment(&self, intent: &str) -> Result<Option<Payment>, Refusal> {
        let client = self.client().await?;
        records::payment_at(&client, Some(intent), None).await.map_err(|error| refusal(&error))
    }
}

#[derive(Clone, Copy)]
enum Step {
    Events,
    Subscriptions,
    Payments,
}

/// Whether our row says what Stripe says.
fn agrees(kept: &Subscription, state: &SubscriptionState) -> bool {
    kept.status == state.status
        && kept.cancel_at_period_end == state.cancel_at_period_end
        && kept.current_period_end == state.current_period_end
        && kept.price_id == state.price_id
        && kept.latest_invoice_id == state.latest_invoice_id
        && kept.ended_at == state.ended_at
}
