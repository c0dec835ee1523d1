-- How far the journal was read for a watch.
CREATE TABLE journals (
    watch TEXT PRIMARY KEY,
    state TEXT NOT NULL                     -- JSON: which sequence numbers were read, and which entries may come twice
) WITHOUT ROWID;

CREATE TABLE journal_files (
    watch TEXT NOT NULL,
    file_id TEXT NOT NULL,                  -- stands in the header of the file, and in its name once it is archived
    entries INTEGER NOT NULL,               -- how many were read
    array INTEGER NOT NULL,                 -- offset of the array that lists the next entry, and its place in it
    place INTEGER NOT NULL,
    seqnum INTEGER NOT NULL,                -- of the last entry that was read
    xor_hash INTEGER NOT NULL,
    PRIMARY KEY (watch, file_id)
) WITHOUT ROWID;
