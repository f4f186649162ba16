-- connectors: plain reselect
CREATE EXTENSION IF NOT EXISTS citext SCHEMA public;
CREATE EXTENSION IF NOT EXISTS ltree SCHEMA public;
CREATE EXTENSION IF NOT EXISTS hstore SCHEMA public;
CREATE TYPE mood AS ENUM ('calm', 'cross');
CREATE DOMAIN essay AS text;
CREATE DOMAIN flags AS boolean[];
CREATE TABLE others (
  id int PRIMARY KEY, a_char char(3000), a_citext citext, an_essay essay, a_json json, an_xml xml, a_tsvector tsvector,
  an_ltree ltree, a_numeric numeric, bits bit varying, fixed_bits bit(20000), a_range numrange, a_path path,
  a_polygon polygon, smalls smallint[], oids oid[], chars char(3)[], varchars varchar(9)[], moods mood[], jsons jsonb[],
  plain_jsons json[], addresses inet[], ranges numrange[], citexts citext[], ltrees ltree[], byteas bytea[],
  hstores hstore[], sparse flags, times time[], timetzs timetz[], stamps timestamp[], reals real[], bit_arrays bit(8)[],
  matrix int[][], short text
);
DO $$ DECLARE found record; BEGIN
  FOR found IN SELECT attrelid::regclass AS place, attname FROM pg_attribute
    WHERE attrelid = 'others'::regclass AND attnum > 1 AND attstorage <> 'p' LOOP
    EXECUTE format('ALTER TABLE %s ALTER %I SET STORAGE EXTERNAL', found.place, found.attname);
  END LOOP;
END $$;
-- changes
INSERT INTO others VALUES (
  1, 'char', repeat('citext ', 500), repeat('essay ', 500), json_build_object('k', repeat('json ', 500)),
  ('<a>' || repeat('xml ', 600) || '</a>')::xml,
  (SELECT array_to_tsvector(array_agg('word' || n)) FROM generate_series(1, 500) n),
  (repeat('label.', 500) || 'end')::ltree, repeat('7', 6000)::numeric, repeat('10', 12000)::varbit,
  repeat('10', 10000)::bit(20000), numrange(repeat('7', 6000)::numeric, repeat('8', 6000)::numeric),
  ('(' || repeat('(1,2),', 300) || '(3,4))')::path, ('(' || repeat('(1,2),', 300) || '(3,4))')::polygon,
  array_fill(7::smallint, '{1500}'), array_fill(7::oid, '{600}'), array_fill('abc'::char(3), '{400}'),
  array_fill('abc'::varchar(9), '{400}'), array_fill('calm'::mood, '{600}'), array_fill('{"a": 1}'::jsonb, '{200}'),
  array_fill('{"a": 1}'::json, '{300}'), array_fill('10.1.2.3'::inet, '{300}'), array_fill('[1,2)'::numrange, '{200}'),
  array_fill('abc'::citext, '{400}'), array_fill('a.b'::ltree, '{200}'), array_fill('\x00ff'::bytea, '{400}'),
  array_fill('k=>v'::hstore, '{200}'), array_fill(true, '{2100}'), array_fill('05:00'::time, '{300}'),
  array_fill('05:00+00'::timetz, '{200}'), array_fill('2026-11-23 05:00'::timestamp, '{300}'),
  array_fill(0.5::real, '{600}'), array_fill('10101010'::bit(8), '{300}'), array_fill(7, '{30,30}'), 'one'
);

UPDATE others SET short = 'two';
