-- Writes that a shard cannot do by itself: values that decide the shard and are not known before a server has
-- evaluated them, and changes of broadcast tables that must be evaluated once. A join of s1, whose rows lie on every
-- shard, with a broadcast table sees all of its copies.
--@ setup
DROP TABLE IF EXISTS s1;
DROP TABLE IF EXISTS s2;
DROP TABLE IF EXISTS k1;
DROP TABLE IF EXISTS d1;
DROP TABLE IF EXISTS c1;
DROP TABLE IF EXISTS m1;
DROP TABLE IF EXISTS products;
DROP TABLE IF EXISTS countries;
DROP TABLE IF EXISTS b1;
DROP TABLE IF EXISTS notes;
DROP TABLE IF EXISTS users;
CREATE TABLE s1 (id BIGINT NOT NULL PRIMARY KEY, a INT, b VARCHAR(40));
CREATE TABLE s2 (id BIGINT NOT NULL DEFAULT 77, a INT, PRIMARY KEY (id));
CREATE TABLE k1 (k VARCHAR(6) COLLATE utf8mb4_general_ci NOT NULL PRIMARY KEY, v INT);
CREATE TABLE d1 (d DATE NOT NULL, id INT NOT NULL, v INT, PRIMARY KEY (d, id));
CREATE TABLE c1 (a INT NOT NULL, b VARCHAR(20) NOT NULL, v INT, PRIMARY KEY (a, b));
CREATE TABLE m1 (id INT UNSIGNED NOT NULL PRIMARY KEY, v INT);
CREATE TABLE products (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, title VARCHAR(40), price DOUBLE, stock INT, UNIQUE KEY (title));
CREATE TABLE countries (code CHAR(2) NOT NULL PRIMARY KEY, n INT, name VARCHAR(40) CHARACTER SET latin1);
CREATE TABLE b1 (id INT NOT NULL PRIMARY KEY, u VARCHAR(36) DEFAULT (UUID()), r DOUBLE, t DATETIME(6), f FLOAT);
CREATE TABLE users (id BIGINT NOT NULL PRIMARY KEY, e ENUM('p','q','r'));
CREATE TABLE notes (id INT NOT NULL PRIMARY KEY, body VARCHAR(20));
--@ data
DELETE FROM s1;
DELETE FROM s2;
DELETE FROM k1;
DELETE FROM d1;
DELETE FROM c1;
DELETE FROM m1;
DELETE FROM products;
DELETE FROM countries;
DELETE FROM b1;
DELETE FROM notes;
DELETE FROM users;
INSERT INTO s1 VALUES (1,10,'one'),(2,20,'two'),(3,30,'three'),(4,40,'four'),(5,50,'five'),(6,60,'six'),(7,70,'seven'),(8,80,'eight');
INSERT INTO products (id, title, price, stock) VALUES (1,'a',1.5,10),(2,'b',2.5,20),(3,'c',3.5,30),(4,'d',4.5,40);
INSERT INTO countries VALUES ('de',1,'Deutschland'),('fr',2,'France'),('se',3,'Sverige');
INSERT INTO b1 (id, u, r, f) VALUES (1,'x',0.1,0.1),(2,'y',0.2,0.2),(3,'z',0.3,0.3);
INSERT INTO notes VALUES (1,'n1'),(2,'n2');
--@ dump b1 uuid=2 clock=4
--@ dump products genid=1

--@ case key from an expression
INSERT INTO s1 (id, a) VALUES (100 + 10, 1);
INSERT INTO s1 (id, a) VALUES (111, 1), (100 + 12, 2), (113, 3), (CONCAT('11', '4'), 4);
SET @a = 15;
INSERT INTO s1 (id, a) VALUES (@a + 100, @a);
INSERT INTO s1 (id, a) VALUES (@none, 1);
INSERT INTO s1 (id, a) VALUES ((SELECT 3) + 120, 1);
INSERT INTO s1 (id, a) VALUES ((SELECT MAX(id) + 200 FROM products), 1);
INSERT INTO s1 SET id = LENGTH('abc') + 130, a = 1;
INSERT INTO s1 (id, a) VALUES (7 DIV 2 + 130, 1);
INSERT INTO s1 (id, a) VALUES (IF(1 > 2, 140, 141), 1), (NULLIF(1, 1), 2);
INSERT INTO s1 (id, a) VALUES (1 / 0, 2);
INSERT INTO s1 (id, a) VALUES (SUM(1), 2);
INSERT INTO s1 (id, a) VALUES (nothing + 1, 2);
SELECT id, a FROM s1 ORDER BY id;
--@ case key from parameters
--@ params int 300 | int 1
--@ params int 301 | int 2
INSERT INTO s1 (id, a) VALUES (? + 1, ?);
--@ params str 14abc
--@ params str 310
--@ params str 312.6
--@ params int 311
--@ params null
INSERT INTO s1 (id, a) VALUES (?, 7);
SELECT id, a FROM s1 ORDER BY id;
--@ case key from a value that its column changes, strict
INSERT INTO s1 (id) VALUES ('14abc');
INSERT INTO s1 (id) VALUES (9223372036854775808);
INSERT INTO s1 (id) VALUES (NULL);
INSERT INTO s1 (id, a) VALUES (400, 1), ('401x', 2), (402, 3);
INSERT INTO s1 (id, a) VALUES (' 403 ', 1), (404.5, 2), (4.15e2, 3), (TRUE + 416, 5);
INSERT INTO m1 VALUES (-1, 1);
INSERT INTO m1 VALUES (4294967296, 1), (5, 1);
INSERT INTO k1 VALUES (1.50, 1), (15, 2), (1e3, 3), ('toolong', 4);
INSERT INTO k1 VALUES (1.50, 1), (15, 2), (1e3, 3);
INSERT INTO k1 VALUES (DATE'2024-01-01', 1);
INSERT INTO d1 VALUES ('2024-1-1', 1, 9), (20240102, 2, 9), ('2024-01-03 10:00:00', 3, 9), (240104, 4, 9);
INSERT INTO c1 VALUES (1 + 1, 'x', 1), ('3', CONCAT('y', 1), 2), (4, 'z', 3);
INSERT INTO c1 VALUES (1.5, 'x', 4);
SELECT id FROM s1 ORDER BY id;
SELECT * FROM k1 ORDER BY k;
SELECT * FROM d1 ORDER BY d, id;
SELECT * FROM c1 ORDER BY a, b;
--@ case key from a value that its column changes, not strict
SET sql_mode = '';
INSERT INTO s1 (id) VALUES ('14abc');
INSERT INTO s1 (id) VALUES (9223372036854775808);
INSERT INTO s1 (id) VALUES (NULL);
INSERT INTO s1 (id) VALUES ('x');
INSERT INTO s1 (id, a) VALUES (410, 1), ('411x', 2), (412, 3);
INSERT INTO m1 VALUES (-1, 1);
INSERT INTO m1 VALUES (4294967296, 1), (5, 1);
INSERT INTO k1 VALUES ('toolong', 4), ('tool', 5);
INSERT INTO d1 VALUES ('2024-05-06x', 2, 9);
INSERT INTO c1 VALUES ('12monkeys', 'x', 1), (1, 'y', 1);
SELECT id FROM s1 ORDER BY id;
SELECT * FROM m1 ORDER BY id;
SELECT * FROM k1 ORDER BY k;
SELECT * FROM d1 ORDER BY d, id;
SELECT * FROM c1 ORDER BY a, b;
--@ case key ignored errors
INSERT IGNORE INTO s1 (id) VALUES ('14abc');
INSERT IGNORE INTO s1 (id, a) VALUES (420, 1), ('421x', 2), ('1x', 3), (NULL, 3);
REPLACE INTO s1 (id, a) VALUES (200 + 220, 5), (3 * 3, 6);
INSERT INTO s1 (id, a) VALUES (210 * 2, 5), (200 + 221, 6), (200 + 222, 7) ON DUPLICATE KEY UPDATE a = a + 100;
SELECT id, a FROM s1 ORDER BY id;
--@ case key without a value
INSERT INTO s1 (a) VALUES (1);
INSERT INTO s1 () VALUES ();
INSERT INTO s1 (id, a) VALUES (DEFAULT, 1);
INSERT INTO s1 SET a = 1;
INSERT INTO c1 (a, v) VALUES (1, 2), (2, 2);
INSERT INTO s2 (a) VALUES (1);
INSERT INTO s2 () VALUES ();
INSERT INTO s2 (id, a) VALUES (DEFAULT, 5), (78, 6);
SET sql_mode = '';
INSERT INTO s1 (a) VALUES (1);
INSERT INTO s1 (id, a) VALUES (DEFAULT, 2);
INSERT INTO c1 (a, v) VALUES (1, 2), (2, 2);
SELECT * FROM s1 ORDER BY id;
SELECT * FROM s2 ORDER BY id;
SELECT * FROM c1 ORDER BY a, b;
--@ case key in a transaction
BEGIN;
INSERT INTO s1 (id, a) VALUES (100 + 1, 1);
INSERT INTO s1 (id, a) VALUES (102, 1), (100 + 3, 2), (104, 3), (50 + 51, 4);
SELECT id FROM s1 WHERE id > 100 ORDER BY id;
SAVEPOINT p;
INSERT INTO s1 (id, a) VALUES (100 + 5, 1), (100 + 6, 1), (107, 2);
ROLLBACK TO p;
INSERT INTO s1 (id, a) VALUES (100 + 8, 1), (100 + 9, 1);
COMMIT;
SELECT id FROM s1 WHERE id > 100 ORDER BY id;
--@ case last insert id as a key
INSERT INTO products (title) VALUES ('parent');
INSERT INTO s2 (id, a) VALUES (LAST_INSERT_ID() - LAST_INSERT_ID() + 500, 1);
SELECT * FROM s2 ORDER BY id;
--@ case key that needs its row
INSERT INTO s1 (a, id) VALUES (150, a + 1);
--@ case key that is no date
INSERT INTO d1 VALUES ('2024-02-30', 1, 9);
--@ case clock as a key
SET timestamp = 1700000000;
INSERT INTO d1 (d, id, v) VALUES (CURDATE(), 1, 1), (NOW(), 2, 1), (DATE_ADD(CURDATE(), INTERVAL 3 DAY), 3, 1);
SELECT * FROM d1 ORDER BY d, id;
--@ case random keys
INSERT INTO s1 (id, a) VALUES (FLOOR(RAND() * 0) + 600, 1), (601, 2);
INSERT INTO k1 (k, v) VALUES (LEFT(REPEAT(UUID(), 0), 6), 1);
SELECT id, a FROM s1 ORDER BY id;
SELECT * FROM k1;

--@ case broadcast with a limit
UPDATE products SET stock = stock + 1 ORDER BY id LIMIT 2;
UPDATE products SET stock = stock + 1 ORDER BY stock DESC LIMIT 1;
UPDATE products SET stock = 5 WHERE id > 100 ORDER BY id LIMIT 2;
UPDATE products SET stock = 5 LIMIT 0;
UPDATE products SET title = CHAR(ORD(title) + 1) ORDER BY title DESC LIMIT 3;
UPDATE products SET title = CHAR(ORD(title) + 1) ORDER BY title LIMIT 3;
DELETE FROM products ORDER BY price DESC LIMIT 1;
DELETE FROM countries WHERE n > 1 ORDER BY n LIMIT 1;
--@ params int 1 | int 2
--@ params int 7 | int 1
UPDATE products SET stock = ? ORDER BY id LIMIT ?;
SELECT s1.id, p.* FROM s1 JOIN products p ORDER BY s1.id, p.id;
SELECT s1.id, c.* FROM s1 JOIN countries c ORDER BY s1.id, c.code;
--@ case broadcast with a limit in a transaction
BEGIN;
UPDATE products SET stock = 0 ORDER BY id LIMIT 2;
UPDATE products SET title = 'c' WHERE id < 3 ORDER BY id LIMIT 2;
SELECT * FROM products ORDER BY id;
COMMIT;
SELECT s1.id, p.* FROM s1 JOIN products p ORDER BY s1.id, p.id;
--@ case broadcast rows chosen at random
DELETE FROM products WHERE RAND() < 2 AND id = 1;
UPDATE products SET stock = 9 WHERE RAND() < 2;
UPDATE products SET stock = stock + 1 ORDER BY RAND() LIMIT 3;
SELECT COUNT(DISTINCT CONCAT(p.id, ':', p.stock)) FROM s1 JOIN products p;
--@ case safe updates
SET sql_safe_updates = 1;
UPDATE s1 SET a = 1 LIMIT 100;
UPDATE s1 SET a = 2 WHERE b = 'one' LIMIT 3;
UPDATE products SET stock = 1 LIMIT 100;
UPDATE products SET stock = 1;
SELECT * FROM s1 ORDER BY id;
--@ case broadcast locking reads
BEGIN;
SELECT price FROM products WHERE id = 1 FOR UPDATE;
--@ on b
SET SESSION innodb_lock_wait_timeout = 0;
SELECT price FROM products WHERE id = 1;
SELECT price FROM products WHERE id = 1 FOR UPDATE;
SELECT price FROM products WHERE id = 1 LOCK IN SHARE MODE;
SELECT price FROM products WHERE id = 2 LOCK IN SHARE MODE;
UPDATE products SET stock = 11 WHERE id = 1;
UPDATE products SET stock = 11 WHERE id = 2;
SELECT id FROM products WHERE id < 3 ORDER BY id FOR UPDATE SKIP LOCKED;
--@ on a
UPDATE products SET stock = stock - 1 WHERE id = 1;
COMMIT;
--@ on b
SELECT p.id, p.stock, c.name FROM products p JOIN countries c ON c.n = p.id ORDER BY p.id FOR UPDATE;
SELECT UPPER(title) FROM products ORDER BY id LOCK IN SHARE MODE;
SELECT n.body, p.title FROM notes n JOIN products p ON p.id = n.id ORDER BY n.id FOR UPDATE;

--@ case broadcast values evaluated once
INSERT INTO b1 (id, u, r, t) VALUES (10, UUID(), RAND(), SYSDATE(6)), (11, UUID(), RAND(), SYSDATE(6));
INSERT INTO b1 (id, r) VALUES (12, 1), (13, 2);
INSERT INTO b1 SET id = 14, r = 3;
INSERT INTO b1 (id, u, r) VALUES (15, DEFAULT, 4), (16, CONCAT('x', LEFT(UUID(), 0)), 5);
INSERT INTO b1 VALUES (17, UUID(), 0.1e0 + RAND() * 0, NULL, 0.1), (18, DEFAULT, 1e300, NOW(6), 0.3);
INSERT INTO b1 (id, r) VALUES (18 + UUID() * 0, 1);
INSERT IGNORE INTO b1 (id, u) VALUES (1, UUID()), (19, UUID());
REPLACE INTO b1 (id, u) VALUES (1, UUID()), (20, UUID());
INSERT INTO b1 (id, u) VALUES (2, UUID()) ON DUPLICATE KEY UPDATE u = UUID(), r = r + 1;
INSERT INTO b1 (id, u) VALUES (2, UUID()), (21, UUID()) ON DUPLICATE KEY UPDATE u = VALUES(u), r = 8;
INSERT INTO b1 (id, u) VALUES (3, UUID()), (3, 'dup');
INSERT INTO b1 (id, u) VALUES (22, CONCAT(UUID(), 'far too long for it'));
INSERT INTO b1 (id, u, r) VALUES (23, IF(CONNECTION_ID() > 0, 'conn', ''), @@auto_increment_increment);
INSERT INTO products (title, price) VALUES (LEFT(UUID(), 0), RAND() * 0 + 1.5), (CONCAT('t', LENGTH(UUID())), 2);
INSERT INTO countries VALUES ('xx', LENGTH(UUID()), CONCAT(LEFT(UUID(), 0), 'Österreich'));
--@ params int 30 | str Öl | int 5
INSERT INTO b1 (id, u, r) VALUES (?, CONCAT(?, LENGTH(UUID())), ?);
SELECT id, LENGTH(u), r FROM b1 WHERE id NOT IN (10, 11) ORDER BY id;
SELECT * FROM products ORDER BY id;
SELECT * FROM countries ORDER BY code;
--@ expect temptable
SELECT b.id, COUNT(DISTINCT b.u), COUNT(DISTINCT b.r), COUNT(DISTINCT b.t) FROM s1 JOIN b1 b GROUP BY b.id ORDER BY b.id;
UPDATE b1 SET r = 0 WHERE id IN (10, 11);
SELECT s1.id, p.* FROM s1 JOIN products p ORDER BY s1.id, p.id;
SELECT s1.id, c.* FROM s1 JOIN countries c ORDER BY s1.id, c.code;
--@ case broadcast ids told by rows
INSERT INTO products (title) VALUES ('n1'),('a');
INSERT INTO products (id, title) VALUES (900, 'n2') RETURNING id;
SELECT LAST_INSERT_ID() IN (900, 901, 902);
INSERT INTO products (id, title) VALUES (910, 'n3');
SELECT LAST_INSERT_ID() IN (910, 911, 912);
INSERT INTO products (id, title) VALUES (920, 'n4'),(NULL, 'n5'),(930, 'n6'),(NULL, 'n7') RETURNING title;
SELECT LAST_INSERT_ID() = id FROM products WHERE title = 'n5';
INSERT INTO products (title) VALUES ('n8'),('n9') RETURNING title;
SELECT LAST_INSERT_ID() = id FROM products WHERE title = 'n8';
INSERT IGNORE INTO products (title) VALUES ('n8'),('n10') RETURNING title;
--@ expect temptable
SELECT p.title, COUNT(DISTINCT p.id), COUNT(*) FROM s1 JOIN products p GROUP BY p.title ORDER BY p.title;
--@ case broadcast values in a transaction
BEGIN;
INSERT INTO b1 (id, u) VALUES (40, UUID()), (41, UUID());
INSERT INTO b1 (id, u) VALUES (42, UUID()), (1, UUID());
SAVEPOINT p;
INSERT INTO b1 (id, u) VALUES (43, UUID());
ROLLBACK TO p;
COMMIT;
SELECT id FROM b1 ORDER BY id;
--@ expect temptable
SELECT b.id, COUNT(DISTINCT b.u) FROM s1 JOIN b1 b GROUP BY b.id ORDER BY b.id;

--@ case select from no table into shards
INSERT INTO s1 (id, a) SELECT 200, 1;
INSERT INTO s1 (id, a) SELECT 201, 1 UNION ALL SELECT 202, 2;
INSERT INTO s1 (id, a) SELECT 203, 1 FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM s1 WHERE id = 203);
INSERT INTO s1 (id, a) SELECT 203, 1 FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM s1 WHERE id = 203);
INSERT INTO s1 (id, a) SELECT 100 + 104, 1.5;
INSERT INTO s1 (id, a) SELECT '205x', 1;
INSERT INTO s1 (id, a) SELECT 206, 1, 2;
INSERT INTO s1 (id, a) SELECT 1, 5;
INSERT INTO s1 (id, a) SELECT 1, 5 ON DUPLICATE KEY UPDATE a = a + VALUES(a);
INSERT IGNORE INTO s1 (id, a) SELECT 1, 5 UNION ALL SELECT 207, 5;
REPLACE INTO s1 (id, a) SELECT 1, 55;
--@ params int 210 | str x
INSERT INTO s1 (id, a, b) SELECT ?, 7, ?;
SELECT * FROM s1 ORDER BY id;
--@ case select from broadcast and single tables into shards
INSERT INTO s1 (id, a, b) SELECT id + 300, stock, title FROM products;
INSERT INTO s1 (id, b) SELECT id + 310, body FROM notes ORDER BY id DESC;
INSERT INTO s1 (id, b) SELECT id + 320, body FROM notes WHERE id > 100;
INSERT INTO k1 (k, v) SELECT code, n FROM countries;
INSERT INTO k1 (k, v) SELECT name, n FROM countries;
SET sql_mode = '';
INSERT INTO k1 (k, v) SELECT name, n FROM countries;
INSERT INTO s1 (id, a, b) SELECT title, stock, name FROM products JOIN countries ON n = id;
SELECT * FROM s1 ORDER BY id;
SELECT * FROM k1 ORDER BY k;
--@ case select from shards into other shards
INSERT INTO s2 SELECT id, a FROM s1;
INSERT INTO s2 (id, a) SELECT id + 100, a FROM s1;
INSERT INTO s1 (id, a) SELECT a, id FROM s1 WHERE id < 4;
INSERT INTO s2 (id, a) SELECT COUNT(*) + 1000, SUM(a) FROM s1;
INSERT INTO s2 (id, a) SELECT a + 2000, MAX(id) FROM s1 GROUP BY a HAVING MAX(id) > 2;
INSERT INTO s2 (id, a) SELECT id + 3000, a FROM s1 ORDER BY a DESC LIMIT 3;
INSERT INTO s2 (id, a) SELECT id + 3000, a FROM s1 ORDER BY a DESC LIMIT 4;
INSERT IGNORE INTO s2 (id, a) SELECT id + 3000, a FROM s1 ORDER BY a DESC LIMIT 5;
INSERT INTO s2 (id, a) SELECT id + 3000, a FROM s1 ON DUPLICATE KEY UPDATE s2.a = s2.a + VALUES(a);
REPLACE INTO s2 (id, a) SELECT id + 3000, -a FROM s1 WHERE id < 3;
INSERT INTO d1 (d, id, v) SELECT DATE_ADD('2024-01-01', INTERVAL id DAY), id, a FROM s1;
INSERT INTO c1 (a, b, v) SELECT id % 3, b, a FROM s1;
--@ params int 4000 | int 5
INSERT INTO s2 (id, a) SELECT id + ?, a FROM s1 WHERE id > ?;
INSERT INTO s2 (id, a) SELECT 5000, a FROM s1 WHERE id = 1;
SELECT * FROM s1 ORDER BY id;
SELECT * FROM s2 ORDER BY id;
SELECT * FROM d1 ORDER BY d, id;
SELECT * FROM c1 ORDER BY a, b;
--@ case select from shards into single and broadcast tables
INSERT INTO notes SELECT id + 100, b FROM s1;
INSERT INTO notes (id, body) SELECT COUNT(*), 'n' FROM s1;
--@ expect errortext
INSERT INTO notes SELECT id, b FROM s1;
--@ expect geninsert
INSERT INTO products (title, price, stock) SELECT b, a * 0.3, a FROM s1 ORDER BY id;
INSERT INTO products (id, title) SELECT id + 50, CONCAT(b, '+') FROM s1 ORDER BY id;
INSERT INTO products SELECT id + 70, CONCAT(title, '!'), price, stock FROM products WHERE id < 5;
--@ expect geninsert
INSERT INTO products (title) SELECT CONCAT(title, '?') FROM products WHERE id < 4 ORDER BY id;
INSERT INTO countries SELECT LEFT(b, 2), a, 'Ö' FROM s1 WHERE id < 4;
--@ expect errortext
INSERT INTO countries SELECT LEFT(b, 2), a, 'Ö' FROM s1 WHERE id < 6;
INSERT IGNORE INTO countries SELECT LEFT(b, 2), a, b FROM s1;
INSERT INTO b1 (id, u, r, f) SELECT id + 90, UUID(), a / 3e0, a / 7e0 FROM s1;
INSERT INTO b1 (id, u, r, f) SELECT id + 10, 'copy', f, r FROM b1 WHERE id < 4;
SELECT * FROM notes ORDER BY id;
--@ expect genid=1
SELECT * FROM products ORDER BY id;
--@ expect genid=2
SELECT s1.id, p.* FROM s1 JOIN products p ORDER BY s1.id, p.id;
SELECT s1.id, c.* FROM s1 JOIN countries c ORDER BY s1.id, c.code;
SELECT COUNT(DISTINCT b.u) FROM s1 JOIN b1 b WHERE b.id > 90;
SELECT id, r, f FROM b1 ORDER BY id;
--@ case select in a transaction
BEGIN;
INSERT INTO s2 (id, a) SELECT id + 6000, a FROM s1;
INSERT INTO s2 (id, a) SELECT id + 5996, a FROM s1 ORDER BY id;
UPDATE s1 SET a = a + 1;
INSERT INTO s2 (id, a) SELECT id + 7000, a FROM s1;
SAVEPOINT p;
--@ expect geninsert
INSERT INTO products (title) SELECT CONCAT(b, '1') FROM s1 WHERE id < 3 ORDER BY id;
--@ expect geninsert
INSERT INTO products (title) SELECT LEFT(b, 1) FROM s1 WHERE id < 3 ORDER BY id;
ROLLBACK TO p;
COMMIT;
SELECT * FROM s2 ORDER BY id;
--@ expect genid=2
SELECT s1.id, p.id FROM s1 JOIN products p ORDER BY s1.id, p.id;
--@ case select locks what it reads
BEGIN;
INSERT INTO s2 (id, a) SELECT id + 6000, a FROM s1 WHERE id IN (1, 2);
--@ on b
SET SESSION innodb_lock_wait_timeout = 0;
UPDATE s1 SET a = 0 WHERE id = 1;
UPDATE s1 SET a = 0 WHERE id = 5;
SELECT id FROM s1 WHERE id = 1 LOCK IN SHARE MODE;
--@ on a
ROLLBACK;
SELECT COUNT(*) FROM s2;
--@ case select that warns, strict
SET sql_mode = 'STRICT_TRANS_TABLES';
INSERT INTO s2 (id, a) SELECT id + 20, a FROM s1 WHERE NOT a = '12abc';
INSERT INTO s2 (id, a) SELECT id + 20, a + '3x' FROM s1 WHERE id = 3;
SET sql_mode = 'STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO';
INSERT INTO notes (id) SELECT id + 20 FROM s1 WHERE a / 0 IS NULL;
INSERT IGNORE INTO s2 (id, a) SELECT id + 20, a FROM s1 WHERE NOT a = '12abc';
SELECT * FROM s2 ORDER BY id;
SELECT * FROM notes ORDER BY id;
--@ case select that warns, not strict
SET sql_mode = '';
INSERT INTO s2 (id, a) SELECT id + 20, a FROM s1 WHERE NOT a = '12abc';
SELECT * FROM s2 ORDER BY id;
--@ case assignments of a change that reads its table
UPDATE s1 SET a = a + 1, b = id WHERE id IN (SELECT id FROM s1 WHERE a > 20) ORDER BY id LIMIT 3;
SELECT * FROM s1 ORDER BY id;
UPDATE s1 SET a = a + 1, b = a ORDER BY id LIMIT 3;
SELECT * FROM s1 ORDER BY id;
UPDATE s1 SET a = a + 1, b = a WHERE id IN (SELECT id FROM s1 WHERE a > 20) ORDER BY id LIMIT 3;
--@ case rows of a change are not joined with
INSERT INTO users VALUES (1,'p'),(2,'q'),(3,'p'),(4,'r'),(5,NULL);
DELETE FROM users WHERE e IN (SELECT id FROM b1) ORDER BY id LIMIT 10;
UPDATE IGNORE users SET e = 'r' WHERE e IN (SELECT id FROM b1) ORDER BY id LIMIT 10;
UPDATE users SET e = 'r' WHERE EXISTS (SELECT 1 FROM b1 WHERE b1.id = users.e) ORDER BY id LIMIT 3;
SELECT id, e FROM users ORDER BY id;
DELETE FROM users WHERE EXISTS (SELECT 1 FROM b1 WHERE b1.id = users.e) ORDER BY id DESC LIMIT 1;
SELECT id FROM users ORDER BY id;
--@ case select of quotients
INSERT INTO products (id, price) SELECT id + 80, a / 7 FROM s1 WHERE id = 1;
--@ case value and the key in on duplicate key update
INSERT INTO s1 (id, a) VALUES (3, 1) ON DUPLICATE KEY UPDATE a = VALUE(a) * 2;
INSERT INTO s1 (id, a) VALUES (3, 1), (4, 5) ON DUPLICATE KEY UPDATE a = value (a) + 1, id = VALUE(id);
INSERT INTO s2 (id, a) SELECT id, a FROM s1 ON DUPLICATE KEY UPDATE a = VALUE(a) * 2;
INSERT INTO s1 (id, a) VALUES (3, 1) ON DUPLICATE KEY UPDATE id = 3, a = 99;
--@ params int 3 | int 8 | int 3
INSERT INTO s1 (id, a) VALUES (?, ?) ON DUPLICATE KEY UPDATE id = ?, a = a + 1;
INSERT INTO s1 (id, a) VALUES (3, 1), (2, 5) ON DUPLICATE KEY UPDATE id = 3, a = 98;
SELECT * FROM s1 ORDER BY id;
--@ case expression for the key in an update
UPDATE s1 SET id = id + 0, a = 7 WHERE id = 5;
UPDATE s1 SET id = id + 0, a = a + 1;
UPDATE s1 SET id = -(-id), a = a + 1 WHERE id IN (1, 2);
UPDATE s1 SET id = id + 0 WHERE id = 1000;
UPDATE s1 SET id = IF(id = 3, 3, id), a = 5 WHERE a > 3;
UPDATE d1 SET d = CONCAT(d, ''), v = 8;
UPDATE s1 SET id = CONCAT(id, '') WHERE id < 4;
--@ params int 0 | int 5
UPDATE s1 SET id = id + ?, a = 70 WHERE id = ?;
BEGIN;
UPDATE s1 SET id = id * 1, a = 71 WHERE id IN (5, 6);
ROLLBACK;
UPDATE s1 SET id = id + 1 WHERE id = 5;
SELECT * FROM s1 ORDER BY id;
--@ case broadcast rows changed by what is evaluated once
UPDATE b1 SET u = UUID();
SELECT COUNT(DISTINCT b.u) FROM s1 JOIN b1 b;
UPDATE b1 SET u = UUID() WHERE id < 3 ORDER BY id LIMIT 1;
UPDATE b1 SET r = RAND() * 0 + id / 3, t = '2024-05-06 07:08:09.123456', f = f / 3 WHERE u IS NOT NULL;
UPDATE b1 SET u = CONCAT(LEFT(UUID(), 0), 'é''\\x'), r = r + 1 WHERE id > 1;
UPDATE b1 SET u = LEFT(UUID(), 0) WHERE id = 100;
UPDATE products SET price = FLOOR(RAND() * 0) + 7, title = CONCAT(title, 'x');
UPDATE products SET title = IF(RAND() > 2, '', 'same') WHERE id < 3;
UPDATE countries SET name = CONCAT(LEFT(UUID(), 0), 'Österreich') WHERE n < 3;
UPDATE products SET stock = stock + @@auto_increment_increment WHERE CONNECTION_ID() > 0;
SELECT COUNT(DISTINCT b.u) FROM s1 JOIN b1 b;
SELECT b.id, b.r, b.t, b.f, b.u FROM b1 b WHERE id > 1 ORDER BY id;
SELECT DISTINCT b.id, b.r, b.t, b.f FROM s1 JOIN b1 b ORDER BY b.id;
SELECT s1.id, p.* FROM s1 JOIN products p ORDER BY s1.id, p.id;
SELECT s1.id, c.* FROM s1 JOIN countries c ORDER BY s1.id, c.code;
BEGIN;
UPDATE b1 SET u = UUID(), r = 5;
UPDATE products SET title = IF(RAND() > 2, '', 'same') WHERE id < 3;
ROLLBACK;
SELECT id, r FROM b1 ORDER BY id;
UPDATE b1 SET u = UUID() WHERE RAND() > 2;
UPDATE b1 SET u = UUID() WHERE id > 1000 LIMIT 3;
DELETE FROM b1 WHERE RAND() > 2;
--@ case rows that warn, by their numbers in the statement
SET SESSION sql_mode = '';
INSERT INTO s1 (id, a) VALUES (501, 'x'), (502, 1), (503, 'y'), (504, 2), (505, 'z');
--@ params int 511 | str x | int 512 | int 1 | int 513 | str y
INSERT INTO s1 (id, a) VALUES (?, ?), (?, ?), (?, ?);
REPLACE INTO s1 (id, a) VALUES (501, 1), (502, 'x'), (503, 3);
INSERT INTO s1 (id, a) VALUES (501, 1), (502, 2), (503, 3) ON DUPLICATE KEY UPDATE a = 'no';
INSERT INTO products (id, stock) VALUES (501, 'x'), (502, 1), (503, 'y');
INSERT INTO s1 (id, a) SELECT id + 600, CONCAT(stock, 'x') FROM products WHERE id > 500 ORDER BY id;
UPDATE s1 SET a = 'q' WHERE id > 500;
--@ case NULL for NOT NULL without strict mode
SET SESSION sql_mode = '';
INSERT INTO k1 (k, v) VALUES ('n1', 1);
INSERT INTO c1 (a, b, v) VALUES (1, 'x', 1), (1, 'x', 2), (2, NULL, 3);
INSERT INTO s1 (id, a) VALUES (NULL, 3);
--@ case a FLOAT as a text
INSERT INTO b1 (id, f) VALUES (900, 1.1);
INSERT INTO b1 (id, u) SELECT 901, f FROM b1 WHERE id = 900;
