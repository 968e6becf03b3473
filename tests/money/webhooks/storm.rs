//! The storm: the same events in random order, each one to five times, from eight connections, while the server is killed
//! with -9 twice, and Stripe fails now and then. What is there in the end is what is there where each came once, in order, as it
//! happened.

use greenroom::billing::stripe::{Difference, Renewal};
use std::collections::VecDeque;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use greenroom::billing::Ledger;
use greenroom::billing::stripe::standin::{DECLINED_CARD, Fault, HeldEvent, StandIn, Verdict};
use serde_json::Value;

use super::shop::{Buyer, GOOD, PATH, Shop};
use crate::support::app::eventually;
use crate::support::database::TestDatabase;
use crate::support::process::{free_port, greenroom};
use crate::support::stripe::{SECRET, header};

const CONNECTIONS: usize = 8;
const EVENTS_MIN: usize = 500;
const KILLS: usize = 2;

/// All that happens, told to the reference as it happens.
struct Story {
    shop: Shop,
    buyers: Vec<Buyer>,
    events: Vec<HeldEvent>,
}

impl Story {
    /// What has happened since is brought to the reference, once and in order.
    async fn tell(&mut self) {
        for event in self.shop.standin.take_held() {
            let (status, answer) = self.shop.bring(&event).await;
            assert_eq!(
                (status, &answer["duplicate"]),
                (200, &Value::Bool(false)),
                "{}: {answer}",
                event.kind
            );
            self.events.push(event);
        }
    }

    async fn newcomers<const N: usize>(&mut self) -> [usize; N] {
        let mut all = [0; N];
        for one in &mut all {
            *one = self.buyers.len();
            self.buyers.push(self.shop.buyer().await);
        }
        self.tell().await;
        all
    }

    /// Each line of it is somebody's.
    async fn run() -> Self {
        let mut story = Self { shop: Shop::open().await, buyers: Vec::new(), events: Vec::new() };
        story.plans_for_days().await;
        story.credits().await;
        story.subscriptions().await;
        story
    }

    async fn plans_for_days(&mut self) {
        for _ in 0..4 {
            let [once, twice, refunded, partly, winner, loser, undecided, declined] = self.newcomers().await;
            for buyer in [once, twice, refunded, partly, winner, loser, undecided] {
                self.shop.buy(&self.buyers[buyer], "premium").await;
                self.tell().await;
            }
            self.shop.buy(&self.buyers[twice], "premium").await;
            let declined = self.shop.checkout(&self.buyers[declined], "premium").await;
            self.shop.standin.decline_checkout(&declined);
            self.tell().await;
            self.shop.standin.refund(&self.first_intent(refunded).await, None).unwrap();
            self.tell().await;
            // And again after that.
            self.shop.buy(&self.buyers[refunded], "premium").await;
            self.shop.standin.refund(&self.first_intent(partly).await, Some(300)).unwrap();
            self.tell().await;
            for (buyer, verdict) in
                [(winner, Some(Verdict::Won)), (loser, Some(Verdict::Lost)), (undecided, None)]
            {
                let dispute = self.shop.standin.dispute(&self.first_intent(buyer).await).unwrap();
                self.tell().await;
                if let Some(verdict) = verdict {
                    self.shop.standin.close_dispute(&dispute, verdict).unwrap();
                    self.tell().await;
                }
            }
        }
    }

    async fn first_intent(&self, buyer: usize) -> String {
        let sql = "select intent_id from payments where user_id = $1 order by created_at, id limit 1";
        let row = self.shop.row(sql, &[&self.buyers[buyer].id.uuid()]).await;
        row["intent_id"].as_str().expect("it was paid").to_owned()
    }

    async fn credits(&mut self) {
        for _ in 0..3 {
            let [kept, refunded, partly] = self.newcomers().await;
            for (buyer, back) in [(kept, 0), (refunded, 1_000), (partly, 333)] {
                let session = self.shop.credit_checkout(&self.buyers[buyer], 100).await;
                self.shop.standin.pay_checkout(&session).unwrap();
                self.tell().await;
                if back > 0 {
                    self.shop.standin.refund(&self.shop.intent_of(&session), Some(back)).unwrap();
                    self.tell().await;
                }
            }
        }
    }

    async fn subscriptions(&mut self) {
        for _ in 0..2 {
            let [stays, fails, pays_late, cancels, ends, upgrades, upgrades_late, refunded, tried] =
                self.newcomers().await;
            let mut ids = Vec::new();
            for buyer in [stays, fails, pays_late, cancels, ends, upgrades, upgrades_late, refunded] {
                let made = self.shop.subscribe(&self.buyers[buyer], "starter").await;
                self.tell().await;
                ids.push((buyer, made));
            }
            // By a checkout, and never paid.
            let session = self.shop.checkout(&self.buyers[tried], "pro").await;
            self.shop.standin.decline_checkout(&session);
            self.tell().await;
            let of = |buyer: usize| ids.iter().find(|(one, _)| *one == buyer).map(|(_, made)| made).unwrap();
            let pro = self.shop.plan("pro");
            self.shop.stripe.change_plan(of(upgrades), &pro, Difference::PaidAtOnce, "u").await.unwrap();
            self.tell().await;
            self.shop.stripe.set_renewal(&of(cancels).id, Renewal::Ends, "c").await.unwrap();
            self.tell().await;
            for buyer in [fails, pays_late] {
                self.shop.standin.set_card(&self.buyers[buyer].customer, DECLINED_CARD).unwrap();
            }
            self.shop.standin.renew(&of(stays).id);
            self.tell().await;
            // The others began some seconds later.
            self.shop.standin.advance(3_600);
            self.tell().await;
            let state = self.shop.stripe.subscription(&of(pays_late).id).await.unwrap();
            self.shop.standin.pay_invoice(state.latest_invoice_id.as_deref().unwrap(), GOOD).unwrap();
            self.tell().await;
            let state = self.shop.stripe.subscription(&of(upgrades_late).id).await.unwrap();
            self.shop.stripe.change_plan(&state, &pro, Difference::PaidAtOnce, "late").await.unwrap();
            self.tell().await;
            self.shop.standin.end_subscription(&of(ends).id).unwrap();
            self.tell().await;
            let state = self.shop.stripe.subscription(&of(refunded).id).await.unwrap();
            let invoice =
                self.shop.stripe.invoice(state.latest_invoice_id.as_deref().unwrap()).await.unwrap();
            self.shop.standin.refund(invoice.intent_id.as_deref().unwrap(), None).unwrap();
            self.tell().await;
        }
    }

    /// Another database with the same people and what was offered to them, and nothing else.
    async fn same_people(&self) -> TestDatabase {
        let other = TestDatabase::create().await;
        let (from, to) =
            (self.shop.app.database.pool().get().await.unwrap(), other.pool().get().await.unwrap());
        let mine: Vec<uuid::Uuid> = self.buyers.iter().map(|buyer| buyer.id.uuid()).collect();
        let people = "insert into users (id, username, username_key, display_name, plan)
            select * from unnest($1::uuid[], $2::text[], $2::text[], $2::text[], array_fill('free'::text, array[cardinality($1)]))";
        let names: Vec<&str> = self.buyers.iter().map(|buyer| buyer.user.username.as_str()).collect();
        to.execute(people, &[&mine, &names]).await.unwrap();
        for table in ["stripe_customers", "checkouts"] {
            let rows = from.query(&format!("select to_jsonb(t) from {table} t"), &[]).await.unwrap();
            for row in rows {
                let row: Value = row.get(0);
                let sql =
                    format!("insert into {table} select * from jsonb_populate_record(null::{table}, $1)");
                to.execute(&sql, &[&row]).await.unwrap();
            }
        }
        drop(to);
        other
    }
}

/// The real server, in a process of its own.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(database: &TestDatabase, standin: &StandIn, folder: &std::path::Path, port: u16) -> Self {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap();
        let config = folder.join("config.toml");
        std::fs::write(&config, "").unwrap();
        let child = Command::new(greenroom())
            .arg("serve")
            .arg("--config")
            .arg(config)
            .env("DATABASE_URL", database.url())
            .env("JWT_SECRET", "a secret for this test of thirty-two characters")
            .env("STRIPE_SECRET_KEY", &standin.keys().secret)
            .env("STRIPE_WEBHOOK_SECRET", SECRET)
            .env("STRIPE_API_BASE", standin.url())
            .env("GREENROOM__SERVER__PORT", port.to_string())
            .env("GREENROOM__DATA_DIR", folder.join("data"))
            .env("GREENROOM__JOBS__BACKOFF_MS", "100")
            .env("GREENROOM__JOBS__POLL_MS", "100")
            .env("GREENROOM__JOBS__LEASE_MS", "2000")
            .env("GREENROOM__STRIPE__TRIES", "1")
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("the server starts");
        Self { child, port }
    }

    async fn ready(&self, http: &reqwest::Client) {
        let url = format!("http://127.0.0.1:{}/health/ready", self.port);
        eventually("the server is ready", async || {
            http.get(&url).send().await.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
    }

    fn kill(&mut self) {
        // SIGKILL: nothing is finished, nothing is told.
        self.child.kill().expect("it ran");
        self.child.wait().expect("it ended");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Delivers all of it, as Stripe does: what was not answered with 200 comes again.
async fn deliver(
    url: String,
    queue: Arc<Mutex<VecDeque<HeldEvent>>>,
    done: Arc<AtomicUsize>,
    down: Arc<AtomicBool>,
) {
    let http = reqwest::Client::builder()
        .pool_max_idle_per_host(1)
        .timeout(Duration::from_secs(30))
        .build()
        .unwrap();
    loop {
        if down.load(SeqCst) {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        }
        let Some(event) = queue.lock().unwrap().pop_front() else { return };
        let request =
            http.post(&url).header("Stripe-Signature", header(&event.body)).body(event.body.clone());
        match request.send().await {
            Ok(answer) if answer.status().as_u16() == 200 => {
                done.fetch_add(1, SeqCst);
            }
            Ok(answer) if answer.status().is_client_error() => panic!("{}: {}", event.kind, answer.status()),
            _ => {
                queue.lock().unwrap().push_back(event);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

/// All that counts, line by line.
async fn state(database: &TestDatabase, people: &[uuid::Uuid]) -> Vec<String> {
    let tables = [
        "select id, plan, plan_until, plan_after from users where id = any($1)",
        "select user_id, account, balance from credit_balances where balance <> 0 and user_id = any($1)",
        "select user_id, kind, plan, credits, intent_id, invoice_id, charge_id, checkout_id, subscription_id, billing_reason,
            amount_cents, currency, refunded_cents, status, dispute, failure, paid_at, period_start, period_end, taken_at,
            created_at from payments where user_id = any($1)",
        "select id, user_id, customer_id, item_id, price_id, plan, status, cancel_at_period_end, current_period_start,
            current_period_end, latest_invoice_id, canceled_at, ended_at, created_at from subscriptions where user_id = any($1)",
        "select id, type, object_id, state, user_id from stripe_events where $1::uuid[] is not null",
    ];
    let client = database.pool().get().await.unwrap();
    let mut lines = Vec::new();
    for sql in tables {
        let rows =
            client.query(&format!("select to_jsonb(x)::text from ({sql}) x order by 1"), &[&people]).await;
        lines.extend(rows.expect("rows").iter().map(|row| row.get::<_, String>(0)));
    }
    lines
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_storm_of_events_ends_as_if_each_had_come_once_and_in_order() {
    let seed = std::env::var("GREENROOM_STORM_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..1 << 53));
    eprintln!("seed {seed} (GREENROOM_STORM_SEED)");
    let mut random = fastrand::Rng::with_seed(seed);
    let story = Story::run().await;
    let events = &story.events;
    assert!(events.len() >= EVENTS_MIN, "{} events", events.len());

    let database = story.same_people().await;
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let standin = &story.shop.standin;
    let mut server = Server::start(&database, standin, folder.path(), port);
    server.ready(&story.shop.app.http).await;

    let mut deliveries: Vec<HeldEvent> = events
        .iter()
        .flat_map(|event| {
            let times = random.usize(1..=5);
            std::iter::repeat_n(event.clone(), times)
        })
        .collect();
    random.shuffle(&mut deliveries);
    let all = deliveries.len();
    eprintln!("{} events, {all} deliveries", events.len());
    let queue = Arc::new(Mutex::new(VecDeque::from(deliveries)));
    let (done, down) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let url = format!("http://127.0.0.1:{port}{PATH}");
    let senders: Vec<_> = (0..CONNECTIONS)
        .map(|_| tokio::spawn(deliver(url.clone(), queue.clone(), done.clone(), down.clone())))
        .collect();

    let mut kills_at: Vec<usize> =
        (1..=KILLS).map(|kill| all * kill / (KILLS + 1) - random.usize(..all / 10)).collect();
    kills_at.reverse();
    while senders.iter().any(|sender| !sender.is_finished()) {
        if kills_at.last().is_some_and(|at| done.load(SeqCst) >= *at) {
            kills_at.pop();
            server.kill();
            down.store(true, SeqCst);
            server = Server::start(&database, standin, folder.path(), port);
            server.ready(&story.shop.app.http).await;
            down.store(false, SeqCst);
        }
        if random.u8(..) < 8 {
            standin.fail_next([[Fault::status(503), Fault::Cut, Fault::Lose][random.usize(..3)]]);
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    for sender in senders {
        sender.await.unwrap();
    }
    assert!(kills_at.is_empty(), "it was killed as often as it was to be");
    assert!(done.load(SeqCst) >= all);
    standin.heal();
    let client = database.pool().get().await.unwrap();
    eventually("nothing waits", async || {
        let waiting = "select count(*) from stripe_events where state = 'waiting'";
        client.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) == 0
    })
    .await;
    drop(client);
    server.kill();

    let people: Vec<uuid::Uuid> = story.buyers.iter().map(|buyer| buyer.id.uuid()).collect();
    let (wanted, found) = (state(&story.shop.app.database, &people).await, state(&database, &people).await);
    let missing: Vec<_> = wanted.iter().filter(|line| !found.contains(line)).collect();
    let more: Vec<_> = found.iter().filter(|line| !wanted.contains(line)).collect();
    assert!(missing.is_empty() && more.is_empty(), "seed {seed}\nmissing: {missing:#?}\ninstead: {more:#?}");
    assert_eq!(wanted.len(), found.len());
    for database in [&story.shop.app.database, &database] {
        assert_eq!(Ledger::new(database.pool()).verify().await.unwrap().faults, Vec::<String>::new());
    }
    story.shop.close().await;
}
