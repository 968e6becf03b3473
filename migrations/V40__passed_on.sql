-- Voices that messages pass on are looked at every day: what stayed since the last such message went is found in the coming one.
update media_objects set check_at = now() + random() * interval '1 day' where file_id is null and check_at is null;
