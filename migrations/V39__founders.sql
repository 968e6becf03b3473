-- Who began a conversation, where it was handed over since: what happened to a person does not change with what becomes of the room.
alter table rooms
  add column founder_id uuid references users on delete set null,
  add column handed_over_at timestamptz;
create index rooms_founder on rooms (founder_id, created_at desc, id desc) where founder_id is not null;
