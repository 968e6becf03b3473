-- Figures by day for dashboards: of each user, and of all of them together. How they count, and why exactly, stands in
-- `src/insights`.

-- What is in no sum yet. Who writes a message, a call, a transfer, a conversation or an account writes it here too, in the
-- same statement, so both are there or neither, however late it commits; what takes it from here adds it to the sums in the
-- same transaction. A row says all that is summed of it, so nothing has to be there any more when it is.
create table insight_waiting (
  -- Nil: nobody's.
  user_id uuid not null,
  at timestamptz not null,
  -- Who replied.
  character_id uuid,
  messages int,
  replies int,
  calls int,
  prompt_tokens int,
  completion_tokens int,
  -- Micro-dollars.
  cost_micros bigint,
  first_token_ms int,
  credits_spent bigint,
  credits_bought bigint,
  credits_received bigint,
  conversations int,
  accounts int
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
create index insight_waiting_user on insight_waiting (user_id);

-- Days of a user are those of the clock in their time zone; the nil user is all together, by days of UTC.
create table insight_days (
  user_id uuid not null,
  day date not null,
  messages bigint not null,
  replies bigint not null,
  calls bigint not null,
  prompt_tokens bigint not null,
  completion_tokens bigint not null,
  cost_micros bigint not null,
  credits_spent bigint not null,
  credits_bought bigint not null,
  credits_received bigint not null,
  conversations bigint not null,
  accounts bigint not null,
  -- Of all together: users who said something or were answered.
  active bigint not null,
  primary key (user_id, day)
) with (fillfactor = 80);

-- Replies by character.
create table insight_characters (
  user_id uuid not null,
  day date not null,
  character_id uuid not null,
  replies bigint not null,
  primary key (user_id, day, character_id)
) with (fillfactor = 80);

-- How long the first token took: how many of each bucket. Sums of buckets are the histogram of several days.
create table insight_first_tokens (
  user_id uuid not null,
  day date not null,
  -- Its upper bound is 2 ^ (bucket / 4) milliseconds.
  bucket smallint not null,
  count bigint not null,
  primary key (user_id, day, bucket)
) with (fillfactor = 80);

-- Who was active on which day of UTC, so that each counts once a day.
create table insight_active (
  user_id uuid not null,
  day date not null,
  primary key (user_id, day)
);

-- One row: whose lock lets one roll-up run at a time.
create table insight_rollup (
  one boolean primary key default true check (one)
);
insert into insight_rollup default values;

-- Which time zone held from when on; before the first row, and without one, UTC. A change is known before it holds (it waits
-- for the next midnight), so the day of a moment that is past never changes.
create table insight_zones (
  user_id uuid not null references users on delete cascade,
  from_at timestamptz not null,
  zone text not null,
  primary key (user_id, from_at)
);

-- Limits of plans that somebody reached, for the feed.
create table insight_limits (
  id uuid primary key,
  user_id uuid not null references users on delete cascade,
  -- Of a meter and its period: each is told once.
  meter text not null,
  period date not null,
  character_id uuid,
  -- text, audio, media; null for the daily one.
  kind text,
  used int not null,
  reached_at timestamptz not null default now(),
  unique (user_id, meter, period)
);
create index insight_limits_user on insight_limits (user_id, reached_at desc, id desc);

-- The feed reads the latest of each of its sources.
create index rooms_owner on rooms (owner_id, created_at desc, id desc);

create function insight_day(who uuid, moment timestamptz) returns date language sql stable parallel safe as $$
  select (moment at time zone coalesce(
    (select zone from insight_zones where user_id = who and from_at <= moment order by from_at desc limit 1), 'UTC'))::date
$$;

create function insight_bucket(ms int) returns smallint language sql immutable strict parallel safe as $$
  select ceil(4 * ln(greatest(ms, 1)::float8) / ln(2::float8))::smallint
$$;

-- A name that this database does not know counts as UTC, as it does for quotas.
create function insight_zone(name text) returns text language plpgsql stable as $$
begin
  perform now() at time zone name;
  return name;
exception when others then
  return 'UTC';
end $$;

create function insight_zone_is_set() returns trigger language plpgsql as $$
declare
  held text := coalesce((select zone from insight_zones where user_id = new.id and from_at <= now()
    order by from_at desc limit 1), 'UTC');
  present text := insight_zone(case when new.next_time_zone_at <= now() then new.next_time_zone else new.time_zone end);
begin
  delete from insight_zones where user_id = new.id and from_at > now();
  if tg_op = 'INSERT' then
    insert into insight_zones (user_id, from_at, zone) values (new.id, '-infinity', present)
      on conflict (user_id, from_at) do update set zone = excluded.zone;
  elsif present <> held then
    insert into insight_zones (user_id, from_at, zone) values (new.id, now(), present)
      on conflict (user_id, from_at) do update set zone = excluded.zone;
  end if;
  if new.next_time_zone_at > now() then
    insert into insight_zones (user_id, from_at, zone)
      values (new.id, new.next_time_zone_at, insight_zone(new.next_time_zone));
  end if;
  return null;
end $$;
create trigger insight_zone_is_new after insert on users for each row
  when (new.time_zone <> 'UTC' or new.next_time_zone is not null) execute function insight_zone_is_set();
create trigger insight_zone_is_set after update of time_zone, next_time_zone, next_time_zone_at on users for each row
  when (old.time_zone is distinct from new.time_zone or old.next_time_zone is distinct from new.next_time_zone
    or old.next_time_zone_at is distinct from new.next_time_zone_at) execute function insight_zone_is_set();
insert into insight_zones (user_id, from_at, zone)
  select id, '-infinity', insight_zone(case when next_time_zone_at <= now() then next_time_zone else time_zone end) from users
  where time_zone <> 'UTC' or next_time_zone is not null;
insert into insight_zones (user_id, from_at, zone)
  select id, next_time_zone_at, insight_zone(next_time_zone) from users where next_time_zone_at > now();

-- A person's message is theirs; a character's is a reply to who asked for it. A greeting is nobody's.
create function insight_of_messages() returns trigger language plpgsql as $$
begin
  insert into insight_waiting (user_id, at, character_id, messages, replies)
    select sender_id, created_at, null, 1, null from added where sender_kind = 0
    union all
    select t.user_id, a.created_at, a.sender_id, null, 1 from added a join turns t using (id) where a.sender_kind = 1;
  return null;
end $$;
create trigger insight_of_messages after insert on messages
  referencing new table as added for each statement execute function insight_of_messages();

create function insight_of_calls() returns trigger language plpgsql as $$
begin
  insert into insight_waiting (user_id, at, calls, prompt_tokens, completion_tokens, cost_micros, first_token_ms)
    select coalesce(user_id, '00000000-0000-0000-0000-000000000000'), at, 1, prompt_tokens, completion_tokens, cost_micros,
      case when purpose in ('reply', 'completion') and outcome in ('done', 'stopped') then first_token_ms end
    from added;
  return null;
end $$;
create trigger insight_of_calls after insert on ai_calls
  referencing new table as added for each statement execute function insight_of_calls();

create function insight_of_credits() returns trigger language plpgsql as $$
begin
  insert into insight_waiting (user_id, at, credits_spent, credits_bought, credits_received)
    select user_id, created_at, case when kind = 'settle' then amount end, case when kind = 'purchase' then amount end,
      case when kind in ('plan', 'grant') then amount end
    from added where kind in ('settle', 'purchase', 'plan', 'grant');
  return null;
end $$;
create trigger insight_of_credits after insert on credit_transfers
  referencing new table as added for each statement execute function insight_of_credits();

create function insight_of_rooms() returns trigger language plpgsql as $$
begin
  insert into insight_waiting (user_id, at, conversations) select owner_id, created_at, 1 from added;
  return null;
end $$;
create trigger insight_of_rooms after insert on rooms
  referencing new table as added for each statement execute function insight_of_rooms();

create function insight_of_accounts() returns trigger language plpgsql as $$
begin
  insert into insight_waiting (user_id, at, accounts) select id, created_at, 1 from added;
  return null;
end $$;
create trigger insight_of_accounts after insert on users
  referencing new table as added for each statement execute function insight_of_accounts();

-- What was there before.
insert into insight_waiting (user_id, at, messages) select sender_id, created_at, 1 from messages where sender_kind = 0;
insert into insight_waiting (user_id, at, character_id, replies)
  select t.user_id, m.created_at, m.sender_id, 1 from messages m join turns t using (id) where m.sender_kind = 1;
insert into insight_waiting (user_id, at, calls, prompt_tokens, completion_tokens, cost_micros, first_token_ms)
  select coalesce(user_id, '00000000-0000-0000-0000-000000000000'), at, 1, prompt_tokens, completion_tokens, cost_micros,
    case when purpose in ('reply', 'completion') and outcome in ('done', 'stopped') then first_token_ms end
  from ai_calls;
insert into insight_waiting (user_id, at, credits_spent, credits_bought, credits_received)
  select user_id, created_at, case when kind = 'settle' then amount end, case when kind = 'purchase' then amount end,
    case when kind in ('plan', 'grant') then amount end
  from credit_transfers where kind in ('settle', 'purchase', 'plan', 'grant');
insert into insight_waiting (user_id, at, conversations) select owner_id, created_at, 1 from rooms;
insert into insight_waiting (user_id, at, accounts) select id, created_at, 1 from users;
