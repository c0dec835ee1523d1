-- Alerts that nobody is to be told of for a while, those that are over included.
CREATE TABLE silences (
    id INTEGER PRIMARY KEY,
    alert TEXT NOT NULL,                    -- a name or a glob
    path TEXT,                              -- of alerts by path, only those that this glob matches
    pattern TEXT,                           -- of alerts by pattern, only this one
    since_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    reason TEXT NOT NULL
);
