-- What characters remember of people: facts that a person told one character, in their own words. They are the person's: read,
-- changed and erased by them alone.

-- No foreign keys, as in the log: the journal writes it, and a missing row must not cost a reply.
create table memories (
  id uuid primary key,
  user_id uuid not null,
  character_id uuid not null,
  -- Where it was told, and by which message: in rooms of several only what was told there is known.
  room_id uuid not null,
  message_id uuid not null,
  fact text not null,
  -- The fact without letter case, punctuation and spaces: each is kept once.
  fact_key text not null,
  -- 0 told in a talk, 1 written by its user, which leaves last.
  source smallint not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create unique index memories_once on memories (user_id, character_id, fact_key);
create index memories_message on memories (message_id);
-- What a prompt reads, and what a person reads.
create index memories_known on memories (user_id, character_id, updated_at desc, id desc);
