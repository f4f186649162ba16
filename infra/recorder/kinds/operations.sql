-- connectors: plain
CREATE TABLE tickets (id int PRIMARY KEY, subject text NOT NULL, body text, open boolean NOT NULL DEFAULT true);
INSERT INTO tickets VALUES (1, 'Printer', 'It is on fire.'), (2, 'Scanner', NULL);
-- changes
INSERT INTO tickets VALUES (3, 'Mouse', 'It squeaks.');

UPDATE tickets SET body = 'It still squeaks.' WHERE id = 3;

UPDATE tickets SET subject = 'Trackball', body = NULL WHERE id = 3;

DELETE FROM tickets WHERE id = 3;

INSERT INTO tickets VALUES (3, 'Mouse', 'It is back.');
