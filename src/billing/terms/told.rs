//! What people are told of it, once: on their sockets, and by mail where their address is proved.

use greenroom_actors::domain::{Plans, UserId};
use jiff::Timestamp;
use uuid::Uuid;

use super::lots::Came;
use super::resolve::{Held, Rows, Source};
use super::store::Person;
use crate::billing::records::{Dispute, Payment, PaymentKind, SubscriptionStatus};
use crate::outbound::Letter;

/// What has changed for somebody, to be told once it is committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub user: UserId,
    /// Machine-readable: `plan.started`, `plan.extended`, `plan.ended`, `payment.failed`, `payment.refunded`,
    /// `payment.disputed`, `payment.restored`, `credits.added`.
    pub code: &'static str,
    pub message: String,
    /// The person should do something.
    pub warning: bool,
}

impl Notice {
    /// In two or three words.
    #[must_use]
    pub fn title(&self) -> &'static str {
        match self.code.split('.').next() {
            Some("plan") => "Your plan",
            Some("payment") => "Your payment",
            _ => "Your credits",
        }
    }
}

/// Notices and letters of one settling, and what is noted so that they are the only ones.
#[derive(Debug, Default)]
pub struct Telling {
    pub notices: Vec<Notice>,
    pub letters: Vec<Letter>,
    pub keys: Vec<String>,
}

/// All that a telling is about.
pub struct About<'a> {
    pub user: UserId,
    pub person: &'a Person,
    pub rows: &'a Rows,
    pub held: &'a Held,
    pub plans: &'a Plans,
    pub came: &'a [Came],
    /// What they were told before.
    pub told: &'a [String],
}

impl About<'_> {
    #[must_use]
    pub fn tell(&self) -> Telling {
        let mut telling = Telling::default();
        self.payments(&mut telling);
        // Who reads that something was taken back need not read that it has ended too.
        let taken_back = telling.keys.iter().any(|key| key.starts_with("back:"));
        self.plan(&mut telling, taken_back);
        self.failures(&mut telling);
        for came in self.came {
            let credits = came.credits;
            self.notice(&mut telling, "credits.added", format!("{credits} credits were added."), Tone::Calm);
            telling.letters.push(Letter::CreditsBought { name: self.name(), credits });
        }
        telling
    }

    fn plan(&self, telling: &mut Telling, taken_back: bool) {
        let (before, held, now) = (self.person, self.held, self.person.now);
        let (plan, until) = (held.plan.as_str(), held.until.map(day));
        // What renews by itself has no end that a person would know.
        let shown = until.clone().filter(|_| held.source != Source::Subscription || !self.renews());
        let goes_on = shown.as_ref().map(|until| format!(", until {until}")).unwrap_or_default();
        let name = self.name();
        let rank = |plan: &str| self.plans.get(plan).rank();
        let was_over = before.until.is_some_and(|end| end <= now);
        if before.plan != plan && rank(plan) < rank(&before.plan) {
            let message = format!("{} has ended. Your plan is {plan} now.", before.plan);
            self.notice(telling, "plan.ended", message, Tone::Calm);
            if !taken_back {
                let (plan, after) = (before.plan.clone(), plan.to_owned());
                telling.letters.push(Letter::PlanEnded { name, plan, after });
            }
        } else if before.plan != plan || (was_over && held.source != Source::Subscription) {
            self.notice(telling, "plan.started", format!("Your plan is {plan} now{goes_on}."), Tone::Calm);
            telling.letters.push(Letter::PlanStarted { name, plan: plan.to_owned(), until: shown });
        } else if matches!(held.source, Source::Payment | Source::Grant)
            && let (Some(was), Some(until)) = (before.until, held.until)
            && until > was
        {
            let until = day(until);
            self.notice(telling, "plan.extended", format!("{plan} goes on until {until}."), Tone::Calm);
            telling.letters.push(Letter::PlanExtended { name, plan: plan.to_owned(), until });
        }
    }

    fn renews(&self) -> bool {
        self.rows.subscriptions.iter().any(|one| {
            let active = matches!(one.status, SubscriptionStatus::Active | SubscriptionStatus::Trialing);
            one.plan == self.held.plan && active && !one.cancel_at_period_end
        })
    }

    fn failures(&self, telling: &mut Telling) {
        let behind = self.rows.subscriptions.iter().filter(|one| one.status == SubscriptionStatus::PastDue);
        for one in behind {
            let key = format!("failed:{}:{}", one.id, one.current_period_start.as_second());
            if self.knows(&key) {
                continue;
            }
            let until = self.held.grace_until.map(day);
            let rest = match &until {
                Some(until) => format!("it goes on until {until}. See to your card until then."),
                None => "see to your card, and it goes on.".to_owned(),
            };
            self.notice(
                telling,
                "payment.failed",
                format!("The payment for {} failed: {rest}", one.plan),
                Tone::Warning,
            );
            telling.letters.push(Letter::PaymentFailed { name: self.name(), plan: one.plan.clone(), until });
            telling.keys.push(key);
        }
    }

    fn payments(&self, telling: &mut Telling) {
        for payment in self.rows.payments.iter().map(|paid| &paid.payment) {
            let dispute = payment.dispute.map_or("", Dispute::as_str);
            let key = format!("back:{}:{}:{dispute}", payment.id, payment.refunded_cents);
            if (payment.refunded_cents == 0 && payment.dispute.is_none()) || self.knows(&key) {
                continue;
            }
            self.back(telling, payment);
            telling.keys.push(key);
        }
    }

    fn back(&self, telling: &mut Telling, payment: &Payment) {
        let paid = money(payment.amount_cents, &payment.currency);
        let what = match (payment.kind, &payment.plan) {
            (PaymentKind::Credits, _) | (_, None) => "credits".to_owned(),
            (_, Some(plan)) => plan.clone(),
        };
        let (name, whole) = (self.name(), payment.refunded_cents >= payment.amount_cents);
        let back = money(payment.refunded_cents, &payment.currency);
        match payment.dispute {
            Some(Dispute::Won) if self.was_disputed(payment.id) => {
                let message =
                    format!("The dispute about {paid} for {what} is over: what was paid for is back.");
                self.notice(telling, "payment.restored", message, Tone::Calm);
            }
            Some(Dispute::Open | Dispute::Lost) if self.was_disputed(payment.id) => {}
            Some(Dispute::Open | Dispute::Lost) => {
                let message =
                    format!("The payment of {paid} for {what} is disputed: what it paid for is taken back.");
                self.notice(telling, "payment.disputed", message, Tone::Warning);
                telling.letters.push(Letter::TakenBack { name, what, amount: paid, disputed: true });
            }
            _ if payment.refunded_cents == 0 => {}
            _ if whole => {
                let message = format!("{back} for {what} were given back: what they paid for is taken back.");
                self.notice(telling, "payment.refunded", message, Tone::Calm);
                telling.letters.push(Letter::TakenBack { name, what, amount: back, disputed: false });
            }
            _ => {
                let message = format!("{back} of {paid} for {what} were given back.");
                self.notice(telling, "payment.refunded", message, Tone::Calm);
                telling.letters.push(Letter::PartGivenBack { name, what, amount: back, of: paid });
            }
        }
    }

    fn was_disputed(&self, payment: Uuid) -> bool {
        let start = format!("back:{payment}:");
        let disputed = |key: &&String| key.ends_with(":open") || key.ends_with(":lost");
        self.told.iter().filter(|key| key.starts_with(&start)).any(|key| disputed(&key))
    }

    fn knows(&self, key: &str) -> bool {
        self.told.iter().any(|told| told == key)
    }

    fn name(&self) -> String {
        self.person.name.clone()
    }

    fn notice(&self, telling: &mut Telling, code: &'static str, message: String, tone: Tone) {
        telling.notices.push(Notice { user: self.user, code, message, warning: tone == Tone::Warning });
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tone {
    Calm,
    Warning,
}

/// To the minute.
fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// Currencies whose smallest unit is the whole one.
const WHOLE: [&str; 16] = [
    "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv", "xaf", "xof",
    "xpf",
];

fn money(cents: i64, currency: &str) -> String {
    let code = currency.to_uppercase();
    if WHOLE.contains(&currency) {
        return format!("{cents} {code}");
    }
    format!("{}.{:02} {code}", cents / 100, cents % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_told_in_its_currency() {
        assert_eq!(money(700, "usd"), "7.00 USD");
        assert_eq!(money(2_999, "eur"), "29.99 EUR");
        assert_eq!(money(5, "usd"), "0.05 USD");
        assert_eq!(money(700, "jpy"), "700 JPY");
    }
}
