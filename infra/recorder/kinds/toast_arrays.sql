-- connectors: plain reselect
CREATE TABLE arrays (
  id int PRIMARY KEY, ints int[], bigs bigint[], floats double precision[], flags boolean[], numbers numeric[],
  uuids uuid[], days date[], moments timestamptz[], short text
);
ALTER TABLE arrays ALTER ints SET STORAGE EXTERNAL, ALTER bigs SET STORAGE EXTERNAL, ALTER floats SET STORAGE EXTERNAL,
  ALTER flags SET STORAGE EXTERNAL, ALTER numbers SET STORAGE EXTERNAL, ALTER uuids SET STORAGE EXTERNAL,
  ALTER days SET STORAGE EXTERNAL, ALTER moments SET STORAGE EXTERNAL;
-- changes
INSERT INTO arrays VALUES (
  1, array_fill(7, '{600}'), array_fill(7::bigint, '{300}'), array_fill(0.5::float8, '{300}'), array_fill(true, '{2100}'),
  array_fill(1.5, '{300}'), array_fill('8f14e45f-ceea-467f-ab1e-5f0a8c3d9b11'::uuid, '{150}'),
  array_fill('2026-11-23'::date, '{600}'), array_fill('2026-11-23 05:00+00'::timestamptz, '{300}'), 'one'
);

UPDATE arrays SET short = 'two';
