-- Files that people uploaded or had made: what each is, whose, how far its making is, and under which keys it lies.

create table media_files (
  -- Sorts by when it came.
  id uuid primary key,
  -- Whose it counts as; no foreign key: the row outlives the account until its objects are gone.
  owner_id uuid not null,
  -- upload: for messages; gallery: of a character; avatar: its thumbnail; content: generated.
  purpose text not null check (purpose in ('upload', 'gallery', 'avatar', 'content')),
  -- Of gallery and avatar.
  character_id uuid,
  kind text not null check (kind in ('image', 'video', 'audio')),
  -- A deleted one is a tombstone for the messages that carry it: nothing of it lies anywhere.
  state text not null default 'processing' check (state in ('processing', 'ready', 'failed', 'deleted')),
  -- Why it failed, for its owner.
  fault text,
  -- As its owner's device called it: to be shown, never a path.
  name text,
  -- The original, without what it told of place and device. Nothing lies there before it is ready.
  key text not null unique,
  mime text not null,
  -- Of the original, and of all that was made of it too: what counts against the owner's total.
  bytes bigint not null check (bytes >= 0),
  total_bytes bigint not null check (total_bytes >= 0),
  width int,
  height int,
  duration_ms int,
  blurhash text,
  -- Loudness over time, a byte each.
  peaks bytea,
  -- [{"size": "thumbnail" | "small" | "medium" | "large", "key", "width", "height", "bytes"}]
  variants jsonb not null default '[]',
  created_at timestamptz not null default now(),
  ready_at timestamptz,
  deleted_at timestamptz
);
create index media_files_of on media_files (owner_id, id desc) where state <> 'deleted';
create index media_files_unfinished on media_files (created_at) where state = 'processing';
create index media_files_character on media_files (character_id) where character_id is not null;

-- Which file an object is part of: it stays while the file does.
alter table media_objects add column file_id uuid;
create index media_objects_file on media_objects (file_id) where file_id is not null;
