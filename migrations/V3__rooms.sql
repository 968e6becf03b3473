-- Conversations (rooms) and their log.

create table rooms (
  id uuid primary key,
  slug text not null unique,
  title text not null,
  owner_id uuid not null references users on delete cascade,
  visibility text not null default 'private' check (visibility in ('private', 'unlisted', 'public')),
  -- Set for a user's default room with a character: found again, or made once, however often it is asked for.
  default_character_id uuid references characters,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz
);
create unique index rooms_default on rooms (owner_id, default_character_id)
  where default_character_id is not null and deleted_at is null;

create table room_members (
  room_id uuid not null references rooms on delete cascade,
  user_id uuid not null references users on delete cascade,
  joined_at timestamptz not null default now(),
  -- A leave is a tombstone: what was said by who left keeps its author.
  left_at timestamptz,
  primary key (room_id, user_id)
);
create index room_members_user on room_members (user_id, room_id) where left_at is null;

create table room_characters (
  room_id uuid not null references rooms on delete cascade,
  character_id uuid not null references characters,
  position smallint not null,
  primary key (room_id, character_id)
);

-- The room's last revision, in a narrow table of its own: the one row that every append updates. Only the journal writes it.
create table heads (
  room_id uuid primary key,
  last_revision bigint not null default 0,
  closed boolean not null default false
) with (fillfactor = 40, autovacuum_vacuum_scale_factor = 0.02);

-- The log. No foreign keys and few indexes: the journal is the only writer, and checks under the head's lock.
create table messages (
  id uuid not null,
  room_id uuid not null,
  "offset" bigint not null,
  revision bigint not null,
  sender_kind smallint not null, -- 0 a user, 1 a character
  sender_id uuid not null,
  client_id text not null,
  kind smallint not null,
  content text not null,
  reply_to uuid,
  finish smallint not null default 0,
  created_at timestamptz not null,
  primary key (room_id, "offset")
);
create unique index messages_id on messages (id);
create unique index messages_client on messages (room_id, sender_id, client_id);
-- Most messages never change: only those that did need to be found by revision.
create index messages_changed on messages (room_id, revision) where revision <> "offset";

create table reads (
  room_id uuid not null,
  user_id uuid not null,
  read_offset bigint not null,
  revision bigint not null,
  primary key (room_id, user_id)
) with (fillfactor = 60);
