-- connectors: plain
CREATE TABLE texts (id int PRIMARY KEY, body text);
-- changes
INSERT INTO texts VALUES (1, E'emoji \U0001F40E\U0001F469\u200D\U0001F692 and cafe\u0301');

INSERT INTO texts VALUES (2, E'bidi \u202Eevil\u202C \u2066isolate\u2069 \u05E9\u05DC\u05D5\u05DD');

INSERT INTO texts VALUES (3, E'controls \x01\x07\x1b[31m\x7f\u0085\u2028\ufeff');

INSERT INTO texts VALUES (4, '\u0000 \x00 %00 and ␀');

INSERT INTO texts VALUES (5, E'line\r\none\ttab "quotes" \\ back');

INSERT INTO texts VALUES (6, ''), (7, '   '), (8, 'null'), (9, '__debezium_unavailable_value'), (10, 'said: __debezium_unavailable_value!');
