-- One row for each price that an ad ever had. Run by DuckDB in the folder of the two tables:
--
--     duckdb < vehicles.sql        or: python -c "import duckdb; duckdb.sql(open('vehicles.sql').read())"
--
-- and in vehicles.toml, under [marketplace.items]: table = "versions.parquet", valid_from = "valid_from".
-- A view of PostgreSQL or SQLite does the same without a file: name it as `table`, beside `database`.

COPY (
    WITH ads AS (
        -- an ad that was found under two models has two rows: the first counts, as long as either was seen
        SELECT * REPLACE (
            min(first_seen::TIMESTAMP) OVER listing AS first_seen,
            max(last_seen::TIMESTAMP) OVER listing AS last_seen
        )
        FROM 'lu_ads.parquet'
        WINDOW listing AS (PARTITION BY listing_id)
        QUALIFY row_number() OVER (PARTITION BY listing_id ORDER BY first_seen::TIMESTAMP, model) = 1
    ),
    changes AS (
        SELECT listing_id, change_date::TIMESTAMP AS changed, price_old, price_new
        FROM 'lu_price_changes.parquet'
    ),
    prices AS (
        SELECT ads.listing_id, first_seen AS valid_from, coalesce(first_price, price) AS price
        FROM ads
        LEFT JOIN (
            SELECT listing_id, arg_min(price_old, changed) AS first_price FROM changes GROUP BY listing_id
        ) USING (listing_id)
        UNION ALL
        SELECT listing_id, changed, price_new FROM changes
    )
    SELECT ads.* EXCLUDE (first_seen) REPLACE (prices.price AS price), prices.valid_from
    FROM ads
    JOIN prices USING (listing_id)
    ORDER BY listing_id, valid_from
) TO 'versions.parquet';
