-- connectors: schemas
CREATE TABLE tickets (id int PRIMARY KEY, body text);
INSERT INTO tickets VALUES (1, 'first');
-- changes
UPDATE tickets SET body = 'second';

DELETE FROM tickets;

INSERT INTO tickets VALUES (2, 'last');

TRUNCATE tickets;
