-- Who carries an uploaded file: found by the file's id when it becomes ready, fails or is deleted, in pages by message.
create index messages_file on messages ((attachment -> 'file' ->> 'id'), id) where attachment ? 'file';
create index variants_file on variants ((attachment -> 'file' ->> 'id'), message_id) where attachment ? 'file';
