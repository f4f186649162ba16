-- connectors: plain
CREATE TABLE tickets (id int PRIMARY KEY, subject text NOT NULL, body text);
ALTER TABLE tickets REPLICA IDENTITY FULL;
INSERT INTO tickets VALUES (1, 'Printer', 'It is on fire.');
-- changes
UPDATE tickets SET body = 'It is out.' WHERE id = 1;

DELETE FROM tickets WHERE id = 1;
