-- Alerts that an output is still to be told of.
CREATE TABLE pending (
    output TEXT NOT NULL,                   -- name of the output
    outbox_id INTEGER NOT NULL,
    PRIMARY KEY (output, outbox_id)
) WITHOUT ROWID;
CREATE INDEX pending_by_id ON pending (outbox_id);
CREATE INDEX outbox_by_fingerprint ON outbox (fingerprint, id);

-- What waits to be delivered, and where to.
CREATE VIEW undelivered AS
SELECT p.output, strftime('%Y-%m-%d %H:%M:%S', o.at_ms / 1000, 'unixepoch') AS at, o.alert, o.watch, o.path, o.state, o.severity
FROM pending p JOIN outbox o ON o.id = p.outbox_id
ORDER BY p.output, o.id;
