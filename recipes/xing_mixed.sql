-- Warm and cold items in one catalogue. The test's day has a tenth of the warm pairs, drawn by a hash, and all
-- pairs of the cold items; the validation day has a tenth of the other warm pairs, and all of a tenth of the
-- warm items, which nobody can have met before. The rest lies on nine days before, by lot.

CREATE TABLE events AS
WITH pairs AS (
    SELECT "user" AS user_id, item AS item_id, false AS cold FROM 'warm.parquet'
    UNION ALL
    SELECT "user", item, true FROM 'cold.parquet'
),
drawn AS (
    SELECT *, md5_number_lower(user_id || ' ' || item_id) AS lot, md5_number_lower(item_id::VARCHAR) AS item_lot
    FROM pairs
)
SELECT
    user_id,
    item_id,
    TIMESTAMPTZ '2020-01-01 00:00:00Z'
        + to_days((CASE
            WHEN cold OR lot % 10 = 0 THEN 10
            WHEN item_lot % 10 = 0 OR lot // 10 % 10 = 0 THEN 9
            ELSE lot // 100 % 9
        END)::INTEGER)
        + to_seconds((lot // 900 % 86400)::INTEGER) AS time
FROM drawn
ORDER BY time, user_id, item_id;

-- Items stay; those that are cold on a day appear with it.
CREATE TABLE items AS
WITH described AS (
    SELECT
        item AS item_id,
        max(feature) FILTER (feature BETWEEN 726 AND 730) AS group_726,
        max(feature) FILTER (feature BETWEEN 731 AND 750) AS group_731,
        max(feature) FILTER (feature BETWEEN 751 AND 773) AS group_751,
        max(feature) FILTER (feature BETWEEN 774 AND 776) AS group_774,
        max(feature) FILTER (feature BETWEEN 777 AND 793) AS group_777,
        max(value) FILTER (feature = 794) AS latitude,
        max(value) FILTER (feature = 795) AS longitude,
        max(feature) FILTER (feature BETWEEN 796 AND 799) AS group_796,
        list(feature ORDER BY feature) FILTER (feature < 726) AS words_0,
        list(feature ORDER BY feature) FILTER (feature > 799) AS words_800
    FROM 'item_features.parquet'
    GROUP BY item
),
lives AS (
    SELECT item_id, min(time)::DATE AS first_day FROM events GROUP BY item_id
)
SELECT
    described.*,
    CASE WHEN first_day >= DATE '2020-01-10' THEN first_day::TIMESTAMP END AS valid_from
FROM described
JOIN lives USING (item_id)
ORDER BY item_id;

CREATE TABLE users AS
SELECT "user" AS user_id, list(feature ORDER BY feature) AS facts
FROM 'user_features.parquet'
GROUP BY "user"
ORDER BY user_id;
