-- Who else speaks for a character when its own back end fails: `provider` or `provider/model`, in order.
alter table characters add column fallbacks text[] not null default '{}';

-- What admins switched at providers of AI, over the settings; a provider without a row is as the settings say.
create table provider_switches (
  name text primary key,
  enabled boolean not null default true,
  -- Replies under way end, new ones go elsewhere.
  draining boolean not null default false,
  changed_at timestamptz not null default now(),
  changed_by uuid
);
