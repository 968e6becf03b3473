-- What was counted for answers that no room holds and that are under way: so that one counts once, and what died with its
-- node can be given back. A row lives as long as its answer. No foreign key: the account may go before it.

create table charges (
  -- Of the answer.
  id uuid primary key,
  user_id uuid not null,
  -- The node that answers.
  node uuid not null,
  -- Meters, as in `turns`.
  refund text not null,
  charged_at timestamptz not null default now()
);
create index charges_node on charges (node);
