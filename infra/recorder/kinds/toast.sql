-- connectors: plain reselect maps
CREATE EXTENSION IF NOT EXISTS hstore SCHEMA public;
CREATE TABLE notes (
  id int PRIMARY KEY, body text, data bytea, words text[], extra jsonb, tags hstore, short text
);
ALTER TABLE notes ALTER body SET STORAGE EXTERNAL, ALTER data SET STORAGE EXTERNAL, ALTER words SET STORAGE EXTERNAL,
  ALTER extra SET STORAGE EXTERNAL, ALTER tags SET STORAGE EXTERNAL;
CREATE TABLE full_notes (id int PRIMARY KEY, body text, short text);
ALTER TABLE full_notes ALTER body SET STORAGE EXTERNAL;
ALTER TABLE full_notes REPLICA IDENTITY FULL;
-- changes
INSERT INTO notes SELECT 1, repeat('body ', 500), decode(repeat('00ff', 1200), 'hex'), ARRAY[repeat('word', 600)],
  jsonb_build_object('k', repeat('json ', 500)), hstore('k', repeat('store ', 500)), 'one';

UPDATE notes SET short = 'two';

SELECT pg_sleep(1.5);

UPDATE notes SET body = 'short now';

INSERT INTO full_notes VALUES (1, repeat('body ', 500), 'one');

UPDATE full_notes SET short = 'two';
