-- connectors: plain adaptive
CREATE TABLE rows (id int PRIMARY KEY, a_date date, a_timestamp timestamp, a_timestamptz timestamptz);
-- changes
INSERT INTO rows VALUES (1, 'infinity', 'infinity', 'infinity'), (2, '-infinity', '-infinity', '-infinity');

INSERT INTO rows VALUES (3, '0044-03-15 BC', '0044-03-15 12:00 BC', '0044-03-15 12:00+00 BC'), (4, '12026-01-01', '12026-01-01', '12026-01-01+00');

INSERT INTO rows VALUES (5, '1969-12-31', '1969-12-31 23:59:59.999999', '1969-12-31 23:59:59.999999+00'), (6, '2026-11-23', '2026-11-23 05:06', '2026-11-23 05:06+05:45');
