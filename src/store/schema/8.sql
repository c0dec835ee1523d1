-- The beginnings of long lines of a container, by stream, whose ends are still to come. NULL mostly.
ALTER TABLE files ADD COLUMN stdout_begun BLOB;
ALTER TABLE files ADD COLUMN stderr_begun BLOB;
