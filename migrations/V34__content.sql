-- Pictures and videos that people have made: what was asked for, how far it is, and what is held and paid for it.

create table content (
  -- Sorts by when it was asked for.
  id uuid primary key,
  user_id uuid not null references users,
  -- What the client calls it: the same one twice is one thing.
  client_id text check (length(client_id) between 1 and 64),
  kind text not null check (kind in ('image', 'video')),
  state text not null default 'queued'
    check (state in ('queued', 'optimizing', 'generating', 'storing', 'done', 'failed', 'canceled')),
  progress smallint not null default 0 check (progress between 0 and 100),
  prompt text not null,
  -- What the provider is told in its place, once it is known.
  optimized_prompt text,
  -- Whether it is to be worked out.
  optimize boolean not null,
  -- The character whose appearance it keeps; no foreign key: it may be deleted, and what was made of it stays.
  avatar_id uuid,
  -- What it is made from, as the client named it (a file or a content), and the file itself.
  image_id uuid,
  source_file uuid,
  quality text not null check (quality in ('standard', 'hd', 'premium')),
  size text not null,
  -- Of a video.
  seconds smallint,
  -- The price of the present round.
  credits bigint not null check (credits >= 0),
  -- What is held for it, until it ends.
  hold_id uuid,
  provider text,
  model text,
  -- Names a video that is being made at its provider.
  ticket jsonb,
  file_id uuid,
  error_code text,
  error_message text,
  -- Rounds: asked for once, and again after a failure.
  tries smallint not null default 1,
  -- Of this round: tries of the server's own, and looks at a video under way.
  attempt smallint not null default 0,
  looks int not null default 0,
  -- Counts every move: a job that was made for another one has nothing to do.
  step int not null default 0,
  -- Whether it is one of those of its user's that are worked on; others wait.
  turn boolean not null default false,
  created_at timestamptz not null default now(),
  -- Of this round.
  asked_at timestamptz not null default now(),
  started_at timestamptz,
  ended_at timestamptz,
  moved_at timestamptz not null default now(),
  constraint content_held_while_open check (hold_id is null or state in ('queued', 'optimizing', 'generating', 'storing')),
  constraint content_end_whole check ((state in ('done', 'failed', 'canceled')) = (ended_at is not null)),
  constraint content_turn_while_open check (not turn or state in ('queued', 'optimizing', 'generating'))
);
create index content_of on content (user_id, id desc);
create unique index content_client on content (user_id, client_id) where client_id is not null;
create index content_open on content (user_id, asked_at, id)
  where state in ('queued', 'optimizing', 'generating', 'storing');
create index content_unfinished on content (moved_at)
  where state in ('queued', 'optimizing', 'generating', 'storing');
create index content_file on content (file_id) where file_id is not null;
