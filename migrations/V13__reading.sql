-- Reading: search, public lists and pages, who has read what is public, and slugs that were.

-- A slug that a room had before: its address goes on to lead there.
create table room_slugs (
  slug text primary key,
  room_id uuid not null references rooms on delete cascade,
  created_at timestamptz not null default now()
);
create index room_slugs_room on room_slugs (room_id);

-- What lists show of rooms that are not private, counted beside the log: `revision` says how far.
create table publications (
  room_id uuid primary key references rooms on delete cascade,
  views bigint not null default 0,
  messages bigint not null default 0,
  active_at timestamptz,
  revision bigint not null default 0
) with (fillfactor = 70);

-- Each reader of a room once a day, by a hash whose salt is forgotten with the day.
create table room_readers (
  room_id uuid not null references rooms on delete cascade,
  day date not null,
  reader bytea not null,
  primary key (room_id, day, reader)
);
create index room_readers_day on room_readers (day);
create table reader_salts (
  day date primary key,
  salt bytea not null
);

create function room_words(title text, category text, tags text[]) returns text
  language sql immutable parallel safe
  return title || ' ' || coalesce(category, '') || ' ' || array_to_string(tags, ' ');
create index rooms_words on rooms using gin (to_tsvector('simple', room_words(title, category, tags)))
  where visibility = 'public' and deleted_at is null;
create index rooms_listed on rooms (category, id) where visibility = 'public' and deleted_at is null;
create index rooms_shown on rooms (id) where visibility <> 'private' and deleted_at is null;
create index rooms_deleted on rooms (deleted_at) where deleted_at is not null;

-- Words of messages, and their room as a word of its own: a search in one room reads nothing of others. Another
-- language has an index of its own name, which the server makes when it starts. New rows wait in the pending list,
-- which the server empties every few seconds, so that no writer has to.
create index messages_words_simple on messages using gin (
    to_tsvector('simple', 'r' || replace(room_id::text, '-', '') || ' ' || content))
  with (gin_pending_list_limit = 16384) where deleted_at is null;
