-- Ids: a single table counts up itself, as one server does; the ids of sharded and broadcast tables are heddle's.
--@ setup
DROP TABLE IF EXISTS notes;
DROP TABLE IF EXISTS b1;
DROP TABLE IF EXISTS g1;
DROP TABLE IF EXISTS g2;
DROP TABLE IF EXISTS s1;
CREATE TABLE s1 (id BIGINT NOT NULL PRIMARY KEY, n BIGINT, v VARCHAR(20));
DROP TABLE IF EXISTS products;
CREATE TABLE products (id INT NOT NULL PRIMARY KEY, v VARCHAR(20));
CREATE TABLE notes (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, body VARCHAR(20) UNIQUE);
CREATE TABLE b1 (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, u CHAR(36));
CREATE TABLE g1 (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, v VARCHAR(20));
CREATE TABLE g2 (owner BIGINT NOT NULL, id BIGINT NOT NULL AUTO_INCREMENT, v VARCHAR(20), PRIMARY KEY (owner, id), KEY (id));
--@ dump g1 genid=1
--@ dump g2 genid=2
--@ dump b1 genid=1
--@ data
DROP TRIGGER IF EXISTS tr1;
TRUNCATE TABLE notes;
TRUNCATE TABLE b1;
DELETE FROM g1;
DELETE FROM g2;
DELETE FROM products;
INSERT INTO products VALUES (3, 'c'),(1, 'a'),(2, 'b');
INSERT INTO notes (body) VALUES ('n1'),('n2');

--@ case single table with auto_increment
INSERT INTO notes (body) VALUES ('n3');
INSERT INTO notes (body) VALUES ('n4'),('n5'),('n6');
SELECT LAST_INSERT_ID();
INSERT INTO notes VALUES (NULL, 'n7'),(0, 'n8');
INSERT INTO notes VALUES (100, 'n100');
INSERT INTO notes (body) VALUES ('n101');
INSERT INTO notes (body) VALUES ('n1');
INSERT INTO notes (body) VALUES ('n1') ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id), body = 'nn';
SELECT LAST_INSERT_ID();
SELECT * FROM notes ORDER BY id;
--@ case broadcast table with auto_increment
--@ expect geninsert
INSERT INTO b1 (u) VALUES ('a');
--@ expect geninsert
INSERT INTO b1 (u) VALUES ('b'),('c');
--@ expect genid=1
SELECT id, u FROM b1 ORDER BY id;
--@ case sharded by the generated id
--@ expect geninsert
INSERT INTO g1 (v) VALUES ('a');
--@ expect genid=1
SELECT LAST_INSERT_ID();
--@ expect geninsert
INSERT INTO g1 (v) VALUES ('b'),('c'),('d');
--@ expect genid=1
SELECT LAST_INSERT_ID();
--@ expect genid=1
SELECT id, v FROM g1 ORDER BY id;
SELECT v FROM g1 WHERE id = LAST_INSERT_ID();
--@ expect geninsert
INSERT INTO g1 VALUES (NULL, 'e');
--@ expect geninsert
INSERT INTO g1 VALUES (0, 'f');
--@ expect geninsert
INSERT INTO g1 SET v = 'g';
SELECT v FROM g1 WHERE id = LAST_INSERT_ID();
SELECT v FROM g1 WHERE id IS NULL;
SELECT COUNT(*) FROM g1;
--@ case ids of one insert are consecutive
--@ expect geninsert
INSERT INTO g1 (v) VALUES ('a'),('b'),('c'),('d'),('e'),('f');
SELECT id - LAST_INSERT_ID(), v FROM g1 ORDER BY id;
--@ case sharded by another column
--@ expect geninsert
INSERT INTO g2 (owner, v) VALUES (1, 'a'),(2, 'b'),(1, 'c');
SELECT owner, id - LAST_INSERT_ID(), v FROM g2 ORDER BY id;
--@ expect geninsert
INSERT INTO g2 (owner, v) VALUES (3, 'x');
SELECT v FROM g2 WHERE owner = 3 AND id = LAST_INSERT_ID();
UPDATE g2 SET v = 'y' WHERE id = LAST_INSERT_ID();
DELETE FROM g2 WHERE owner = 1;
--@ case given ids
INSERT INTO g2 (owner, id, v) VALUES (1, 5000000000000000000, 'given');
SELECT LAST_INSERT_ID();
SELECT id FROM g2 WHERE v = 'given';
--@ case parameters
--@ params str p
--@ expect geninsert
INSERT INTO g1 (v) VALUES (?);
--@ params null | str q
--@ expect geninsert
INSERT INTO g1 (id, v) VALUES (?, ?);
SELECT v FROM g1 ORDER BY id;
--@ case last_insert_id as a value
--@ expect geninsert
INSERT INTO g1 (v) VALUES ('parent');
INSERT INTO g2 (owner, id, v) VALUES (LAST_INSERT_ID(), 1, 'child');
SELECT COUNT(*) FROM g1 JOIN g2 ON g1.id = g2.owner;
SELECT LAST_INSERT_ID(42);
SELECT LAST_INSERT_ID();
--@ case error keeps the last id
--@ expect geninsert
INSERT INTO g1 (v) VALUES ('a');
INSERT INTO g1 (v) VALUES ('much too long for that column');
SELECT v FROM g1 WHERE id = LAST_INSERT_ID();
--@ case no id yet
SELECT LAST_INSERT_ID();
SELECT @@last_insert_id, @@identity;
UPDATE notes SET body = 'u' WHERE id = 1;
SELECT LAST_INSERT_ID();
SET LAST_INSERT_ID = 7;
SELECT LAST_INSERT_ID();
--@ case given ids ahead of generated ones
INSERT INTO g1 (id, v) VALUES (8000000000000000002, 'x');
INSERT INTO g1 (id, v) VALUES (8000000000000000001, 'w'),(8000000000000000004, 'y'),(8000000000000000003, 'z');
--@ expect geninsert
REPLACE INTO g1 (v) VALUES ('r'),('s');
SELECT v FROM g1 ORDER BY v;
SELECT v FROM g1 WHERE id > 8000000000000000004 ORDER BY id;
DELETE FROM g1;
--@ case given ids ahead of those of insert ignore
INSERT INTO g1 (id, v) VALUES (8000000000000000102, 'x'),(8000000000000000101, 'w'),(8000000000000000103, 'z');
--@ expect geninsert
INSERT IGNORE INTO g1 (v) VALUES ('i'),('j'),('k');
SELECT v FROM g1 ORDER BY v;
DELETE FROM g1;
--@ case given ids ahead of those of on duplicate key update
INSERT INTO g1 (id, v) VALUES (8000000000000000202, 'x'),(8000000000000000201, 'w'),(8000000000000000203, 'z');
--@ expect geninsert
INSERT INTO g1 (v) VALUES ('d') ON DUPLICATE KEY UPDATE v = 'stranger';
--@ expect geninsert
INSERT INTO g1 (v) VALUES ('e') ON DUPLICATE KEY UPDATE v = 'stranger';
SELECT v FROM g1 ORDER BY v;
DELETE FROM g1;
--@ case given ids ahead of those of insert
INSERT INTO g1 (id, v) VALUES (8000000000000000302, 'x'),(8000000000000000301, 'w'),(8000000000000000303, 'z');
--@ expect geninsert
INSERT INTO g1 (v) VALUES ('p');
SELECT v FROM g1 ORDER BY id;
DELETE FROM g1;
--@ case given and generated ids in one statement
--@ expect geninsert
REPLACE INTO g1 (id, v) VALUES (NULL, 'd'),(8000000000000002000, 'e'),(NULL, 'f');
SELECT COUNT(*) FROM g1;
SELECT v FROM g1 ORDER BY v;
DELETE FROM g1;
--@ case given ids of a query
INSERT INTO g1 (id, v) SELECT 8000000000000003000 + id, body FROM notes;
--@ expect geninsert
REPLACE INTO g1 (v) VALUES ('r'),('s');
SELECT v FROM g1 ORDER BY id;
DELETE FROM g1;
--@ case given ids that are no integers
--@ params str 8000000000000004000 | str x
INSERT INTO g1 (id, v) VALUES (?, ?);
INSERT INTO g1 (id, v) VALUES ('8000000000000004002 ', 'z');
--@ expect geninsert
REPLACE INTO g1 (v) VALUES ('r'),('s'),('t');
SELECT COUNT(*) FROM g1;
DELETE FROM g1;
--@ case ignored rows have no insert id
INSERT INTO g2 (owner, id, v) VALUES (1, 100, 'x');
INSERT IGNORE INTO g2 (owner, id, v) VALUES (1, 100, 'y');
SELECT LAST_INSERT_ID();
--@ case last_insert_id with an argument in the values
INSERT INTO g2 (owner, id, v) VALUES (1, 600, LAST_INSERT_ID(66));
SELECT LAST_INSERT_ID();
SELECT * FROM g2;
--@ case the id of the row that is there
INSERT INTO g1 (id, v) VALUES (500, 'x');
INSERT INTO g1 (id, v) VALUES (500, 'y') ON DUPLICATE KEY UPDATE v = 'z', id = LAST_INSERT_ID(id);
SELECT LAST_INSERT_ID();
INSERT INTO g1 (id, v) VALUES (501, 'y') ON DUPLICATE KEY UPDATE v = 'z', id = LAST_INSERT_ID(id);
SELECT LAST_INSERT_ID();
INSERT INTO g1 (id, v) VALUES (501, 'y') ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(g1.id);
SELECT LAST_INSERT_ID();
INSERT INTO g1 (id, v) VALUES (500, 'q') ON DUPLICATE KEY UPDATE id = id, v = VALUES(v);
INSERT INTO g1 (id, v) VALUES (500, 'r') ON DUPLICATE KEY UPDATE id = VALUES(id), v = VALUES(v);
SELECT * FROM g1 ORDER BY id;
--@ expect geninsert
INSERT INTO g1 (v) VALUES ('new') ON DUPLICATE KEY UPDATE v = 'z', id = LAST_INSERT_ID(id);
SELECT v FROM g1 WHERE id = LAST_INSERT_ID();
--@ case the last id where a column is null
SET sql_auto_is_null = 1;
--@ case no last id where a column is null
SET sql_auto_is_null = 0;
--@ expect geninsert
INSERT INTO g1 (v) VALUES ('a');
SELECT v FROM g1 WHERE id IS NULL;

--@ case ids that the session chooses
SET insert_id = 500;
INSERT INTO notes (body) VALUES ('chosen');
SELECT LAST_INSERT_ID();
SET insert_id = 500;
INSERT INTO g1 (v) VALUES ('chosen');
--@ case the distance of ids that the session chooses
SET auto_increment_increment = 10;
INSERT INTO g1 (v) VALUES ('a'),('b');
SET auto_increment_increment = 1;
INSERT INTO g1 (id, v) VALUES (7, 'given');
SELECT v FROM g1 WHERE id = 7;
--@ case where the counter is set to
DROP TABLE g1;
CREATE TABLE g1 (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, v VARCHAR(20)) AUTO_INCREMENT=8500000000000000000;
SHOW CREATE TABLE g1;
SELECT AUTO_INCREMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'g1';
--@ expect geninsert
INSERT INTO g1 (v) VALUES ('first'),('second');
SELECT v FROM g1 WHERE id >= 8500000000000000000 ORDER BY id;
DELETE FROM g1;
ALTER TABLE g1 COMMENT 'counts', AUTO_INCREMENT 8500000000001000000;
SHOW CREATE TABLE g1;
SELECT AUTO_INCREMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'g1';
--@ expect geninsert
INSERT INTO g1 (v) VALUES ('c');
SELECT v FROM g1 WHERE id >= 8500000000001000000 ORDER BY id;
DELETE FROM g1;
--@ case the counter is not set back behind a row
DROP TABLE g1;
CREATE TABLE g1 (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, v VARCHAR(20));
INSERT INTO g1 VALUES (8500000000002000000, 'x'),(8500000000002000001, 'y'),(8500000000002000005, 'z');
ALTER TABLE g1 AUTO_INCREMENT = 3;
SHOW CREATE TABLE g1;
--@ expect geninsert
INSERT INTO g1 (v) VALUES ('after');
SELECT v FROM g1 ORDER BY id;
DELETE FROM g1;
ALTER TABLE g1 AUTO_INCREMENT = 8500000000003000000;
INSERT INTO g1 VALUES (8500000000002000000, 'below');
SHOW CREATE TABLE g1;
--@ expect geninsert
INSERT INTO g1 (v) VALUES ('above');
SELECT v FROM g1 WHERE id >= 8500000000003000000;
DELETE FROM g1;
--@ case the id of a row that stays itself
DROP TABLE g2;
CREATE TABLE g2 (owner BIGINT NOT NULL, id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, v VARCHAR(20), KEY (owner));
INSERT INTO g2 (owner, id, v) VALUES (1, 601, 'a'),(2, 602, 'b'),(3, 603, 'c'),(4, 604, 'd'),(5, 605, 'e'),(6, 606, 'f');
UPDATE g2 SET id = id, v = 'same' WHERE id > 603;
INSERT INTO g2 (owner, id, v) VALUES (2, 602, 'x') ON DUPLICATE KEY UPDATE v = 'kept', id = VALUES(id);
INSERT INTO g2 (owner, id, v) VALUES (2, 602, 'x') ON DUPLICATE KEY UPDATE v = 'again', id = LAST_INSERT_ID(id);
SELECT LAST_INSERT_ID();
SELECT * FROM g2 ORDER BY id;
--@ case an id that another row has
DROP TABLE g2;
CREATE TABLE g2 (owner BIGINT NOT NULL, id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, v VARCHAR(20), KEY (owner));
INSERT INTO g2 (owner, id, v) VALUES (1, 601, 'a'),(2, 602, 'b'),(3, 603, 'c'),(4, 604, 'd'),(5, 605, 'e'),(6, 606, 'f');
UPDATE g2 SET id = 601 WHERE owner = 2;
SELECT COUNT(*), COUNT(DISTINCT id) FROM g2;
--@ case ids that become those of other rows
DROP TABLE g2;
CREATE TABLE g2 (owner BIGINT NOT NULL, id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, v VARCHAR(20), KEY (owner));
INSERT INTO g2 (owner, id, v) VALUES (1, 601, 'a'),(2, 602, 'b'),(3, 603, 'c'),(4, 604, 'd'),(5, 605, 'e'),(6, 606, 'f');
UPDATE g2 AS g SET g.v = 'none', g.id = g.id + 1;
SELECT COUNT(*), COUNT(DISTINCT id) FROM g2;
--@ case an id that the row that is there gets
DROP TABLE g2;
CREATE TABLE g2 (owner BIGINT NOT NULL, id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, v VARCHAR(20), KEY (owner));
INSERT INTO g2 (owner, id, v) VALUES (1, 601, 'a'),(2, 602, 'b'),(3, 603, 'c'),(4, 604, 'd'),(5, 605, 'e'),(6, 606, 'f');
INSERT INTO g2 (owner, id, v) VALUES (2, 602, 'x') ON DUPLICATE KEY UPDATE id = 603;
SELECT COUNT(*), COUNT(DISTINCT id) FROM g2;
--@ case ids of a key that has other columns
DROP TABLE g2;
CREATE TABLE g2 (owner BIGINT NOT NULL, id BIGINT NOT NULL AUTO_INCREMENT, v VARCHAR(20), PRIMARY KEY (id, v));
INSERT INTO g2 (owner, id, v) VALUES (1, 701, 'a'),(2, 702, 'b'),(3, 703, 'c');
INSERT INTO g2 (owner, id, v) VALUES (1, 701, 'other');
INSERT INTO g2 (owner, id, v) VALUES (1, 701, 'a');
UPDATE g2 SET v = 'z' WHERE id = 703;
--@ expect geninsert
INSERT INTO g2 (owner, v) VALUES (7, 'new');
SELECT owner, v FROM g2 ORDER BY owner, v;
--@ case an id of a key that has other columns, and that a row of another shard has
DROP TABLE g2;
CREATE TABLE g2 (owner BIGINT NOT NULL, id BIGINT NOT NULL AUTO_INCREMENT, v VARCHAR(20), PRIMARY KEY (id, v));
INSERT INTO g2 (owner, id, v) VALUES (1, 701, 'a'),(2, 702, 'b'),(3, 703, 'c');
INSERT INTO g2 (owner, id, v) VALUES (2, 701, 'a'),(3, 701, 'a'),(4, 701, 'a');
SELECT COUNT(*), COUNT(DISTINCT id, v) FROM g2;
--@ case rows of a query with the id of a key that has other columns
DROP TABLE g2;
CREATE TABLE g2 (owner BIGINT NOT NULL, id BIGINT NOT NULL AUTO_INCREMENT, v VARCHAR(20), PRIMARY KEY (id, v));
INSERT INTO g2 (owner, id, v) VALUES (1, 701, 'a'),(2, 702, 'b'),(3, 703, 'c');
INSERT INTO g2 (owner, id, v) SELECT 3 - owner, id, v FROM g2 WHERE id = 702 OR owner = 1;
SELECT COUNT(*), COUNT(DISTINCT id, v) FROM g2;
--@ case an update of the id of a key that has other columns
DROP TABLE g2;
CREATE TABLE g2 (owner BIGINT NOT NULL, id BIGINT NOT NULL AUTO_INCREMENT, v VARCHAR(20), PRIMARY KEY (id, v));
INSERT INTO g2 (owner, id, v) VALUES (1, 701, 'a'),(2, 702, 'b'),(3, 703, 'c');
UPDATE g2 SET id = 701, v = 'a' WHERE owner = 3;
SELECT COUNT(*), COUNT(DISTINCT id, v) FROM g2;
--@ case ids that an update gives within a shard
DROP TABLE g2;
CREATE TABLE g2 (owner BIGINT NOT NULL, id BIGINT NOT NULL AUTO_INCREMENT, v VARCHAR(20), PRIMARY KEY (owner, id), KEY (id));
INSERT INTO g2 (owner, id, v) VALUES (1, 801, 'a'),(1, 802, 'b'),(2, 801, 'c'),(2, 803, 'd');
UPDATE g2 SET id = 802 WHERE owner = 1 AND id = 801;
UPDATE g2 SET id = 802 WHERE id = 801 AND v = 'c';
UPDATE g2 SET id = id + 1000 ORDER BY id DESC;
SELECT * FROM g2 ORDER BY owner, id;
--@ case an id that came with its row, and that another client has generated
--@ on b
INSERT INTO notes (body) VALUES ('n3');
DELETE FROM notes WHERE id = 3;
--@ on a
INSERT INTO notes (id, body) VALUES (3, 'given');
SELECT LAST_INSERT_ID();
--@ on b
INSERT INTO notes (body) VALUES ('n4'),('n5');
SELECT LAST_INSERT_ID();
DELETE FROM notes WHERE id = 4;
--@ on a
--@ params str 4 | str four
INSERT INTO notes (id, body) VALUES (?, ?);
SELECT LAST_INSERT_ID();
INSERT INTO notes (body) VALUES ('n6');
SELECT LAST_INSERT_ID();
--@ on b
INSERT INTO notes (id, body) VALUES (3 + 5, 'n8');
SELECT LAST_INSERT_ID();
--@ case an id that is computed
INSERT INTO notes (id, body) VALUES (100 + 1, 'x');
SELECT LAST_INSERT_ID();
INSERT INTO notes SET body = 'y', id = 51 * 2;
SELECT LAST_INSERT_ID();
INSERT INTO notes (id, body) VALUES (NULL, 'z'),(103.6, UTC_DATE() - UTC_DATE());
SELECT LAST_INSERT_ID();
INSERT INTO notes (id, body) VALUES ('105.4', 'q');
SELECT LAST_INSERT_ID(), MAX(id) FROM notes;
INSERT INTO notes (id, body) VALUES (-5, 'minus');
SELECT LAST_INSERT_ID();
INSERT INTO notes SELECT 110, 'selected';
SELECT LAST_INSERT_ID();
REPLACE INTO notes (id, body) VALUES (101 + 0, 'again');
SELECT LAST_INSERT_ID();
INSERT INTO notes (id, body) VALUES (101, 'again') ON DUPLICATE KEY UPDATE id = 120;
SELECT LAST_INSERT_ID();
--@ case ids for rows that are there
DROP TABLE s1;
CREATE TABLE s1 (id BIGINT NOT NULL PRIMARY KEY, n BIGINT, v VARCHAR(20));
INSERT INTO s1 (id, n, v) VALUES (1, 1, 'a'),(2, 2, 'b'),(3, 3, 'c'),(4, 4, 'd'),(5, 5, 'e');
ALTER TABLE s1 ADD COLUMN i BIGINT NOT NULL AUTO_INCREMENT, ADD KEY (i);
SELECT * FROM s1 ORDER BY id;
--@ case ids for rows that are there by a list of columns
DROP TABLE s1;
CREATE TABLE s1 (id BIGINT NOT NULL PRIMARY KEY, n BIGINT, v VARCHAR(20));
ALTER TABLE s1 ADD (i BIGINT NOT NULL AUTO_INCREMENT, KEY (i));
--@ case ids for a column by another name
DROP TABLE s1;
CREATE TABLE s1 (id BIGINT NOT NULL PRIMARY KEY, n BIGINT, v VARCHAR(20));
ALTER TABLE s1 CHANGE COLUMN n i BIGINT NOT NULL AUTO_INCREMENT, ADD KEY (i);
--@ case ids for a column that is there
DROP TABLE s1;
CREATE TABLE s1 (id BIGINT NOT NULL PRIMARY KEY, n BIGINT, v VARCHAR(20));
ALTER TABLE s1 ADD KEY (n), MODIFY n BIGINT NOT NULL AUTO_INCREMENT;
--@ case ids for a column whose values are its own
DROP TABLE s1;
CREATE TABLE s1 (id BIGINT NOT NULL, i BIGINT NOT NULL, v VARCHAR(20), PRIMARY KEY (id, i), KEY (i));
INSERT INTO s1 (id, i, v) VALUES (1, 1, 'a'),(2, 0, 'b'),(3, 3, 'c');
SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';
ALTER TABLE s1 MODIFY i BIGINT NOT NULL AUTO_INCREMENT;
ALTER TABLE s1 MODIFY i BIGINT NOT NULL AUTO_INCREMENT COMMENT 'again';
SELECT * FROM s1 ORDER BY id;
--@ case ids for rows that are there in each copy of a table
ALTER TABLE products ADD COLUMN n INT NOT NULL AUTO_INCREMENT, ADD UNIQUE (n);
SELECT * FROM products ORDER BY id;
DROP TABLE products;
CREATE TABLE products (id INT NOT NULL PRIMARY KEY, v VARCHAR(20));
--@ case an id that was generated for a row in vain
CREATE TABLE vain (id INT AUTO_INCREMENT PRIMARY KEY, b INT UNIQUE);
INSERT INTO vain (b) VALUES (1);
INSERT INTO vain VALUES (50, 50);
INSERT INTO vain (b) VALUES (5), (1);
SELECT LAST_INSERT_ID();
INSERT INTO vain (b) VALUES (1);
SELECT LAST_INSERT_ID();
INSERT INTO vain VALUES (50, 51);
SELECT LAST_INSERT_ID();
BEGIN;
INSERT INTO vain (b) VALUES (60), (60);
SELECT LAST_INSERT_ID();
ROLLBACK;
DROP TABLE vain;
--@ case triggers that see an id before it is generated [text]
CREATE TRIGGER tr1 BEFORE INSERT ON g1 FOR EACH ROW SET NEW.v = CONCAT('id ', NEW.id);
--@ case triggers that give the id of a sharded table [text]
CREATE TRIGGER tr1 BEFORE INSERT ON g2 FOR EACH ROW SET NEW.id = 77;
--@ case a given id in a broadcast table is not the next one elsewhere
--@ expect geninsert
INSERT INTO b1 (u) VALUES ('a');
INSERT INTO b1 VALUES (700, 'given');
INSERT INTO notes (body) VALUES ('next');
SELECT LAST_INSERT_ID();
SELECT id FROM notes ORDER BY id;
--@ case LAST_INSERT_ID(expr) that is NULL or 0, of broadcast tables, of SET and of rows
SELECT LAST_INSERT_ID(77);
INSERT INTO b1 (id, u) VALUES (900, 'x');
INSERT INTO b1 (id, u) VALUES (900, 'y') ON DUPLICATE KEY UPDATE u = LAST_INSERT_ID(NULL);
SELECT LAST_INSERT_ID();
INSERT INTO b1 (id, u) VALUES (900, 'y') ON DUPLICATE KEY UPDATE u = LAST_INSERT_ID(5);
SELECT LAST_INSERT_ID();
INSERT INTO b1 (id, u) VALUES (901, 'y') ON DUPLICATE KEY UPDATE u = LAST_INSERT_ID(6);
SELECT LAST_INSERT_ID();
INSERT INTO b1 (id, u) VALUES (901, 'y') ON DUPLICATE KEY UPDATE u = LAST_INSERT_ID(0);
SELECT LAST_INSERT_ID();
REPLACE INTO b1 (id, u) VALUES (901, LAST_INSERT_ID(8));
SELECT LAST_INSERT_ID();
REPLACE INTO b1 (id, u) VALUES (901, LAST_INSERT_ID(NULL));
SELECT LAST_INSERT_ID();
UPDATE b1 SET u = LAST_INSERT_ID(9) WHERE id = 901;
SELECT LAST_INSERT_ID();
UPDATE b1 SET u = LAST_INSERT_ID(NULL) WHERE id = 901;
SELECT LAST_INSERT_ID();
SET @x = LAST_INSERT_ID(99);
SELECT @x, LAST_INSERT_ID();
SET @x = LAST_INSERT_ID(NULL), @y = LAST_INSERT_ID();
SELECT @x, @y, LAST_INSERT_ID();
SET @x = LAST_INSERT_ID((SELECT MAX(id) + 3 FROM products));
SELECT @x, LAST_INSERT_ID();
DO LAST_INSERT_ID(55);
SELECT LAST_INSERT_ID();
INSERT INTO s1 (id, n) VALUES (1, LAST_INSERT_ID(4)) ON DUPLICATE KEY UPDATE n = LAST_INSERT_ID(NULL);
SELECT LAST_INSERT_ID();
INSERT INTO s1 (id, n) VALUES (1, LAST_INSERT_ID(4)) ON DUPLICATE KEY UPDATE n = LAST_INSERT_ID(NULL);
SELECT LAST_INSERT_ID();
SELECT LAST_INSERT_ID(NULL) FROM products WHERE id = 1;
SELECT LAST_INSERT_ID();
