-- Playlists become users, their tracks items. All but a few lie whole on one early day. A few thousand are cut in two, so that
-- the log has what to train on, to validate on and to judge: their first tracks on one day, the rest on the next.
-- A challenge is another matter: its playlists are nowhere in here (docs/decisions/0036-playlists-as-users.md).

-- Which playlists are cut, and after how many tracks: as many as a challenge tells, and never more than half.
-- An MD5 draws them, for DuckDB's own hash may be another in its next version.
CREATE TABLE cut_playlists AS
WITH drawn AS (
    SELECT
        pid,
        num_tracks,
        md5_number_lower('seeds ' || pid) AS seeds_drawn,
        row_number() OVER (ORDER BY md5_number_lower('part ' || pid), pid) - 1 AS place,
        greatest(1, least(5000, count(*) OVER () // 10)) AS size
    FROM 'playlists.parquet'
)
SELECT
    pid,
    least(num_tracks // 2, [1, 5, 10, 25, 100][(seeds_drawn % 5)::INTEGER + 1]) AS seeds,
    (10 + place // size)::INTEGER AS day
FROM drawn
WHERE place < 3 * size;

CREATE VIEW events AS
SELECT
    pid AS playlist,
    track_uri AS item,
    TIMESTAMPTZ '2020-01-01 00:00:00Z'
        + to_days(CASE WHEN day IS NULL THEN 0 WHEN pos < seeds THEN day ELSE day + 1 END)
        + to_seconds(pos) AS time
FROM 'entries.parquet'
JOIN (SELECT track, track_uri FROM 'tracks.parquet') USING (track)
LEFT JOIN cut_playlists USING (pid);

-- Of what is rare the network could learn nothing by heart, and each value costs a row of its table: such a track is
-- known by its artist, its album, its words, its length. Counted in whole playlists only, which no test is made of.
CREATE TABLE uses AS
SELECT track, count(*) AS uses
FROM 'entries.parquet'
WHERE pid NOT IN (SELECT pid FROM cut_playlists)
GROUP BY track;

CREATE TABLE frequent AS
SELECT uri FROM (
    SELECT track_uri AS uri, uses FROM 'tracks.parquet' JOIN uses USING (track)
    UNION ALL
    SELECT artist_uri, sum(uses) FROM 'tracks.parquet' JOIN uses USING (track) GROUP BY artist_uri
    UNION ALL
    SELECT album_uri, sum(uses) FROM 'tracks.parquet' JOIN uses USING (track) GROUP BY album_uri
)
WHERE uses >= 20;

CREATE VIEW items AS
SELECT
    track_uri AS item,
    CASE WHEN track_uri IN (FROM frequent) THEN track_uri END AS song,
    CASE WHEN artist_uri IN (FROM frequent) THEN artist_uri END AS artist,
    CASE WHEN album_uri IN (FROM frequent) THEN album_uri END AS album,
    track_name,
    duration_ms,
    'track' AS kind
FROM 'tracks.parquet';

-- A title is what its playlist has of its own.
CREATE VIEW playlists AS SELECT pid AS playlist, name FROM 'playlists.parquet';
