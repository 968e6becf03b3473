-- Every call to a model, for the accounts. Rows are only added: a call is written in the transaction that ends what it was
-- made for, and an id that is written twice counts once. No foreign keys, as with the log itself: the accounts outlive
-- users, characters and rooms.

create table ai_calls (
  id uuid primary key,
  at timestamptz not null default now(),
  -- See `Purpose`.
  purpose text not null,
  -- done, stopped, failed, cached
  outcome text not null,
  provider text not null,
  model text not null,
  user_id uuid,
  character_id uuid,
  room_id uuid,
  turn_id uuid,
  prompt_tokens int not null,
  completion_tokens int not null,
  -- Part of the prompt's.
  cached_tokens int not null,
  -- Where the provider told no tokens.
  counted_here boolean not null,
  -- Micro-dollars.
  cost_micros bigint not null,
  first_token_ms int,
  took_ms int not null
);
create index ai_calls_at on ai_calls using brin (at);
create index ai_calls_user on ai_calls (user_id, at);
create index ai_calls_turn on ai_calls (turn_id) where turn_id is not null;
