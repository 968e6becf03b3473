-- When a user's last socket was last seen. A table of its own: it changes every minute, and accounts do not.
create table last_seen (
  user_id uuid primary key references users on delete cascade,
  seen_at timestamptz not null
) with (fillfactor = 70);
