-- Tables that MariaDB's servers make up from their names, seq_1_to_10_step_3: with which scripts fill tables. MySQL has none.
--@ setup
DROP TABLE IF EXISTS s1;
DROP TABLE IF EXISTS g1;
DROP TABLE IF EXISTS k1;
DROP TABLE IF EXISTS b1;
DROP TABLE IF EXISTS notes;
CREATE TABLE s1 (id BIGINT NOT NULL PRIMARY KEY, v INT);
CREATE TABLE g1 (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, v INT);
CREATE TABLE k1 (k VARCHAR(40) NOT NULL PRIMARY KEY, v INT);
CREATE TABLE b1 (id BIGINT NOT NULL PRIMARY KEY, v INT);
CREATE TABLE notes (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, body TEXT);
--@ dump g1 genid=1
--@ data
DROP VIEW IF EXISTS v9;
DROP TABLE IF EXISTS t9;
DELETE FROM s1;
DELETE FROM g1;
DELETE FROM k1;
DELETE FROM b1;
DELETE FROM notes;
INSERT INTO s1 VALUES (1,10),(2,20),(3,30),(4,40),(5,NULL),(6,60),(10,100);
INSERT INTO b1 VALUES (1,11),(2,22);
INSERT INTO notes VALUES (1,'one'),(2,'two');

--@ case alone
SELECT seq FROM seq_1_to_5;
SELECT seq FROM seq_1_to_10_step_3;
SELECT seq FROM seq_5_to_1;
SELECT seq FROM `seq_01_to_3`;
SELECT COUNT(*), SUM(seq) FROM seq_1_to_1000;
SELECT a.seq, b.seq FROM seq_1_to_3 a JOIN seq_1_to_3 b ON a.seq < b.seq ORDER BY 1, 2;
SELECT seq_1_to_3.seq, shop.seq_1_to_3.seq FROM shop.seq_1_to_3;
SELECT seq FROM seq_1_to_3 UNION ALL SELECT seq FROM seq_7_to_8;
WITH RECURSIVE r AS (SELECT seq AS n FROM seq_1_to_2 UNION ALL SELECT n + 10 FROM r WHERE n < 20) SELECT n FROM r ORDER BY n;
SELECT nope FROM seq_1_to_3;
SELECT * FROM seq_1_to_;
SELECT * FROM seq_1_to_10_step_0;
SELECT * FROM SEQ_1_TO_3;
SELECT * FROM seq_1_to_3 FOR UPDATE;
--@ case beside sharded tables
--@ expect temptable
SELECT s1.id, s1.v, q.seq FROM s1 JOIN seq_1_to_3 q ON q.seq = s1.id ORDER BY s1.id;
SELECT s1.id, q.seq FROM seq_1_to_3 q JOIN s1 ON q.seq = s1.id WHERE s1.id = 2;
SELECT s1.id, q.seq FROM s1 LEFT JOIN seq_5_to_12 q ON q.seq = s1.id ORDER BY s1.id;
SELECT q.seq, s1.v FROM seq_4_to_8 q LEFT JOIN s1 ON s1.id = q.seq ORDER BY q.seq;
SELECT q.seq, s1.v FROM s1 RIGHT JOIN seq_4_to_8 q ON s1.id = q.seq ORDER BY q.seq;
SELECT q.seq, COUNT(s1.id) FROM seq_0_to_3 q LEFT JOIN s1 ON s1.v DIV 20 = q.seq GROUP BY q.seq ORDER BY q.seq;
SELECT COUNT(*) FROM s1 WHERE id IN (SELECT seq FROM seq_2_to_4);
SELECT id FROM s1 WHERE NOT EXISTS (SELECT 1 FROM seq_2_to_4 WHERE seq = s1.id) ORDER BY id;
SELECT seq FROM seq_4_to_12 WHERE seq NOT IN (SELECT id FROM s1) ORDER BY seq;
SELECT seq FROM seq_1_to_3 UNION SELECT id FROM s1 WHERE id > 4 ORDER BY 1;
--@ expect temptable
WITH q AS (SELECT seq FROM seq_2_to_3) SELECT s1.id, s1.v FROM q JOIN s1 ON s1.id = q.seq ORDER BY s1.id;
SELECT b1.id, notes.body, q.seq FROM b1 JOIN notes ON notes.id = b1.id JOIN seq_1_to_9 q ON q.seq = b1.id ORDER BY 1;
--@ case fill a sharded table
INSERT INTO s1 (id, v) SELECT seq, seq * 2 FROM seq_101_to_1100;
SELECT COUNT(*), SUM(v), MIN(id), MAX(id) FROM s1;
INSERT INTO s1 SELECT 2000 + a.seq * 10 + b.seq, a.seq FROM seq_0_to_9 a JOIN seq_0_to_9 b;
SELECT v, COUNT(*) FROM s1 WHERE id >= 2000 GROUP BY v ORDER BY v;
INSERT INTO s1 SELECT seq, 1 FROM seq_3_to_4;
INSERT INTO s1 SELECT seq, 1 FROM seq_4_to_8 ON DUPLICATE KEY UPDATE v = s1.v + VALUES(v);

INSERT IGNORE INTO s1 SELECT seq, 9 FROM seq_8_to_11;
REPLACE INTO s1 SELECT seq, 8 FROM seq_10_to_12;
SELECT id, v FROM s1 WHERE id < 100 ORDER BY id;
INSERT INTO k1 SELECT CONCAT('k', seq), seq FROM seq_1_to_50;
SELECT COUNT(*), SUM(v), MAX(k) FROM k1;
SELECT v FROM k1 WHERE k = 'k33';
--@ case fill tables with generated ids
INSERT INTO notes (body) SELECT CONCAT('note ', seq) FROM seq_1_to_3;
SELECT body FROM notes ORDER BY id;
INSERT INTO b1 SELECT seq, seq + 1 FROM seq_10_to_12;
SELECT * FROM b1 ORDER BY id;
--@ expect geninsert
INSERT INTO g1 (v) SELECT seq FROM seq_1_to_20;
SELECT COUNT(*), SUM(v) FROM g1;
--@ case changes beside them
UPDATE s1 JOIN seq_1_to_3 q ON q.seq = s1.id SET s1.v = s1.v + q.seq;
UPDATE s1 SET v = 0 WHERE id IN (SELECT seq FROM seq_4_to_5);
DELETE s1 FROM s1 JOIN seq_6_to_20 q ON q.seq = s1.id;
SELECT * FROM s1 ORDER BY id;
--@ case they are read only
INSERT INTO seq_1_to_5 VALUES (1);
REPLACE INTO seq_1_to_5 VALUES (1);
UPDATE seq_1_to_5 SET seq = 2;
DELETE FROM seq_1_to_5;
TRUNCATE TABLE seq_1_to_5;
CREATE TABLE seq_1_to_5 (a INT);
ALTER TABLE seq_1_to_5 ADD COLUMN x INT;
--@ case definitions over them
CREATE TABLE t9 AS SELECT seq FROM seq_1_to_5;
SELECT * FROM t9 ORDER BY seq;
CREATE VIEW v9 AS SELECT seq * 2 AS n FROM seq_1_to_4;
SELECT n FROM v9;
SHOW CREATE TABLE seq_1_to_5;
DESCRIBE seq_1_to_5;
LOCK TABLES seq_1_to_5 READ, s1 WRITE;
--@ expect temptable
SELECT s1.id FROM s1 JOIN seq_1_to_5 ON seq_1_to_5.seq = s1.id ORDER BY s1.id;
UNLOCK TABLES;
CREATE TEMPORARY TABLE tt AS SELECT seq FROM seq_1_to_3;
SELECT * FROM tt;
DROP TEMPORARY TABLE tt;
