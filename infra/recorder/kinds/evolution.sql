-- connectors: plain
CREATE TABLE tickets (id int PRIMARY KEY, subject varchar(10), body text, unused text);
INSERT INTO tickets VALUES (1, 'Printer', 'v1', 'x');
-- changes
UPDATE tickets SET body = 'v2';

ALTER TABLE tickets ADD COLUMN priority text NOT NULL DEFAULT 'low';

UPDATE tickets SET body = 'v3', priority = 'high';

ALTER TABLE tickets DROP COLUMN unused;

UPDATE tickets SET body = 'v4';

ALTER TABLE tickets ALTER COLUMN subject TYPE text, ALTER COLUMN id TYPE bigint;

UPDATE tickets SET body = 'v5', subject = 'A much longer subject';

ALTER TABLE tickets RENAME COLUMN body TO content;

UPDATE tickets SET content = 'v6';

ALTER TABLE tickets RENAME COLUMN content TO body;

UPDATE tickets SET body = 'v7';

BEGIN; UPDATE tickets SET body = 'v8'; ALTER TABLE tickets DROP COLUMN priority; UPDATE tickets SET body = 'v9'; COMMIT;
