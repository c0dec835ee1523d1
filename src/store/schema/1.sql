-- What spiketail remembers. Read it with `sqlite3 state.db`; begin with `SELECT * FROM overview`.
--
-- Columns that end in _ms and _ns count milliseconds and nanoseconds since 1970-01-01 UTC; the views show times.
-- A path is TEXT where it is UTF-8 and a BLOB where it is not. Numbers of 64 bits without a sign (hashes, devices)
-- appear as negative ones from 2^63 on. No STRICT tables and no generated columns: sqlite3 of old distributions shall
-- be able to open the file.

CREATE TABLE watches (
    watch TEXT NOT NULL,
    paths TEXT NOT NULL,                    -- what it watches, one a line
    since_ns INTEGER NOT NULL,
    PRIMARY KEY (watch, paths)
) WITHOUT ROWID;

CREATE TABLE files (
    watch TEXT NOT NULL,
    path BLOB NOT NULL,
    generation INTEGER NOT NULL,            -- how many files have stood at the path
    since_ns INTEGER NOT NULL,              -- when its reading began
    bytes_read INTEGER NOT NULL,
    bytes_missed INTEGER NOT NULL,          -- bytes that were gone before they could be judged
    committed_ms INTEGER NOT NULL,
    unwatched_since_ms INTEGER,             -- NULL while it is watched
    PRIMARY KEY (watch, path)
) WITHOUT ROWID;

-- The files that stand or stood at a path, and how far each was read.
CREATE TABLE places (
    watch TEXT NOT NULL,
    path BLOB NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('current', 'former', 'last', 'ended')),
    position INTEGER NOT NULL,              -- of former ones, 0 is the oldest
    dev INTEGER NOT NULL,
    ino INTEGER NOT NULL,
    born_ns INTEGER NOT NULL,
    offset INTEGER NOT NULL,                -- all before it is counted
    searched INTEGER NOT NULL,              -- no line ends between offset and here
    inside_long_line INTEGER NOT NULL,
    head_bytes INTEGER NOT NULL,
    head_hash INTEGER NOT NULL,             -- XXH3-64 of the first head_bytes bytes
    anchor BLOB NOT NULL,                   -- the up to 64 bytes before offset
    size_bytes INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL,
    changed_ns INTEGER NOT NULL,
    is_settled INTEGER NOT NULL,
    PRIMARY KEY (watch, path, role, position)
) WITHOUT ROWID;

CREATE TABLE totals (
    watch TEXT NOT NULL,
    path BLOB NOT NULL,
    rule TEXT NOT NULL,
    matched INTEGER NOT NULL,               -- matching lines so far
    reported INTEGER NOT NULL,              -- how many of them were told of in an event
    PRIMARY KEY (watch, path, rule)
) WITHOUT ROWID;

-- Files that nobody reads any longer, and how far they were read. The greatest `age` is the newest.
CREATE TABLE marks (
    age INTEGER PRIMARY KEY,
    watch TEXT NOT NULL,
    dev INTEGER NOT NULL,
    ino INTEGER NOT NULL,
    born_ns INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    searched INTEGER NOT NULL,
    inside_long_line INTEGER NOT NULL,
    head_bytes INTEGER NOT NULL,
    head_hash INTEGER NOT NULL,
    anchor BLOB NOT NULL,
    UNIQUE (watch, dev, ino, born_ns)
);

CREATE TABLE alerts (
    alert TEXT NOT NULL,
    watch TEXT NOT NULL,
    path BLOB,                              -- NULL for an alert over a whole watch
    state TEXT NOT NULL,                    -- inactive, pending, firing or cooling_down, at committed_ms
    committed_ms INTEGER NOT NULL,
    series TEXT NOT NULL,                   -- JSON: counts within the window
    lifecycle TEXT NOT NULL,                -- JSON
    samples TEXT NOT NULL                   -- JSON: the newest matching lines, oldest first
);
CREATE INDEX alerts_by_name ON alerts (alert, watch, path);

-- By minute first, so that what is added and what is pruned each lie together.
CREATE TABLE counts_per_minute (
    minute INTEGER NOT NULL,                -- minutes since the epoch
    watch TEXT NOT NULL,
    path BLOB NOT NULL,
    rule TEXT NOT NULL,
    matched INTEGER NOT NULL,
    PRIMARY KEY (minute, watch, path, rule)
) WITHOUT ROWID;

-- Alerts that fired or resolved, in order. An id is never given twice, so that a reader can remember how far it got.
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms INTEGER NOT NULL,
    alert TEXT NOT NULL,
    watch TEXT NOT NULL,
    path BLOB,
    rule TEXT NOT NULL,
    state TEXT NOT NULL,                    -- firing or resolved
    severity TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    count INTEGER NOT NULL,                 -- matching lines within the window
    payload TEXT NOT NULL,                  -- JSON: the alert event
    delivered_ms INTEGER,                   -- NULL until it is delivered
    UNIQUE (fingerprint, at_ms, state)      -- a batch may come twice
);

CREATE VIEW overview AS
SELECT f.watch, f.path, t.rule, t.matched, p.offset, p.size_bytes AS size, f.bytes_missed AS missed, f.generation,
    strftime('%Y-%m-%d %H:%M:%S', f.committed_ms / 1000, 'unixepoch') AS committed
FROM files f
LEFT JOIN totals t ON t.watch = f.watch AND t.path = f.path
LEFT JOIN places p ON p.watch = f.watch AND p.path = f.path AND p.role = 'current'
ORDER BY f.watch, f.path, t.rule;

CREATE VIEW counts_by_minute AS
SELECT strftime('%Y-%m-%d %H:%M', minute * 60, 'unixepoch') AS minute, watch, path, rule, matched
FROM counts_per_minute AS c
ORDER BY c.minute, watch, path, rule;

CREATE VIEW alerts_now AS
SELECT alert, watch, path, state, json_extract(series, '$.sum') AS count,
    strftime('%Y-%m-%d %H:%M:%S', coalesce(json_extract(lifecycle, '$.phase.firing.since'),
        json_extract(lifecycle, '$.phase.pending.since')) / 1000, 'unixepoch') AS since,
    json_extract(samples, '$[#-1]') AS newest_sample
FROM alerts
ORDER BY alert, watch, path;

CREATE VIEW alert_history AS
SELECT strftime('%Y-%m-%d %H:%M:%S', at_ms / 1000, 'unixepoch') AS at, alert, watch, path, rule, state, severity, count
FROM outbox
ORDER BY id;
