-- Replies under way, what users have used, and the nodes that hold the turns.

create table turns (
  -- The id of the message that the reply is to become.
  id uuid primary key,
  room_id uuid not null,
  character_id uuid not null,
  asked_id uuid not null,
  asked_offset bigint not null,
  user_id uuid not null,
  priority smallint not null,
  -- 0 open, 1 done, 2 failed, 3 stopped, 4 interrupted
  state smallint not null default 0,
  code text,
  node uuid not null,
  fence int not null default 0,
  ended_revision bigint,
  -- The meters to give back if nothing is said, one a line: `<character, or - for the daily one> <kind> <period>`.
  refund text not null default '',
  prompt_tokens int not null default 0,
  completion_tokens int not null default 0,
  cached_tokens int not null default 0,
  created_at timestamptz not null default now(),
  ended_at timestamptz
) with (fillfactor = 80);
create index turns_open on turns (room_id, created_at) where state = 0;
create index turns_open_node on turns (node) where state = 0;
create index turns_asked on turns (asked_id);

-- One counter of one user; see `MeterKey`. The daily counter of all characters has the nil character and kind -1.
create table usage (
  user_id uuid not null,
  character_id uuid not null,
  kind smallint not null,
  period date not null,
  used int not null default 0 check (used >= 0),
  primary key (user_id, character_id, kind, period)
) with (fillfactor = 60);

-- One row per start of a server process. A node that stops beating has died, and its open turns are taken up.
create table nodes (
  id uuid primary key,
  name text not null,
  started_at timestamptz not null default now(),
  beat_at timestamptz not null default now(),
  ended_at timestamptz
);
