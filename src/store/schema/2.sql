-- A bit for each rule with a record_start that has counted a line of the record at `offset`.
ALTER TABLE places ADD COLUMN counted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE marks ADD COLUMN counted INTEGER NOT NULL DEFAULT 0;

-- An alert follows more than the counts of a window now: all that it knows stands in `alarm`.
DROP VIEW alerts_now;
CREATE TABLE alerts_2 (
    alert TEXT NOT NULL,
    watch TEXT NOT NULL,
    path BLOB,                              -- NULL for an alert over a whole watch
    state TEXT NOT NULL,                    -- inactive, pending, firing or cooling_down, at committed_ms
    since_ms INTEGER,                       -- since when it is pending or firing
    count INTEGER NOT NULL,                 -- matching lines within its window
    committed_ms INTEGER NOT NULL,
    alarm TEXT NOT NULL,                    -- JSON: counts, what is usual, and where it stands in its life
    samples TEXT NOT NULL                   -- JSON: the newest matching lines, oldest first
);
INSERT INTO alerts_2
SELECT alert, watch, path, state,
    coalesce(json_extract(lifecycle, '$.phase.firing.since'), json_extract(lifecycle, '$.phase.pending.since')),
    json_extract(series, '$.sum'), committed_ms,
    json_object('gauge', json_object('window', json(series)), 'lifecycle', json(lifecycle), 'judged_ms', committed_ms),
    samples
FROM alerts WHERE json_valid(series) AND json_valid(lifecycle);
DROP TABLE alerts;
ALTER TABLE alerts_2 RENAME TO alerts;
CREATE INDEX alerts_by_name ON alerts (alert, watch, path);

CREATE VIEW alerts_now AS
SELECT alert, watch, path, state, count, strftime('%Y-%m-%d %H:%M:%S', since_ms / 1000, 'unixepoch') AS since,
    json_extract(samples, '$[#-1]') AS newest_sample
FROM alerts
ORDER BY alert, watch, path;
