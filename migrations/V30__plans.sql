-- How often admins had the settings read anew: a node that did not hear of one sees by it that it has to.
create table config_reloads (
  one boolean primary key default true check (one),
  revision bigint not null,
  at timestamptz not null default now()
);
insert into config_reloads (revision) values (0);
