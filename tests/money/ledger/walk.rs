//! Random orders against a model in plain words, from a printed seed (`SEED=` repeats one).

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::*;

/// One person, as a child would keep the books.
#[derive(Default)]
struct Model {
    /// Of each period: what is left, and whether it is the present one.
    plan: i64,
    own: i64,
    period: u32,
    holds: Vec<(Uuid, i64, i64, u32)>,
}

impl Model {
    fn available(&self) -> i64 {
        self.plan + self.own
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_ordered_the_books_of_a_child_say_the_same() {
    let seed =
        std::env::var("SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    eprintln!("SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let house = House::open().await;
    let people: Vec<UserId> = (0..3).map(|_| UserId::new()).collect();
    let mut models: Vec<Model> = people.iter().map(|_| Model::default()).collect();
    for step in 0..400 {
        let at = random.usize(..people.len());
        let (user, model) = (people[at], &mut models[at]);
        let (amount, key) = (random.i64(1..60), format!("step:{step}"));
        match random.u8(..7) {
            0 => {
                house.ledger.record(user, &Order::Grant { amount }, &note(&key)).await.unwrap();
                model.own += amount;
            }
            1 => {
                let ends_at = Timestamp::now().checked_add(SignedDuration::from_secs(3_600 + step)).unwrap();
                house
                    .ledger
                    .record(user, &Order::Plan { amount, ends_at, carry: 0 }, &note(&key))
                    .await
                    .unwrap();
                (model.plan, model.period) = (amount, model.period + 1);
            }
            2 => {
                let taken = house.ledger.record(user, &Order::Revoke { amount, of: None }, &note(&key)).await;
                let own = amount.min(model.own);
                let plan = (amount - own).min(model.plan);
                assert_eq!(taken.map_or(0, |taken| taken.amount), own + plan);
                (model.own, model.plan) = (model.own - own, model.plan - plan);
            }
            3 | 4 => {
                let held = house.ledger.hold(user, amount, LONG, &note(&key)).await;
                assert_eq!(held.is_ok(), model.available() >= amount, "{held:?}");
                if let Ok(held) = held {
                    let plan = amount.min(model.plan);
                    (model.plan, model.own) = (model.plan - plan, model.own - (amount - plan));
                    model.holds.push((held.id, plan, amount - plan, model.period));
                }
            }
            _ if model.holds.is_empty() => {}
            _ => {
                let (hold, plan, own, period) = model.holds.swap_remove(random.usize(..model.holds.len()));
                let pay = random.i64(0..=plan + own);
                house.ledger.end(user, hold, pay).await.unwrap();
                let from_plan = pay.min(plan);
                model.own += own - (pay - from_plan);
                if period == model.period {
                    model.plan += plan - from_plan;
                }
            }
        }
        let balance = house.balance(user).await;
        let held: i64 = model.holds.iter().map(|(_, plan, own, _)| plan + own).sum();
        assert_eq!(
            (balance.plan, balance.own, balance.held),
            (model.plan, model.own, held),
            "SEED={seed}, step {step}"
        );
    }
    house.is_right().await;
}
