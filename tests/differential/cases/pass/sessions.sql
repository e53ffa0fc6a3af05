-- What a client of a plain proxy has beside tables: schemas of its own, table locks, programs, prepared statements.
--@ setup
DROP TABLE IF EXISTS plain;
DROP TABLE IF EXISTS other;
CREATE TABLE plain (id INT NOT NULL PRIMARY KEY, v VARCHAR(10) DEFAULT 'dv');
CREATE TABLE other (id INT NOT NULL PRIMARY KEY);
--@ data
DROP DATABASE IF EXISTS pass1;
DROP DATABASE IF EXISTS pass2;
DELETE FROM plain;
DELETE FROM other;
INSERT INTO plain VALUES (1, 'a'), (2, 'b'), (3, NULL);
INSERT INTO other VALUES (7);

--@ case table locks with autocommit off
SET autocommit = 0;
LOCK TABLES plain READ;
UPDATE plain SET v = 'x' WHERE id = 1;
SELECT * FROM other;
COMMIT;
SELECT * FROM other;
UNLOCK TABLES;
UPDATE plain SET v = 'x' WHERE id = 1;
ROLLBACK;
SELECT id, v FROM plain ORDER BY id;
SET autocommit = 1;
--@ case table locks end where they should
CREATE TEMPORARY TABLE scratch (a INT);
LOCK TABLES plain WRITE;
SELECT * FROM other;
UNLOCK TABLES;
SELECT * FROM other;
LOCK TABLES plain READ;
START TRANSACTION;
SELECT * FROM other;
UPDATE plain SET v = 'y' WHERE id = 2;
ROLLBACK;
SELECT * FROM scratch;
DROP TEMPORARY TABLE scratch;
--@ case the current schema is dropped
CREATE DATABASE pass1;
USE pass1;
CREATE TABLE t (a INT);
DROP DATABASE IF EXISTS pass2;
SELECT DATABASE();
DROP DATABASE pass1;
SELECT DATABASE(), 1;
CREATE TABLE t (a INT);
CALL nothing();
SHOW TABLES;
SELECT id FROM shop.other;
CREATE DATABASE pass1;
SHOW CREATE DATABASE pass1;
SELECT DATABASE();
USE pass1;
CREATE TABLE t (a INT);
SHOW TABLES;
DROP DATABASE pass1;
USE shop;
SELECT DATABASE();
--@ case what is told of a schema that is dropped [text]
CREATE DATABASE pass1;
USE pass1;
SET session_track_state_change = 1;
DROP DATABASE pass1;
SELECT DATABASE();
CREATE DATABASE pass1;
USE pass1;
SET session_track_schema = 0;
DROP DATABASE pass1;
USE shop;
--@ case what a program has set before it failed
CREATE PROCEDURE pass_sets() BEGIN SET time_zone = '+09:30', max_sort_length = 77, @set = 5; SIGNAL SQLSTATE '45000'; END;
CALL pass_sets();
--@ on b
SELECT CAST(FROM_UNIXTIME(0) AS CHAR), @@time_zone, @@max_sort_length, @set;
--@ on a
SELECT CAST(FROM_UNIXTIME(0) AS CHAR), @@time_zone, @@max_sort_length, @set;
DO 1;
--@ on b
SELECT CAST(FROM_UNIXTIME(0) AS CHAR), @@time_zone, @@max_sort_length, @set;
--@ on c
SELECT CAST(FROM_UNIXTIME(0) AS CHAR), @@time_zone, @@max_sort_length, @set;
--@ on a
SELECT CAST(FROM_UNIXTIME(0) AS CHAR), @@time_zone, @@max_sort_length, @set;
DROP PROCEDURE pass_sets;
--@ case a program drops the current schema [text multi]
CREATE DATABASE pass1;
CREATE PROCEDURE shop.pass_drop() DROP DATABASE pass1;
USE pass1;
CALL shop.pass_drop();
SELECT DATABASE();
CREATE TABLE t (a INT);
USE shop;
DROP PROCEDURE pass_drop;
--@ case another session drops the current schema
CREATE DATABASE pass1;
USE pass1;
--@ on b
DROP DATABASE pass1;
--@ on a
SELECT 1;
CREATE DATABASE pass1;
CREATE TABLE t (a INT);
SHOW TABLES;
DROP DATABASE pass1;
USE shop;
SELECT id FROM other;
--@ case functions are those of the current schema
CREATE DATABASE pass1;
CREATE DATABASE pass2;
CREATE FUNCTION pass1.which() RETURNS INT RETURN 1;
CREATE FUNCTION pass2.which() RETURNS INT RETURN 2;
CREATE TABLE pass2.t (a INT);
INSERT INTO pass2.t VALUES (5);
USE pass1;
SELECT which(), a FROM pass2.t;
CREATE VIEW pass1.v AS SELECT a, which() AS w FROM pass2.t;
SELECT * FROM pass1.v;
USE shop;
SELECT which() FROM pass2.t;
DROP DATABASE pass1;
DROP DATABASE pass2;
--@ case without a schema [text noschema]
SELECT DATABASE();
DELETE other FROM shop.other, shop.plain;
SELECT id FROM shop.other;
SHOW TABLES;
CALL nothing();
CREATE FUNCTION nowhere() RETURNS INT RETURN 1;
--@ case definitions keep the functions that they call
CREATE TABLE defs (user VARCHAR(40), who VARCHAR(200) DEFAULT CURRENT_USER(), KEY user (user));
SHOW CREATE TABLE defs;
CREATE VIEW defv AS SELECT DATABASE() AS d, FOUND_ROWS() AS f;
SHOW CREATE VIEW defv;
CREATE TABLE deft AS SELECT DATABASE(), ROW_COUNT();
SHOW CREATE TABLE deft;
DROP TABLE defs, deft;
DROP VIEW defv;
--@ case bodies without begin [text multi]
CREATE FUNCTION pass_if(x INT) RETURNS INT IF x IN (1, 2) THEN RETURN 100; ELSE RETURN 200; END IF;
SELECT pass_if(1), pass_if(5);
DROP FUNCTION pass_if;
CREATE PROCEDURE pass_loop() FOR i IN 1..2 DO SELECT i; END FOR;
CALL pass_loop();
DROP PROCEDURE pass_loop;
BEGIN NOT ATOMIC IF (EXISTS (SELECT 1 FROM plain)) THEN SELECT 1; ELSE SELECT 2; END IF; END;
SET STATEMENT sort_buffer_size = 262144 FOR BEGIN NOT ATOMIC SELECT 1; SELECT 2; END;
--@ case several results of a program
CREATE PROCEDURE pass_many() BEGIN SELECT id FROM plain ORDER BY id; SELECT id FROM other; UPDATE plain SET v = 'm'; SELECT 'end'; END;
CALL pass_many();
SELECT v FROM plain ORDER BY id;
DROP PROCEDURE pass_many;
--@ case using
SET @a = 1, @b = 'x', @c = 1.5;
PREPARE s FROM 'SELECT ?, ? + 1, id FROM plain WHERE id < ? ORDER BY id';
EXECUTE s USING @a, @b, @c;
EXECUTE s USING NULL, 1e3, @a + 5;
EXECUTE s USING @a;
PREPARE i FROM 'INSERT INTO plain VALUES (?, ?)';
EXECUTE i USING 5, DEFAULT;
EXECUTE i USING 6, IGNORE;
EXECUTE i USING 7, 'it''s';
SELECT id, v FROM plain ORDER BY id;
PREPARE l FROM 'SELECT id FROM plain ORDER BY id LIMIT ?';
EXECUTE l USING 2;
EXECUTE l USING @b;
EXECUTE l USING -1;
PREPARE v FROM 'SELECT id INTO @v FROM plain WHERE v = ?';
EXECUTE v USING 'b';
SELECT @v;
EXECUTE IMMEDIATE 'SELECT ? AS x' USING CONVERT(NULL USING utf8mb4);
--@ expect errortext
PREPARE FROM 'SELECT 1';
--@ expect errortext
PREPARE p 'SELECT 1';
--@ case found rows and warnings
SELECT id FROM plain ORDER BY id;
SHOW WARNINGS;
SELECT FOUND_ROWS();
--@ case the client's own account is not the server's
SET PASSWORD = PASSWORD('');
ALTER USER CURRENT_USER IDENTIFIED BY '';
--@ case ids that the client gave are not last_insert_id
CREATE TABLE ai (id INT AUTO_INCREMENT PRIMARY KEY, b INT UNIQUE);
INSERT INTO ai (b) VALUES (1);
INSERT INTO ai VALUES (50, 50);
SELECT LAST_INSERT_ID();
INSERT INTO ai (b) VALUES (5), (1);
SELECT LAST_INSERT_ID();
INSERT IGNORE INTO ai (b) VALUES (1);
SELECT LAST_INSERT_ID();
INSERT INTO ai (b) VALUES (60), (61);
SELECT LAST_INSERT_ID(), LAST_INSERT_ID() + 1;
UPDATE ai SET b = LAST_INSERT_ID(77) WHERE id = 1;
SELECT LAST_INSERT_ID();
SET LAST_INSERT_ID = 9;
SELECT LAST_INSERT_ID();
INSERT INTO ai (b) VALUES (LAST_INSERT_ID());
SELECT b FROM ai ORDER BY b;
SELECT LAST_INSERT_ID();
DROP TABLE ai;
--@ case what cannot be rolled back
CREATE TABLE kept (a INT) ENGINE = MyISAM;
START TRANSACTION;
INSERT INTO kept VALUES (1);
SAVEPOINT s;
INSERT INTO kept VALUES (2);
ROLLBACK TO SAVEPOINT s;
SHOW WARNINGS;
ROLLBACK;
SHOW WARNINGS;
SELECT a FROM kept ORDER BY a;
START TRANSACTION;
COMMIT;
DROP TABLE kept;
--@ case a function that writes while autocommit is off
CREATE TABLE written (a INT);
CREATE FUNCTION pass_write() RETURNS INT BEGIN INSERT INTO written VALUES (1); RETURN 5; END;
SET autocommit = 0;
SELECT pass_write();
SELECT a FROM written;
ROLLBACK;
SELECT a FROM written;
SELECT pass_write();
COMMIT;
SELECT a FROM written;
SET autocommit = 1;
DROP FUNCTION pass_write;
DROP TABLE written;
--@ case a text with a charset of its own
EXECUTE IMMEDIATE _latin1 'SELECT 1';
EXECUTE IMMEDIATE _swe7 'SELECT 2';
--@ expect errortext
EXECUTE IMMEDIATE _swe7 0x01;
--@ case what commits and what does not
SET autocommit = 0;
INSERT INTO other VALUES (8);
CHECKSUM TABLE plain;
ROLLBACK;
SELECT id FROM other ORDER BY id;
INSERT INTO other VALUES (8);
CACHE INDEX plain IN default;
ROLLBACK;
SELECT id FROM other ORDER BY id;
INSERT INTO other VALUES (8);
LOAD INDEX INTO CACHE plain;
ROLLBACK;
SELECT id FROM other ORDER BY id;
INSERT INTO other VALUES (8);
ANALYZE TABLE plain;
ROLLBACK;
SELECT id FROM other ORDER BY id;
SET autocommit = 1;
--@ case the list of clients and the variables of one
SELECT COUNT(*), MIN(user), MIN(db), MIN(command), MIN(info), MIN(stage) FROM information_schema.PROCESSLIST WHERE id = CONNECTION_ID();
SELECT p.* FROM information_schema.PROCESSLIST p WHERE 1 = 0;
SELECT VARIABLE_VALUE FROM information_schema.SESSION_VARIABLES WHERE VARIABLE_NAME = 'sql_mode';
DESCRIBE information_schema.PROCESSLIST;
DESCRIBE information_schema.SESSION_VARIABLES;
SHOW COLUMNS FROM information_schema.SESSION_STATUS LIKE 'VARIABLE_NAME';
INSERT INTO other VALUES (LAST_INSERT_ID(99));
SHOW VARIABLES LIKE 'last_insert_id';
SHOW VARIABLES WHERE Variable_name IN ('identity', 'sql_mode', 'hostname_') OR Value = 'latin1_swedish_ci';
DELETE FROM other WHERE id = 99;
--@ case ids that a trigger gives
CREATE TABLE gift (id INT AUTO_INCREMENT PRIMARY KEY, body VARCHAR(20));
CREATE TABLE bare (id INT AUTO_INCREMENT PRIMARY KEY, body VARCHAR(20));
INSERT INTO bare (body) VALUES ('generated'), ('more');
INSERT INTO gift (body) VALUES ('plain');
SELECT LAST_INSERT_ID();
CREATE TRIGGER gives BEFORE INSERT ON gift FOR EACH ROW IF NEW.body LIKE 'g%' THEN SET NEW.id = 1000 + CHAR_LENGTH(NEW.body); END IF;
INSERT INTO gift (body) VALUES ('plain');
SELECT LAST_INSERT_ID();
INSERT INTO gift (body) VALUES ('gi');
SELECT LAST_INSERT_ID();
INSERT INTO gift (body) VALUES ('giv'), ('other'), ('give');
SELECT LAST_INSERT_ID();
INSERT INTO gift (body) VALUES ('given');
SELECT LAST_INSERT_ID(), @@identity;
CREATE VIEW gifts AS SELECT id, body FROM gift;
INSERT INTO gifts (body) VALUES ('given by a view');
SELECT LAST_INSERT_ID();
DROP TRIGGER gives;
INSERT INTO gift (body) VALUES ('gone');
SELECT LAST_INSERT_ID();
CREATE TRIGGER after_gift AFTER INSERT ON gift FOR EACH ROW INSERT INTO bare (body) VALUES (NEW.body);
INSERT INTO gift (body) VALUES ('followed');
SELECT LAST_INSERT_ID();
CREATE FUNCTION number_of() RETURNS INT RETURN 77;
INSERT INTO bare VALUES (number_of(), 'x');
SELECT LAST_INSERT_ID();
SELECT id, body FROM gift ORDER BY id;
DROP VIEW gifts;
DROP FUNCTION number_of;
DROP TABLE gift, bare;
