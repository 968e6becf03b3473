//! Random lives against a model in plain words, and against the same rows in another order, from a printed seed (`SEED=`
//! repeats one).

use greenroom::billing::records::Dispute;

use super::*;

/// From the least to the greatest.
const RANKS: [&str; 6] = ["free", "basic", "starter", "premium", "pro", "enterprise"];

/// All that Stripe and admins say of one person, as it stands.
#[derive(Clone, Default)]
struct Life {
    payments: Vec<Payment>,
    subscriptions: Vec<Subscription>,
    /// Of premium: from, until, taken.
    grants: Vec<(Timestamp, Timestamp, Option<Timestamp>)>,
}

impl Life {
    /// Something happens.
    fn step(&mut self, random: &mut fastrand::Rng, user: UserId, start: Timestamp) {
        match random.u8(..10) {
            0 | 1 => {
                self.payments.push(premium(user, start - SignedDuration::from_hours(random.i64(0..900))));
            }
            2 => self.payments.push(pack(user)),
            3 => {
                let plan = ["starter", "pro", "enterprise"][random.usize(..3)];
                let mine = subscription(user, plan, random.i64(0..25));
                self.payments.push(invoice(&mine, "subscription_create"));
                self.subscriptions.push(mine);
            }
            4 if !self.subscriptions.is_empty() => {
                let at = random.usize(..self.subscriptions.len());
                let mine = &mut self.subscriptions[at];
                match random.u8(..5) {
                    0 => mine.cancel_at_period_end = !mine.cancel_at_period_end,
                    1 => (mine.status, mine.ended_at) = (SubscriptionStatus::Canceled, Some(start)),
                    2 if mine.status == SubscriptionStatus::Active => {
                        *mine = renewed(mine);
                        self.payments.push(invoice(mine, "subscription_cycle"));
                    }
                    3 => mine.status = SubscriptionStatus::PastDue,
                    _ => mine.status = SubscriptionStatus::Active,
                }
                if mine.status == SubscriptionStatus::Active {
                    mine.ended_at = None;
                }
            }
            5 | 6 if !self.payments.is_empty() => {
                let at = random.usize(..self.payments.len());
                let payment = &mut self.payments[at];
                payment.refunded_cents = payment.amount_cents * random.i64(0..=4) / 4;
            }
            7 if !self.payments.is_empty() => {
                let at = random.usize(..self.payments.len());
                self.payments[at].dispute =
                    [Some(Dispute::Open), Some(Dispute::Won), Some(Dispute::Lost)][random.usize(..3)];
            }
            8 => self.grants.push((start, start + days(random.i64(1..40)), None)),
            _ if !self.grants.is_empty() => {
                let at = random.usize(..self.grants.len());
                self.grants[at].2.get_or_insert(start + SignedDuration::from_micros(1));
            }
            _ => {}
        }
    }

    /// What holds, as one would work it out on paper.
    fn plan(&self, now: Timestamp) -> &str {
        let mut terms: Vec<(Timestamp, Option<Timestamp>)> = Vec::new();
        for payment in self.payments.iter().filter(|one| one.kind == PaymentKind::Plan && stands(one)) {
            terms.push((payment.paid_at.unwrap(), None));
        }
        for (from, until, taken) in &self.grants {
            terms.push((*from, Some(taken.unwrap_or(*until))));
        }
        terms.sort_by_key(|(at, end)| (*at, end.is_none()));
        let mut until = Timestamp::MIN;
        for (at, end) in terms {
            until = until.max(end.unwrap_or_else(|| until.max(at) + days(15)));
        }
        let mut held = vec!["free"];
        if until > now {
            held.push("premium");
        }
        for mine in &self.subscriptions {
            let end = match mine.status {
                SubscriptionStatus::Active if mine.cancel_at_period_end => mine.current_period_end,
                SubscriptionStatus::Active => mine.current_period_end + days(3),
                SubscriptionStatus::PastDue => mine.current_period_start + days(3),
                _ => continue,
            };
            let paid = self.payments.iter().filter(|one| {
                one.subscription_id.as_ref() == Some(&mine.id)
                    && one.period_start == Some(mine.current_period_start)
            });
            if end > now && paid.clone().all(stands) {
                held.push(&mine.plan);
            }
        }
        held.into_iter().max_by_key(|plan| RANKS.iter().position(|known| known == plan)).unwrap()
    }

    /// The same for somebody else.
    fn of(&self, user: UserId, names: &str) -> Self {
        let mut other = self.clone();
        for payment in &mut other.payments {
            (payment.id, payment.user) = (Uuid::now_v7(), user);
            for id in [&mut payment.intent_id, &mut payment.invoice_id, &mut payment.subscription_id] {
                *id = id.as_ref().map(|id| format!("{id}{names}"));
            }
        }
        for mine in &mut other.subscriptions {
            (mine.id, mine.user) = (format!("{}{names}", mine.id), user);
        }
        other
    }

    async fn keep_grants(&self, house: &House, user: UserId) {
        house.sql(&format!("delete from plan_grants where user_id = '{user}'")).await;
        for (at, (from, until, taken)) in self.grants.iter().enumerate() {
            let id = Uuid::from_u128(user.uuid().as_u128() ^ (at as u128 + 1));
            let taken = taken.map_or_else(|| "null".to_owned(), |at| format!("'{at}'"));
            house
                .sql(&format!(
                    "insert into plan_grants (id, user_id, plan, starts_at, ends_at, taken_at)
                    values ('{id}', '{user}', 'premium', '{from}', '{until}', {taken})"
                ))
                .await;
        }
    }

    async fn keep(&self, house: &House, user: UserId) {
        for payment in &self.payments {
            house.keep(payment).await;
        }
        for mine in &self.subscriptions {
            house.subscribe(mine).await;
        }
        self.keep_grants(house, user).await;
    }
}

fn stands(payment: &Payment) -> bool {
    payment.refunded_cents < payment.amount_cents
        && !matches!(payment.dispute, Some(Dispute::Open | Dispute::Lost))
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_the_plan_is_the_models_and_the_order_does_not_matter() {
    let seed =
        std::env::var("SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    eprintln!("SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let house = House::open().await;
    for life in 0..8 {
        let (user, start) = (house.person("free").await, now());
        let mut mine = Life::default();
        for step in 0..14 {
            mine.step(&mut random, user, start);
            mine.keep(&house, user).await;
            house.settle(user).await;
            let (plan, ..) = house.plan(user).await;
            assert_eq!(plan, mine.plan(Timestamp::now()), "SEED={seed}, life {life}, step {step}");
        }
        house.is_right(user).await;

        // As Stripe's events come: in any order, more than once, each with the present state of what it is about.
        let other = house.person("free").await;
        let same = mine.of(other, "x");
        same.keep_grants(&house, other).await;
        let mut events: Vec<usize> = (0..same.payments.len() + same.subscriptions.len()).collect();
        events.extend(events.clone());
        random.shuffle(&mut events);
        for event in events {
            match same.payments.get(event) {
                Some(payment) => house.keep(payment).await,
                None => house.subscribe(&same.subscriptions[event - same.payments.len()]).await,
            }
            house.settle(other).await;
        }
        house.settle(other).await;
        let (one, two) = (house.balance(user).await, house.balance(other).await);
        assert_eq!(house.plan(user).await, house.plan(other).await, "SEED={seed}, life {life}");
        assert_eq!((one.plan, one.own), (two.plan, two.own), "SEED={seed}, life {life}");
        if one.plan > 0 {
            assert_eq!(one.plan_ends_at, two.plan_ends_at, "SEED={seed}, life {life}");
        }
        house.is_right(other).await;
    }
}
