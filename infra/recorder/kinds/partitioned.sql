-- connectors: plain roots
CREATE TABLE events (id int, region text, note text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE events_north PARTITION OF events FOR VALUES IN ('north');
CREATE TABLE events_south PARTITION OF events FOR VALUES IN ('south');
INSERT INTO events VALUES (1, 'north', 'one');
-- changes
INSERT INTO events VALUES (2, 'south', 'one');

UPDATE events SET note = 'two' WHERE id = 1;

UPDATE events SET region = 'south' WHERE id = 1;

DELETE FROM events WHERE id = 2;

TRUNCATE events_south;
