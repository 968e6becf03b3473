-- Characters: what the public sees, and the prompt parts that it never does.

create table characters (
  id uuid primary key,
  slug text not null unique,
  name text not null,
  tagline text not null,
  description text not null,
  category text not null,
  tags text[] not null default '{}',
  avatar_url text,
  color text not null,
  greeting text not null,
  personality text not null,
  scenario text not null default '',
  traits text[] not null default '{}',
  -- [{"from": "user" | "character", "text": "…"}]
  examples jsonb not null default '[]',
  knowledge text[] not null default '{}',
  system_prompt text,
  talkativeness real not null default 0.5 check (talkativeness between 0 and 1),
  provider text,
  model text,
  temperature real not null default 0.8 check (temperature between 0 and 2),
  max_tokens int not null default 600 check (max_tokens between 1 and 32000),
  context_tokens int not null default 8000 check (context_tokens between 500 and 2000000),
  version bigint not null default 1,
  seeded boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz
);
create index characters_listed on characters (name, id) where deleted_at is null;
