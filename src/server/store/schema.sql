-- Version 1. Times are seconds since 1970 in UTC; labels are class codes or OUT; what holds JSON says so. What can be deleted and
-- is named in an address, a form or the log never leaves its id to another (AUTOINCREMENT).

CREATE TABLE users (
    id           INTEGER PRIMARY KEY,
    name         TEXT    NOT NULL UNIQUE COLLATE NOCASE,
    role         TEXT    NOT NULL CHECK (role IN ('admin', 'reviewer', 'auditor')),
    password     TEXT    NOT NULL,                       -- argon2id, as a PHC string
    disabled     INTEGER NOT NULL DEFAULT 0,
    failures     INTEGER NOT NULL DEFAULT 0,             -- since the last sign-in
    locked_until INTEGER NOT NULL DEFAULT 0,
    created      INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
    token   BLOB    PRIMARY KEY,                         -- SHA-256 of what the cookie holds
    user    INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
    csrf    TEXT    NOT NULL,
    began   INTEGER NOT NULL,
    rotated INTEGER NOT NULL,                            -- when the cookie was last changed
    seen    INTEGER NOT NULL,
    expires INTEGER NOT NULL                             -- soon, once a newer cookie has been given
) STRICT;
CREATE INDEX sessions_of_user ON sessions (user);

CREATE TABLE api_keys (
    id      INTEGER PRIMARY KEY,
    user    INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
    name    TEXT    NOT NULL,
    key     BLOB    NOT NULL UNIQUE,                     -- SHA-256 of the key
    created INTEGER NOT NULL,
    revoked INTEGER
) STRICT;

-- An uploaded table and what is done with it.
CREATE TABLE jobs (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    name         TEXT    NOT NULL,                       -- of the uploaded file
    owner        TEXT    NOT NULL,
    state        TEXT    NOT NULL                        -- deleted: seen by nobody, still to be cleared away
                 CHECK (state IN ('uploaded', 'reading', 'deciding', 'done', 'failed', 'cancelled', 'deleted')),
    format       TEXT    NOT NULL,                       -- the extension by which it is read
    headings     TEXT    NOT NULL,                       -- JSON: a list
    sample       TEXT    NOT NULL,                       -- JSON: the first rows, each a list
    notes        TEXT    NOT NULL DEFAULT '[]',          -- JSON: what was assumed in reading it, in sentences
    plan         TEXT    NOT NULL,                       -- JSON: which columns are read, shares of readings
    rows         INTEGER NOT NULL,                       -- in the file
    error        TEXT,
    created      INTEGER NOT NULL,
    finished     INTEGER
) STRICT;
CREATE INDEX jobs_at_work ON jobs (id) WHERE state IN ('reading', 'deciding');

-- The uploaded file itself.
CREATE TABLE chunks (
    job    INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
    number INTEGER NOT NULL,
    bytes  BLOB    NOT NULL,
    PRIMARY KEY (job, number)
) STRICT, WITHOUT ROWID;

-- The different texts of a job, each decided once.
CREATE TABLE texts (
    id          INTEGER PRIMARY KEY,
    job         INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
    hash        BLOB    NOT NULL,                        -- SHA-256 of the text
    text        TEXT    NOT NULL,
    fingerprint INTEGER NOT NULL,                        -- near duplicates differ in few bits
    record      TEXT,                                    -- JSON; none until it is decided
    cases       TEXT,                                    -- hash of the cases that it was decided with
    UNIQUE (job, hash)
) STRICT;
CREATE INDEX texts_undecided ON texts (job, id) WHERE record IS NULL;

CREATE TABLE rows (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    job        INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
    number     INTEGER NOT NULL,                         -- in the file, as a spreadsheet counts
    cells      TEXT    NOT NULL,                         -- JSON: what a reviewer is shown beside the text
    text       INTEGER REFERENCES texts ON DELETE CASCADE, -- none in a row without text
    amount     REAL,
    -- empty: nothing to decide. failed: could not be decided. waiting: for the program. automatic: needs no person.
    -- open: for a person. second: for a second reader. disputed: for an adjudicator. settled: decided by people.
    state      TEXT    NOT NULL DEFAULT 'waiting'
               CHECK (state IN ('empty', 'failed', 'waiting', 'automatic', 'open', 'second', 'disputed', 'settled')),
    failure    TEXT,
    first      TEXT,                                     -- the program's first label
    outcome    TEXT,                                     -- the program's
    confidence REAL,
    sampled    INTEGER NOT NULL DEFAULT 0,               -- 1: automatic, but looked at all the same
    double     INTEGER NOT NULL DEFAULT 0,               -- 1: two people read it independently
    cluster    INTEGER,                                  -- the row that its near duplicates are grouped under
    rank       REAL    NOT NULL DEFAULT 0,               -- of its cluster: uncertainty × amount, the highest
    held_by    TEXT,                                     -- who is looking at it …
    held_until INTEGER NOT NULL DEFAULT 0,               -- … until when it is offered to nobody else
    final      TEXT,                                     -- what people decided: a label, or UNCLEAR
    version    INTEGER NOT NULL DEFAULT 0,               -- counts the changes of state by people
    UNIQUE (job, number)
) STRICT;
CREATE INDEX rows_of_text ON rows (text);
CREATE INDEX rows_queued ON rows (state, rank DESC, cluster, id) WHERE state IN ('open', 'second', 'disputed');
CREATE INDEX rows_queued_of_job ON rows (job, state, rank DESC, cluster, id);
CREATE INDEX rows_of_cluster ON rows (cluster) WHERE cluster IS NOT NULL;
-- What the figures are counted over, in their order, so that no row is touched for them.
CREATE INDEX rows_counted ON rows (job, state, outcome, sampled, first, final, CAST(confidence * 200 + 1e-5 AS INTEGER));

-- How many rows of a job there are by state and outcome; kept by the triggers below, so that nobody counts a million rows.
CREATE TABLE tallies (
    job     INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
    state   TEXT    NOT NULL,
    outcome TEXT    NOT NULL,                            -- empty where the program has none
    rows    INTEGER NOT NULL,
    PRIMARY KEY (job, state, outcome)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER rows_are_counted AFTER INSERT ON rows BEGIN
    INSERT INTO tallies VALUES (new.job, new.state, ifnull(new.outcome, ''), 1)
    ON CONFLICT DO UPDATE SET rows = rows + 1;
END;
CREATE TRIGGER rows_are_counted_again AFTER UPDATE OF state, outcome ON rows
WHEN new.state <> old.state OR new.outcome IS NOT old.outcome BEGIN
    UPDATE tallies SET rows = rows - 1
    WHERE job = old.job AND state = old.state AND outcome = ifnull(old.outcome, '');
    INSERT INTO tallies VALUES (new.job, new.state, ifnull(new.outcome, ''), 1)
    ON CONFLICT DO UPDATE SET rows = rows + 1;
END;
CREATE TRIGGER rows_are_counted_no_more AFTER DELETE ON rows BEGIN
    UPDATE tallies SET rows = rows - 1
    WHERE job = old.job AND state = old.state AND outcome = ifnull(old.outcome, '');
END;

-- What people decided. Nothing is changed or removed but `undone`.
CREATE TABLE decisions (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    row        INTEGER NOT NULL REFERENCES rows ON DELETE CASCADE,
    reader     TEXT    NOT NULL,                         -- the user's name
    kind       TEXT    NOT NULL CHECK (kind IN ('first', 'second', 'adjudication')),
    label      TEXT    NOT NULL,                         -- a label, or UNCLEAR
    comment    TEXT    NOT NULL DEFAULT '',
    flagged    INTEGER NOT NULL DEFAULT 0,
    proposed   TEXT,                                     -- what the program gave when it was shown …
    confidence REAL,                                     -- … and how sure it was
    bunch      INTEGER NOT NULL,                         -- decisions made by one key: the id of the first of them
    at         INTEGER NOT NULL,
    undone     INTEGER                                   -- when
) STRICT;
CREATE INDEX decisions_of_row ON decisions (row, reader);
CREATE INDEX decisions_of_reader ON decisions (reader, id);
CREATE INDEX decisions_of_bunch ON decisions (bunch);
CREATE INDEX decisions_of_day ON decisions (reader, at) WHERE undone IS NULL;
CREATE INDEX decisions_flagged ON decisions (id) WHERE flagged = 1 AND undone IS NULL;

-- Rows that a reader has put behind the others for a while.
CREATE TABLE skips (
    reader TEXT    NOT NULL,
    row    INTEGER NOT NULL REFERENCES rows ON DELETE CASCADE,
    at     INTEGER NOT NULL,
    PRIMARY KEY (reader, row)
) STRICT, WITHOUT ROWID;
CREATE INDEX skips_of_row ON skips (row);

-- Decided texts that others are compared with.
CREATE TABLE cases (
    id           INTEGER PRIMARY KEY,
    text         TEXT    NOT NULL,
    hash         BLOB    NOT NULL,                       -- SHA-256 of the text
    label        TEXT    NOT NULL,
    passages     TEXT    NOT NULL,                       -- JSON: [[text, embedding]]
    model        TEXT    NOT NULL,                       -- hash of the model of the embeddings
    decision     INTEGER REFERENCES decisions ON DELETE SET NULL,
    comment      TEXT    NOT NULL DEFAULT '',
    added_by     TEXT    NOT NULL,
    added        INTEGER NOT NULL,
    compared     INTEGER NOT NULL DEFAULT 0,             -- 1: contradictions with those before it have been looked for
    withdrawn_by TEXT,
    withdrawn    INTEGER,
    replaced_by  INTEGER REFERENCES cases ON DELETE SET NULL -- the case with another label that it was withdrawn for
) STRICT;
CREATE UNIQUE INDEX cases_active ON cases (hash) WHERE withdrawn IS NULL;
CREATE INDEX cases_of_text ON cases (hash);
CREATE INDEX cases_of_decision ON cases (decision);
CREATE INDEX cases_replaced ON cases (replaced_by) WHERE replaced_by IS NOT NULL;

-- Cases that are as good as the same and have different labels.
CREATE TABLE contradictions (
    one        INTEGER NOT NULL REFERENCES cases ON DELETE CASCADE,
    other      INTEGER NOT NULL REFERENCES cases ON DELETE CASCADE, -- the older
    similarity REAL    NOT NULL,
    PRIMARY KEY (one, other)
) STRICT, WITHOUT ROWID;
CREATE INDEX contradictions_of_other ON contradictions (other);

-- Who did what when: each entry holds the hash of the one before it.
CREATE TABLE audit (
    id       INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    actor    TEXT    NOT NULL,
    action   TEXT    NOT NULL,
    subject  TEXT    NOT NULL,
    detail   TEXT    NOT NULL,                           -- JSON
    previous BLOB    NOT NULL,
    hash     BLOB    NOT NULL
) STRICT;
CREATE INDEX audit_of_actor ON audit (actor, id);
CREATE INDEX audit_of_action ON audit (action, id);
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_is_not_cut BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
