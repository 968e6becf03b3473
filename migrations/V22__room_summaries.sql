-- What a character keeps, in short, of turns that its prompts have no room for. Made by a model in the background; the journal
-- drops those that cover a message whose words change, in the transaction that changes it.

-- No foreign keys, as in the log.
create table room_summaries (
  room_id uuid not null,
  character_id uuid not null,
  -- Of the messages above this revision: the character was there.
  since bigint not null,
  -- And up to this one.
  up_to bigint not null,
  -- The room's head when they were read.
  made_from bigint not null,
  text text not null,
  -- Tokens of the text.
  tokens int not null,
  provider text not null,
  model text not null,
  made_at timestamptz not null default now(),
  primary key (room_id, character_id)
);

-- Models work behind replies too, in jobs that outlive a server.
alter table jobs drop constraint jobs_queue_check,
  add constraint jobs_queue_check
    check (queue in ('ai-responses', 'media-processing', 'analytics', 'emails', 'maintenance'));
