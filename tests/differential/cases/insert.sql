-- INSERT and REPLACE: rows split over shards, duplicate keys, IGNORE, ON DUPLICATE KEY, SELECT.
--@ mysql CONSTRAINT positive CHECK => CHECK
--@ setup
DROP TABLE IF EXISTS s1;
DROP TABLE IF EXISTS s2;
DROP TABLE IF EXISTS users;
DROP TABLE IF EXISTS orders;
DROP TABLE IF EXISTS products;
DROP TABLE IF EXISTS notes;
DROP TABLE IF EXISTS c1;
CREATE TABLE s1 (id BIGINT NOT NULL, a INT, b VARCHAR(10) NOT NULL DEFAULT 'dflt', c DECIMAL(6,2), PRIMARY KEY (id));
CREATE TABLE s2 (id BIGINT NOT NULL, a INT, b VARCHAR(10), PRIMARY KEY (id));
CREATE TABLE users (id BIGINT NOT NULL, name VARCHAR(40), n INT, PRIMARY KEY (id));
CREATE TABLE orders (user_id BIGINT NOT NULL, id BIGINT NOT NULL, amount INT, PRIMARY KEY (user_id, id), UNIQUE KEY (user_id, amount));
CREATE TABLE products (id INT NOT NULL PRIMARY KEY, title VARCHAR(40));
CREATE TABLE notes (id INT NOT NULL PRIMARY KEY, body VARCHAR(20) UNIQUE);
CREATE TABLE c1 (a INT NOT NULL, b VARCHAR(20) NOT NULL, v INT, PRIMARY KEY (a, b));
DROP TABLE IF EXISTS s3;
DROP TABLE IF EXISTS k2;
CREATE TABLE k2 (k VARCHAR(9) NOT NULL DEFAULT 'key' PRIMARY KEY, a INT DEFAULT 7, n INT NOT NULL, e VARCHAR(9) DEFAULT 'x', g INT AS (a + 1));
CREATE TABLE s3 (id BIGINT NOT NULL PRIMARY KEY, a TINYINT, CONSTRAINT positive CHECK (a > 0), CHECK (id < 1000));
DROP TABLE IF EXISTS b2;
CREATE TABLE b2 (id BIGINT NOT NULL PRIMARY KEY, a TINYINT, CHECK (a > 0));
--@ data
DELETE FROM b2;
DROP TABLE IF EXISTS t9;
DELETE FROM s1;
DELETE FROM s2;
DELETE FROM s3;
DELETE FROM k2;
DELETE FROM users;
DELETE FROM orders;
DELETE FROM products;
DELETE FROM notes;
DELETE FROM c1;
INSERT INTO s1 VALUES (1,10,'one',1.5),(2,20,'two',2.5),(3,30,'three',3.5),(4,NULL,'four',NULL);
INSERT INTO users VALUES (1,'ann',1),(2,'bob',2),(3,'cid',3);
INSERT INTO orders VALUES (1,1,100),(2,1,200),(3,1,300);
INSERT INTO products VALUES (1,'p1'),(2,'p2');
INSERT INTO notes VALUES (1,'n1'),(2,'n2');

--@ case single row
INSERT INTO s1 VALUES (10, 1, 'x', 9.99);
INSERT INTO s1 (id, a) VALUES (11, 2);
INSERT INTO s1 (a, id) VALUES (3, 12);
INSERT INTO s1 SET id = 13, b = 'set';
INSERT INTO shop.s1 (id) VALUES (14);
INSERT INTO s1 (id, a, b, c) VALUE (15, DEFAULT, DEFAULT, DEFAULT);
INSERT s1 VALUES (16, 1+1, CONCAT('a','b'), 10/4);
SELECT * FROM s1 ORDER BY id;
--@ case several rows
INSERT INTO s1 (id, a) VALUES (20,1),(21,2),(22,3),(23,4),(24,5);
INSERT INTO s1 (id, a) VALUES (30,1),(31,2);
SELECT id, a FROM s1 WHERE id >= 20 ORDER BY id;
--@ case duplicate key
INSERT INTO s1 (id, a) VALUES (1, 99);
SELECT * FROM s1 WHERE id = 1;
--@ case duplicate key in a multi-row insert
INSERT INTO s1 (id, a) VALUES (40,1),(41,2),(1,3),(42,4),(43,5);
SELECT id FROM s1 ORDER BY id;
--@ case duplicate key within the statement
INSERT INTO s1 (id, a) VALUES (50,1),(51,2),(50,3);
SELECT id FROM s1 ORDER BY id;
--@ case rows of several shards fail
INSERT INTO s1 (id, a) VALUES (101,1),(4,2),(102,2),(1,3),(3,9),(2,2);
SELECT ROW_COUNT();
INSERT INTO s1 (id, a) VALUES (101,1),(102,2),(103,3),(104,4),(3,5),(2,2),(1,7),(4,8);
INSERT INTO s1 (id, b, c) VALUES (101,'a',1.234),(102,'b',2.345),(103,'c',3.456),(104,'d',1.987),(105,NULL,1.987),(106,'much too long for it',2),(107,NULL,9.876),(1,'x',1.123);
INSERT INTO s1 (id, b) VALUES (101,'a'),(102,'b'),(103,'c'),(104,NULL),(3,'x'),(105,NULL),(2,'y'),(1,'z');
INSERT INTO s1 (id, a) VALUES (1,1),(2,2),(110,3),(3,4),(111,5) ON DUPLICATE KEY UPDATE b = IF(id > 1, NULL, 'k');
INSERT INTO s1 (id, a, c) SELECT 10 - id, a, c + 0.004 FROM s1 ORDER BY id;
SELECT id, a FROM s1 ORDER BY id;
BEGIN;
INSERT INTO s1 (id, a) VALUES (120,1);
INSERT INTO s1 (id, a) VALUES (121,1),(122,2),(4,2),(123,2),(1,3),(3,9),(2,2);
SELECT ROW_COUNT();
SELECT id FROM s1 ORDER BY id;
COMMIT;
SELECT id FROM s1 ORDER BY id;
--@ case rows of several shards fail without strict mode
SET sql_mode = '';
INSERT INTO s1 (id, a, b) VALUES (101,'x','b'),(102,2,'much too long for it'),(103,'y','c'),(104,4,'d'),(3,'z','e'),(105,'v','f'),(1,2,'g'),(2,'w','h');
SELECT id, a FROM s1 ORDER BY id;
--@ case DEFAULT without a default in several rows
SET sql_mode = '';
INSERT IGNORE INTO orders (user_id, id, amount) VALUES (11,DEFAULT,1),(12,DEFAULT,2),(13,DEFAULT,3),(14,5,DEFAULT);
INSERT INTO orders (user_id) VALUES (21),(22),(23);
SELECT * FROM orders ORDER BY user_id, id;
--@ case wrong value in a multi-row insert
INSERT INTO s1 (id, a) VALUES (60,1),(61,'abc'),(62,3);
INSERT INTO s1 (id, c) VALUES (63,1),(64,99999),(65,3);
INSERT INTO s1 (id, b) VALUES (66,'ok'),(67,NULL);
INSERT INTO s1 (id, b) VALUES (68,'much too long for it'),(69,'x');
SELECT id FROM s1 ORDER BY id;
--@ case ignore
INSERT IGNORE INTO s1 (id, a) VALUES (1, 99);
INSERT IGNORE INTO s1 (id, a) VALUES (1,1),(70,2),(2,3),(71,4);
INSERT IGNORE INTO s1 (id, a) VALUES (72,'abc'),(73,5);
INSERT IGNORE INTO s1 (id, b) VALUES (74,NULL);
INSERT IGNORE INTO s1 (id, b) VALUES (75,'much too long for it'),(76,'also very long indeed');
SELECT * FROM s1 ORDER BY id;
--@ case on duplicate key update
INSERT INTO s1 (id, a) VALUES (1, 5) ON DUPLICATE KEY UPDATE a = a + VALUES(a);
INSERT INTO s1 (id, a) VALUES (80, 5) ON DUPLICATE KEY UPDATE a = a + VALUES(a);
INSERT INTO s1 (id, a) VALUES (1, 5) ON DUPLICATE KEY UPDATE a = a;
INSERT INTO s1 (id, a) VALUES (1,7),(81,8),(2,9),(82,1) ON DUPLICATE KEY UPDATE a = VALUES(a), b = 'upd';
INSERT INTO s1 (id, a) VALUES (3, 1) ON DUPLICATE KEY UPDATE a = VALUE(a) * 2;
INSERT INTO s1 (id, a) VALUES (1, 1) ON DUPLICATE KEY UPDATE id = id, a = 77;
INSERT INTO s1 (id, a) VALUES (1, 1) ON DUPLICATE KEY UPDATE id = VALUES(id), a = 78;
SELECT * FROM s1 ORDER BY id;
--@ case on duplicate key update found rows [found_rows]
INSERT INTO s1 (id, a) VALUES (1, 10) ON DUPLICATE KEY UPDATE a = 10;
INSERT INTO s1 (id, a) VALUES (1, 5) ON DUPLICATE KEY UPDATE a = 11;
INSERT INTO s1 (id, a) VALUES (1, 5),(2,20),(90,1) ON DUPLICATE KEY UPDATE a = 11;
--@ case on duplicate key update of a unique key
INSERT INTO orders VALUES (1, 9, 100) ON DUPLICATE KEY UPDATE amount = 101;
INSERT INTO orders VALUES (1, 1, 500),(2, 1, 600),(5, 1, 700) ON DUPLICATE KEY UPDATE amount = amount + 1;
SELECT * FROM orders ORDER BY user_id, id;
--@ case replace
REPLACE INTO s1 (id, a) VALUES (1, 100);
REPLACE INTO s1 (id, a) VALUES (100, 1);
REPLACE INTO s1 VALUES (1,1,'r',1),(101,2,'r',2),(2,3,'r',3);
REPLACE s1 SET id = 3, a = 33;
REPLACE INTO orders VALUES (1, 7, 100);
SELECT * FROM s1 ORDER BY id;
SELECT * FROM orders ORDER BY user_id, id;
--@ case select into the same shards
INSERT INTO s2 SELECT id, a, b FROM s1;
INSERT INTO s2 (id, a) SELECT id + 1000, a FROM s1 WHERE id = 1;
SELECT * FROM s2 ORDER BY id;
--@ case select bound tables
INSERT INTO orders (user_id, id, amount) SELECT id, 50, n FROM users;
INSERT INTO orders (user_id, id, amount) SELECT user_id, id + 100, amount + 1 FROM orders;
INSERT IGNORE INTO orders SELECT id, 1, 5 FROM users;
SELECT * FROM orders ORDER BY user_id, id;
--@ case select from constants
INSERT INTO s1 (id, a) SELECT 200, 1;
INSERT INTO s1 (id, a) SELECT 201, 1 UNION ALL SELECT 202, 2;
INSERT INTO s1 (id, a) SELECT 203, 1 FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM s1 WHERE id = 203);
SELECT id FROM s1 ORDER BY id;
--@ case select from broadcast
INSERT INTO products SELECT id + 10, title FROM products;
INSERT INTO s1 (id, b) SELECT id + 300, title FROM products;
INSERT INTO notes SELECT id + 10, title FROM products ORDER BY id;
SELECT * FROM products ORDER BY id;
--@ case broadcast
INSERT INTO products VALUES (5, 'five'),(6, 'six');
INSERT INTO products VALUES (1, 'dup');
INSERT INTO products VALUES (1, 'x') ON DUPLICATE KEY UPDATE title = 'upd';
REPLACE INTO products VALUES (2, 'repl');
INSERT IGNORE INTO products VALUES (1, 'x'),(7, 'seven');
SELECT * FROM products ORDER BY id;
--@ case two key columns
INSERT INTO c1 VALUES (1,'a',1),(1,'b',2),(2,'a',3),(2,'b',4);
INSERT INTO c1 VALUES (1,'A',9);
INSERT INTO c1 VALUES (1,'a ',5) ON DUPLICATE KEY UPDATE v = 50;
SELECT * FROM c1 WHERE a = 1 AND b = 'A';
SELECT * FROM c1 WHERE a = 1 ORDER BY b;
SELECT * FROM c1 WHERE b = 'b' ORDER BY a;
SELECT * FROM c1 WHERE (a, b) IN ((1,'a'),(2,'B')) ORDER BY a;
--@ case key missing or null
INSERT INTO s1 (a) VALUES (1);
INSERT INTO s1 (id, a) VALUES (NULL, 1);
INSERT INTO s1 VALUES ();
SELECT COUNT(*) FROM s1;
--@ case key as expression
INSERT INTO s1 (id, a) VALUES (100 + 10, 1);
INSERT INTO s1 (id, a) VALUES ('111', 1);
INSERT INTO s1 (id, a) VALUES (112.0, 1);
INSERT INTO s1 (id, a) VALUES (112.6, 1);
INSERT INTO s1 (id, a) VALUES (1.14e2, 1);
INSERT INTO s1 (id, a) VALUES (0x73, 1);
INSERT INTO s1 (id, a) VALUES (TRUE, 1);
INSERT INTO s1 (id, a) VALUES (-116, 1);
INSERT INTO s1 (id, a) VALUES (ABS(-117), 1);
SELECT id FROM s1 ORDER BY id;
SELECT id FROM s1 WHERE id = 113;
SELECT id FROM s1 WHERE id = 115;
SELECT id FROM s1 WHERE id = 114;
--@ case key out of range
INSERT INTO s1 (id) VALUES (9223372036854775807);
INSERT INTO s1 (id) VALUES (9223372036854775808);
INSERT INTO s1 (id) VALUES ('abc');
INSERT INTO s1 (id) VALUES ('12abc');
INSERT IGNORE INTO s1 (id) VALUES ('13abc');
INSERT IGNORE INTO s1 (id) VALUES (99999999999999999999);
SELECT id FROM s1 ORDER BY id;
SELECT id FROM s1 WHERE id = 13;
SELECT id FROM s1 WHERE id = 9223372036854775807;
--@ case non-strict key
SET sql_mode = '';
INSERT INTO s1 (id) VALUES ('14abc');
INSERT INTO s1 (id) VALUES (99999999999999999999);
INSERT INTO s1 (id) VALUES ('');
SELECT id FROM s1 WHERE id = 14;
SELECT id FROM s1 WHERE id = 0;
SELECT id FROM s1 WHERE id = 9223372036854775807;
SELECT id FROM s1 ORDER BY id;
--@ case parameters
--@ params int 400 | int 1 | str x
--@ params keep int 401 | int 2 | str y
--@ params str 402 | null | str z
INSERT INTO s1 (id, a, b) VALUES (?, ?, ?);
--@ params int 410 | int 411
--@ params uint 412 | dec 413
INSERT INTO s1 (id) VALUES (?), (?);
SELECT id, a, b FROM s1 WHERE id >= 400 ORDER BY id;
--@ case column errors
INSERT INTO s1 (id, nope) VALUES (1, 2);
INSERT INTO s1 (id, a) VALUES (1);
INSERT INTO s1 (id, id) VALUES (1, 2);
INSERT INTO nope VALUES (1);
INSERT INTO s1 (id, a) VALUES (500, 1), (501);
--@ case returning
INSERT INTO s1 (id, a) VALUES (600, 1) RETURNING id, a, b;
INSERT INTO s1 (id, a) VALUES (601, 1), (602, 2) RETURNING id;
REPLACE INTO s1 (id, a) VALUES (600, 2) RETURNING *;
DELETE FROM s1 WHERE id = 600 RETURNING id, a;
--@ case priorities
INSERT LOW_PRIORITY INTO s1 (id) VALUES (700);
INSERT HIGH_PRIORITY INTO s1 (id) VALUES (701),(702);
INSERT DELAYED INTO s1 (id) VALUES (703);
--@ case NULL for NOT NULL without strict mode
SET SESSION sql_mode = '';
INSERT INTO s1 (id, b) VALUES (180, NULL);
INSERT INTO s1 (id, b) VALUES (180, 'a'), (181, NULL), (182, NULL), (183, 'b'), (184, NULL), (185, NULL), (186, NULL), (187, NULL), (188, NULL), (189, 'c');
INSERT INTO s1 (id, b) VALUES (190, 'a'), (191, NULL);
INSERT INTO s1 (id, b) VALUES (192, NULL), (192, NULL);
--@ case IGNORE of what a CHECK forbids
INSERT IGNORE INTO s3 VALUES (1, 1),(2, -1),(3, 3),(4, -4),(5, 5);
SHOW WARNINGS;
SELECT * FROM s3 ORDER BY id;
INSERT IGNORE INTO s3 VALUES (6, -1);
SHOW WARNINGS;
INSERT IGNORE INTO s3 VALUES (7, -1),(8, -1),(9, -1),(10, -1),(11, 1);
SHOW WARNINGS;
INSERT IGNORE INTO s3 VALUES (1, 500),(12, 500),(13, -500),(2000, 1),(3, -3);
SHOW COUNT(*) WARNINGS;
INSERT IGNORE INTO s3 VALUES (1, -1),(12, -1) ON DUPLICATE KEY UPDATE a = -5;
SHOW COUNT(*) WARNINGS;
INSERT IGNORE INTO s3 (id, a) SELECT id + 20, -a FROM s3 WHERE id = 1;
SHOW WARNINGS;
INSERT IGNORE INTO s3 (id, a) SELECT id + 30, a - 2 FROM s3;
SHOW COUNT(*) WARNINGS;
REPLACE INTO s3 VALUES (1, 9),(3, -9);
SELECT * FROM s3 ORDER BY id;
BEGIN;
INSERT IGNORE INTO s3 VALUES (101, 1),(102, -1),(103, 1),(104, -1),(105, -1);
UPDATE IGNORE s3 SET a = a - 4;
SHOW COUNT(*) WARNINGS;
COMMIT;
SELECT * FROM s3 ORDER BY id;
INSERT INTO s3 VALUES (201, 1),(202, -1),(203, 1);
SELECT COUNT(*) FROM s3;
--@ case warnings of rows in the order of the statement
DELETE FROM s1;
INSERT INTO s1 (id, a) VALUES (1,1),(2,2),(3,3),(4,4),(5,5),(6,6),(7,7),(8,8),(9,9),(10,10),(11,11),(12,12);
INSERT IGNORE INTO s1 (id, a) VALUES (8,1),(301,2),(1,3),(7,4),(302,5),(3,6),(2,7),(5,8),(12,1),(4,9),(11,1),(9,1);
SHOW WARNINGS;
INSERT IGNORE INTO s1 (id, a) VALUES (8,'x'),(303,2),(1,3),(7,'y'),(304,'z'),(3,6),(12,1),(2,'5 v'),(305,'w');
INSERT IGNORE INTO s1 (id, a) VALUES (8,'4x' + 0),(306,2),(1,3),(7,'5y' + 0),(307,'6z' + 0),(3,6),(12,1);
INSERT IGNORE INTO s1 (id, a) VALUES (8,1),(308,2),(1,3),(8,4),(308,5),(1,6),(8,7),(7,1),(1,2),(308,1);
INSERT IGNORE INTO s1 (id, a) SELECT 12 - id, 1 FROM users WHERE id < 12 ORDER BY id;
INSERT IGNORE INTO s3 VALUES (8,1),(1,1),(5,1),(3,1),(2,1);
INSERT IGNORE INTO s3 VALUES (8,2),(1,-2),(9,-1),(5,1),(3,-1),(10,-4),(2,1),(11,-5),(8,3),(12,-1),(1,4);
SHOW WARNINGS;
SET max_error_count = 4;
INSERT IGNORE INTO s1 (id, a) VALUES (8,1),(331,2),(1,3),(7,4),(332,5),(3,6),(2,7),(5,8),(12,1),(4,9),(11,1),(9,1);
SHOW WARNINGS;
SHOW COUNT(*) WARNINGS;
INSERT IGNORE INTO s1 (id, a) VALUES (12,'x'),(333,2),(9,3),(7,'y'),(334,'z'),(3,6),(12,1),(2,'5 v'),(335,'w');
SET max_error_count = 0;
INSERT IGNORE INTO s1 (id, a) VALUES (8,1),(341,2),(1,3),(7,4),(342,5),(3,6);
SHOW COUNT(*) WARNINGS;
SET max_error_count = 64;
--@ case warnings before the row that fails
SET sql_mode = '';
DELETE FROM s1;
INSERT INTO s1 (id, a) VALUES (1,1),(2,2),(3,3),(4,4),(5,5),(6,6),(7,7),(8,8);
INSERT INTO s1 (id, a) VALUES (109,'4x' + 0),(102,'5y' + 0),(110,'6y' + 0),(103,'7'),(104,'8z' + 0),(105,'9x' + 0),(3,1),(106,'1x' + 0),(107,'2x' + 0);
SHOW WARNINGS;
--@ case defaults for the parameters of an execute [text]
PREPARE p FROM 'INSERT INTO s1 (id, a, b, c) VALUES (?, ?, ?, ?)';
EXECUTE p USING 1, DEFAULT, DEFAULT, 5;
EXECUTE p USING 2, 5, DEFAULT, NULL;
EXECUTE p USING 2, 5, DEFAULT, NULL;
PREPARE p FROM 'INSERT INTO s1 (id, a, b) VALUES (?, ?, ?), (?, ?, ?), (?, ?, ?)';
EXECUTE p USING 11, DEFAULT, 'b', 12, 6, DEFAULT, 13, NULL, DEFAULT;
SET @id = 21;
EXECUTE IMMEDIATE 'REPLACE INTO s1 SET id = ?, b = ?' USING @id, DEFAULT;
EXECUTE IMMEDIATE 'INSERT INTO s1 (id, b) VALUES (?, ?) ON DUPLICATE KEY UPDATE b = ?' USING @id, 'z', DEFAULT;
EXECUTE IMMEDIATE 'INSERT INTO s1 (id, b) VALUES (?, ?) ON DUPLICATE KEY UPDATE b = ?' USING @id, DEFAULT, 'zz';
SELECT * FROM s1 ORDER BY id;
PREPARE u FROM 'UPDATE s1 SET b = ?, a = ? WHERE id > ?';
EXECUTE u USING DEFAULT, 9, 11;
EXECUTE u USING 'q', DEFAULT, 2;
PREPARE u FROM 'UPDATE s1 SET b = ? WHERE id = ? ORDER BY id LIMIT ?';
EXECUTE u USING DEFAULT, 13, 5;
SELECT * FROM s1 ORDER BY id;
PREPARE k FROM 'INSERT INTO k2 (k, a, n, e, g) VALUES (?, ?, ?, ?, ?)';
EXECUTE k USING DEFAULT, DEFAULT, 1, NULL, DEFAULT;
EXECUTE k USING 'b', 4, DEFAULT, DEFAULT, DEFAULT;
EXECUTE k USING DEFAULT, DEFAULT, 1, NULL, DEFAULT;
SET sql_mode = '';
EXECUTE k USING 'c', 4, DEFAULT, DEFAULT, DEFAULT;
SHOW WARNINGS;
EXECUTE IMMEDIATE 'INSERT INTO k2 (k, n) VALUES (?, ?), (?, ?), (?, ?)' USING 'd', DEFAULT, 'e', 3, 'f', DEFAULT;
SHOW WARNINGS;
SELECT * FROM k2 ORDER BY k;
EXECUTE IMMEDIATE 'INSERT INTO products VALUES (?, ?), (?, ?)' USING 1, DEFAULT, 2, 't';
SELECT * FROM products ORDER BY id;
--@ case a default for a parameter that is a part of a value [text]
EXECUTE IMMEDIATE 'INSERT INTO s1 (id, a) VALUES (?, ? + 1)' USING 31, DEFAULT;
--@ case a default for a parameter of a condition [text]
EXECUTE IMMEDIATE 'UPDATE s1 SET a = 1 WHERE id = ?' USING DEFAULT;
--@ case a parameter that is left as it is [text]
EXECUTE IMMEDIATE 'UPDATE s1 SET a = ?, b = ? WHERE id = 1' USING IGNORE, DEFAULT;
--@ case IGNORE of what a CHECK of each copy of a table forbids
INSERT IGNORE INTO b2 (id, a) SELECT id, id - 1 FROM users WHERE id = 1;
SHOW WARNINGS;
INSERT IGNORE INTO b2 (id, a) SELECT id, id - 2 FROM users WHERE id < 3;
SHOW WARNINGS;
INSERT IGNORE INTO b2 (id, a) SELECT id, id - 2 FROM users;
SHOW WARNINGS;
INSERT IGNORE INTO b2 (id, a) SELECT id, -id FROM products WHERE id = 2;
SHOW WARNINGS;
INSERT IGNORE INTO b2 (id, a) VALUES (7, -7);
SHOW WARNINGS;
INSERT IGNORE INTO b2 (id, a) VALUES (7, -7), (8, 8), (9, -9);
SHOW WARNINGS;
SELECT * FROM b2 ORDER BY id;
INSERT IGNORE INTO b2 (id, a) SELECT 15, -5;
SHOW WARNINGS;
INSERT IGNORE INTO b2 (id, a) SELECT id + 20, -a FROM b2 WHERE id = 8;
SHOW WARNINGS;
INSERT IGNORE INTO b2 (id, a) SELECT id + 30, -1 FROM notes ORDER BY id LIMIT 1;
SHOW WARNINGS;
INSERT IGNORE INTO b2 (id, a) SELECT MAX(id) + 40, -1 FROM users;
SHOW WARNINGS;
INSERT IGNORE INTO b2 (id, a) SELECT id + 50, -1 FROM users WHERE id = 1 ON DUPLICATE KEY UPDATE a = -1;
SHOW WARNINGS;
INSERT IGNORE INTO b2 (id, a) SELECT id + 50, FLOOR(RAND()) - 1 FROM products WHERE id = 1;
SHOW WARNINGS;
INSERT IGNORE INTO b2 (id, a) SELECT id, a FROM (SELECT 1 + 70 AS id, -1 AS a) d;
SHOW WARNINGS;
BEGIN;
INSERT IGNORE INTO b2 (id, a) SELECT id + 90, -1 FROM users WHERE id = 1;
SHOW WARNINGS;
INSERT IGNORE INTO b2 (id, a) SELECT id + 90, -1 FROM users WHERE id = 1 RETURNING id;
SHOW WARNINGS;
INSERT IGNORE INTO b2 (id, a) SELECT id + 90, 1 FROM users WHERE id = 1;
COMMIT;
SELECT * FROM b2 ORDER BY id;
--@ case empty column lists
INSERT INTO s1 () VALUES (77, 1, 'z', 1.5);
INSERT INTO s1 () VALUES (78, 1, 'z', 1.5), (79, 2, 'y', 2.5), (80, 3, 'x', NULL);
REPLACE INTO s1 () VALUES (78, 9, 'r', 0);
INSERT INTO s1 (id) VALUES ();
INSERT INTO s1 VALUES ();
INSERT INTO s1 () VALUES ();
INSERT INTO s1 () VALUES (81, 1);
INSERT INTO s1 (id, a) VALUES (82, 1), ();
INSERT INTO s1 VALUES (82, 1, 'a', 1), ();
INSERT INTO s1 VALUES (), (83, 1, 'a', 1);
INSERT INTO s1 () SELECT 84, 1, 'q', 2;
INSERT INTO s1 () SELECT id + 100, a, b, c FROM s1 WHERE id = 77;
INSERT INTO s1 () SELECT 85, 1;
INSERT INTO k2 () VALUES ();
INSERT INTO k2 () VALUES ('k', 1, 2, 'e', DEFAULT);
SELECT * FROM s1 WHERE id > 70 ORDER BY id;
SELECT * FROM k2 ORDER BY k;
--@ case null for a key that is not null
INSERT INTO s1 VALUES (NULL, 1, 'a', 1);
SHOW WARNINGS;
INSERT INTO s1 VALUES (87, 1, 'a', 1), (NULL, 1, 'a', 1);
SHOW WARNINGS;
--@ case queries over other places in the values of an INSERT
INSERT INTO s1 (id, a) VALUES (201, (SELECT MAX(n) FROM users)), (202, (SELECT COUNT(*) FROM users) + 1), (203, 7);
INSERT INTO s1 (id, b) VALUES (204, (SELECT name FROM users WHERE id = 2));
INSERT INTO s1 (id, a) VALUES (205, (SELECT n FROM users WHERE n > 0));
INSERT INTO s1 (id, a) VALUES (201, 1), (206, 2) ON DUPLICATE KEY UPDATE a = a + (SELECT MIN(n) FROM users);
INSERT IGNORE INTO s1 (id, a) VALUES (201, (SELECT MAX(id) FROM users)), (207, (SELECT MAX(id) FROM users));
INSERT INTO s1 SET id = 208, a = (SELECT SUM(n) FROM users);
REPLACE INTO s1 (id, a) VALUES (208, (SELECT SUM(id) FROM users)), (209, 1);
SELECT id, a, b FROM s1 WHERE id > 200 ORDER BY id;
--@ case a query over another place for the key in an INSERT
INSERT INTO s1 (id, a) VALUES ((SELECT MAX(id) FROM users) + 300, 1);
--@ case counts of what was in the way of single rows
INSERT INTO s1 (id, a) VALUES (1,10),(2,21),(210,1) ON DUPLICATE KEY UPDATE a = VALUES(a);
INSERT IGNORE INTO s1 (id, a) VALUES (1,10),(2,22),(211,1) ON DUPLICATE KEY UPDATE a = VALUES(a);
INSERT IGNORE INTO s1 (id, a) VALUES (1,10),(2,22),(213,1),(214,1),(215,2),(3,1);
REPLACE INTO s1 (id, a) VALUES (1,10),(2,22),(216,1);
INSERT INTO orders VALUES (1,2,150);
REPLACE INTO orders VALUES (1,1,150),(2,5,1),(3,1,300);
REPLACE INTO orders VALUES (1,1,150),(2,5,1),(3,1,300);
INSERT INTO orders VALUES (1,7,70),(1,8,80),(2,7,70),(1,9,70) ON DUPLICATE KEY UPDATE amount = 70;
