-- Rows and results over 16 MiB: one answer of a shard, and a row that needs several packets.
--@ setup
DROP TABLE IF EXISTS orders;
CREATE TABLE orders (user_id BIGINT NOT NULL, id BIGINT NOT NULL, body LONGTEXT, PRIMARY KEY (user_id, id));
--@ data
DELETE FROM orders;

--@ case over 16 MiB [text]
INSERT INTO orders VALUES (1,1,REPEAT('a',17000000)),(1,2,REPEAT('b',1000000)),(2,1,'small'),(3,1,REPEAT('c',100000));
SELECT id, body FROM orders WHERE user_id = 1 ORDER BY id;
SELECT user_id, id, body FROM orders ORDER BY user_id DESC, id;
SELECT user_id, LENGTH(body) FROM orders ORDER BY user_id, id;
