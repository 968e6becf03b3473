-- The feed goes by time.
create index content_ended on content (user_id, ended_at desc, id desc) where state in ('done', 'failed');
-- What ended badly, or was deleted, goes after a while.
create index media_files_ended on media_files (coalesce(deleted_at, created_at)) where state in ('failed', 'deleted');
