-- connectors: outbox
CREATE TABLE events (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), aggregatetype text NOT NULL, aggregateid text NOT NULL, type text,
  payload jsonb, sent boolean
);
CREATE TABLE tickets (id int PRIMARY KEY, note text);
INSERT INTO events (aggregatetype, aggregateid, type, payload) VALUES ('ticket', '9', 'TicketOpened', '{"id": 9, "note": "of old"}');
-- changes
BEGIN; INSERT INTO tickets VALUES (1, 'one'); INSERT INTO events (aggregatetype, aggregateid, type, payload) VALUES ('ticket', '1', 'TicketOpened', '{"id": 1, "note": "one", "cost": 12.5, "tags": ["a", 1, null], "by": {"name": "ann"}, "region": null}'), ('ticket', '2', 'TicketOpened', '{"id": 2, "note": "two"}'); COMMIT;

BEGIN; INSERT INTO events (aggregatetype, aggregateid, type, payload) VALUES ('ticket', '1', 'TicketChanged', '{"id": 1, "note": "ONE"}'); DELETE FROM events WHERE aggregateid = '1'; COMMIT;

UPDATE events SET sent = true;

DELETE FROM events;

INSERT INTO events (aggregatetype, aggregateid, type, payload) VALUES ('ticket', '1', 'TicketViewed', '{"by": "ann"}'), ('ticket', '1', 'TicketBurnt', '{}'), ('ticket', '1', NULL, '{}'), ('ticket', '1', 'TicketChanged', '[1]'), ('ticket', '1', 'TicketChanged', '{"id": 1}');

INSERT INTO events (aggregatetype, aggregateid, type, payload) VALUES ('member', 'ann', 'MemberJoined', '{"team": 7, "tenant": "acme"}'), ('invoice', '1', 'InvoiceSent', '{}'), ('tick', '1', 'x', '{}'), (E'tickets\n of all', '1', 'x', '{}'), ('', '1', 'x', '{}');

INSERT INTO events (aggregatetype, aggregateid, type, payload) VALUES ('ticket', '1', 'TicketDeleted', NULL), ('ticket', '2', 'TicketChanged', NULL);

TRUNCATE events;

INSERT INTO events (aggregatetype, aggregateid, type, payload) VALUES ('ticket', '3', 'TicketOpened', '{"id": 3, "note": "three"}');
