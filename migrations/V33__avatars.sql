-- Avatars: characters that a user owns, and the writing of those that a model is asked to write.

alter table characters
  -- Whose it is; null: the house's own. No foreign key: what is left of it outlives the account.
  add column owner_id uuid,
  -- private: for its owner alone; unlisted: for whoever knows its id or slug; public: in lists too.
  add column visibility text not null default 'public' check (visibility in ('private', 'unlisted', 'public')),
  -- A character that is being written, or whose writing failed, is there for its owner's list alone.
  add column state text not null default 'ready' check (state in ('writing', 'ready', 'failed')),
  -- How it looks, so that its pictures resemble one another. Never public.
  add column appearance text not null default '',
  add constraint characters_owned check (owner_id is not null or (visibility = 'public' and state = 'ready'));

create index characters_of on characters (owner_id, id desc) where owner_id is not null and deleted_at is null;
-- Lists pass over what they may not show.
drop index characters_listed;
create index characters_listed on characters (name, id)
  where deleted_at is null and visibility = 'public' and state = 'ready';
drop index characters_newest;
create index characters_newest on characters (created_at desc, id desc)
  where deleted_at is null and visibility = 'public' and state = 'ready';

-- One for each avatar that was asked for: what its owner told of it, what it costs, and how its writing ended.
create table avatar_writings (
  avatar_id uuid primary key references characters on delete cascade,
  owner_id uuid not null,
  -- Who asks twice with the same id asks once.
  client_id text check (length(client_id) between 1 and 64),
  -- {"name", "description", "category", "tags", "traits", "color", "visibility"}
  asked jsonb not null,
  state text not null default 'writing' check (state in ('writing', 'done', 'failed', 'canceled')),
  -- Of the credit ledger.
  hold_id uuid not null,
  credits bigint not null check (credits > 0),
  -- Why it failed, for its owner.
  fault_code text,
  fault text,
  -- `provider/model`; of the built-in provider `offline`.
  written_by text,
  created_at timestamptz not null default now(),
  ended_at timestamptz,
  check ((state = 'writing') = (ended_at is null))
);
create unique index avatar_writings_once on avatar_writings (owner_id, client_id) where client_id is not null;
create index avatar_writings_open on avatar_writings (created_at) where state = 'writing';
