-- Letters that were not sent: what development keeps where neither mail nor SMS is set up. The newest 1000 stay.

create table outbox (
  -- Of the job: the same job twice is one letter.
  id uuid primary key,
  -- In which they came; what is old goes by it.
  number bigint generated always as identity unique,
  channel text not null check (channel in ('mail', 'sms')),
  recipient text not null,
  -- Of mail alone, as is the HTML.
  subject text,
  body_text text not null,
  body_html text,
  created_at timestamptz not null default now()
);
