-- UPDATE and DELETE, with ORDER BY and LIMIT exact over shards, key updates, joins.
--@ setup
DROP TABLE IF EXISTS s1;
DROP TABLE IF EXISTS users;
DROP TABLE IF EXISTS orders;
DROP TABLE IF EXISTS products;
DROP TABLE IF EXISTS notes;
CREATE TABLE s1 (id BIGINT NOT NULL, a INT, b VARCHAR(10) COLLATE utf8mb4_general_ci, c DECIMAL(6,2), PRIMARY KEY (id));
CREATE TABLE users (id BIGINT NOT NULL, name VARCHAR(40), n INT, PRIMARY KEY (id));
CREATE TABLE orders (user_id BIGINT NOT NULL, id BIGINT NOT NULL, amount INT, PRIMARY KEY (user_id, id), UNIQUE KEY (user_id, amount));
CREATE TABLE products (id INT NOT NULL PRIMARY KEY, title VARCHAR(40), price INT);
CREATE TABLE notes (id INT NOT NULL PRIMARY KEY, body VARCHAR(20), n INT);
--@ data
DELETE FROM s1;
DELETE FROM users;
DELETE FROM orders;
DELETE FROM products;
DELETE FROM notes;
INSERT INTO s1 VALUES (1,10,'b',1),(2,20,'A',2),(3,30,'C',3),(4,NULL,'a',4),(5,10,NULL,5),(6,20,'B',6),(7,30,'c',7),(8,5,'d',8);
INSERT INTO users VALUES (1,'ann',1),(2,'bob',2),(3,'cid',3),(4,'dan',4),(5,'eve',5);
INSERT INTO orders VALUES (1,1,100),(1,2,150),(2,1,200),(3,1,300),(5,5,500);
INSERT INTO products VALUES (1,'p1',10),(2,'p2',20),(3,'p3',30);
INSERT INTO notes VALUES (1,'n1',1),(2,'n2',2),(3,'n3',3);

--@ case update by key
UPDATE s1 SET a = 99 WHERE id = 3;
UPDATE s1 SET a = a WHERE id = 3;
UPDATE s1 SET a = 1, b = 'zz', c = a WHERE id IN (1,2);
UPDATE s1 SET a = 1 WHERE id = 77;
UPDATE s1 SET a = a + 1 WHERE id BETWEEN 3 AND 5;
--@ case update scatter
UPDATE s1 SET a = a + 1;
UPDATE s1 SET a = 50 WHERE b = 'a';
UPDATE s1 SET b = NULL WHERE a > 20;
UPDATE s1 SET a = 0 WHERE 1 = 0;
UPDATE s1 SET c = c * 1.5 WHERE c > 2;
--@ case update found rows [found_rows]
UPDATE s1 SET a = 10 WHERE id = 1;
UPDATE s1 SET a = 10;
UPDATE s1 SET a = 10 WHERE id > 3;
--@ case update with order by and limit
UPDATE s1 SET a = 1000 ORDER BY id LIMIT 3;
UPDATE s1 SET a = 2000 ORDER BY b, id LIMIT 3;
UPDATE s1 SET a = 3000 WHERE id > 2 ORDER BY c DESC LIMIT 2;
UPDATE s1 SET a = 4000 WHERE id = 8 LIMIT 1;
UPDATE s1 SET a = 5000 ORDER BY id LIMIT 0;
UPDATE s1 SET a = 6000 ORDER BY id LIMIT 100;
--@ case update with order by alone
UPDATE s1 SET a = a + 1 ORDER BY id DESC;
--@ case delete by key
DELETE FROM s1 WHERE id = 1;
DELETE FROM s1 WHERE id IN (2,3,99);
DELETE FROM s1 WHERE id = 99;
--@ case delete scatter
DELETE FROM s1 WHERE a = 10;
DELETE FROM s1 WHERE b = 'A';
DELETE FROM s1 WHERE a IS NULL OR c > 7;
DELETE FROM s1;
--@ case delete with order by and limit
DELETE FROM s1 ORDER BY b DESC, id LIMIT 2;
DELETE FROM s1 WHERE a >= 10 ORDER BY a, id LIMIT 2;
DELETE FROM s1 ORDER BY c LIMIT 1;
SELECT * FROM s1 ORDER BY id;
--@ case delete by collation and limit
DELETE FROM s1 WHERE b IS NOT NULL ORDER BY b, id LIMIT 4;
SELECT * FROM s1 ORDER BY id;
--@ case key update to itself
UPDATE s1 SET id = 3, a = 5 WHERE id = 3;
UPDATE s1 SET id = id, a = 6 WHERE id = 4;
UPDATE s1 SET id = id + 0, a = 7 WHERE id = 5;
UPDATE s1 SET id = id;
--@ case key update to another value
UPDATE s1 SET id = 1001 WHERE id = 1;
SELECT id FROM s1 ORDER BY id;
--@ case key update of a second column
UPDATE orders SET id = 77 WHERE user_id = 1 AND id = 1;
UPDATE orders SET id = id + 1000;
SELECT * FROM orders ORDER BY user_id, id;
--@ case duplicate key by update
UPDATE orders SET amount = 150 WHERE user_id = 1 AND id = 1;
SELECT * FROM orders ORDER BY user_id, id;
--@ case duplicate key by update on some shards
UPDATE orders SET amount = 150;
SELECT * FROM orders ORDER BY user_id, id;
--@ case update ignore
UPDATE IGNORE orders SET amount = 150;
UPDATE IGNORE s1 SET a = 'abc' WHERE id < 4;
SELECT * FROM orders ORDER BY user_id, id;
--@ case wrong values
UPDATE s1 SET a = 'abc' WHERE id = 1;
UPDATE s1 SET a = 'abc';
UPDATE s1 SET b = 'much too long for this';
UPDATE s1 SET c = 1e10 WHERE id > 2;
SELECT * FROM s1 ORDER BY id;
--@ case update by join
UPDATE users u JOIN orders o ON o.user_id = u.id SET u.n = o.amount, o.amount = o.amount + 1 WHERE o.id = 1;
UPDATE users u, orders o SET u.n = -1 WHERE u.id = o.user_id AND o.amount > 250;
SELECT * FROM users ORDER BY id;
--@ case update by subquery
UPDATE users SET n = 0 WHERE id IN (SELECT user_id FROM orders);
UPDATE users u SET n = (SELECT SUM(amount) FROM orders o WHERE o.user_id = u.id);
UPDATE s1 SET a = (SELECT MAX(price) FROM products) WHERE id < 3;
UPDATE users SET n = (SELECT COUNT(*) FROM s1);
SELECT * FROM users ORDER BY id;
--@ case delete by join
DELETE u FROM users u JOIN orders o ON o.user_id = u.id WHERE o.amount > 250;
DELETE FROM o USING orders o JOIN users u ON u.id = o.user_id WHERE u.n = 1;
DELETE u, o FROM users u LEFT JOIN orders o ON o.user_id = u.id WHERE u.id = 2;
SELECT id FROM users ORDER BY id;
--@ case delete by subquery
DELETE FROM users WHERE id NOT IN (SELECT user_id FROM orders);
DELETE FROM orders WHERE user_id IN (SELECT id FROM products);
DELETE FROM users WHERE n > (SELECT AVG(n) FROM users x);
--@ case broadcast
UPDATE products SET price = price + 1;
UPDATE products SET title = 'x' WHERE id = 2;
UPDATE products SET title = 'y' WHERE id > 1 ORDER BY id DESC LIMIT 1;
DELETE FROM products WHERE id = 1;
DELETE FROM products ORDER BY id LIMIT 1;
SELECT * FROM products ORDER BY id;
--@ case broadcast with random values
UPDATE products SET price = FLOOR(RAND() * 0) + 7;
INSERT INTO products SELECT 50, 'z', LENGTH(UUID());
SELECT * FROM products ORDER BY id;
--@ case single
UPDATE notes SET body = 'x' ORDER BY id LIMIT 1;
UPDATE notes SET n = n + 1 WHERE id > 1;
DELETE FROM notes WHERE id = 3;
UPDATE notes SET id = 30 WHERE id = 1;
--@ case parameters
--@ params int 7 | int 1
--@ params keep int 8 | int 2
--@ params str 9 | str 3
UPDATE s1 SET a = ? WHERE id = ?;
--@ params int 4 | int 5
DELETE FROM s1 WHERE id IN (?, ?);
--@ params int 1
UPDATE s1 SET a = -1 ORDER BY id DESC LIMIT ?;
SELECT * FROM s1 ORDER BY id;
--@ case truncate
TRUNCATE TABLE s1;
SELECT COUNT(*) FROM s1;
TRUNCATE products;
SELECT COUNT(*) FROM products;
--@ case conditions
UPDATE s1 SET a = 1 WHERE id = 1 OR id = 3 OR id = 5;
UPDATE s1 SET a = 2 WHERE id > 2 AND id < 6 AND b = 'C';
UPDATE s1 SET a = 3 WHERE (id, a) = (7, 30);
UPDATE s1 SET a = 4 WHERE (id, a) IN ((1, 1), (2, 20), (3, 77));
UPDATE s1 SET a = 5 WHERE NOT id = 1;
DELETE FROM s1 WHERE id <=> NULL;
DELETE FROM s1 WHERE id = NULL;
--@ case safe updates
SET SESSION sql_safe_updates = 1;
UPDATE s1 SET a = 1;
UPDATE s1 SET a = 1 WHERE id = 1;
DELETE FROM s1 WHERE b = 'A';
DELETE FROM s1 LIMIT 100;
--@ case errors
UPDATE s1 SET nope = 1;
UPDATE nope SET a = 1;
DELETE FROM s1 WHERE nope = 1;
UPDATE s1 SET a = 1 ORDER BY nope LIMIT 1;
DELETE FROM s1 LIMIT 1, 2;
--@ case queries over other places in a change
UPDATE users SET n = n + 10 WHERE id IN (SELECT a / 10 FROM s1 WHERE a > 5);
UPDATE users SET n = 0 WHERE name IN (SELECT UPPER(b) FROM s1) OR n > (SELECT AVG(amount) FROM orders);
UPDATE users u SET u.n = (SELECT SUM(amount) FROM orders), u.name = CONCAT(u.name, '!') WHERE u.id NOT IN (SELECT user_id FROM orders WHERE amount < 250);
UPDATE users SET n = (SELECT MAX(a) FROM s1) WHERE id = 3;
UPDATE users SET n = (SELECT a FROM s1 WHERE id < 3) WHERE id = 77;
UPDATE users SET n = (SELECT a FROM s1 WHERE id < 3);
UPDATE users SET n = (SELECT a FROM s1 WHERE id > 100);
DELETE FROM orders WHERE amount > (SELECT AVG(amount) FROM orders x) AND id IN (SELECT n FROM notes);
DELETE FROM s1 WHERE id NOT IN (SELECT MIN(id) FROM s1 GROUP BY a);
DELETE FROM users WHERE EXISTS (SELECT 1 FROM s1 WHERE a = 99999);
DELETE FROM users WHERE NOT EXISTS (SELECT 1 FROM s1 WHERE a = 99999) AND n < 3;
SELECT * FROM users ORDER BY id;
SELECT * FROM s1 ORDER BY id;
--@ case a single table changed by what shards have
UPDATE notes SET body = 'seen' WHERE n IN (SELECT user_id FROM orders WHERE amount > 150);
UPDATE notes SET n = (SELECT MAX(amount) FROM orders) WHERE id = 1;
DELETE FROM notes WHERE id NOT IN (SELECT id FROM s1 WHERE a IS NOT NULL);
SELECT * FROM notes ORDER BY id;
--@ case a broadcast table changed by what shards have
UPDATE products SET price = price + 1 WHERE id IN (SELECT user_id FROM orders);
UPDATE products SET price = (SELECT SUM(amount) FROM orders) WHERE id = 2;
DELETE FROM products WHERE id NOT IN (SELECT user_id FROM orders WHERE amount = 200);
SELECT * FROM products ORDER BY id;
--@ case queries over other places in a change inside of a transaction
BEGIN;
INSERT INTO orders VALUES (4, 1, 1000);
UPDATE users SET n = (SELECT MAX(amount) FROM orders) WHERE id IN (SELECT a / 10 FROM s1);
UPDATE users SET n = (SELECT a FROM s1 WHERE id < 3);
SELECT * FROM users ORDER BY id;
DELETE FROM users WHERE n = (SELECT MAX(amount) FROM orders) AND id > (SELECT MIN(id) FROM s1);
SELECT * FROM users ORDER BY id;
ROLLBACK;
SELECT * FROM users ORDER BY id;
START TRANSACTION READ ONLY;
DELETE FROM users WHERE n = (SELECT MAX(amount) FROM orders);
COMMIT;
--@ case queries over other places in a change with parameters
--@ params int 5 | int 2 | int 30
--@ params int 7 | int 3 | int 10
UPDATE users SET n = n + ? WHERE id > ? AND id < (SELECT COUNT(*) FROM s1 WHERE a >= ?);
--@ params str C | int 1
DELETE FROM users WHERE name IN (SELECT LOWER(b) FROM s1 WHERE b <> ?) OR n = ?;
SELECT * FROM users ORDER BY id;
--@ case derived tables in a change
UPDATE users u JOIN (SELECT a, COUNT(*) c FROM s1 GROUP BY a) d ON d.a = u.id * 10 SET u.n = d.c;
DELETE u FROM users u JOIN (SELECT MAX(amount) m FROM orders) d ON u.n < d.m - 498;
SELECT * FROM users ORDER BY id;
--@ case a change of what its queries read, and what it has assigned
UPDATE s1 SET c = a, a = c WHERE id IN (SELECT MAX(id) FROM s1 GROUP BY b);
--@ case a change of what its queries read
UPDATE s1 SET c = a, a = 7 WHERE id IN (SELECT MAX(id) FROM s1 GROUP BY b);
SELECT * FROM s1 ORDER BY id;
--@ case safe updates beside queries over other places
SET SESSION sql_safe_updates = 1;
UPDATE users SET n = 1 WHERE name IN (SELECT b FROM s1);
DELETE FROM users WHERE id IN (SELECT a / 10 FROM s1);
--@ case queries over other places in a change with LIMIT
DELETE FROM s1 WHERE id IN (SELECT MAX(id) FROM s1 GROUP BY a) ORDER BY id DESC LIMIT 2;
UPDATE s1 SET b = 'hit' WHERE a < (SELECT AVG(amount) FROM orders) ORDER BY a, id LIMIT 3;
UPDATE s1 SET b = 'no' WHERE a > (SELECT MAX(amount) FROM orders) ORDER BY id LIMIT 3;
--@ params int 100 | int 1
DELETE FROM users WHERE id IN (SELECT user_id FROM orders WHERE amount > ?) ORDER BY name LIMIT ?;
SELECT * FROM s1 ORDER BY id;
SELECT * FROM users ORDER BY id;
--@ case queries in queries over other places in a change
DELETE FROM s1 WHERE id IN (SELECT * FROM (SELECT MAX(id) FROM s1 GROUP BY a HAVING COUNT(*) > 1) d);
