-- connectors: plain reselect
CREATE TABLE notes (id int PRIMARY KEY, body text, data bytea, words text[], extra jsonb, short text);
ALTER TABLE notes ALTER body SET STORAGE EXTERNAL, ALTER data SET STORAGE EXTERNAL;
ALTER TABLE notes ALTER words SET STORAGE EXTERNAL, ALTER extra SET STORAGE EXTERNAL;
CREATE TABLE full_notes (id int PRIMARY KEY, body text, short text);
ALTER TABLE full_notes ALTER body SET STORAGE EXTERNAL;
ALTER TABLE full_notes REPLICA IDENTITY FULL;
-- changes
INSERT INTO notes SELECT 1, repeat('body ', 500), decode(repeat('00ff', 1200), 'hex'), ARRAY[repeat('word', 600)],
  jsonb_build_object('k', repeat('json ', 500)), 'one';

UPDATE notes SET short = 'two';

INSERT INTO full_notes VALUES (1, repeat('body ', 500), 'one');

UPDATE full_notes SET short = 'two';
