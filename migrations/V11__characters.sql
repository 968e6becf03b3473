-- What people do with characters: gallery, ratings, views, and the numbers that come of it.

-- Numbers of a character, apart from its row: they change often, the character seldom.
create table character_stats (
  character_id uuid primary key references characters on delete cascade,
  conversations bigint not null default 0,
  -- What it said.
  messages bigint not null default 0,
  ratings bigint not null default 0,
  rating_sum bigint not null default 0,
  views bigint not null default 0,
  last_active_at timestamptz,
  -- Popularity as a logarithm that needs no update as time passes; see `characters/statistics`.
  heat double precision not null default '-infinity',
  -- The average as it is sorted by: five ratings of 3 beside the real ones, so that a single 5 does not lead the list.
  rating_rank double precision not null generated always as ((rating_sum + 15)::float8 / (ratings + 5)) stored
) with (fillfactor = 60);
create index character_stats_heat on character_stats (heat desc, character_id desc);

create function character_has_stats() returns trigger language plpgsql as $$
begin
  insert into character_stats (character_id) values (new.id) on conflict do nothing;
  return null;
end $$;
create trigger character_has_stats after insert on characters
  for each row execute function character_has_stats();
insert into character_stats (character_id) select id from characters;

-- Conversations that got or lost a character, until they are counted: founding one must not wait for a row that all
-- others of that character need too.
create table character_casts (
  id bigint generated always as identity primary key,
  character_id uuid not null,
  delta smallint not null
);
create function character_is_cast() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    insert into character_casts (character_id, delta) values (new.character_id, 1);
  else
    insert into character_casts (character_id, delta) values (old.character_id, -1);
  end if;
  return null;
end $$;
create trigger character_is_cast after insert or delete on room_characters
  for each row execute function character_is_cast();
insert into character_casts (character_id, delta) select character_id, 1 from room_characters;

-- How far each room's log is counted. No foreign keys, as with the log itself.
create table character_counted (
  room_id uuid primary key,
  up_to bigint not null
) with (fillfactor = 60);

-- One row: whose lock lets one roll-up run at a time.
create table character_rollup (
  one boolean primary key default true check (one),
  -- That the heats are written in.
  half_life_s double precision,
  -- When the last one began, and the last one that looked at all rooms.
  last_at timestamptz,
  full_at timestamptz
);
insert into character_rollup default values;

-- The last batch of views that a node wrote, so that one whose outcome was not heard is not written twice.
create table character_view_writers (
  writer uuid primary key,
  batch bigint not null,
  written_at timestamptz not null default now()
);

create table character_ratings (
  character_id uuid not null references characters on delete cascade,
  user_id uuid not null references users on delete cascade,
  rating smallint not null check (rating between 1 and 5),
  rated_at timestamptz not null default now(),
  primary key (character_id, user_id)
);
create index character_ratings_user on character_ratings (user_id);
-- Sums and ratings change together, whoever writes, also where a user goes and the ratings with them.
create function character_is_rated() returns trigger language plpgsql as $$
begin
  update character_stats set
    ratings = ratings + case tg_op when 'INSERT' then 1 when 'DELETE' then -1 else 0 end,
    rating_sum = rating_sum + case when tg_op = 'DELETE' then 0 else new.rating end
      - case when tg_op = 'INSERT' then 0 else old.rating end
  where character_id = case when tg_op = 'DELETE' then old.character_id else new.character_id end;
  return null;
end $$;
create trigger character_is_rated after insert or update of rating or delete on character_ratings
  for each row execute function character_is_rated();

create table character_gallery (
  id uuid primary key,
  character_id uuid not null references characters on delete cascade,
  kind text not null check (kind in ('image', 'video', 'audio')),
  -- Where it is: an address of another host, or something that was uploaded here.
  url text,
  media_id uuid,
  thumbnail_url text,
  caption text not null default '',
  tags text[] not null default '{}',
  premium boolean not null default false,
  views bigint not null default 0,
  created_at timestamptz not null default now(),
  check (num_nonnulls(url, media_id) = 1)
);
create index character_gallery_of on character_gallery (character_id, id);

create table character_gallery_views (
  item_id uuid not null references character_gallery on delete cascade,
  user_id uuid not null references users on delete cascade,
  primary key (item_id, user_id)
);
create index character_gallery_views_user on character_gallery_views (user_id);

create index characters_newest on characters (created_at desc, id desc) where deleted_at is null;
-- What changed while a node did not hear of it.
create index characters_changed on characters (updated_at);
