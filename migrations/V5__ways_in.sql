-- The other ways in (mobile number, external identity, API key), what is sent to prove an address, and what is kept of it.

alter table users
  add column email_verified_at timestamptz,
  -- E.164. Only a number that an OTP proved stands here.
  add column mobile text unique,
  add column bio text not null default '',
  -- BCP 47.
  add column locale text not null default 'en',
  -- A new time zone counts after the next daily reset in the old one: nobody gains a day by travelling.
  add column next_time_zone text,
  add column next_time_zone_at timestamptz,
  -- A plan that ends by itself, and the one that comes after it.
  add column plan_until timestamptz,
  add column plan_after text,
  add column password_changed_at timestamptz,
  add column blocked_why text,
  add column deactivated_why text,
  -- Personal data is gone; the row stays as a pseudonym for what others hold.
  add column erased_at timestamptz,
  add constraint next_time_zone_whole check ((next_time_zone is null) = (next_time_zone_at is null)),
  add constraint plan_end_whole check ((plan_until is null) = (plan_after is null));
create index users_deactivated on users (deactivated_at) where deactivated_at is not null and erased_at is null;

-- What holds at this moment, and until when it does.
create view standing as
select id,
  case when plan_until <= now() then plan_after else plan end as plan,
  case when plan_until > now() then plan_until end as plan_until,
  case when next_time_zone_at <= now() then next_time_zone else time_zone end as time_zone,
  case when next_time_zone_at > now() then next_time_zone end as next_time_zone,
  least(case when plan_until > now() then plan_until end,
        case when next_time_zone_at > now() then next_time_zone_at end) as valid_until
from users;

-- Links sent by mail, each good once.
create table mail_links (
  -- SHA-256 of the token in the link.
  hash bytea primary key,
  user_id uuid not null references users on delete cascade,
  purpose text not null check (purpose in ('verify_email', 'reset_password')),
  -- The address that it proves: another one in the account by then makes it void.
  email_key text not null,
  expires_at timestamptz not null,
  used_at timestamptz,
  created_at timestamptz not null default now()
);
create index mail_links_user on mail_links (user_id, purpose, created_at desc);
create index mail_links_expiry on mail_links (expires_at);

-- The one live code of a number and purpose. Counted tries are committed before the answer.
create table otp_codes (
  mobile text not null,
  purpose text not null check (purpose in ('sign_in', 'reset_password')),
  -- HMAC of number, purpose and code: six digits alone would be guessed from a plain hash.
  hash bytea not null,
  tries smallint not null default 0,
  expires_at timestamptz not null,
  used_at timestamptz,
  -- A sign-up that waits for its proof: name and password hash.
  sign_up jsonb,
  created_at timestamptz not null default now(),
  primary key (mobile, purpose)
);
create index otp_codes_expiry on otp_codes (expires_at);

-- When codes went to a number: what the limits per number count, over all nodes.
create table otp_sends (
  id bigint generated always as identity primary key,
  mobile text not null,
  sent_at timestamptz not null default now()
);
create index otp_sends_mobile on otp_sends (mobile, sent_at desc);
create index otp_sends_age on otp_sends (sent_at);

-- Accounts at identity providers (OpenID Connect).
create table identities (
  id uuid primary key,
  user_id uuid not null references users on delete cascade,
  -- Its name in the settings.
  provider text not null,
  issuer text not null,
  subject text not null,
  email text,
  created_at timestamptz not null default now(),
  last_used_at timestamptz not null default now(),
  unique (issuer, subject)
);
create index identities_user on identities (user_id);

create table api_keys (
  id uuid primary key,
  user_id uuid not null references users on delete cascade,
  name text not null,
  -- The first characters, to tell keys apart.
  prefix text not null,
  -- SHA-256 of the key.
  hash bytea not null unique,
  scopes text[] not null,
  created_at timestamptz not null default now(),
  last_used_at timestamptz,
  expires_at timestamptz,
  revoked_at timestamptz
);
create index api_keys_user on api_keys (user_id, created_at desc);

-- What happened at the door of an account, for its owner to read.
create table auth_history (
  id uuid primary key,
  user_id uuid not null references users on delete cascade,
  event text not null,
  -- Null: it went through.
  refused_why text,
  sign_in_id uuid,
  address text,
  user_agent text,
  created_at timestamptz not null default now()
);
create index auth_history_user on auth_history (user_id, id desc);
create index auth_history_age on auth_history (created_at);

-- What admins did. Names nobody by reference: it outlives accounts.
create table audit_log (
  id uuid primary key,
  actor_id uuid not null,
  actor_name text not null,
  action text not null,
  target_kind text not null,
  target_id text not null,
  reason text,
  detail jsonb not null default '{}',
  address text,
  created_at timestamptz not null default now()
);
create index audit_log_target on audit_log (target_kind, target_id, id desc);
create index audit_log_actor on audit_log (actor_id, id desc);
