-- connectors: plain connect
CREATE TABLE rows (id int PRIMARY KEY, a_numeric numeric, a_real real, a_double double precision);
-- changes
INSERT INTO rows VALUES (1, 'NaN', 'NaN', 'NaN');

INSERT INTO rows VALUES (2, 'Infinity', 'Infinity', '-Infinity');

INSERT INTO rows VALUES (3, 1e-20, 1e-20, -0.0);
