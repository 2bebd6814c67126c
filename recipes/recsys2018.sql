-- Playlists become users, their tracks items. All but a few lie whole on one early day. A few thousand are cut in two, so that
-- the log has what to train on, to validate on and to judge: their first tracks on one day, the rest on the next.
-- A challenge is another matter: its playlists are nowhere in here (docs/decisions/0036-playlists-as-users.md).

-- Which share of them is cut, and by what each is drawn: multiples of the golden section spread evenly, others likewise.
-- No table of them is made: to join one, DuckDB would keep all entries, and the arithmetic costs nothing.
SET VARIABLE cut_share = (SELECT least(15_000 / count(*), 0.3) FROM 'playlists.parquet');

CREATE MACRO drawn(pid, factor) AS (pid::BIGINT * factor) % 4_294_967_296 / 4_294_967_296;

-- 0 to 2 for the three samples, 3 and more for playlists that stay whole.
CREATE MACRO part(pid) AS floor(3 * drawn(pid, 2_654_435_769) / getvariable('cut_share'))::INTEGER;

-- As many of their first tracks as a challenge tells. Who has no more has none to be found.
CREATE MACRO seeds(pid) AS [1, 5, 10, 25, 100][1 + floor(5 * drawn(pid, 2_246_822_519))::INTEGER];

CREATE VIEW events AS
SELECT
    pid AS playlist,
    track_uri AS item,
    TIMESTAMPTZ '2020-01-01 00:00:00Z'
        + to_days(CASE
            WHEN part(pid) > 2 THEN 0
            WHEN pos < seeds(pid) THEN 10 + part(pid)
            ELSE 11 + part(pid)
        END)
        + to_seconds(pos) AS time
FROM 'entries.parquet';

-- Of what is rare the network could learn nothing by heart, and each value costs a row of its table: such a track is
-- known by its artist, its album, its words, its length. Counted in whole playlists only, which no test is made of.
CREATE TABLE uses AS SELECT track, count(*) AS uses FROM 'entries.parquet' WHERE part(pid) > 2 GROUP BY track;

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
