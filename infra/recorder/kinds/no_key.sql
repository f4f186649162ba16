-- connectors: plain
CREATE TABLE logs (line text);
-- changes
INSERT INTO logs VALUES ('nobody can name this row');
