-- connectors: outbox
CREATE TABLE events (id uuid PRIMARY KEY, aggregatetype text NOT NULL, aggregateid text NOT NULL, type text NOT NULL, payload jsonb);
CREATE TABLE tickets (id int PRIMARY KEY, note text);
-- changes
BEGIN; INSERT INTO tickets VALUES (1, 'one'); INSERT INTO events VALUES ('11111111-1111-4111-8111-111111111111', 'ticket', '1', 'TicketOpened', '{"id": 1, "note": "one"}'); COMMIT;

DELETE FROM events;

INSERT INTO events VALUES ('22222222-2222-4222-8222-222222222222', 'ticket', '1', 'TicketDeleted', NULL);
