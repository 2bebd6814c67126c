-- Pairs of (user, item), `train` and `test`, become a log of days: nine to learn from, one to validate on, the
-- test's. A pair has no time, so a hash draws its day. It is MD5, for DuckDB's own may be another in its next
-- version.

CREATE TABLE pairs AS
SELECT "user", item, md5_number_lower("user" || ' ' || item) AS drawn, false AS test FROM 'train.parquet'
UNION ALL
SELECT "user", item, md5_number_lower("user" || ' ' || item), true FROM 'test.parquet';

CREATE TABLE events AS
SELECT
    "user" AS user_id,
    item AS item_id,
    TIMESTAMPTZ '2020-01-01 00:00:00Z'
        + to_days(CASE WHEN test THEN 10 ELSE (drawn % 10)::INTEGER END)
        + to_seconds((drawn // 10 % 86400)::INTEGER) AS time
FROM pairs
ORDER BY time, user_id, item_id;

-- All that is known of an item is its id. The one kind that all are of is what negatives are drawn within.
CREATE TABLE items AS SELECT DISTINCT item AS item_id, 'item' AS kind FROM pairs ORDER BY item_id;
