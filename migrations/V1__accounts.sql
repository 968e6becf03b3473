-- Who is here: accounts and their sign-ins.

create table installation (
  -- One row. Changes only when a backup is restored: clients then throw away what they hold.
  only_row boolean primary key default true check (only_row),
  epoch uuid not null default gen_random_uuid(),
  created_at timestamptz not null default now()
);
insert into installation default values;

create table users (
  id uuid primary key,
  email text,
  -- Lower case, for uniqueness; the form as typed stays in `email`.
  email_key text unique,
  username text not null,
  username_key text not null unique,
  display_name text not null,
  role text not null default 'user' check (role in ('user', 'admin')),
  plan text not null,
  time_zone text not null default 'UTC',
  -- PHC string (argon2id, or bcrypt of an older system); null where the account has no password.
  password_hash text,
  -- Made by `greenroom seed`, so that `seed --clean` takes away just these.
  seeded boolean not null default false,
  blocked_at timestamptz,
  deactivated_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

-- One sign-in on one device: a family of refresh tokens of which only the newest is good.
create table sign_ins (
  id uuid primary key,
  user_id uuid not null references users on delete cascade,
  user_agent text,
  address text,
  created_at timestamptz not null default now(),
  last_used_at timestamptz not null default now(),
  ended_at timestamptz,
  ended_why text
);
create index sign_ins_user on sign_ins (user_id, created_at desc);

create table refresh_tokens (
  -- SHA-256 of the token: the token itself is known to its holder alone.
  hash bytea primary key,
  sign_in_id uuid not null references sign_ins on delete cascade,
  expires_at timestamptz not null,
  -- When it was exchanged; a second use is forgiven within the grace period only.
  used_at timestamptz,
  created_at timestamptz not null default now()
);
create index refresh_tokens_sign_in on refresh_tokens (sign_in_id);
create index refresh_tokens_expiry on refresh_tokens (expires_at);
