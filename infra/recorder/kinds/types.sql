-- connectors: plain adaptive connect maps schemas
CREATE EXTENSION IF NOT EXISTS hstore SCHEMA public;
CREATE TYPE mood AS ENUM ('calm', 'cross');
CREATE DOMAIN region AS text CHECK (VALUE <> '');
CREATE TABLE rows (
  id int PRIMARY KEY,
  a_smallint smallint, a_bigint bigint, a_boolean boolean,
  a_real real, a_double double precision,
  a_numeric numeric, a_decimal numeric(12, 2), a_money money,
  a_char char(5), a_varchar varchar(20), a_text text, an_enum mood, a_domain region,
  a_uuid uuid, an_inet inet, a_cidr cidr, a_macaddr macaddr, a_bit bit(3), a_xml xml,
  a_json json, a_jsonb jsonb, an_hstore hstore, a_bytea bytea,
  a_date date, a_time time, a_timetz timetz, a_timestamp timestamp, a_timestamptz timestamptz,
  a_timestamp3 timestamp(3), an_interval interval,
  ints int[], texts text[], moods mood[], uuids uuid[], numerics numeric[], moments timestamptz[],
  a_point point, an_int4range int4range, a_tstzrange tstzrange
);
-- changes
INSERT INTO rows VALUES (
  1, 12, 9007199254740993, true, 1.5, 0.1, 12345678901234567890.000000001, 12.30, '9.99',
  'ab', 'short', 'Grüße 🐎', 'cross', 'north',
  '8f14e45f-ceea-467f-ab1e-5f0a8c3d9b11', '10.1.2.3/8', '10.1.0.0/16', '08:00:2b:01:02:03', B'101', '<a>1</a>',
  '{"b": 1,  "a": null}', '{"b": 1, "a": [true]}', 'k=>v, n=>NULL', '\x00ff10',
  '2026-11-23', '05:06:07.123456', '05:06:07+02', '2026-11-23 05:06:07.123456', '2026-11-23 05:06:07.123456+02',
  '2026-11-23 05:06:07.123', '1 year 2 mons 3 days 04:05:06',
  '{1,2,NULL}', '{"a b","{}",NULL}', '{calm,cross}', '{8f14e45f-ceea-467f-ab1e-5f0a8c3d9b11}', '{1.50,2}',
  '{"2026-11-23 05:06:07+00"}', '(1,2)', '[1,5)', '["2026-11-23 00:00+00","2026-11-24 00:00+00")');

INSERT INTO rows (id) VALUES (2);
