//! The roll-up: equal to a recount at any moment, though writers commit late, nodes count at once, and some are killed.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use futures_util::future::join_all;
use greenroom::ai::AiUsage;
use greenroom::ai::usage::Account;
use greenroom::http::Metrics;
use greenroom::postgres::{Database, Options};
use greenroom_actors::domain::{CallOutcome, CharacterId, Purpose, UserId};

use super::{KEEP_DAYS, accounts, call, execute, number};
use crate::support::app::eventually;
use crate::support::chaos::{ChaosProxy, Target};
use crate::support::database::TestDatabase;

/// Groups whose sums, with what waits, differ from a recount; in one statement, hence of one moment.
const WRONG: &str = "with nil as (select '00000000-0000-0000-0000-000000000000'::uuid as id),
    call as (
        select id, (at at time zone 'UTC')::date as day, coalesce(user_id, (select id from nil)) as user_id,
            coalesce(character_id, (select id from nil)) as character_id, provider, model, purpose, 1 as calls,
            (outcome = 'failed')::int as failed, (outcome = 'stopped')::int as stopped,
            (outcome = 'cached')::int as cached, prompt_tokens, cached_tokens, completion_tokens, cost_micros
        from ai_calls),
    waiting as (select c.* from call c join ai_calls_uncounted using (id)),
    recount as (
        select day, user_id, character_id, provider, model, purpose, sum(calls) as calls, sum(failed) as failed,
            sum(stopped) as stopped, sum(cached) as cached, sum(prompt_tokens) as prompt,
            sum(cached_tokens) as fresh, sum(completion_tokens) as completion, sum(cost_micros) as cost
        from call group by 1, 2, 3, 4, 5, 6),
    told as (
        select day, user_id, character_id, provider, model, purpose, sum(calls) as calls, sum(failed) as failed,
            sum(stopped) as stopped, sum(cached) as cached, sum(prompt_tokens) as prompt,
            sum(cached_tokens) as fresh, sum(completion_tokens) as completion, sum(cost_micros) as cost
        from (select day, user_id, character_id, provider, model, purpose, calls, failed, stopped, cached,
                prompt_tokens, cached_tokens, completion_tokens, cost_micros from ai_usage_days
            union all select day, user_id, character_id, provider, model, purpose, calls, failed, stopped, cached,
                prompt_tokens, cached_tokens, completion_tokens, cost_micros from waiting) both_of_them
        group by 1, 2, 3, 4, 5, 6),
    apart as ((table recount except table told) union all (table told except table recount)),
    totals as (
        select day, character_id, provider, model, purpose, sum(calls) as calls, sum(cost_micros) as cost,
            sum(prompt_tokens) as prompt from ai_usage_totals group by 1, 2, 3, 4, 5),
    days as (
        select day, character_id, provider, model, purpose, sum(calls) as calls, sum(cost_micros) as cost,
            sum(prompt_tokens) as prompt from ai_usage_days group by 1, 2, 3, 4, 5),
    torn as ((table totals except table days) union all (table days except table totals))
    select (select count(*) from apart) + (select count(*) from torn)";

const WRITERS: usize = 8;
const CALLS: usize = 120;

#[tokio::test(flavor = "multi_thread")]
async fn the_sums_equal_a_recount_though_many_write_and_roll_ups_are_killed() {
    let database = Arc::new(TestDatabase::create().await);
    let people: Vec<UserId> = (0..3).map(|_| UserId::new()).collect();
    let cast: Vec<CharacterId> = (0..2).map(|_| CharacterId::new()).collect();
    let writing = Arc::new(AtomicBool::new(true));
    // Two nodes that roll up all the time, and one whose runs are broken off anywhere. Their connections are their own: those
    // that are killed are of no one else.
    let apart = Database::open(&database.options(), Path::new("/nonexistent")).await.unwrap();
    let nodes = (0..3).map(|node| {
        let usage = AiUsage::new(apart.pool(), KEEP_DAYS);
        let writing = writing.clone();
        tokio::spawn(async move {
            let mut rolled = 0;
            while writing.load(Relaxed) {
                let run = usage.roll_up();
                match node {
                    0 => {
                        let patience = Duration::from_micros(fastrand::u64(100..20_000));
                        let _ = tokio::time::timeout(patience, run).await;
                    }
                    _ => rolled += run.await.unwrap_or(0),
                }
                tokio::time::sleep(Duration::from_millis(fastrand::u64(0..5))).await;
            }
            rolled
        })
    });
    let nodes: Vec<_> = nodes.collect();
    // A roll-up's backend dies in the middle of its statement.
    let killer = {
        let (database, writing) = (database.clone(), writing.clone());
        tokio::spawn(async move {
            let kill = "select count(*) from (select pg_terminate_backend(pid) from pg_stat_activity
                where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'
                and (query like 'with gone as%' or query like '%ai_usage_rollup%')) killed";
            let mut killed = 0;
            while writing.load(Relaxed) {
                killed += number(&database, kill).await;
                tokio::time::sleep(Duration::from_millis(15)).await;
            }
            killed
        })
    };
    // One who recounts all the while.
    let judge = {
        let (database, writing) = (database.clone(), writing.clone());
        tokio::spawn(async move {
            let mut looks = 0;
            while writing.load(Relaxed) {
                assert_eq!(number(&database, WRONG).await, 0);
                looks += 1;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            looks
        })
    };
    let writers = (0..WRITERS).map(|writer| {
        let (database, people, cast) = (database.clone(), people.clone(), cast.clone());
        tokio::spawn(async move {
            let connector = database.database().connector();
            for number in 0..CALLS {
                let model = ["small", "large"][number % 2];
                let purpose = [Purpose::Reply, Purpose::Summary, Purpose::Completion][number % 3];
                let mut made = call(model, purpose);
                made.outcome =
                    [CallOutcome::Done, CallOutcome::Failed, CallOutcome::Stopped, CallOutcome::Cached]
                        [number % 4];
                let account = Account {
                    user: (number % 5 > 0).then(|| people[number % people.len()]),
                    character: (number % 7 > 0).then(|| cast[writer % cast.len()]),
                    ..Account::default()
                };
                // Some stand open for long: their rows are older than what others commit meanwhile.
                let (mut client, _connection) = connector.connect().await.unwrap();
                let transaction = client.transaction().await.unwrap();
                greenroom::postgres::calls::record(&transaction, account, &[made.clone()]).await.unwrap();
                if number % 10 == 3 {
                    tokio::time::sleep(Duration::from_millis(fastrand::u64(20..120))).await;
                }
                if number % 9 == 8 {
                    transaction.rollback().await.unwrap();
                } else {
                    transaction.commit().await.unwrap();
                    // Whoever is not sure writes it again.
                    if number % 4 == 0 {
                        greenroom::postgres::calls::record(&client, account, &[made]).await.unwrap();
                    }
                }
            }
        })
    });
    for written in join_all(writers).await {
        written.unwrap();
    }
    writing.store(false, Relaxed);
    let rolled: u64 = join_all(nodes).await.into_iter().map(Result::unwrap).sum();
    let (killed, looks) = (killer.await.unwrap(), judge.await.unwrap());
    assert!(rolled > 0 && killed > 0 && looks > 0, "{rolled} rolled up, {killed} killed, {looks} looks");
    let usage = accounts(&database);
    usage.roll_up().await.unwrap();
    let expected = (WRITERS * (0..CALLS).filter(|number| number % 9 != 8).count()) as i64;
    assert_eq!(number(&database, "select count(*) from ai_calls").await, expected);
    assert_eq!(number(&database, "select sum(calls)::bigint from ai_usage_days").await, expected);
    assert_eq!(number(&database, "select count(*) from ai_calls_uncounted").await, 0);
    assert_eq!(number(&database, WRONG).await, 0);
    // Once more changes nothing.
    assert_eq!(usage.roll_up().await.unwrap(), 0);
    assert_eq!(number(&database, WRONG).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_roll_up_that_is_killed_in_the_middle_has_done_nothing() {
    let database = TestDatabase::create().await;
    // With a connection of its own, which is killed.
    let apart = Database::open(&database.options(), Path::new("/nonexistent")).await.unwrap();
    let usage = AiUsage::new(apart.pool(), KEEP_DAYS);
    usage.record(Account::default(), (0..10).map(|_| call("m", Purpose::Reply)).collect()).await;
    // Somebody holds a row that it needs last.
    usage.roll_up().await.unwrap();
    usage.record(Account::default(), (0..10).map(|_| call("m", Purpose::Reply)).collect()).await;
    let (mut holder, _connection) = database.database().connector().connect().await.unwrap();
    let held = holder.transaction().await.unwrap();
    held.execute("select from ai_usage_totals for update", &[]).await.unwrap();
    let rolling = tokio::spawn({
        let usage = usage.clone();
        async move { usage.roll_up().await }
    });
    let blocked = "select count(*) from pg_stat_activity where datname = current_database()
        and wait_event_type = 'Lock' and query like 'with gone as%'";
    eventually("it waits", async || number(&database, blocked).await == 1).await;
    let kill = "select count(*) from (select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and query like 'with gone as%' and pid <> pg_backend_pid()) killed";
    assert_eq!(number(&database, kill).await, 1);
    assert!(rolling.await.unwrap().is_err());
    held.rollback().await.unwrap();
    assert_eq!(number(&database, "select count(*) from ai_calls_uncounted").await, 10);
    assert_eq!(number(&database, "select sum(calls)::bigint from ai_usage_days").await, 10);
    assert_eq!(number(&database, WRONG).await, 0);
    eventually("it is done by the next", async || usage.roll_up().await == Ok(10)).await;
    assert_eq!(number(&database, "select sum(calls)::bigint from ai_usage_days").await, 20);
    assert_eq!(number(&database, WRONG).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn old_calls_go_once_they_are_in_the_sums_and_the_sums_stay() {
    let database = TestDatabase::create().await;
    let usage = accounts(&database);
    let old = |days: u32| {
        format!(
            "insert into ai_calls (id, at, purpose, outcome, provider, model, prompt_tokens, completion_tokens,
                cached_tokens, counted_here, cost_micros, took_ms)
            select (lpad(to_hex((extract(epoch from now() - interval '{days} days') * 1000)::bigint), 12, '0')
                || '7000800000000000' || lpad(n::text, 4, '0'))::uuid,
                now() - interval '{days} days', 'reply', 'done', 'p', 'm', 1, 1, 0, false, 1, 1
            from generate_series(1, 20) n"
        )
    };
    execute(&database, &old(91)).await;
    execute(&database, &old(89)).await;
    // None of them is in a sum yet.
    assert_eq!(usage.sweep().await.unwrap(), 0);
    usage.roll_up().await.unwrap();
    assert_eq!(usage.sweep().await.unwrap(), 20);
    assert_eq!(number(&database, "select count(*) from ai_calls").await, 20);
    assert_eq!(number(&database, "select sum(calls)::bigint from ai_usage_days").await, 40);
    assert_eq!(usage.sweep().await.unwrap(), 0);
    let for_ever = AiUsage::new(database.pool(), 0);
    execute(&database, &old(4_000)).await;
    for_ever.roll_up().await.unwrap();
    assert_eq!(for_ever.sweep().await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_hears_of_each_call_once() {
    let metrics = Metrics::install();
    let database = TestDatabase::create().await;
    let usage = accounts(&database);
    let model = "prometheus-test";
    let mut failed = call(model, Purpose::Speech);
    failed.outcome = CallOutcome::Failed;
    let made = call(model, Purpose::Speech);
    usage.record(Account::default(), vec![made.clone(), failed]).await;
    usage.record(Account::default(), vec![made]).await;
    usage.roll_up().await.unwrap();
    usage.roll_up().await.unwrap();
    let text = metrics.render();
    let value = |name: &str, label: &str| {
        let line = text.lines().find(|line| {
            line.starts_with(name)
                && line.contains(model)
                && line.contains("\"speech\"")
                && line.contains(label)
        });
        line.and_then(|line| line.rsplit(' ').next()).map(str::to_owned)
    };
    assert_eq!(value("greenroom_ai_calls_total", "\"done\"").as_deref(), Some("1"), "{text}");
    assert_eq!(value("greenroom_ai_calls_total", "\"failed\"").as_deref(), Some("1"));
    assert_eq!(value("greenroom_ai_tokens_total", "\"prompt\"").as_deref(), Some("200"));
    assert_eq!(value("greenroom_ai_tokens_total", "\"completion\"").as_deref(), Some("40"));
    assert_eq!(value("greenroom_ai_cost_micros_total", "").as_deref(), Some("280"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_ends_while_the_database_is_away_is_recorded_when_it_is_back() {
    let database = TestDatabase::create().await;
    let sockets = database.url().split_whitespace().next().unwrap().trim_start_matches("host=").to_owned();
    let proxy = ChaosProxy::start(Target::Unix(format!("{sockets}/.s.PGSQL.5432").into())).await;
    let name = database.url().rsplit("dbname=").next().unwrap().to_owned();
    let url =
        format!("host={} port={} user=greenroom dbname={name}", proxy.address.ip(), proxy.address.port());
    let options = Options { url: Some(url.into()), ..Options::default() };
    let through = Database::open(&options, Path::new("/nonexistent")).await.unwrap();
    let usage = AiUsage::new(through.pool(), 0);
    proxy.take_down();
    usage.record(Account::default(), vec![call("m", Purpose::Moderation)]).await;
    assert_eq!(number(&database, "select count(*) from ai_calls").await, 0);
    proxy.restore();
    eventually("it is recorded", async || number(&database, "select count(*) from ai_calls").await == 1)
        .await;
}
