-- The first schema of Ebb's store. Never changed once released: a later version adds 002.sql.
--
-- Numbers of 64 bits without a sign (sizes, inodes, attempts) are kept as the signed number of the
-- same bits. What belongs together is null together; states, failures and the like are kept by
-- name, so that a person can read the table and no number changes its meaning.

-- Which boot of the machine the last life of the service was in: moments are counted from its start.
CREATE TABLE life (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    boot TEXT NOT NULL
) STRICT;

CREATE TABLE job (
    -- Grows with every job: the order of creation.
    seq                 INTEGER PRIMARY KEY,
    id                  BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
    owner_uid           INTEGER NOT NULL,
    owner_gid           INTEGER NOT NULL,
    owner_groups        TEXT    NOT NULL,
    owner_session       TEXT,
    owner_label         BLOB,
    owner_boot          TEXT    NOT NULL,
    owner_captured      INTEGER NOT NULL,
    -- Null together when there is no helper token.
    helper_uid          INTEGER,
    helper_gid          INTEGER,
    helper_groups       TEXT,
    helper_session      TEXT,
    helper_label        BLOB,
    helper_boot         TEXT,
    helper_captured     INTEGER,
    helper_flags        INTEGER NOT NULL,
    name                TEXT    NOT NULL,
    description         TEXT    NOT NULL,
    priority            TEXT    NOT NULL,
    retry_delay         INTEGER NOT NULL,
    no_progress_timeout INTEGER NOT NULL,
    maximum_download_time INTEGER NOT NULL,
    auto_complete       INTEGER NOT NULL,
    notify_flags        INTEGER NOT NULL,
    -- The words of a command, a zero byte after each; null without one.
    notify_command      BLOB,
    -- Milliseconds.
    notification_interval INTEGER NOT NULL,
    proxy_usage         TEXT    NOT NULL,
    proxy_list          TEXT    NOT NULL,
    proxy_bypass        TEXT    NOT NULL,
    -- Null: what the policy says.
    cost_flags          INTEGER,
    dynamic_content     INTEGER NOT NULL,
    high_performance    INTEGER NOT NULL,
    -- -1, which is 2^64-1: no limit.
    maximum_download_size INTEGER NOT NULL,
    bandwidth_limit     INTEGER NOT NULL,
    on_demand           INTEGER NOT NULL,
    stored_proxy_credentials INTEGER NOT NULL,
    http_method         TEXT    NOT NULL,
    security_flags      INTEGER NOT NULL,
    -- Null: as the file agent makes it.
    file_mode           INTEGER,
    file_group          INTEGER,
    -- Whether nobody may read its header fields back; they themselves are in `sealed`.
    headers_write_only  INTEGER NOT NULL,
    -- Whether a program of the owner's has to judge servers' certificates; which one is not kept.
    validated           INTEGER NOT NULL,
    -- Whether it was ever resumed.
    resumed             INTEGER NOT NULL,
    state               TEXT    NOT NULL,
    attempt             INTEGER,
    -- When it is tried again, or since when it is blocked.
    state_moment        INTEGER,
    -- Null when there is no error; the number is the HTTP status or the errno, if it has one.
    error               TEXT,
    error_number        INTEGER,
    error_file          INTEGER,
    error_detail        TEXT,
    error_retry_after   INTEGER,
    error_count         INTEGER NOT NULL,
    created             INTEGER NOT NULL,
    modified            INTEGER NOT NULL,
    active              INTEGER NOT NULL,
    transferred         INTEGER,
    attempts            INTEGER NOT NULL,
    patience_tries      INTEGER NOT NULL,
    patience_stays      INTEGER NOT NULL,
    patience_since      INTEGER,
    -- Milliseconds it has run, and since when more are counted.
    running_used        INTEGER NOT NULL,
    running_since       INTEGER,
    -- Whether the command is owed; then how often it was tried, and from when on it may be again.
    calling             TEXT    NOT NULL,
    calling_tries       INTEGER,
    calling_at          INTEGER
) STRICT;

CREATE TABLE file (
    job                  INTEGER NOT NULL REFERENCES job (seq) ON DELETE CASCADE,
    idx                  INTEGER NOT NULL,
    url                  TEXT    NOT NULL,
    dir                  BLOB    NOT NULL,
    name                 BLOB    NOT NULL,
    dir_dev              INTEGER NOT NULL,
    dir_ino              INTEGER NOT NULL,
    replace_existing     INTEGER NOT NULL,
    -- Null for all of it; else offset:length,offset:eof in the order of the output.
    ranges               TEXT,
    -- Whether the server gives no parts of it.
    in_order             INTEGER NOT NULL,
    -- Null together for a file that comes from its beginning to its end; else the ranges that are
    -- there and those that were requested, in that order, and where somebody reads.
    filled               TEXT,
    requested            TEXT,
    position             INTEGER,
    -- What it has to hash to: sha-256= or sha-512= and hexadecimal digits.
    digest               TEXT,
    -- Null together when there is no temporary file.
    temp_name            BLOB,
    temp_dev             INTEGER,
    temp_ino             INTEGER,
    temp_made_by         INTEGER,
    -- Whether it has the final name already, or is about to get it.
    in_place             INTEGER NOT NULL,
    -- In the same way: the one that is about to take its place, or whose place it took.
    spare_name           BLOB,
    spare_dev            INTEGER,
    spare_ino            INTEGER,
    spare_made_by        INTEGER,
    durable              INTEGER NOT NULL,
    -- How far it has been: what is beyond is progress.
    furthest             INTEGER NOT NULL,
    -- Null together; else hashes under way, and of how many bytes.
    hashed_at            INTEGER,
    hashed               BLOB,
    etag                 BLOB,
    last_modified        BLOB,
    last_modified_strong INTEGER NOT NULL,
    total                INTEGER,
    -- The server's digest, written as the other one.
    repr_digest          TEXT,
    progress             TEXT    NOT NULL,
    final_url            TEXT,
    http_status          INTEGER,
    modified             INTEGER,
    told_size            INTEGER,
    valid                INTEGER NOT NULL,
    -- The fields of the last answer: a name, a colon and a value each line; null without any.
    headers              TEXT,
    PRIMARY KEY (job, idx)
) STRICT, WITHOUT ROWID;

-- What an owner entrusted to a job, by kind (`headers`, or target and scheme of credentials); only the vault of the service can open it.
CREATE TABLE sealed (
    job   INTEGER NOT NULL REFERENCES job (seq) ON DELETE CASCADE,
    kind  TEXT    NOT NULL,
    nonce BLOB    NOT NULL CHECK (length(nonce) = 12),
    bytes BLOB    NOT NULL,
    PRIMARY KEY (job, kind)
) STRICT, WITHOUT ROWID;

-- By whom servers' certificates may be signed, where a job has a say in that: PEM as it was given, and
-- whether the machine's own authorities do not count.
CREATE TABLE authorities (
    job   INTEGER PRIMARY KEY REFERENCES job (seq) ON DELETE CASCADE,
    pem   BLOB    NOT NULL,
    alone INTEGER NOT NULL
) STRICT;

-- What happened to jobs, in the order it happened; see core's `event`. No number is used twice.
CREATE TABLE event (
    number       INTEGER PRIMARY KEY,
    job          BLOB    NOT NULL CHECK (length(job) = 16),
    at           INTEGER NOT NULL,
    acknowledged INTEGER NOT NULL,
    kind         TEXT    NOT NULL,
    -- Which of these are there follows from the kind.
    state        TEXT,
    previous     TEXT,
    file         INTEGER,
    files        INTEGER,
    next_attempt INTEGER,
    -- As in a job.
    error        TEXT,
    error_number INTEGER,
    error_file   INTEGER,
    error_detail TEXT,
    error_retry_after INTEGER
) STRICT;

-- What is remembered of a job: who did what, and what became of it; see core's `history`. Numbers count
-- from 1, in each job for itself.
CREATE TABLE history (
    job    INTEGER NOT NULL REFERENCES job (seq) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    -- Null: the service by itself.
    uid    INTEGER,
    deed   TEXT    NOT NULL,
    detail TEXT    NOT NULL,
    -- Where the job stands since then; null if it stood there before.
    state  TEXT,
    PRIMARY KEY (job, number)
) STRICT, WITHOUT ROWID;

-- In which network the paths were seen.
CREATE TABLE network (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    name TEXT NOT NULL
) STRICT;

-- What is remembered of paths to others; see core's `paths`.
CREATE TABLE path (
    owner   INTEGER NOT NULL,
    -- The first 24 or 48 bits of an address.
    peer    BLOB    NOT NULL CHECK (length(peer) IN (3, 6)),
    -- The lowest round trip in microseconds, and when it was told.
    base    INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    -- The highest rate in bytes a second, or 0, and when it was nearly reached.
    rate    INTEGER NOT NULL,
    rate_at INTEGER NOT NULL,
    PRIMARY KEY (owner, peer)
) STRICT, WITHOUT ROWID;

-- Up to which number events about jobs of a user were dropped: from here on nothing is missing.
CREATE TABLE missing (
    owner INTEGER PRIMARY KEY,
    up_to INTEGER NOT NULL
) STRICT;
