-- What is kept of a reply while it runs, and of one that failed.

alter table turns
  -- All that the model said so far, with lines that people never see; null when the turn has ended.
  add column draft text,
  -- Bytes of what people see of it that they had been shown.
  add column draft_shown int not null default 0,
  -- The calls that were made for it: see `StoredCall` in `postgres/drafts.rs`.
  add column draft_calls jsonb,
  -- Of a reply that failed: what its last try failed of, who failed, and how many tries there were. For admins.
  add column reason text,
  add column provider text,
  add column model text,
  add column tries int not null default 0;

-- A draft is written many times and read almost never.
alter table turns alter column draft set storage external;

create index turns_failed on turns (ended_at desc, id desc) where state = 2;
