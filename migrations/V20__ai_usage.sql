-- Usage of models, rolled up by day; and whose answers may be kept for a while.

-- Whether an answer to the very same prompt may be given again.
alter table characters
  add column response_cache text not null default 'off' check (response_cache in ('off', 'on'));

-- Calls that are in no sum yet. A call is put here by the statement that adds it, whoever that is, so both are there or
-- neither, however late it commits; what takes it from here adds it to the sums in the same transaction.
create table ai_calls_uncounted (
  id uuid primary key
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
create function ai_calls_are_uncounted() returns trigger language plpgsql as $$
begin
  insert into ai_calls_uncounted (id) select id from added;
  return null;
end $$;
create trigger ai_calls_are_uncounted after insert on ai_calls
  referencing new table as added for each statement execute function ai_calls_are_uncounted();
insert into ai_calls_uncounted (id) select id from ai_calls;

-- The days are those of UTC. Nobody and no character are the nil id: a key has no nulls.
create table ai_usage_days (
  day date not null,
  user_id uuid not null,
  character_id uuid not null,
  provider text not null,
  model text not null,
  purpose text not null,
  calls bigint not null,
  failed bigint not null,
  stopped bigint not null,
  cached bigint not null,
  prompt_tokens bigint not null,
  -- Part of the prompt's.
  cached_tokens bigint not null,
  completion_tokens bigint not null,
  cost_micros bigint not null,
  primary key (day, user_id, character_id, provider, model, purpose)
) with (fillfactor = 80);
create index ai_usage_days_user on ai_usage_days (user_id, day);

-- The same of all users together: what does not ask for users reads few rows, however many there are.
create table ai_usage_totals (
  day date not null,
  character_id uuid not null,
  provider text not null,
  model text not null,
  purpose text not null,
  calls bigint not null,
  failed bigint not null,
  stopped bigint not null,
  cached bigint not null,
  prompt_tokens bigint not null,
  cached_tokens bigint not null,
  completion_tokens bigint not null,
  cost_micros bigint not null,
  primary key (day, character_id, provider, model, purpose)
) with (fillfactor = 80);

-- One row: whose lock lets one roll-up run at a time.
create table ai_usage_rollup (
  one boolean primary key default true check (one)
);
insert into ai_usage_rollup default values;
