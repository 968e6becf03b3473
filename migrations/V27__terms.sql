-- What somebody has by what was bought and given: what is remembered of it, so that settling anew changes nothing.

-- For how many days a payment bought its plan: as the settings were when it was first looked at.
alter table payments add column term_days integer check (term_days > 0);

alter table users
  -- Since when the base plan holds: its credits come month by month from there. Null: since the account was made.
  add column base_since timestamptz,
  -- When what somebody has changes next: by then a job settles it anew. Null: by itself it does not.
  add column settle_at timestamptz;
create index users_settle on users (settle_at) where settle_at is not null;
-- Whose plan may have credits that nobody has granted yet.
create index users_unsettled on users (plan) where settle_at is null and plan_until is null and erased_at is null;
update users set settle_at = now() where plan_until is not null;

-- Credits that came together: with a payment, a period, a month. One row for each, beside the ledger, which holds what moved.
create table credit_lots (
  -- `pay:<intent>`, `sub:<id>:<start>`, `grant:<id>:<start>`, `base:<user>:<since>:<start>`.
  key text primary key check (length(key) between 1 and 180),
  user_id uuid not null,
  -- Of those with one source the latest counts: it takes the place of what is left of the one before.
  source text not null,
  -- The ledger's account where they went: `plan` or `own`.
  purse text not null check (purse in ('plan', 'own')),
  plan text,
  -- How many there are to be, when it was last looked at.
  amount bigint not null check (amount >= 0),
  given bigint not null default 0 check (given >= 0),
  -- Taken back, as far as there were any.
  taken bigint not null default 0 check (taken between 0 and given),
  -- Of transfers.
  steps integer not null default 0,
  ends_at timestamptz check ((ends_at is not null) = (purse = 'plan')),
  created_at timestamptz not null default now()
);
create index credit_lots_user on credit_lots (user_id, created_at desc);

-- What somebody was told, so that they are told once.
create table terms_told (
  user_id uuid not null,
  -- `failed:<subscription>:<period>`, `back:<payment>:<cents>:<dispute>`.
  key text not null,
  told_at timestamptz not null default now(),
  primary key (user_id, key)
);
