-- Version 1. Times are seconds since 1970 in UTC; labels are class codes or OUT; what holds JSON says so.

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
    id           INTEGER PRIMARY KEY,
    name         TEXT    NOT NULL,                       -- of the uploaded file
    owner        TEXT    NOT NULL,
    state        TEXT    NOT NULL CHECK (state IN ('uploaded', 'reading', 'deciding', 'done', 'failed', 'cancelled')),
    format       TEXT    NOT NULL,
    headings     TEXT    NOT NULL,                       -- JSON: a list
    plan         TEXT    NOT NULL,                       -- JSON: which columns are read, shares of readings
    rows         INTEGER NOT NULL,
    decided      INTEGER NOT NULL DEFAULT 0,             -- rows that the program is done with
    error        TEXT,
    created      INTEGER NOT NULL,
    finished     INTEGER
) STRICT;

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
    id         INTEGER PRIMARY KEY,
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

-- What people decided. Nothing is changed or removed but `undone`.
CREATE TABLE decisions (
    id         INTEGER PRIMARY KEY,
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
CREATE INDEX decisions_of_row ON decisions (row);
CREATE INDEX decisions_of_reader ON decisions (reader, id);
CREATE INDEX decisions_of_bunch ON decisions (bunch);

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
    withdrawn_by TEXT,
    withdrawn    INTEGER
) STRICT;
CREATE INDEX cases_of_text ON cases (hash);
CREATE INDEX cases_of_decision ON cases (decision);

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
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_is_not_cut BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
