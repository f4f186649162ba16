-- connectors: plain
CREATE TABLE parents (id int PRIMARY KEY, note text);
CREATE TABLE children (id int PRIMARY KEY, parent int REFERENCES parents, note text);
INSERT INTO parents VALUES (1, 'one');
INSERT INTO children VALUES (1, 1, 'one');
-- changes
INSERT INTO children VALUES (2, 1, 'two');

TRUNCATE children;

INSERT INTO children VALUES (3, 1, 'three');

TRUNCATE parents CASCADE;

BEGIN; INSERT INTO parents VALUES (2, 'before'); TRUNCATE parents CASCADE; INSERT INTO parents VALUES (3, 'after'); COMMIT;
