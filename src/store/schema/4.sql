-- Which errors there are: the patterns of the lines that match a rule. Their lines and `other` add up to all lines that were counted.
CREATE TABLE pattern_sets (
    watch TEXT NOT NULL,
    rule TEXT NOT NULL,
    lines INTEGER NOT NULL,                 -- matching lines so far
    other INTEGER NOT NULL,                 -- how many of them belong to no pattern that is kept
    learned BLOB,                           -- JSON, compressed with zstd: what is known of messages that vary
    PRIMARY KEY (watch, rule)
) WITHOUT ROWID;

CREATE TABLE pattern_counts (
    watch TEXT NOT NULL,
    rule TEXT NOT NULL,
    pattern INTEGER NOT NULL,               -- its id, as a number of 64 bits
    lines INTEGER NOT NULL,
    first_ms INTEGER,                       -- when its earliest and its latest line were written
    last_ms INTEGER,
    text TEXT NOT NULL,
    sample TEXT NOT NULL,                   -- the line with which it began
    usage TEXT NOT NULL,                    -- JSON: how its lines are recognised
    PRIMARY KEY (watch, rule, pattern)
) WITHOUT ROWID;

-- What was counted before there were patterns.
INSERT INTO pattern_sets SELECT watch, rule, sum(matched), sum(matched), NULL FROM totals GROUP BY watch, rule;

-- Alerts may be by pattern, and say which patterns and paths make up their count.
ALTER TABLE alerts ADD COLUMN pattern INTEGER;
ALTER TABLE alerts ADD COLUMN breakdown TEXT NOT NULL DEFAULT '{}';

CREATE VIEW patterns AS
SELECT watch, rule, printf('%016x', pattern) AS pattern, lines,
    strftime('%Y-%m-%d %H:%M:%S', first_ms / 1000, 'unixepoch') AS first_seen,
    strftime('%Y-%m-%d %H:%M:%S', last_ms / 1000, 'unixepoch') AS last_seen, text, sample
FROM pattern_counts
UNION ALL
SELECT watch, rule, 'other', other, NULL, NULL, NULL, NULL FROM pattern_sets WHERE other > 0
ORDER BY 1, 2, 4 DESC;
