-- connectors: beats
-- control: yes
-- quiet: 0.3
CREATE TABLE tickets (id int PRIMARY KEY, note text);
-- changes
SELECT pg_logical_emit_message(true, 'orders', '{"order": 7}');

SELECT pg_logical_emit_message(false, 'orders', 'not in a transaction');

SELECT pg_logical_emit_message(true, 'bytes', '\xff00fe'::bytea);
