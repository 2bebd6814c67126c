-- Leave-last-out: of each user the last item is the test's day, the one before it the validation's, the others
-- lie in their order on nine days before. How many days passed between two of them is not known.

CREATE TABLE events AS
WITH placed AS (
    SELECT
        "user" AS user_id,
        item AS item_id,
        row_number() OVER (PARTITION BY "user" ORDER BY position) - 1 AS place,
        count(*) OVER (PARTITION BY "user") AS length
    FROM 'sequences.parquet'
)
SELECT
    user_id,
    item_id,
    TIMESTAMPTZ '2020-01-01 00:00:00Z'
        + to_days((CASE
            WHEN place = length - 1 THEN 10
            WHEN place = length - 2 THEN 9
            ELSE place * 9 // (length - 2)
        END)::INTEGER)
        + to_seconds(place::INTEGER) AS time
FROM placed
ORDER BY time, user_id, item_id;

CREATE TABLE items AS
SELECT item_id, attributes, 'product' AS kind
FROM (SELECT DISTINCT item_id FROM events)
LEFT JOIN (SELECT item AS item_id, attributes FROM 'item_attributes.parquet') USING (item_id)
ORDER BY item_id;
