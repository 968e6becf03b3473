-- What ended lately: looked for by nodes that did not hear of it, and by the sweep.
create index sign_ins_ended on sign_ins (ended_at) where ended_at is not null;
create index users_blocked on users (blocked_at) where blocked_at is not null;
