-- What is bought, by Stripe's word. These rows say what Stripe said last; what somebody has by them is worked out from them.

-- Whose customer at Stripe is whose. No references to users: money outlives accounts.
create table stripe_customers (
  user_id uuid primary key,
  customer_id text not null unique,
  created_at timestamptz not null default now()
);

-- Checkout sessions that were opened here: what was offered at which price, before anybody could change it.
create table checkouts (
  -- Of Stripe's session, or of the payment intent where it is paid without one.
  id text primary key,
  user_id uuid not null,
  -- `plan`: for days; `subscription`; `credits`.
  kind text not null check (kind in ('plan', 'subscription', 'credits')),
  plan text,
  credits integer check (credits > 0),
  amount_cents bigint not null check (amount_cents > 0),
  currency text not null,
  created_at timestamptz not null default now(),
  check ((kind = 'credits') = (credits is not null) and (kind = 'credits') = (plan is null))
);
create index checkouts_user on checkouts (user_id, created_at desc, id desc);

-- Money that came, is to come, or went back. One row for a payment intent, or for an invoice that needed none.
create table payments (
  id uuid primary key,
  user_id uuid not null,
  kind text not null check (kind in ('plan', 'subscription', 'credits')),
  -- The plan that was paid for; null for credits.
  plan text,
  credits integer check (credits > 0),
  intent_id text unique,
  invoice_id text unique,
  charge_id text,
  checkout_id text,
  subscription_id text,
  -- What an invoice is for: `subscription_create`, `subscription_cycle`, `subscription_update`.
  billing_reason text,
  -- In the smallest unit of the currency.
  amount_cents bigint not null check (amount_cents >= 0),
  currency text not null,
  refunded_cents bigint not null default 0 check (refunded_cents between 0 and amount_cents),
  status text not null check (status in ('pending', 'succeeded', 'failed', 'canceled')),
  -- Of a dispute: it takes back what was bought until it is won.
  dispute text check (dispute in ('open', 'won', 'lost')),
  -- Why it failed, in Stripe's words for people.
  failure text,
  paid_at timestamptz,
  -- Of a subscription: what it pays for.
  period_start timestamptz,
  period_end timestamptz,
  -- An admin took away what it had paid for.
  taken_at timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null default now(),
  check (intent_id is not null or invoice_id is not null),
  check ((kind = 'credits') = (credits is not null) and (kind = 'credits') = (plan is null)),
  check (status <> 'succeeded' or paid_at is not null)
);
create index payments_user on payments (user_id, created_at desc, id desc);
create index payments_subscription on payments (subscription_id) where subscription_id is not null;
create index payments_charge on payments (charge_id) where charge_id is not null;
create index payments_time on payments (created_at desc, id desc);

create table subscriptions (
  -- Of Stripe's.
  id text primary key,
  user_id uuid not null,
  customer_id text not null,
  -- Its one item, and what it is the price of.
  item_id text not null,
  price_id text not null,
  plan text not null,
  -- In Stripe's words: `incomplete`, `incomplete_expired`, `trialing`, `active`, `past_due`, `unpaid`, `paused`, `canceled`.
  status text not null,
  cancel_at_period_end boolean not null,
  current_period_start timestamptz not null,
  current_period_end timestamptz not null,
  latest_invoice_id text,
  canceled_at timestamptz,
  ended_at timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null default now()
);
create index subscriptions_user on subscriptions (user_id, created_at desc, id desc);
create index subscriptions_live on subscriptions (current_period_end)
  where status in ('trialing', 'active', 'past_due', 'unpaid', 'paused', 'incomplete');

-- How often what is kept of an object at Stripe was written. Who asked Stripe before the last write asks again: so the rows
-- follow Stripe's state in its order, whatever the order of events.
create table stripe_synced (
  object_id text primary key,
  version bigint not null
);

-- Every event, once, in the transaction of its effect.
create table stripe_events (
  id text primary key,
  type text not null,
  -- What it is about: `sub_…`, `pi_…`.
  object_id text,
  -- Whose it is, where that was found out.
  user_id uuid,
  livemode boolean not null,
  api_version text,
  payload jsonb not null,
  -- `waiting`: a job does it again.
  state text not null check (state in ('done', 'ignored', 'waiting', 'failed')),
  tries integer not null default 1,
  error text,
  -- By Stripe's clock.
  created_at timestamptz not null,
  received_at timestamptz not null default now(),
  handled_at timestamptz
);
create index stripe_events_received on stripe_events (received_at desc, id desc);
create index stripe_events_open on stripe_events (received_at) where state in ('waiting', 'failed');
create index stripe_events_user on stripe_events (user_id) where user_id is not null;

-- Plans that admins gave for a time.
create table plan_grants (
  id uuid primary key,
  user_id uuid not null,
  plan text not null,
  starts_at timestamptz not null,
  ends_at timestamptz not null check (ends_at > starts_at),
  -- Taken before its end.
  taken_at timestamptz,
  actor_id uuid
);
create index plan_grants_user on plan_grants (user_id, ends_at);

-- The plan that holds when nothing bought or given does; null: nothing ever was, it is `plan`.
alter table users add column base_plan text;
insert into plan_grants (id, user_id, plan, starts_at, ends_at)
  select gen_random_uuid(), id, plan, least(updated_at, plan_until - interval '1 second'), plan_until from users where plan_until > now();
update users set base_plan = plan_after where plan_until is not null;
