-- Stored programs and views: what names tables of one place works, what names sharded tables is refused.
--@ setup
DROP TABLE IF EXISTS b2;
DROP TABLE IF EXISTS b1;
DROP TABLE IF EXISTS s1;
DROP TABLE IF EXISTS users;
DROP TABLE IF EXISTS notes;
DROP TABLE IF EXISTS audit;
DROP TABLE IF EXISTS products;
CREATE TABLE users (id BIGINT NOT NULL PRIMARY KEY, name VARCHAR(40) NOT NULL DEFAULT 'x', n INT);
CREATE TABLE notes (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, body VARCHAR(40));
CREATE TABLE audit (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, what VARCHAR(80));
CREATE TABLE products (id INT NOT NULL PRIMARY KEY, title VARCHAR(20), price INT);
DROP TABLE IF EXISTS countries;
CREATE TABLE countries (code CHAR(2) NOT NULL PRIMARY KEY);
--@ data
DROP PROCEDURE IF EXISTS p1;
DROP PROCEDURE IF EXISTS p2;
DROP FUNCTION IF EXISTS f1;
DROP FUNCTION IF EXISTS f2;
DROP TRIGGER IF EXISTS tr1;
DROP TRIGGER IF EXISTS tr2;
DROP EVENT IF EXISTS e1;
DROP VIEW IF EXISTS v1;
DROP VIEW IF EXISTS v2;
DROP TABLE IF EXISTS b2;
DROP TABLE IF EXISTS b1;
DROP TABLE IF EXISTS s1;
DROP TABLE IF EXISTS plain;
DELETE FROM users;
DELETE FROM notes;
DELETE FROM audit;
DELETE FROM products;
INSERT INTO users (id, name, n) VALUES (1,'ann',1),(2,'bob',2),(3,'cid',3),(4,'dan',4),(5,'eve',5),(6,'flo',6);
INSERT INTO notes (id, body) VALUES (1,'one'),(2,'two');
INSERT INTO products VALUES (1,'pen',3),(2,'ink',4);

--@ case a procedure over sharded tables [text]
CREATE PROCEDURE p1() SELECT COUNT(*) FROM users;
--@ follows
CALL p1();
--@ case a procedure with a body over sharded tables [text]
CREATE PROCEDURE p2() BEGIN DECLARE n INT; SELECT COUNT(*) INTO n FROM users WHERE id > 2; SELECT n; END;
--@ follows
CALL p2();
--@ case a procedure over single tables
CREATE PROCEDURE p1() SELECT id, body FROM notes ORDER BY id;
CALL p1();
CALL p1;
CREATE PROCEDURE p1() SELECT 1;
CREATE PROCEDURE IF NOT EXISTS p1() SELECT 2;
CALL p1();
CREATE PROCEDURE p2(IN a INT, OUT b INT) BEGIN INSERT INTO notes (body) VALUES ('new'); SELECT COUNT(*) INTO b FROM notes WHERE id > a; END;
CALL p2(1, @b);
SELECT @b;
CALL p2(1);
CALL p2(1, 2, 3);
DROP PROCEDURE p2;
CALL p2(1, @b);
DROP PROCEDURE p2;
DROP PROCEDURE IF EXISTS p2;
CALL nope();
CREATE OR REPLACE PROCEDURE p1() SELECT MAX(id) FROM notes;
CALL p1();
CREATE PROCEDURE broken() SELECT FROM;
ALTER PROCEDURE p1 COMMENT 'x';
--@ case several answers of a procedure
CREATE PROCEDURE p1() BEGIN SELECT 1 AS a; SELECT title FROM products ORDER BY id; UPDATE notes SET body = CONCAT(body, '!'); END;
CALL p1();
SELECT body FROM notes ORDER BY id;
--@ case a procedure that fails [text]
CREATE PROCEDURE p1() BEGIN INSERT INTO notes VALUES (9, 'nine'); INSERT INTO notes VALUES (1, 'again'); END;
CALL p1();
SELECT COUNT(*) FROM notes;
CREATE PROCEDURE p2() SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no', MYSQL_ERRNO = 31000;
CALL p2();
CREATE OR REPLACE PROCEDURE p2() SELECT * FROM no_such_table;
CALL p2();
--@ case transactions inside of a procedure [text]
CREATE PROCEDURE p1() BEGIN START TRANSACTION; INSERT INTO notes (body) VALUES ('in'); COMMIT; END;
CALL p1();
SELECT COUNT(*) FROM notes;
--@ case a procedure inside of a transaction [text]
CREATE PROCEDURE p1() INSERT INTO notes (id, body) VALUES (7, 'seven');
BEGIN;
CALL p1();
ROLLBACK;
SELECT COUNT(*) FROM notes;
BEGIN;
CALL p1();
COMMIT;
SELECT COUNT(*) FROM notes;
--@ case a procedure of broadcast tables
CREATE PROCEDURE p1() SELECT title FROM products ORDER BY id;
CALL p1();
--@ case a procedure that changes broadcast tables [text]
CREATE PROCEDURE p2() UPDATE products SET price = 0;
--@ follows
CALL p2();
--@ case functions without tables
CREATE FUNCTION f1(a INT) RETURNS INT DETERMINISTIC RETURN a * 2;
SELECT f1(21);
SELECT id, f1(n) FROM users ORDER BY id;
SELECT id FROM users WHERE f1(n) = 4;
SELECT id, f1(n) FROM users WHERE id = 3;
SELECT SUM(f1(n)) FROM users;
SELECT shop.f1(2);
SELECT f1(id) AS x FROM notes ORDER BY x;
UPDATE users SET n = f1(n) WHERE id > 3;
SELECT id, n FROM users ORDER BY id;
SET @x = f1(4);
SELECT @x;
DO f1(1);
SELECT f1();
SELECT f2(1);
CREATE FUNCTION f1(a INT) RETURNS INT RETURN 1;
CREATE FUNCTION IF NOT EXISTS f1(a INT) RETURNS INT RETURN 1;
SELECT f1(21);
CREATE OR REPLACE FUNCTION f1(a INT) RETURNS INT DETERMINISTIC RETURN a * 3;
SELECT id, f1(n) FROM users WHERE id < 3 ORDER BY id;
ALTER FUNCTION f1 COMMENT 'thrice';
DROP FUNCTION f1;
SELECT f1(n) FROM users;
DROP FUNCTION f1;
--@ case functions with tables
CREATE FUNCTION f1() RETURNS INT READS SQL DATA RETURN (SELECT COUNT(*) FROM users);
--@ follows
SELECT f1();
--@ case functions with tables of one place
CREATE FUNCTION f1(i INT) RETURNS VARCHAR(40) READS SQL DATA RETURN (SELECT title FROM products WHERE id = i);
SELECT f1(1);
SELECT id, f1(2) FROM users ORDER BY id;
CREATE FUNCTION f2(i INT) RETURNS VARCHAR(40) READS SQL DATA RETURN (SELECT body FROM notes WHERE id = i);
SELECT f2(1);
SELECT id, f2(id) FROM notes ORDER BY id;
SELECT id FROM users WHERE name = f2(1);
--@ case functions of functions [text]
CREATE FUNCTION f1(a INT) RETURNS INT DETERMINISTIC RETURN a + 1;
CREATE FUNCTION f2(a INT) RETURNS INT DETERMINISTIC RETURN f1(f1(a));
SELECT f2(n) FROM users ORDER BY id;
--@ case functions that know the session [text]
CREATE FUNCTION f1() RETURNS INT RETURN CONNECTION_ID();
--@ case functions that know the user [text]
CREATE FUNCTION f2() RETURNS VARCHAR(100) RETURN CURRENT_USER();
--@ case triggers on single tables
CREATE TRIGGER tr1 BEFORE INSERT ON notes FOR EACH ROW SET NEW.body = UPPER(NEW.body);
INSERT INTO notes (body) VALUES ('loud');
SELECT body FROM notes ORDER BY id;
CREATE TRIGGER tr2 AFTER INSERT ON notes FOR EACH ROW INSERT INTO audit (what) VALUES (CONCAT('note ', NEW.body));
INSERT INTO notes (body) VALUES ('a'), ('b');
SELECT what FROM audit ORDER BY id;
CREATE TRIGGER tr2 AFTER INSERT ON notes FOR EACH ROW SET @x = 1;
DROP TRIGGER tr2;
DROP TRIGGER tr2;
DROP TRIGGER IF EXISTS tr2;
CREATE TRIGGER tr2 AFTER DELETE ON notes FOR EACH ROW SET @gone = OLD.id;
DELETE FROM notes WHERE id = 1;
SELECT @gone;
--@ case ids that a trigger gives
INSERT INTO audit (what) VALUES ('generated');
CREATE TRIGGER tr1 BEFORE INSERT ON notes FOR EACH ROW IF NEW.body LIKE 'g%' THEN SET NEW.id = 1000 + CHAR_LENGTH(NEW.body); END IF;
INSERT INTO notes (body) VALUES ('gi');
SELECT LAST_INSERT_ID();
INSERT INTO notes (body) VALUES ('plain');
SELECT LAST_INSERT_ID();
INSERT INTO notes (body) VALUES ('giv');
SELECT LAST_INSERT_ID(), @@last_insert_id, @@identity;
INSERT INTO notes (body) VALUES ('give'), ('other'), ('given'), ('last');
SELECT LAST_INSERT_ID();
INSERT INTO notes (body) VALUES ('given!'), ('given to');
SELECT LAST_INSERT_ID();
REPLACE INTO notes (body) VALUES ('gi');
SELECT LAST_INSERT_ID();
INSERT INTO notes (body) VALUES ('gi');
SELECT LAST_INSERT_ID();
INSERT INTO notes (body) VALUES ('gi') ON DUPLICATE KEY UPDATE body = 'again';
SELECT LAST_INSERT_ID();
INSERT INTO notes SET body = 'given a lot';
SELECT LAST_INSERT_ID();
CREATE VIEW v1 AS SELECT id, body FROM notes;
INSERT INTO v1 (body) VALUES ('given by a view');
SELECT LAST_INSERT_ID();
INSERT INTO v1 (body) VALUES ('of a view');
SELECT LAST_INSERT_ID();
DROP TRIGGER tr1;
INSERT INTO notes (body) VALUES ('gone');
SELECT LAST_INSERT_ID();
SELECT id, body FROM notes ORDER BY id;
--@ case ids that programs give
INSERT INTO audit (what) VALUES ('generated');
CREATE FUNCTION f1() RETURNS INT RETURN 77;
INSERT INTO notes (id, body) VALUES (f1(), 'x');
SELECT LAST_INSERT_ID();
CREATE PROCEDURE p1() INSERT INTO notes (id, body) VALUES (88, 'x');
CALL p1();
SELECT LAST_INSERT_ID();
CREATE PROCEDURE p2() INSERT INTO audit (what) VALUES ('again');
CALL p2();
SELECT LAST_INSERT_ID();
BEGIN NOT ATOMIC INSERT INTO notes (id, body) VALUES (90, 'x'); END;
SELECT LAST_INSERT_ID();
EXECUTE IMMEDIATE 'INSERT INTO notes (id, body) VALUES (91, ''x'')';
SELECT LAST_INSERT_ID();
CREATE FUNCTION f2() RETURNS INT BEGIN INSERT INTO audit (what) VALUES ('by f2'); RETURN LAST_INSERT_ID(); END;
INSERT INTO notes (body) SELECT f2();
SELECT LAST_INSERT_ID();
SELECT f2() > 0;
SELECT LAST_INSERT_ID();
INSERT INTO notes (id, body) VALUES (f2() + 200, 'x');
SELECT LAST_INSERT_ID();
DO f2();
SELECT LAST_INSERT_ID();
--@ case ids that a procedure gives out through a trigger [text]
CREATE PROCEDURE p1(OUT n INT) SET n = 1234;
CREATE TRIGGER tr1 BEFORE INSERT ON notes FOR EACH ROW CALL p1(NEW.id);
INSERT INTO audit (what) VALUES ('generated');
INSERT INTO notes (body) VALUES ('x');
SELECT LAST_INSERT_ID();
CREATE TRIGGER tr2 BEFORE INSERT ON users FOR EACH ROW CALL p1(NEW.id);
--@ case triggers that reach sharded tables [text]
CREATE TRIGGER tr1 AFTER INSERT ON notes FOR EACH ROW UPDATE users SET n = 0;
--@ follows
INSERT INTO notes (body) VALUES ('x');
--@ case triggers that reach broadcast tables [text]
CREATE TRIGGER tr1 AFTER INSERT ON notes FOR EACH ROW UPDATE products SET price = 0;
--@ case triggers on sharded tables
CREATE TRIGGER tr1 BEFORE INSERT ON users FOR EACH ROW SET NEW.name = CONCAT('<', NEW.name, '>');
--@ follows
INSERT INTO users (id, name) VALUES (11, 'x'), (12, 'y'), (13, 'z'), (14, 'w');
--@ follows
SELECT id, name FROM users WHERE id > 10 ORDER BY id;
DROP TRIGGER IF EXISTS tr1;
INSERT INTO users (id, name) VALUES (15, 'plain');
SELECT name FROM users WHERE id = 15;
--@ case triggers on sharded tables that reach others [text]
CREATE TRIGGER tr2 AFTER INSERT ON users FOR EACH ROW INSERT INTO audit (what) VALUES (NEW.name);
--@ case triggers that move rows [text]
CREATE TRIGGER tr2 BEFORE INSERT ON users FOR EACH ROW SET NEW.id = NEW.id + 1;
--@ case triggers on broadcast tables
CREATE TRIGGER tr1 BEFORE INSERT ON products FOR EACH ROW SET NEW.title = CONCAT('<', NEW.title, '>');
INSERT INTO products VALUES (7,'x',1), (8,'y',2);
CREATE OR REPLACE TRIGGER tr1 BEFORE INSERT ON products FOR EACH ROW SET NEW.price = YEAR(NOW());
INSERT INTO products (id) VALUES (9);
SELECT id, title, price = YEAR(NOW()) FROM products ORDER BY id;
--@ case triggers that copies would run differently [text]
CREATE TRIGGER tr1 BEFORE INSERT ON products FOR EACH ROW SET NEW.title = LEFT(UUID(), 20);
--@ case triggers on broadcast tables that know the session [text]
CREATE TRIGGER tr1 BEFORE INSERT ON products FOR EACH ROW SET NEW.price = LAST_INSERT_ID();
--@ case triggers on broadcast tables that know the server [text]
CREATE TRIGGER tr1 BEFORE INSERT ON products FOR EACH ROW SET NEW.title = @@hostname;
--@ case triggers on broadcast tables that count rows [text]
CREATE TRIGGER tr1 BEFORE INSERT ON products FOR EACH ROW SET NEW.price = ROW_COUNT();
--@ case triggers on broadcast tables that choose rows [text]
CREATE TRIGGER tr1 BEFORE UPDATE ON products FOR EACH ROW SET NEW.title = (SELECT code FROM countries LIMIT 1);
--@ case defaults that know the session [text]
CREATE TABLE b1 (id INT NOT NULL PRIMARY KEY, c BIGINT DEFAULT (CONNECTION_ID()));
--@ case defaults that know the user [text]
CREATE TABLE s1 (id INT NOT NULL PRIMARY KEY, c VARCHAR(80) DEFAULT (CURRENT_USER()));
--@ case defaults that know the user in single tables [text]
CREATE TABLE plain (id INT NOT NULL PRIMARY KEY, c VARCHAR(80) DEFAULT (USER()));
--@ case generated columns that know the database [text]
CREATE TABLE b1 (id INT NOT NULL PRIMARY KEY, c VARCHAR(80) AS (DATABASE()) VIRTUAL);
--@ case generated columns that copies evaluate differently
CREATE TABLE b1 (id INT NOT NULL PRIMARY KEY, v INT, r DOUBLE AS (RAND() * v) VIRTUAL);
INSERT INTO b1 (id, v) VALUES (1,0);
--@ follows
SELECT * FROM b1;
--@ case defaults that copies evaluate once
CREATE TABLE b1 (id INT NOT NULL PRIMARY KEY, v INT DEFAULT (@@server_id), w VARCHAR(90) DEFAULT (VERSION()), t DATETIME(6) DEFAULT (NOW(6)));
INSERT INTO b1 (id) VALUES (1), (2);
SELECT COUNT(DISTINCT v), COUNT(DISTINCT w), COUNT(DISTINCT t) FROM b1;
--@ case foreign keys between broadcast tables
CREATE TABLE b1 (id INT NOT NULL PRIMARY KEY, v INT);
CREATE TABLE b2 (id INT NOT NULL PRIMARY KEY, one INT, FOREIGN KEY (one) REFERENCES b1 (id) ON DELETE CASCADE ON UPDATE CASCADE);
INSERT INTO b1 VALUES (1,1),(2,2),(3,3);
INSERT INTO b2 VALUES (10,1),(11,2),(12,2),(13,NULL);
UPDATE b1 SET id = 9 WHERE id = 1;
DELETE FROM b1 WHERE id = 2;
SELECT * FROM b2 ORDER BY id;
INSERT INTO b2 VALUES (14,77);
DELETE FROM b1;
SELECT * FROM b2 ORDER BY id;
--@ case foreign keys from sharded to broadcast tables
CREATE TABLE s1 (id INT NOT NULL PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES products (id) ON DELETE SET NULL ON UPDATE CASCADE);
INSERT INTO s1 VALUES (1,1),(2,1),(3,2),(4,2),(5,NULL);
UPDATE products SET id = 20 WHERE id = 2;
DELETE FROM products WHERE id = 1;
SELECT * FROM s1 ORDER BY id;
DROP TABLE s1;
--@ case foreign keys that move rows [text]
CREATE TABLE s1 (id INT NOT NULL PRIMARY KEY REFERENCES products (id) ON UPDATE CASCADE);
--@ case foreign keys from broadcast to other tables [text]
CREATE TABLE b1 (id INT NOT NULL PRIMARY KEY, n INT, FOREIGN KEY (n) REFERENCES notes (id) ON DELETE CASCADE);
--@ case foreign keys from broadcast to sharded tables [text]
CREATE TABLE b1 (id INT NOT NULL PRIMARY KEY, n BIGINT, FOREIGN KEY (n) REFERENCES users (id) ON DELETE CASCADE);
--@ case events [text]
CREATE EVENT e1 ON SCHEDULE AT '2037-01-01 00:00:00' DO DELETE FROM audit;
CREATE EVENT e1 ON SCHEDULE AT '2037-01-01 00:00:00' DO DELETE FROM audit;
ALTER EVENT e1 DISABLE;
DROP EVENT e1;
DROP EVENT e1;
--@ case events over sharded tables [text]
CREATE EVENT e1 ON SCHEDULE AT '2037-01-01 00:00:00' DO DELETE FROM users;
--@ case views
CREATE VIEW v1 AS SELECT id, body FROM notes;
SELECT * FROM v1 ORDER BY id;
INSERT INTO v1 (id, body) VALUES (5, 'through');
SELECT v1.body FROM v1 WHERE id = 5;
CREATE VIEW v1 AS SELECT 1;
CREATE OR REPLACE VIEW v1 AS SELECT id FROM notes;
SELECT * FROM v1 ORDER BY id;
CREATE VIEW v2 AS SELECT id + 1 AS next FROM v1;
SELECT * FROM v2 ORDER BY next;
ALTER VIEW v2 AS SELECT id + 2 AS next FROM v1;
SELECT * FROM v2 ORDER BY next;
DROP VIEW v2;
SELECT * FROM v2;
--@ case views of sharded and broadcast tables
CREATE VIEW v1 AS SELECT COUNT(*) AS c FROM users;
--@ follows
SELECT * FROM v1;
--@ case views of broadcast tables
CREATE VIEW v2 AS SELECT id, title FROM products;
SELECT * FROM v2 ORDER BY id;
--@ case changes through views of broadcast tables [text]
CREATE VIEW v2 AS SELECT id, title FROM products;
UPDATE v2 SET title = 'no';
--@ follows
SELECT title FROM products ORDER BY id;
--@ case compound statements [text]
BEGIN NOT ATOMIC DECLARE n INT; SELECT COUNT(*) INTO n FROM notes; SELECT n + 1; END;
--@ case compound statements over sharded tables [text]
BEGIN NOT ATOMIC SELECT COUNT(*) FROM users; END;
--@ case dynamic sql
CREATE PROCEDURE p1() EXECUTE IMMEDIATE 'SELECT body FROM notes ORDER BY id';
CALL p1();
--@ case dynamic sql of unknown text [text]
CREATE PROCEDURE p2(t VARCHAR(20)) EXECUTE IMMEDIATE CONCAT('SELECT COUNT(*) FROM ', t);
--@ follows
CALL p2('notes');
