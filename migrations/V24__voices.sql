-- Replies of other kinds than text: who gives which, what a running one is to become, and the files that they carry.

-- 0 text, 1 audio, 2 media: see `MessageKind`.
alter table characters add column reply_kind smallint not null default 0 check (reply_kind between 0 and 2);

alter table turns add column reply_kind smallint not null default 0;

-- What this variant carries: each has its own voice.
alter table variants add column attachment jsonb;

-- What lies in the object store. A row is there before its object, so that no object is forgotten.
create table media_objects (
  key text primary key,
  -- Whose it is; null for the server's own.
  user_id uuid,
  -- The message that it was made for. The message may never come, and others may carry the object too.
  room_id uuid,
  message_id uuid,
  bytes bigint not null,
  created_at timestamptz not null default now(),
  -- When to look whether some message still carries it; null while one did when it was last looked.
  check_at timestamptz default now() + interval '1 hour'
);
create index media_objects_check on media_objects (check_at) where check_at is not null;
create index media_objects_room on media_objects (room_id) where room_id is not null;
create index media_objects_message on media_objects (message_id) where message_id is not null;
-- Who carries an object.
create index messages_object on messages ((attachment ->> 'key')) where attachment ? 'key';
create index variants_object on variants ((attachment ->> 'key')) where attachment ? 'key';
-- What of a gallery was shown in a room, the last first.
create index messages_shown on messages (room_id, "offset") where kind = 2 and sender_kind = 1;
