-- Credits: a double-entry ledger. Transfers and their entries are only ever added, each transfer's entries come to nothing,
-- and balances follow them by trigger: none of a person's can go below zero, whoever writes.

create table credit_transfers (
  id uuid primary key,
  -- Who asks twice with the same key has asked once.
  key text not null unique check (length(key) between 1 and 200),
  -- See `TransferKind`.
  kind text not null check (kind in ('plan', 'grant', 'purchase', 'revoke', 'hold', 'settle', 'release', 'expire')),
  -- No reference: the ledger outlives accounts.
  user_id uuid not null,
  amount bigint not null check (amount > 0),
  -- The hold that this ends; nothing ends twice.
  hold_id uuid unique references credit_transfers,
  -- What it is for: `avatar:<id>`, `stripe:<id>`.
  reference text not null default '',
  reason text not null default '',
  -- The admin who did it.
  actor_id uuid,
  created_at timestamptz not null default now(),
  check ((kind in ('settle', 'release')) = (hold_id is not null))
);
create index credit_transfers_user on credit_transfers (user_id, created_at desc, id desc);

-- A person's accounts: plan (ends with the period), own (bought or granted), held. The house's have the nil user: granted,
-- sold, spent, expired, revoked. Their balances are the sums of their entries and no rows: all people share them.
create table credit_entries (
  transfer_id uuid not null references credit_transfers,
  user_id uuid not null,
  account text not null,
  amount bigint not null check (amount <> 0),
  primary key (transfer_id, user_id, account),
  check (account = any (case when user_id = '00000000-0000-0000-0000-000000000000'
    then array['granted', 'sold', 'spent', 'expired', 'revoked'] else array['plan', 'own', 'held'] end))
);

-- One row a person, whose lock puts their transfers in order.
create table credit_accounts (
  user_id uuid primary key,
  -- When what is left of the plan's credits ends.
  plan_ends_at timestamptz
) with (fillfactor = 60);

create table credit_balances (
  user_id uuid not null,
  account text not null,
  balance bigint not null,
  primary key (user_id, account),
  constraint credit_balance_not_negative check (balance >= 0)
) with (fillfactor = 60);

-- Holds that have not ended.
create table credit_holds (
  id uuid primary key references credit_transfers,
  user_id uuid not null,
  -- What was taken from which account.
  from_plan bigint not null check (from_plan >= 0),
  from_own bigint not null check (from_own >= 0),
  -- Of the plan's credits that were taken: where they go back to once that is over, they end.
  plan_ends_at timestamptz,
  expires_at timestamptz not null
);
create index credit_holds_expiry on credit_holds (expires_at);

create function credit_is_final() returns trigger language plpgsql as $$
begin
  raise exception 'the ledger is only added to' using errcode = 'restrict_violation';
end $$;
create trigger credit_transfers_final before update or delete or truncate on credit_transfers
  for each statement execute function credit_is_final();
create trigger credit_entries_final before update or delete or truncate on credit_entries
  for each statement execute function credit_is_final();

-- All entries of a transfer come in one statement, and come to nothing.
create function credit_entries_come() returns trigger language plpgsql as $$
begin
  if exists (select from added group by transfer_id having sum(amount) <> 0) then
    raise exception 'a transfer''s entries come to nothing' using errcode = 'check_violation';
  end if;
  if (select count(*) from credit_entries e where e.transfer_id in (select transfer_id from added))
      <> (select count(*) from added) then
    raise exception 'a transfer''s entries come together' using errcode = 'check_violation';
  end if;
  insert into credit_balances as b (user_id, account, balance)
    select user_id, account, 0 from added where user_id <> '00000000-0000-0000-0000-000000000000'
    group by user_id, account order by user_id, account on conflict do nothing;
  update credit_balances b set balance = b.balance + a.amount from (
    select user_id, account, sum(amount) as amount from added
    where user_id <> '00000000-0000-0000-0000-000000000000' group by user_id, account) a
  where b.user_id = a.user_id and b.account = a.account;
  return null;
end $$;
create trigger credit_entries_come after insert on credit_entries
  referencing new table as added for each statement execute function credit_entries_come();

create function credit_balance_follows() returns trigger language plpgsql as $$
begin
  if pg_trigger_depth() < 2 then
    raise exception 'balances follow the entries' using errcode = 'restrict_violation';
  end if;
  return null;
end $$;
create trigger credit_balance_follows after insert or update or delete or truncate on credit_balances
  for each statement execute function credit_balance_follows();

create function credit_transfer_has_entries() returns trigger language plpgsql as $$
begin
  if not exists (select from credit_entries where transfer_id = new.id) then
    raise exception 'a transfer has entries' using errcode = 'check_violation';
  end if;
  return null;
end $$;
create constraint trigger credit_transfer_has_entries after insert on credit_transfers
  deferrable initially deferred for each row execute function credit_transfer_has_entries();
