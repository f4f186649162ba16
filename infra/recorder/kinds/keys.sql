-- connectors: plain
CREATE TYPE colour AS ENUM ('red', 'green');
CREATE TABLE composite (b text, a int, note text, PRIMARY KEY (b, a));
CREATE TABLE uuids (id uuid PRIMARY KEY, note text);
CREATE TABLE numerics (id numeric(30, 10) PRIMARY KEY, note text);
CREATE TABLE bigs (id bigint PRIMARY KEY, note text);
CREATE TABLE texts (id text PRIMARY KEY, note text);
CREATE TABLE jsons (id jsonb PRIMARY KEY, note text);
CREATE TABLE enums (id colour PRIMARY KEY, note text);
CREATE TABLE moments (id timestamptz PRIMARY KEY, note text);
CREATE TABLE booleans (id boolean PRIMARY KEY, note text);
CREATE TABLE "Odd Table" ("Odd Key" int, "ключ" text, "Note" text, PRIMARY KEY ("Odd Key", "ключ"));
-- changes
INSERT INTO composite VALUES ('x,y/z', 7, 'one');

UPDATE composite SET note = 'two';

DELETE FROM composite;

INSERT INTO uuids VALUES ('8f14e45f-ceea-467f-ab1e-5f0a8c3d9b11', 'one');

UPDATE uuids SET note = 'two';

DELETE FROM uuids;

INSERT INTO numerics VALUES (12345678901234567890.0123456789, 'one');

UPDATE numerics SET note = 'two';

DELETE FROM numerics;

INSERT INTO bigs VALUES (9223372036854775807, 'one'), (-9007199254740993, 'one');

INSERT INTO texts VALUES ('{"a": 1}', 'one'), ('100%/ü,🐎', 'one'), ('', 'one');

INSERT INTO jsons VALUES ('{"b": [1, 2], "a": null}', 'one');

UPDATE jsons SET note = 'two';

DELETE FROM jsons;

INSERT INTO enums VALUES ('green', 'one');

INSERT INTO moments VALUES ('2026-11-23 05:00:00.123456+00', 'one');

INSERT INTO booleans VALUES (false, 'one');

INSERT INTO "Odd Table" VALUES (1, 'ü"''', 'one');

UPDATE "Odd Table" SET "Note" = 'two';

DELETE FROM "Odd Table";
