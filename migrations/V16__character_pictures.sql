-- Pictures that came with character cards, made small and without metadata.

create table character_pictures (
  character_id uuid primary key references characters on delete cascade,
  -- PNG.
  bytes bytea not null check (octet_length(bytes) <= 1048576),
  -- SHA-256 of the bytes, in hexadecimal: tells clients whether theirs is still the one.
  hash text not null,
  created_at timestamptz not null default now()
);
-- They are packed already.
alter table character_pictures alter column bytes set storage external;
