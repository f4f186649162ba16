-- connectors: plain
CREATE TABLE tickets (id int PRIMARY KEY, subject text NOT NULL, body text);
CREATE TABLE pairs (a int, b int, note text, PRIMARY KEY (a, b));
INSERT INTO tickets VALUES (1, 'Printer', 'It is on fire.');
INSERT INTO pairs VALUES (1, 1, 'one');
-- changes
UPDATE tickets SET id = 2 WHERE id = 1;

UPDATE pairs SET b = 2, note = 'two';
