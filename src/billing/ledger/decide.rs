//! What an order does to a person's accounts: pure, so that it can be held against a model. The database's own rules (entries
//! come to nothing, no balance below zero, a hold ends once) stand behind it.

use jiff::Timestamp;
use uuid::Uuid;

/// Credits of one transfer at most.
pub const AMOUNT_MAX: i64 = 1_000_000_000;

/// Why credits move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransferKind {
    /// Granted with a plan's period.
    Plan,
    Grant,
    Purchase,
    Revoke,
    Hold,
    /// A hold became a payment, in whole or in part.
    Settle,
    /// A hold was given back.
    Release,
    /// A plan's credits ended with their period.
    Expire,
}

impl TransferKind {
    pub const ALL: [(Self, &'static str); 8] = [
        (Self::Plan, "plan"),
        (Self::Grant, "grant"),
        (Self::Purchase, "purchase"),
        (Self::Revoke, "revoke"),
        (Self::Hold, "hold"),
        (Self::Settle, "settle"),
        (Self::Release, "release"),
        (Self::Expire, "expire"),
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("grant", |(_, text)| text)
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == text).map(|(kind, _)| *kind)
    }
}

/// An account: a person's, or the house's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Account {
    /// Ends with the plan's period.
    Plan,
    /// Bought or granted: stays.
    Own,
    Held,
    HouseGranted,
    HouseSold,
    HouseSpent,
    HouseExpired,
    HouseRevoked,
}

impl Account {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Own => "own",
            Self::Held => "held",
            Self::HouseGranted => "granted",
            Self::HouseSold => "sold",
            Self::HouseSpent => "spent",
            Self::HouseExpired => "expired",
            Self::HouseRevoked => "revoked",
        }
    }

    #[must_use]
    pub fn is_persons(self) -> bool {
        matches!(self, Self::Plan | Self::Own | Self::Held)
    }
}

/// A person's accounts as they stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    pub plan: i64,
    pub own: i64,
    pub held: i64,
    /// When the plan's credits end; `None` where there never were any.
    pub plan_ends_at: Option<Timestamp>,
}

impl Standing {
    /// What may be spent at `now`: a plan's credits count until their end.
    #[must_use]
    pub fn available(&self, now: Timestamp) -> i64 {
        self.own + if self.plan_is_over(now) { 0 } else { self.plan }
    }

    /// As the database has it; the house's accounts have no balance.
    pub(super) fn set(&mut self, account: &str, balance: i64) {
        match account {
            "plan" => self.plan = balance,
            "own" => self.own = balance,
            "held" => self.held = balance,
            _ => {}
        }
    }

    #[must_use]
    pub fn plan_is_over(&self, now: Timestamp) -> bool {
        self.plan_ends_at.is_some_and(|end| end <= now)
    }
}

/// An open hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    pub id: Uuid,
    pub from_plan: i64,
    pub from_own: i64,
    pub plan_ends_at: Option<Timestamp>,
    pub expires_at: Timestamp,
}

impl Hold {
    #[must_use]
    pub fn amount(&self) -> i64 {
        self.from_plan + self.from_own
    }
}

/// Which of a person's credits are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purse {
    /// Those that end with the plan's period.
    Plan,
    /// Bought and granted ones.
    Own,
}

impl Purse {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Own => "own",
        }
    }
}

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// A period's credits, in the place of what is left of the one before. As many as `carry` of those stay, and end with the
    /// new ones; nothing that is over already does.
    Plan {
        amount: i64,
        ends_at: Timestamp,
        carry: i64,
    },
    Grant {
        amount: i64,
    },
    Purchase {
        amount: i64,
    },
    /// As much of it as there is: bought ones first, then the plan's; or only those of one purse.
    Revoke {
        amount: i64,
        of: Option<Purse>,
    },
    Hold {
        amount: i64,
        expires_at: Timestamp,
    },
    /// The part is paid, the rest goes back; nothing paid is a release.
    End {
        hold: Hold,
        pay: i64,
    },
}

/// One transfer to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    pub kind: TransferKind,
    pub amount: i64,
    pub entries: Vec<(Account, i64)>,
}

/// Why nothing moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("takes 1 to {AMOUNT_MAX} credits")]
    Amount,
    #[error("{available} credits are left, {wanted} are needed")]
    NotEnough { available: i64, wanted: i64 },
    #[error("there is nothing to take")]
    Nothing,
    #[error("more than was held")]
    MoreThanHeld,
}

/// What is to be written: what has ended by the clock first, then what was ordered, which is the last one.
pub fn decide(standing: &mut Standing, order: &Order, now: Timestamp) -> Result<Vec<Transfer>, Refused> {
    let mut transfers = Vec::with_capacity(2);
    let stays = match order {
        _ if standing.plan_is_over(now) => 0,
        Order::Plan { carry, .. } => *carry,
        _ => standing.plan,
    };
    transfers.extend(expire(standing, stays));
    transfers.push(ordered(standing, order, now)?);
    Ok(transfers)
}

/// The end of what is left of a plan's credits, but for as many as stay.
pub fn expire(standing: &mut Standing, stays: i64) -> Option<Transfer> {
    let amount = standing.plan - stays.max(0);
    let entries = [(Account::Plan, -amount), (Account::HouseExpired, amount)];
    (amount > 0).then(|| moved(standing, TransferKind::Expire, amount, &entries))
}

fn ordered(standing: &mut Standing, order: &Order, now: Timestamp) -> Result<Transfer, Refused> {
    let checked =
        |amount: i64| if (1..=AMOUNT_MAX).contains(&amount) { Ok(amount) } else { Err(Refused::Amount) };
    match *order {
        Order::Plan { amount, ends_at, .. } => {
            let amount = checked(amount)?;
            standing.plan_ends_at = Some(ends_at);
            Ok(moved(
                standing,
                TransferKind::Plan,
                amount,
                &[(Account::HouseGranted, -amount), (Account::Plan, amount)],
            ))
        }
        Order::Grant { amount } => {
            let amount = checked(amount)?;
            Ok(moved(
                standing,
                TransferKind::Grant,
                amount,
                &[(Account::HouseGranted, -amount), (Account::Own, amount)],
            ))
        }
        Order::Purchase { amount } => {
            let amount = checked(amount)?;
            Ok(moved(
                standing,
                TransferKind::Purchase,
                amount,
                &[(Account::HouseSold, -amount), (Account::Own, amount)],
            ))
        }
        Order::Revoke { amount, of } => {
            let amount = checked(amount)?;
            let within = |purse: Purse, there: i64| if of.is_none_or(|of| of == purse) { there } else { 0 };
            let own = amount.min(within(Purse::Own, standing.own));
            let plan = (amount - own).min(within(Purse::Plan, standing.plan));
            if own + plan == 0 {
                return Err(Refused::Nothing);
            }
            let taken = own + plan;
            Ok(moved(
                standing,
                TransferKind::Revoke,
                taken,
                &[(Account::Own, -own), (Account::Plan, -plan), (Account::HouseRevoked, taken)],
            ))
        }
        Order::Hold { amount, .. } => {
            let amount = checked(amount)?;
            let available = standing.available(now);
            if available < amount {
                return Err(Refused::NotEnough { available, wanted: amount });
            }
            // What ends soonest is spent first.
            let plan = amount.min(standing.plan);
            let own = amount - plan;
            Ok(moved(
                standing,
                TransferKind::Hold,
                amount,
                &[(Account::Plan, -plan), (Account::Own, -own), (Account::Held, amount)],
            ))
        }
        Order::End { hold, pay } => {
            if !(0..=hold.amount()).contains(&pay) {
                return Err(Refused::MoreThanHeld);
            }
            let from_plan = pay.min(hold.from_plan);
            let own = hold.from_own - (pay - from_plan);
            let plan = hold.from_plan - from_plan;
            // The period that they came from may be over, or another have begun.
            let ended =
                hold.plan_ends_at.is_some_and(|end| end <= now) || hold.plan_ends_at != standing.plan_ends_at;
            let (back, expired) = if ended { (0, plan) } else { (plan, 0) };
            let (kind, amount) =
                if pay > 0 { (TransferKind::Settle, pay) } else { (TransferKind::Release, hold.amount()) };
            Ok(moved(
                standing,
                kind,
                amount,
                &[
                    (Account::Held, -hold.amount()),
                    (Account::Plan, back),
                    (Account::Own, own),
                    (Account::HouseSpent, pay),
                    (Account::HouseExpired, expired),
                ],
            ))
        }
    }
}

/// Writes the transfer and moves the standing along. Accounts that do not move have no entry.
fn moved(standing: &mut Standing, kind: TransferKind, amount: i64, entries: &[(Account, i64)]) -> Transfer {
    let entries: Vec<_> = entries.iter().copied().filter(|(_, moves)| *moves != 0).collect();
    for (account, moves) in &entries {
        match account {
            Account::Plan => standing.plan += moves,
            Account::Own => standing.own += moves,
            Account::Held => standing.held += moves,
            _ => {}
        }
    }
    Transfer { kind, amount, entries }
}
