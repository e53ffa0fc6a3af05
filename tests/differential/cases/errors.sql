-- What servers say of statements that are wrong: numbers, SQLSTATEs and texts, in the client's names.
--@ setup
DROP TABLE IF EXISTS s1;
DROP TABLE IF EXISTS s2;
DROP TABLE IF EXISTS s3;
DROP TABLE IF EXISTS b1;
CREATE TABLE s1 (id BIGINT NOT NULL PRIMARY KEY, name VARCHAR(5) NOT NULL, n TINYINT, d DATE, e ENUM('a','b'), m DECIMAL(5,2));
CREATE TABLE s2 (id BIGINT NOT NULL PRIMARY KEY, name VARCHAR(5));
CREATE TABLE b1 (id INT NOT NULL PRIMARY KEY, v VARCHAR(5) NOT NULL);
--@ data
DROP TABLE IF EXISTS t9;
DELETE FROM s1;
DELETE FROM s2;
DELETE FROM b1;
INSERT INTO s1 (id, name, n) VALUES (1,'a',1),(2,'b',2),(3,'c',3),(4,'d',4);
INSERT INTO s2 VALUES (1,'a'),(2,'b');

--@ case unknown names
SELECT nope FROM s1;
SELECT s1.nope FROM s1 WHERE id = 1;
SELECT x.id FROM s1;
SELECT id FROM s1, s2;
SELECT s1.id FROM s1 JOIN s2 ON s1.id = s2.id WHERE name = 'a';
SELECT * FROM s1 ORDER BY nope;
SELECT id FROM s1 ORDER BY nope LIMIT 3;
SELECT * FROM s1 GROUP BY nope;
SELECT n, COUNT(*) FROM s1 GROUP BY n ORDER BY nope, 1;
SELECT n FROM s1 GROUP BY n HAVING nope > 1;
SELECT COUNT(nope) FROM s1;
SELECT id FROM s1 ORDER BY 2;
SELECT id FROM s1 ORDER BY 1, 7;
SELECT id FROM s1 GROUP BY 3;
SELECT id FROM s1 UNION SELECT nope FROM s2;
SELECT * FROM s1 WHERE id IN (SELECT nope FROM s2);
SELECT * FROM (SELECT id FROM s1 LIMIT 3) t ORDER BY nope;
UPDATE s1 SET nope = 1;
DELETE FROM s1 WHERE nope = 3;
INSERT INTO s1 (id, nope) VALUES (1, 2);
SELECT nofunc(id) FROM s1;
SELECT * FROM s1 JOIN nope ON 1;
SELECT name COLLATE nope FROM s1;
--@ case syntax
SELECT FROM s1;
SELECT SUM(id, 2) FROM s1;
UPDATE s1 SET n = WHERE id = 1;
SELECT * FROM s1 WHERE id = 1 AND;
SELECT * FROM s1 WHERE id IN ();
SELECT * FORM s1;
INSERT INTO s1 id VALUES (1);
ALTER TABLE s1 ADD COLUMN;
--@ case rows that are wrong
INSERT INTO s1 VALUES (1);
INSERT INTO s1 (id, name) VALUES (10,'x'),(11);
INSERT INTO s1 (id) VALUES (50);
INSERT INTO s1 (id, name) VALUES (10,'a'),(11,'b'),(3,'dup'),(12,'c');
INSERT INTO s1 (id, name) VALUES (20,'a'),(21,'b'),(20,'dup'),(21,'c');
INSERT INTO s1 (id, name) VALUES (30,'a'),(31,'b'),(32,'toolong'),(33,'toolong2');
INSERT INTO s1 (id, name, n) VALUES (30,'a',1),(31,'b',-1000),(32,'c',1000);
INSERT INTO s1 (id, name, n) VALUES (30,'a',1),(31,NULL,1),(32,'c',1);
INSERT INTO s1 (id, name, d) VALUES (30,'a','2020-01-01'),(31,'b','2020-02-31'),(32,'c','x');
INSERT INTO s1 (id, name, e) VALUES (30,'a','a'),(31,'b','z');
INSERT INTO s1 (id, name, n) VALUES (30,'a',1),(31,'b',5 DIV 0);
UPDATE s1 SET n = 1000;
UPDATE s1 SET name = NULL WHERE id = 2;
INSERT INTO s1 (id, name) VALUES (9223372036854775808,'a');
INSERT INTO s1 (id, name) VALUES ('abc','a');
--@ case groups and subqueries
SET sql_mode = 'ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES';
SELECT id, COUNT(*) FROM s1;
SELECT name, n, COUNT(*) FROM s1 GROUP BY name;
SELECT COUNT(*) AS c FROM s1 GROUP BY c;
SELECT id FROM s1 WHERE COUNT(*) > 1;
SELECT id FROM s1 UNION SELECT id, name FROM s2;
SELECT * FROM s1 WHERE id = (SELECT id FROM s2);
SELECT * FROM s1 WHERE id IN (SELECT id, name FROM s2);
SELECT * FROM s1 WHERE (id, name) = (1);
SELECT * FROM s1 a JOIN s1 a ON 1;
SELECT * FROM (SELECT id, id FROM s1) t;
--@ case conditions of the statement before do not stand
SELECT * FROM s1 WHERE id IN ();
SELECT * FORM s1;
SHOW WARNINGS;
SELECT nope.x FROM nope;
PREPARE p FROM 'SELECT * FROM s1 WHERE id = ?';
SHOW WARNINGS;
DEALLOCATE PREPARE p;
--@ case functions that are not there
SET @a = nosuch();
SET @a = (SELECT nosuch());
SET SESSION sql_mode = nosuch();
SELECT nosuch(id) FROM s1;
--@ case tables made like sharded ones
CREATE TABLE t9 LIKE s1;
SHOW CREATE TABLE t9;
INSERT INTO t9 (id, name) VALUES (7, 'x');
SELECT id, name FROM t9;
CREATE TABLE t9 LIKE s1;
CREATE TABLE IF NOT EXISTS t9 LIKE s1;
DROP TABLE t9;
CREATE TABLE t9 LIKE s3;
CREATE TEMPORARY TABLE tt LIKE s1;
INSERT INTO tt (id, name) VALUES (7, 'x');
SELECT id, name, n FROM tt;
DROP TEMPORARY TABLE tt;
