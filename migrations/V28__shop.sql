-- Buying: what is wanted, once, and by one request of a person at a time.

-- Under which key Stripe is asked for something: the same wish of the same person within some minutes is the same key, so
-- that whoever asks again gets what there is.
create table shop_attempts (
  user_id uuid not null,
  -- `checkout`, `intent`, `subscribe`, `change`, `cancel`, `reactivate`.
  deed text not null,
  -- A digest of all that is asked for.
  wish text not null,
  -- The key.
  id uuid not null unique,
  -- What came of it at Stripe, once that is known.
  object_id text,
  created_at timestamptz not null default now(),
  primary key (user_id, deed, wish)
);

-- Whose purchase is under way, and until when it may be.
create table shop_turns (
  user_id uuid primary key,
  holder uuid not null,
  until timestamptz not null
);

-- A session that was ended here before it was paid.
alter table checkouts add column closed_at timestamptz;

-- An account was erased, and its customer at Stripe with it. The row stays: what Stripe still tells of it is nobody else's.
alter table stripe_customers add column deleted_at timestamptz;
