-- connectors: reselect
-- control: yes
-- quiet: 0.3
CREATE TABLE orders (id int PRIMARY KEY, note text);
CREATE TABLE items (id int PRIMARY KEY, order_id int, note text);
-- changes
BEGIN; INSERT INTO orders VALUES (1, 'one'); INSERT INTO items VALUES (1, 1, 'one'), (2, 1, 'two'); UPDATE orders SET note = 'two'; COMMIT;

BEGIN; INSERT INTO orders VALUES (2, 'kept'); SAVEPOINT s; INSERT INTO orders VALUES (3, 'undone'); ROLLBACK TO s; COMMIT;

BEGIN; INSERT INTO orders VALUES (4, 'undone'); ROLLBACK;
