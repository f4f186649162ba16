-- connectors: plain
-- quiet: 2
CREATE TABLE rows (id int PRIMARY KEY, note text);
-- changes
INSERT INTO rows SELECT n, 'first' FROM generate_series(1, 3) n;

INSERT INTO signals.signals VALUES ('blocking', 'execute-snapshot', '{"type": "blocking", "data-collections": ["blocking_snapshot.rows"]}');

SELECT pg_sleep(2);

UPDATE rows SET note = 'meanwhile' WHERE id = 2;
