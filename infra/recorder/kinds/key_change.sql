-- connectors: plain schemas
CREATE TABLE tickets (id int PRIMARY KEY, subject text NOT NULL, body text);
CREATE TABLE pairs (a int, b int, note text, PRIMARY KEY (a, b));
CREATE TABLE notes (id text PRIMARY KEY, body text, short text);
ALTER TABLE notes ALTER body SET STORAGE EXTERNAL;
INSERT INTO tickets VALUES (1, 'Printer', 'It is on fire.');
INSERT INTO pairs VALUES (1, 1, 'one');
-- changes
UPDATE tickets SET id = 2 WHERE id = 1;

UPDATE pairs SET b = 2, note = 'two';

INSERT INTO notes VALUES (E'"ü\U0001F40E', repeat('body ', 500), 'one');

UPDATE notes SET id = E'\U0001F40E2', short = 'two';

UPDATE notes SET short = 'three';
