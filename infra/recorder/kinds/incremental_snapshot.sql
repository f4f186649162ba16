-- connectors: plain
-- quiet: 2
CREATE TABLE rows (id int PRIMARY KEY, note text);
-- changes
INSERT INTO rows SELECT n, 'first' FROM generate_series(1, 10) n;

INSERT INTO signals.signals VALUES ('incremental', 'execute-snapshot', '{"type": "incremental", "data-collections": ["incremental_snapshot.rows"]}');

UPDATE rows SET note = 'meanwhile' WHERE id IN (2, 5, 9);

DELETE FROM rows WHERE id = 7;

INSERT INTO rows VALUES (11, 'new');
