//! The feed: what happened to a user, in words. It is read from where it stands anyhow, so it has no copy to go stale.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::store::Source;
use crate::conversations::view::wire_time;

/// Characters of what a browser says it is, and of what was to be made.
pub(super) const WORDS_MAX: usize = 200;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub enum ActivityKind {
    #[serde(rename = "conversation.begun")]
    ConversationBegun,
    #[serde(rename = "credits.plan")]
    CreditsOfPlan,
    #[serde(rename = "credits.granted")]
    CreditsGranted,
    #[serde(rename = "credits.spent")]
    CreditsSpent,
    #[serde(rename = "credits.revoked")]
    CreditsRevoked,
    #[serde(rename = "credits.expired")]
    CreditsExpired,
    #[serde(rename = "payment.pending")]
    PaymentPending,
    #[serde(rename = "payment.succeeded")]
    PaymentSucceeded,
    #[serde(rename = "payment.failed")]
    PaymentFailed,
    #[serde(rename = "payment.canceled")]
    PaymentCanceled,
    #[serde(rename = "payment.refunded")]
    PaymentRefunded,
    #[serde(rename = "payment.disputed")]
    PaymentDisputed,
    #[serde(rename = "avatar.made")]
    AvatarMade,
    #[serde(rename = "avatar.failed")]
    AvatarFailed,
    #[serde(rename = "avatar.shared")]
    AvatarShared,
    #[serde(rename = "content.made")]
    ContentMade,
    #[serde(rename = "content.failed")]
    ContentFailed,
    #[serde(rename = "limit.reached")]
    LimitReached,
    #[serde(rename = "device.new")]
    DeviceNew,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActivityView {
    pub id: Uuid,
    pub kind: ActivityKind,
    pub at: Timestamp,
    /// For a person to read.
    pub title: String,
    pub detail: Option<String>,
    /// Where the console shows more of it: what follows `#` in its address.
    #[schema(example = "/c/0197f000-0000-7000-8000-000000000000")]
    pub link: Option<String>,
    /// Credits, or money in the smallest unit of `currency`: of a payment that was given back, what went back.
    pub amount: Option<i64>,
    /// Of a payment of which a part was given back: what was paid.
    pub of_amount: Option<i64>,
    /// Of money: ISO 4217, small letters.
    pub currency: Option<String>,
}

impl ActivityView {
    /// Where the feed goes on after this is written by what it is sorted by, to the microsecond.
    pub(super) fn of(source: &Source) -> Option<Self> {
        let Source { id, at, source: from, .. } = source;
        let told = match from.as_str() {
            "conversation" => conversation(source),
            "credits" => credits(source)?,
            "payment" => payment(source)?,
            "limit" => limit(source),
            "device" => device(source),
            "avatar" => avatar(source)?,
            "content" => content(source)?,
            _ => return None,
        };
        let Told { kind, title, detail, link, currency } = told;
        let (amount, of_amount) = match (kind, source.refund()) {
            (ActivityKind::PaymentRefunded, Some(Refund::Whole(back))) => (Some(back), None),
            (ActivityKind::PaymentRefunded, Some(Refund::Part { back, of })) => (Some(back), Some(of)),
            _ => (source.amount.filter(|_| matches!(from.as_str(), "credits" | "payment")), None),
        };
        Some(Self { id: *id, kind, at: wire_time(*at), title, detail, link, amount, of_amount, currency })
    }
}

/// How much of a payment went back.
enum Refund {
    Whole(i64),
    Part { back: i64, of: i64 },
}

impl Source {
    fn refund(&self) -> Option<Refund> {
        let (back, of) = (self.other.filter(|back| *back > 0)?, self.amount?);
        Some(if back < of { Refund::Part { back, of } } else { Refund::Whole(back) })
    }
}

struct Told {
    kind: ActivityKind,
    title: String,
    detail: Option<String>,
    link: Option<String>,
    currency: Option<String>,
}

impl Told {
    fn new(kind: ActivityKind, title: impl Into<String>) -> Self {
        Self { kind, title: title.into(), detail: None, link: None, currency: None }
    }

    fn detail(self, detail: Option<String>) -> Self {
        Self { detail, ..self }
    }

    fn link(self, link: impl Into<String>) -> Self {
        Self { link: Some(link.into()), ..self }
    }
}

fn conversation(source: &Source) -> Told {
    let told =
        Told::new(ActivityKind::ConversationBegun, "You began a conversation").detail(source.name.clone());
    match &source.more {
        Some(room) => told.link(format!("/c/{room}")),
        None => told,
    }
}

fn credits(source: &Source) -> Option<Told> {
    let amount = source.amount.unwrap_or_default();
    let word = if amount == 1 { "credit" } else { "credits" };
    let (kind, title) = match source.what.as_deref()? {
        "plan" => (ActivityKind::CreditsOfPlan, format!("{amount} {word} came with your plan")),
        "grant" => (ActivityKind::CreditsGranted, format!("You were given {amount} {word}")),
        "settle" => (ActivityKind::CreditsSpent, format!("You spent {amount} {word}")),
        "revoke" => (ActivityKind::CreditsRevoked, format!("{amount} {word} were taken back")),
        "expire" => (ActivityKind::CreditsExpired, format!("{amount} {word} ended with their period")),
        _ => return None,
    };
    Some(Told::new(kind, title).detail(source.more.clone()).link("/account/credits"))
}

fn payment(source: &Source) -> Option<Told> {
    let what = source.name.as_deref().unwrap_or("something");
    let thing = if what.bytes().all(|byte| byte.is_ascii_digit()) {
        format!("{what} credits")
    } else {
        format!("the plan \u{201c}{what}\u{201d}")
    };
    let (kind, title) = match source.what.as_deref()? {
        "succeeded" => (ActivityKind::PaymentSucceeded, format!("You bought {thing}")),
        "pending" => (ActivityKind::PaymentPending, format!("Your payment for {thing} is under way")),
        "failed" => (ActivityKind::PaymentFailed, format!("Your payment for {thing} failed")),
        "canceled" => (ActivityKind::PaymentCanceled, format!("Your payment for {thing} was canceled")),
        "refunded" => {
            let part = matches!(source.refund(), Some(Refund::Part { .. }));
            let what = if part { "A part of what" } else { "What" };
            (ActivityKind::PaymentRefunded, format!("{what} you paid for {thing} was given back"))
        }
        "disputed" => (ActivityKind::PaymentDisputed, format!("Your payment for {thing} is disputed")),
        _ => return None,
    };
    Some(Told { currency: source.more.clone(), ..Told::new(kind, title).link("/account/payments") })
}

fn limit(source: &Source) -> Told {
    let used = source.amount.unwrap_or_default();
    let what = match (source.what.as_deref(), source.name.as_deref()) {
        (None, _) => format!("All {used} messages of the day are used"),
        (Some(kind), name) => {
            let kind = match kind {
                "audio" => "audio messages",
                "media" => "messages with media",
                _ => "text messages",
            };
            format!("All {used} {kind} to {} are used", name.unwrap_or("this character"))
        }
    };
    Told::new(ActivityKind::LimitReached, "You reached a limit of your plan")
        .detail(Some(what))
        .link("/account/usage")
}

fn device(source: &Source) -> Told {
    let agent = source.name.as_deref().unwrap_or("a device that did not say what it is");
    let agent = short(agent);
    let detail = match &source.more {
        Some(address) => format!("{agent}, from {address}"),
        None => agent,
    };
    Told::new(ActivityKind::DeviceNew, "Somebody signed in on a new device")
        .detail(Some(detail))
        .link("/account/devices")
}

fn avatar(source: &Source) -> Option<Told> {
    let name = source.name.clone();
    let with = |whom: &str| name.as_deref().map(|name| format!("{name}, with {whom}"));
    let (kind, title, detail) = match source.what.as_deref()? {
        "ready" => (ActivityKind::AvatarMade, "You made an avatar", name),
        "failed" => (ActivityKind::AvatarFailed, "An avatar of yours was not written", name),
        "unlisted" => (ActivityKind::AvatarShared, "You shared an avatar", with("whoever has its address")),
        "public" => (ActivityKind::AvatarShared, "You shared an avatar", with("everybody")),
        _ => return None,
    };
    let told = Told::new(kind, title).detail(detail);
    Some(match &source.more {
        Some(avatar) => told.link(format!("/avatars/{avatar}")),
        None => told,
    })
}

fn content(source: &Source) -> Option<Told> {
    let (what, how) = source.what.as_deref()?.split_once(' ')?;
    let thing = if what == "video" { "video" } else { "picture" };
    let (kind, title, detail) = match how {
        "done" => (ActivityKind::ContentMade, format!("A {thing} was made for you"), &source.name),
        "failed" => (ActivityKind::ContentFailed, format!("A {thing} could not be made"), &source.more),
        _ => return None,
    };
    Some(Told::new(kind, title).detail(detail.as_deref().map(short)).link("/studio"))
}

/// Words of others', without what is not to be seen, cut where they are long.
fn short(words: &str) -> String {
    let mut plain = words.chars().filter(|c| !c.is_control());
    let mut short: String = plain.by_ref().take(WORDS_MAX).collect();
    if plain.next().is_some() {
        short.push('\u{2026}');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(from: &str, what: Option<&str>, name: Option<&str>, amount: Option<i64>) -> Source {
        Source {
            id: Uuid::nil(),
            at: Timestamp::UNIX_EPOCH,
            source: from.to_owned(),
            what: what.map(str::to_owned),
            name: name.map(str::to_owned),
            more: None,
            amount,
            other: None,
        }
    }

    #[test]
    fn what_happened_is_told_in_words() {
        let title = |source: &Source| ActivityView::of(source).unwrap().title;
        assert_eq!(title(&source("credits", Some("settle"), None, Some(1))), "You spent 1 credit");
        assert_eq!(
            title(&source("payment", Some("succeeded"), Some("100"), Some(700))),
            "You bought 100 credits"
        );
        assert_eq!(
            title(&source("payment", Some("failed"), Some("pro"), Some(700))),
            "Your payment for the plan \u{201c}pro\u{201d} failed"
        );
        let back = |cents| {
            let source =
                Source { other: Some(cents), ..source("payment", Some("refunded"), Some("pro"), Some(700)) };
            let view = ActivityView::of(&source).unwrap();
            (view.title.starts_with("A part of"), view.amount, view.of_amount)
        };
        assert_eq!((back(200), back(700)), ((true, Some(200), Some(700)), (false, Some(700), None)));
        assert_eq!(title(&source("content", Some("video failed"), None, None)), "A video could not be made");
        let detail = |source: &Source| ActivityView::of(source).unwrap().detail.unwrap();
        assert_eq!(detail(&source("limit", None, None, Some(5))), "All 5 messages of the day are used");
        assert_eq!(
            detail(&source("limit", Some("audio"), Some("Vera"), Some(5))),
            "All 5 audio messages to Vera are used"
        );
        assert!(detail(&source("device", None, Some("Fire\u{7}fox"), None)).contains("Firefox"));
        assert_eq!(ActivityView::of(&source("credits", Some("hold"), None, Some(1))), None);
        assert_eq!(title(&source("avatar", Some("ready"), Some("Nadia"), None)), "You made an avatar");
        assert_eq!(detail(&source("avatar", Some("public"), Some("Nadia"), None)), "Nadia, with everybody");
        assert_eq!(ActivityView::of(&source("avatar", Some("private"), Some("Nadia"), None)), None);
        let long = "a lake ".repeat(60);
        let done = source("content", Some("video done"), Some(&long), None);
        assert_eq!(detail(&done).chars().count(), WORDS_MAX + 1, "cut, and said so");
        assert_eq!(ActivityView::of(&source("content", Some("image queued"), Some("x"), None)), None);
    }
}
