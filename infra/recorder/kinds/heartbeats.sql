-- connectors: beats
-- control: yes
-- quiet: 0
CREATE TABLE tickets (id int PRIMARY KEY, note text);
-- changes
SELECT pg_sleep(0.7);

INSERT INTO tickets VALUES (1, 'between beats');

SELECT pg_sleep(0.5);
