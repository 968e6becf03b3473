-- Work that outlives requests and servers: a queue that many nodes take from.

create table jobs (
  id uuid primary key,
  -- `messages` and `ai-responses` are live views of the engine and keep nothing here.
  queue text not null check (queue in ('media-processing', 'analytics', 'emails', 'maintenance')),
  -- Which handler does it.
  kind text not null check (length(kind) between 1 and 100),
  -- Null: erased when the job was done.
  payload jsonb check (pg_column_size(payload) <= 1048576),
  -- Lower goes first.
  priority smallint not null default 0,
  -- Not before; after a failure, when it is tried again.
  run_at timestamptz not null default now(),
  -- Counted when it is taken, so that a job that kills its server ends too.
  attempts int not null default 0,
  -- Counts every taking, for ever: whoever took it last alone may say how it ended.
  fence int not null default 0,
  -- 0 waiting, 1 running, 2 done, 3 dead
  state smallint not null default 0 check (state between 0 and 3),
  key text check (length(key) between 1 and 300),
  -- Who runs it, and until when nobody else may take it.
  node uuid,
  lease_until timestamptz,
  last_error text,
  created_at timestamptz not null default now(),
  finished_at timestamptz,
  constraint jobs_lease_whole check ((state = 1) = (node is not null) and (state = 1) = (lease_until is not null)),
  constraint jobs_end_whole check ((state >= 2) = (finished_at is not null))
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
-- The same key twice is one job.
create unique index jobs_key on jobs (kind, key) where state < 2 and key is not null;
-- Of each queue by itself: a long one that is paused or busy costs the others nothing.
create index jobs_ready on jobs (queue, priority, run_at, id) where state = 0;
create index jobs_running on jobs (lease_until) where state = 1;
create index jobs_dead on jobs (finished_at desc, id desc) where state = 3;
create index jobs_done on jobs (finished_at) where state = 2;

create table paused_queues (
  queue text primary key,
  paused_at timestamptz not null default now(),
  paused_by uuid
);

-- When a recurring job was last put into its queue, whichever node did it.
create table job_schedules (
  kind text primary key,
  last_at timestamptz not null default now()
);
