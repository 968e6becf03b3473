-- What a character is made of beside its first texts: how it speaks, what it keeps from, what it knows by heart.

alter table characters
  add column alternate_greetings text[] not null default '{}',
  add column tone text not null default '',
  -- Dials, each 0 to 1; a half changes nothing in the prompt.
  add column formality real not null default 0.5 check (formality between 0 and 1),
  add column humor real not null default 0.5 check (humor between 0 and 1),
  add column empathy real not null default 0.5 check (empathy between 0 and 1),
  add column creativity real not null default 0.5 check (creativity between 0 and 1),
  add column confidence real not null default 0.5 check (confidence between 0 and 1),
  add column emoji real not null default 0.5 check (emoji between 0 and 1),
  add column restricted_topics text[] not null default '{}',
  -- Instructions that stand after the history, nearest to the reply.
  add column post_history text,
  -- See `characters::lorebook`.
  add column lorebook jsonb not null default '{"entries": []}',
  add column voice text,
  add column premium boolean not null default false,
  -- What an imported card held that has no column: given back at export as it was.
  add column card jsonb;
