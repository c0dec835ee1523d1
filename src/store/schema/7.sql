-- The rate of each rule in a watch, a minute, and what was usual then: the sum over all paths, which `counts_per_minute` has one by one.
CREATE TABLE rates_per_minute (
    minute INTEGER NOT NULL,                -- minutes since the epoch
    watch TEXT NOT NULL,
    rule TEXT NOT NULL,
    matched INTEGER NOT NULL,
    lo REAL,                                -- the usual counts were between lo and hi; NULL if that was not known
    hi REAL,
    PRIMARY KEY (minute, watch, rule)
) WITHOUT ROWID;
INSERT INTO rates_per_minute
SELECT minute, watch, rule, sum(matched), NULL, NULL FROM counts_per_minute GROUP BY minute, watch, rule;
