-- What admins look at: money by day, and what a comparison with Stripe found.
create index payments_paid on payments (paid_at) where status = 'succeeded';

create table reconciliations (
  id uuid primary key,
  started_at timestamptz not null default now(),
  -- Null while it runs, and of one that never came to its end.
  finished_at timestamptz,
  -- See `Report`.
  report jsonb
);
create index reconciliations_finished on reconciliations (finished_at desc) where finished_at is not null;
