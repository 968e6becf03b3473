-- What the feed tells of avatars: when one was last opened to others, or to more of them; null while it is its owner's alone.
alter table characters add column shared_at timestamptz;
update characters set shared_at = updated_at where owner_id is not null and visibility <> 'private';

-- What came to nothing goes after a while.
create index content_over on content (ended_at) where state in ('failed', 'canceled');
create index characters_unmade on characters (created_at) where owner_id is not null and state <> 'ready';
-- Who refers to a file that is over.
create index character_gallery_file on character_gallery (media_id) where media_id is not null;
create index content_source on content (source_file) where source_file is not null;
