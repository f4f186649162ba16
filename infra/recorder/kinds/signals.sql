-- connectors: plain
CREATE TABLE signals (id text PRIMARY KEY, type text NOT NULL, data text);
-- changes
INSERT INTO signals VALUES ('hello', 'log', '{"message": "the recorder says hello"}');
