-- What happens to messages and rooms after they were made: edits, tombstones, reactions, variants, members and settings
-- that come and go. All of it is written by the journal, each change as a revision of its room.

alter table messages
  -- {"url", "kind": "image" | "video" | "audio", "mime"?, "durationMs"?, "width"?, "height"?}
  add column attachment jsonb,
  add column edited_at timestamptz,
  -- A tombstone: its content is empty from then on.
  add column deleted_at timestamptz,
  -- The variant that stands in `content`, and how many there are.
  add column variant smallint not null default 0,
  add column variants smallint not null default 1;

-- All variants of a reply that has more than one, the one that stands in the message too.
create table variants (
  message_id uuid not null,
  "index" smallint not null,
  room_id uuid not null,
  content text not null,
  finish smallint not null default 0,
  created_at timestamptz not null,
  primary key (message_id, "index")
);
create index variants_room on variants (room_id);

create table reactions (
  message_id uuid not null,
  emoji text not null,
  user_id uuid not null,
  room_id uuid not null,
  created_at timestamptz not null,
  primary key (message_id, emoji, user_id)
);
create index reactions_room on reactions (room_id);

-- Every change that is no message of its own, by the id of its journal entry: who did it, and how a batch that is
-- committed twice knows what it stored. Old rows are swept.
create table room_changes (
  id uuid primary key,
  room_id uuid not null,
  revision bigint not null,
  user_id uuid not null,
  kind text not null,
  created_at timestamptz not null
);
create index room_changes_room on room_changes (room_id, revision);
create index room_changes_old on room_changes (created_at);

alter table rooms
  add column category text,
  add column tags text[] not null default '{}',
  add column featured boolean not null default false,
  -- Who answers when nobody is asked for: 0 mention, 1 turn order, 2 talkativeness, 3 nobody.
  add column reply_mode smallint not null default 0 check (reply_mode between 0 and 3);

alter table room_characters
  -- It knows what was said after this revision.
  add column since_revision bigint not null default 0,
  -- A leave is a tombstone: what it said keeps its author.
  add column left_at timestamptz;

alter table turns
  -- What the reply becomes: 0 a message of its own, 1 a variant of `into_id`, 2 the continuation of `into_id`.
  add column into_kind smallint not null default 0,
  add column into_id uuid,
  -- Characters that answered one another before this one, since a person spoke.
  add column depth smallint not null default 0;
