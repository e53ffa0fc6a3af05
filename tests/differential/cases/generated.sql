-- The tables of the generated statements, and the cases that they found: what the generator prints is pasted here.
--@ setup
DROP TABLE IF EXISTS users;
DROP TABLE IF EXISTS orders;
DROP TABLE IF EXISTS order_items;
DROP TABLE IF EXISTS products;
DROP TABLE IF EXISTS notes;
CREATE TABLE users (id BIGINT NOT NULL, name VARCHAR(20) COLLATE utf8mb4_general_ci, code VARCHAR(10) COLLATE utf8mb4_bin, country CHAR(2), score INT, balance DECIMAL(12,2), born DATE, level ENUM('low','mid','high','A'), ratio DOUBLE, seen DATETIME(3), PRIMARY KEY (id));
CREATE TABLE orders (user_id BIGINT NOT NULL, id BIGINT NOT NULL, product_id INT, amount DECIMAL(12,2), qty INT UNSIGNED, state ENUM('new','paid','sent'), placed DATETIME, note VARCHAR(30), PRIMARY KEY (user_id, id), KEY (product_id));
CREATE TABLE order_items (user_id BIGINT NOT NULL, order_id BIGINT NOT NULL, line INT NOT NULL, product_id INT, qty INT, price DECIMAL(8,2), PRIMARY KEY (user_id, order_id, line));
CREATE TABLE products (id INT NOT NULL, title VARCHAR(40), price DECIMAL(8,2), stock INT, PRIMARY KEY (id));
CREATE TABLE notes (id INT NOT NULL, user_id BIGINT, body VARCHAR(40), n INT, PRIMARY KEY (id));
--@ data
DELETE FROM users;
DELETE FROM orders;
DELETE FROM order_items;
DELETE FROM products;
DELETE FROM notes;
INSERT INTO users VALUES
 (1,'ann','a1','DE',10,10.50,'1990-01-01','low',0.5,'2024-01-01 10:00:00.001'),(2,'Bob','B2','FR',20,-5.25,'1985-05-05','high',1.25,'2024-01-02 11:00:00'),(3,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL),
 (4,'ANN','a1','DE',5,0,'1990-01-01','mid',2e5,'2023-12-31 23:59:59.999'),(5,'eve ','E5','IT',0,99999.99,'2000-02-29','A',-0.125,'2024-01-01 10:00:00.001'),(6,'bob','b2','FR',-7,10.50,'1999-12-31','low',0.1,NULL),
 (7,'Zoé','z','IT',20,1.01,'1985-05-05','high',3.75,'2024-06-01 00:00:00'),(8,'zoe','','ES',100,-5.25,NULL,'mid',NULL,'2022-02-02 02:02:02.02'),(9,'','x y','DE',10,7,'2010-10-10',NULL,1e-3,'2024-01-02 11:00:00'),
 (10,'ß','ss','XX',3,0.01,'1970-01-01','A',7,'2024-03-03 03:03:03'),(11,'_u','%u','ES',NULL,12.34,'1990-01-01','low',8.5,'2024-01-01 10:00:00.002'),(12,'eve','e5',NULL,50,-0.01,'2024-01-01','high',0.5,'1999-09-09 09:09:09');
INSERT INTO orders VALUES
 (1,1,1,100.10,1,'new','2024-01-01 10:00:00','first'),(1,2,2,50,2,'paid','2024-01-02 11:00:00',NULL),(2,1,1,75.50,3,'sent','2024-02-01 00:00:00','x'),(2,3,NULL,1,0,'new',NULL,'X'),(4,1,2,999.99,9,'paid','2024-03-01 12:00:00','late'),
 (4,2,1,10,1,'new','2024-03-02 12:00:00','first'),(5,1,3,0.01,7,NULL,'2023-12-31 23:59:59',''),(6,9,9,5,2,'sent','2024-04-01 12:00:00','y'),(7,1,1,NULL,NULL,'new','2024-05-01 12:00:00',NULL),(8,1,2,33.33,3,'paid','2024-01-01 10:00:00','Late'),
 (9,4,3,33.33,4294967295,'sent','2024-06-06 06:06:06','z'),(12,1,4,12.12,1,'paid','2024-01-02 11:00:00','first'),(20,1,2,7,1,'paid','2024-06-01 12:00:00','orphan');
INSERT INTO order_items VALUES (1,1,1,1,2,50.05),(1,2,1,2,1,25),(1,2,2,1,1,25),(2,1,1,1,3,25.17),(4,1,1,2,9,111.11),(4,1,2,3,1,0),(4,2,1,1,1,10),(5,1,1,3,7,0.01),(6,9,1,9,5,1),(8,1,1,2,3,11.11),(9,4,1,3,NULL,NULL),(12,1,1,4,1,12.12),(20,1,1,2,7,1);
INSERT INTO products VALUES (1,'hammer',12.50,10),(2,'nail',0.05,1000),(3,'saw',30,0),(4,'Drill',99,NULL),(5,NULL,NULL,5);
INSERT INTO notes VALUES (1,1,'first',1),(2,2,'second',NULL),(3,NULL,'third',3),(4,99,NULL,3),(5,4,'First',5);

--@ case all tables
SELECT * FROM users ORDER BY id;
SELECT * FROM orders ORDER BY user_id, id;
SELECT * FROM order_items ORDER BY user_id, order_id, line;
--@ case parameters below an expression over aggregates
--@ params int 1
--@ params int 99
SELECT SUM(o.amount) + COUNT(*) FROM orders o WHERE (o.note LIKE '%' OR o.id = ?);
--@ params int 99 | int 4
--@ params int 1 | int 9
SELECT MAX(o.state) FROM orders o WHERE o.user_id BETWEEN ? AND ? GROUP BY o.product_id HAVING COUNT(*) > 1;
--@ params int 2
SELECT SUM(o.qty) FROM orders o WHERE o.user_id > ? GROUP BY o.placed ORDER BY COUNT(*) DESC, o.placed;
--@ params str nope | int 1
SELECT AVG(balance) FROM users WHERE level <> ? GROUP BY score HAVING COUNT(*) > ?;
--@ case the info of an update that cannot match
UPDATE orders SET amount = 999.99 WHERE NOT (id = id) ORDER BY user_id, id LIMIT 3;
UPDATE orders SET amount = 999.99 WHERE user_id IS NULL;
--@ case the least and greatest of an enum in groups
SELECT MIN(level), MAX(level) FROM users GROUP BY code;
SELECT MIN(level) FROM users WHERE id IN (0, 3, 1, 12) GROUP BY name;
--@ case digits of deviations
--@ expect double=1
SELECT STDDEV_POP(score), MAX(score) - MIN(score) FROM users;
--@ expect double=1 temptable
SELECT STDDEV_POP(i.product_id) FROM orders o LEFT JOIN order_items i ON i.user_id = o.user_id AND i.order_id = o.id GROUP BY o.product_id;
--@ case locks on a broadcast table
SELECT price FROM products WHERE id = 1 FOR UPDATE;
SELECT UPPER(title) FROM products ORDER BY id FOR UPDATE;
--@ case orders and limits of broadcast writes
UPDATE products SET stock = stock + 1 ORDER BY id LIMIT 2;
DELETE FROM products ORDER BY title DESC, id LIMIT 1;
--@ case found: joins whose rows are needed in one place
--@ expect double=1 temptable
SELECT STDDEV_POP(o.amount), MAX(o.id) - MIN(o.id) FROM users u JOIN orders o ON o.user_id = u.id GROUP BY u.score;
--@ expect temptable
SELECT SUM(o.user_id) OVER (PARTITION BY i.order_id) FROM orders o JOIN order_items i ON i.user_id = o.user_id AND i.order_id = o.id;
--@ expect temptable
SELECT SUM(id) OVER (PARTITION BY id) FROM users ORDER BY id, id;
--@ case found: joins and locks beside what has to be run before
--@ expect temptable
SELECT SUM(o.qty) OVER (PARTITION BY o.product_id) FROM users u LEFT JOIN orders o ON o.user_id = u.id WHERE NOT EXISTS (SELECT 1 FROM notes WHERE body LIKE '%a%');
--@ expect temptable
SELECT d.n FROM (SELECT qty AS k, COUNT(*) AS n, MIN(qty) AS m FROM orders GROUP BY qty) d FOR UPDATE;
--@ case found: what a statement in parts says of a union's columns
SELECT COUNT(*) FROM orders UNION ALL SELECT user_id FROM orders WHERE user_id IN (4, 99);
--@ params int 4 | int 99 | int 99
SELECT COUNT(*) FROM orders UNION ALL SELECT user_id FROM orders WHERE (user_id = ? OR user_id IN (?, ?));
--@ params int 1 | int 5 | int 2 | int 3
SELECT stock FROM products WHERE id IN (?, ?, ?, ?) UNION ALL SELECT user_id FROM orders;
--@ case found: a broadcast update that cannot match or does not
UPDATE products SET title = 'hammer' WHERE id IS NULL ORDER BY id LIMIT 2;
UPDATE products SET title = 'hammer' WHERE (id <=> 5 AND stock = stock) AND id = 3 ORDER BY title DESC, id LIMIT 1;
UPDATE products SET title = 'hammer' WHERE id = 77 ORDER BY id LIMIT 2;
UPDATE products SET title = 'hammer' WHERE title = 'none' ORDER BY id LIMIT 2;
UPDATE products SET title = 'hammer' ORDER BY id LIMIT 0;
DELETE FROM products WHERE id IS NULL ORDER BY id LIMIT 2;
BEGIN;
UPDATE products SET title = 'hammer' WHERE id IS NULL ORDER BY id LIMIT 2;
UPDATE products SET title = 'none' WHERE title = 'hammer' ORDER BY id LIMIT 2;
UPDATE products SET title = 'hammer' WHERE title = 'hammer' ORDER BY id LIMIT 2;
COMMIT;
--@ case found: a statement in parts that takes no row
--@ expect temptable
--@ params int 0
--@ params int 1
SELECT MAX(code) FROM users WHERE score > (SELECT SUM(qty) FROM orders) GROUP BY name HAVING COUNT(*) > 1 ORDER BY name DESC LIMIT ?;
--@ expect temptable
--@ params int 3 | int 0
--@ params int 3 | int 2
SELECT id + ?, MAX(code) FROM users WHERE score > (SELECT MIN(qty) FROM orders) GROUP BY id ORDER BY id LIMIT ?;
--@ case parameters and NOT NULL
--@ params int 3
SELECT COUNT(*) + ? FROM users;
--@ params int 3
SELECT COUNT(*) + ?, MIN(id) FROM users GROUP BY country ORDER BY 2;
--@ params int 3
SELECT id + ? FROM users ORDER BY id;
--@ params int 3
SELECT id + ? FROM users WHERE id IN (SELECT user_id FROM orders) ORDER BY id;
--@ params int 3 | int 2
SELECT id + ?, COUNT(*) FROM users WHERE id > (SELECT MIN(user_id) FROM orders) GROUP BY id ORDER BY id LIMIT ?;
--@ case found: a statement that fails in a transaction and has read other shards than it writes
BEGIN;
DELETE FROM users;
INSERT INTO notes (id, user_id, n) SELECT id + 100, user_id, product_id FROM orders ORDER BY 1, 2, 3;
UPDATE products SET stock = 5 WHERE id = 1;
ROLLBACK;
BEGIN;
UPDATE orders SET qty = 4 WHERE user_id = 5;
UPDATE orders SET qty = qty - 1 WHERE user_id IN (1, 2, 4, 6) ORDER BY qty, user_id, id LIMIT 2;
--@ expect errortext
INSERT INTO order_items (user_id, order_id, line, qty) SELECT user_id, id, 1, product_id FROM orders;
COMMIT;
--@ case found: a window over a derived table beside a query
--@ expect temptable
SELECT SUM(d.m) OVER (PARTITION BY d.k ORDER BY d.m) FROM (SELECT qty AS k, COUNT(*) AS n, MIN(id) AS m FROM orders GROUP BY qty) d WHERE d.m <= ALL (SELECT user_id FROM orders WHERE id = 1);
--@ expect temptable
SELECT d.m FROM (SELECT qty AS k, COUNT(*) AS n, MIN(id) AS m FROM orders GROUP BY qty) d WHERE d.m <= ALL (SELECT user_id FROM orders WHERE id = 1);
--@ case found: a cursor whose key cannot be told
--@ expect temptable
--@ params fetch=2
SELECT NULL FROM users WHERE users.id = '2' AND users.id = (SELECT SUM(user_id) FROM orders WHERE user_id = 2);
--@ case found: what a session says of a cursor
UPDATE orders SET product_id = 3;
--@ expect temptable nowarnings
--@ params fetch=1
SELECT price FROM order_items WHERE user_id = 1;
SELECT ROW_COUNT(), FOUND_ROWS();
--@ expect temptable nowarnings
--@ params fetch=2
SELECT SQL_CALC_FOUND_ROWS price FROM order_items WHERE user_id = 1 ORDER BY line, order_id LIMIT 1;
SELECT ROW_COUNT(), FOUND_ROWS();
--@ expect temptable nowarnings
--@ params fetch=2
SELECT price FROM order_items WHERE user_id = 1 ORDER BY line, order_id LIMIT 1, 2;
SELECT FOUND_ROWS();
--@ case found: a mode for one INSERT
SET STATEMENT sql_mode = 'HIGH_NOT_PRECEDENCE' FOR INSERT INTO users (id, score) VALUES (1, 1);
--@ case found: what is refused of settings for one statement, and of changes of two tables
SET STATEMENT sql_mode = 'PIPES_AS_CONCAT' FOR SELECT id || 0 FROM users ORDER BY id;
SET STATEMENT lc_time_names = 'de_DE' FOR SELECT SUM(DISTINCT score) FROM users;
DELETE o, p FROM orders o LEFT JOIN products p ON p.id = o.product_id WHERE o.user_id = 77;
UPDATE orders o, shop.products p SET p.title = 'drill' WHERE p.id = o.product_id AND p.id = 99;
SELECT DISTINCT u.born FROM users u JOIN orders o ON o.user_id = u.id ORDER BY LENGTH(o.id), u.born;
SELECT DISTINCT score FROM users ORDER BY LENGTH(score), score;
INSERT INTO order_items (user_id, order_id, line, qty) VALUES (1, 1, 1, 3), (2, 1, 1, 3) ON DUPLICATE KEY UPDATE qty = LAST_INSERT_ID(qty + 1);
--@ follows
SELECT ROW_COUNT();
--@ case found: settings for one statement that runs in parts, and orders of what is not selected [binary]
--@ expect temptable
SET STATEMENT sql_mode = 'ONLY_FULL_GROUP_BY,STRICT_ALL_TABLES' FOR SELECT id FROM users WHERE id <= (SELECT AVG(qty) FROM orders WHERE qty < 9) ORDER BY id;
SET STATEMENT sql_select_limit = 4 FOR SELECT JSON_ARRAYAGG(id ORDER BY id) FROM users;
--@ expect rep=1
SELECT DISTINCT u.country AS l0 FROM users u JOIN orders o ON o.user_id = u.id ORDER BY LENGTH(u.country), u.country;
--@ case found: what the session answers in the servers' own charset
SET character_set_results = NULL;
SHOW WARNINGS;
--@ case found: how many rows are found of groups with expressions
SELECT SQL_CALC_FOUND_ROWS COALESCE(SUM(score), 0) AS l1 FROM users GROUP BY name;
SELECT SQL_CALC_FOUND_ROWS MAX(i.qty) - MIN(i.qty) FROM orders o JOIN order_items i ON i.user_id = o.user_id AND i.order_id = o.id GROUP BY o.qty;
--@ case found: texts beyond ASCII as parameters of what runs in parts
--@ params str ZOÉ
SELECT COUNT(*) FROM orders INTERSECT SELECT 13 FROM users WHERE name = ?;
--@ params str ZOÉ
SELECT id, (SELECT COUNT(*) FROM users WHERE name = ?) FROM products WHERE id = 1;
--@ params str ZOÉ
SELECT id FROM users WHERE name = ? AND id > (SELECT MIN(user_id) FROM orders) ORDER BY id;
--@ expect rep=1
--@ params str ZOÉ
SELECT MAX(name) FROM users GROUP BY country HAVING MAX(name) = ? ORDER BY MAX(name);
--@ params str ZOÉ
SELECT COUNT(*), MAX(name) = ?, MAX(id) > 3 FROM users WHERE country = 'IT';
--@ params str ZOÉ
SELECT COUNT(*) + 1, CONCAT(MAX(name), ?) FROM users WHERE country = 'IT';
--@ case rows found by what is no query
UPDATE users u LEFT JOIN order_items i ON i.user_id = u.id SET i.qty = 3;
--@ follows
SELECT FOUND_ROWS(), 1;
UPDATE users u JOIN order_items i ON i.user_id = u.id SET i.qty = 4, u.score = 1 WHERE u.id = 1;
--@ follows
SELECT FOUND_ROWS(), 2;
DELETE i FROM users u JOIN order_items i ON i.user_id = u.id WHERE u.id = 1;
--@ follows
SELECT FOUND_ROWS(), 3;
SELECT id FROM users WHERE id < 3 ORDER BY id;
INSERT INTO products (id, title, price, stock) VALUES (60, 'x', 1, 1) RETURNING id;
--@ follows
SELECT FOUND_ROWS(), 4;
INSERT INTO users (id, name) VALUES (60, 'x') RETURNING id;
--@ follows
SELECT FOUND_ROWS(), 5;
--@ case rows found by a query that fails
SELECT id FROM users WHERE id < 3 ORDER BY id;
SELECT CAST(1 AS UNSIGNED) - 2;
--@ follows
SELECT FOUND_ROWS(), 6;
SELECT id FROM users WHERE id < 3 ORDER BY id;
SELECT CAST(id AS UNSIGNED) - 2 FROM users WHERE id = 1;
--@ follows
SELECT FOUND_ROWS(), 7;
SELECT id FROM users WHERE id < 3 ORDER BY id;
SELECT CAST(id AS UNSIGNED) - 2 FROM users WHERE id IN (1, 2, 3);
--@ follows
SELECT FOUND_ROWS(), 8;
SELECT id FROM users WHERE id < 3 ORDER BY id;
SELECT nothing FROM users;
--@ follows
SELECT FOUND_ROWS(), 9;
SELECT id FROM users WHERE id < 3 ORDER BY id;
SELECT CAST(1 AS UNSIGNED) - 2 UNION SELECT id FROM users;
--@ follows
SELECT FOUND_ROWS(), 10;
SELECT id FROM users WHERE id < 3 ORDER BY id;
SELECT id FROM users WHERE id = (SELECT id FROM users WHERE id IN (1, 2));
--@ follows
SELECT FOUND_ROWS(), 11;
SELECT id FROM users WHERE id < 3 ORDER BY id;
SELECT id FROM users ORDER BY CAST(id AS UNSIGNED) - 4;
--@ follows
SELECT FOUND_ROWS(), 12;
--@ case found: texts beyond ASCII as parameters that are assigned [binary]
--@ params str ZOÉ
SET @c = CONCAT((SELECT COUNT(*) FROM users WHERE id < 8), ?);
SELECT @c, CHARSET(@c);
SET NAMES gbk;
--@ params str \xa8\xa6
SET @c = CONCAT((SELECT COUNT(*) FROM users WHERE id < 7), ?);
SELECT HEX(@c), CHARSET(@c);
--@ params str \xa8\xa6
SELECT id FROM users WHERE code = ? AND id > (SELECT MIN(user_id) FROM orders);
--@ case found: a mode for one statement in its status
SET STATEMENT sql_mode = 'NO_BACKSLASH_ESCAPES' FOR SELECT id FROM users WHERE id = 1;
SET STATEMENT sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES' FOR SELECT id FROM products WHERE id = 1;
SET STATEMENT sql_mode = 'NO_BACKSLASH_ESCAPES', max_statement_time = 100 FOR SELECT 1;
SELECT 1;
SET sql_mode = 'NO_BACKSLASH_ESCAPES';
SET STATEMENT sql_mode = '' FOR SELECT id FROM users WHERE id = 1;
SET STATEMENT sql_mode = 'ANSI_QUOTES' FOR SELECT id FROM users WHERE id = 1;
SELECT 1;
--@ case found: a mode for one statement in its status for clients of old [eof]
SET STATEMENT sql_mode = 'NO_BACKSLASH_ESCAPES' FOR SELECT id FROM users WHERE id = 1;
--@ case found: what a cursor of one shard warns of [binary]
--@ expect temptable
--@ params fetch=2
SELECT CAST(name AS SIGNED) FROM users WHERE id = 1;
SHOW WARNINGS;
--@ expect temptable
--@ params fetch=1
SELECT CAST(title AS SIGNED) FROM products ORDER BY id;
SELECT @@warning_count;
--@ expect temptable
--@ params fetch=2
SELECT CAST(title AS SIGNED) FROM products WHERE id = 99;
SHOW COUNT(*) WARNINGS;
--@ case found: a mode for one statement that is prepared
PREPARE p FROM 'SET STATEMENT sql_mode = ''NO_BACKSLASH_ESCAPES'' FOR SELECT id FROM users WHERE id = 1';
EXECUTE p;
PREPARE p FROM 'SET STATEMENT sql_mode = ''ANSI_QUOTES'' FOR SELECT id FROM users WHERE id = ?';
SET @v = 1;
EXECUTE p USING @v;
EXECUTE IMMEDIATE 'SET STATEMENT sql_mode = ''ANSI_QUOTES'' FOR SELECT id FROM users WHERE id = 1';
SELECT 1;
--@ case rows found by a cursor without tables
--@ expect temptable
--@ params fetch=1
SELECT ROW_COUNT();
SELECT FOUND_ROWS(), 21;
SELECT 1;
SELECT FOUND_ROWS(), 22;
