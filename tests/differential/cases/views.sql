-- Views over broadcast tables beside sharded tables: one data source keeps the view, whose rows and the shards' come together there.
--@ setup
DROP VIEW IF EXISTS v1;
DROP VIEW IF EXISTS v2;
DROP TABLE IF EXISTS s1;
DROP TABLE IF EXISTS s2;
DROP TABLE IF EXISTS b1;
DROP TABLE IF EXISTS b2;
DROP TABLE IF EXISTS n1;
CREATE TABLE s1 (id BIGINT NOT NULL PRIMARY KEY, a INT, t VARCHAR(20));
CREATE TABLE s2 (id BIGINT NOT NULL PRIMARY KEY, a INT, t VARCHAR(20));
CREATE TABLE b1 (id INT NOT NULL PRIMARY KEY, v INT);
CREATE TABLE b2 (id INT NOT NULL PRIMARY KEY, v INT);
CREATE TABLE n1 (id BIGINT NOT NULL PRIMARY KEY, v INT);
CREATE VIEW v1 AS SELECT b1.id, b1.v + b2.v AS s FROM b1 JOIN b2 ON b1.id = b2.id;
CREATE VIEW v2 AS SELECT id, s FROM v1 WHERE s > 2;
--@ data
DELETE FROM s1;
DELETE FROM s2;
DELETE FROM b1;
DELETE FROM b2;
DELETE FROM n1;
INSERT INTO s1 VALUES (1,1,'a'),(2,2,'b'),(3,1,'c'),(4,3,'d');
INSERT INTO s2 VALUES (1,1,'a'),(2,2,'b'),(3,1,'c'),(4,3,'d');
INSERT INTO b1 VALUES (1,1),(2,2);
INSERT INTO b2 VALUES (1,1),(2,2);
INSERT INTO n1 VALUES (1,1),(2,2);
--@ case view alone
SELECT * FROM v1 ORDER BY id;
SELECT COUNT(*) FROM v2;
--@ case view beside one shard
SELECT s1.id, v1.s FROM s1 JOIN v1 ON s1.a = v1.id WHERE s1.id = 1;
SELECT id FROM s1 WHERE a IN (SELECT id FROM v2) AND id = 2;
--@ case view beside
SELECT SQL_BUFFER_RESULT s1.id, v1.s FROM s1 JOIN v1 ON s1.a = v1.id ORDER BY s1.id;
SELECT s1.id, v1.s FROM s1 LEFT JOIN v1 ON s1.a = v1.id ORDER BY s1.id;
SELECT v1.s, COUNT(*), SUM(s1.a) FROM s1 JOIN v1 ON s1.a = v1.id GROUP BY v1.s ORDER BY v1.s;
--@ expect temptable
SELECT id FROM s1 WHERE a IN (SELECT id FROM v2) ORDER BY id;
SELECT id, (SELECT MAX(s) FROM v1 WHERE v1.id = s1.a) AS m FROM s1 ORDER BY id;
SELECT id FROM s1 WHERE a > 1 UNION SELECT id FROM v1 ORDER BY id;
SELECT SQL_BUFFER_RESULT * FROM s1 JOIN v1 ON s1.a = v1.id ORDER BY s1.id;
SELECT v1.* FROM s1 JOIN v1 USING (id) ORDER BY id;
SELECT SQL_BUFFER_RESULT * FROM s1 NATURAL JOIN v1 ORDER BY id;
--@ case rows that come together
SELECT SQL_BUFFER_RESULT s1.id, v1.s, v1.id AS i FROM s1 JOIN v1 ON s1.a = v1.id ORDER BY s1.id;
SELECT MAX(t) FROM s1 WHERE a BETWEEN 0 AND 2;
SELECT MAX(t) FROM s1 WHERE t BETWEEN 0 AND 2;
--@ case view beside change 0
UPDATE s1 JOIN v1 ON s1.a = v1.id SET s1.t = v1.s;
--@ case view beside change 1
UPDATE s1 SET t = 'v' WHERE a IN (SELECT id FROM v2);
--@ case view beside change 2
DELETE s1 FROM s1 JOIN v1 ON s1.a = v1.id WHERE v1.s = 2;
--@ case view beside change 3
INSERT INTO s1 SELECT id + 100, s, 'x' FROM v1;
--@ case view beside change 4
INSERT INTO s1 SELECT s1.id + 200, v1.s, 'x' FROM s1 JOIN v1 ON s1.a = v1.id;
--@ case views beside tables that lie elsewhere
SELECT v1.id, n1.v FROM v1 JOIN n1 USING (id) ORDER BY v1.id;
SELECT COUNT(*), SUM(v1.s), SUM(s1.a) FROM s1 JOIN s2 USING (id) JOIN v1 ON s1.a = v1.id;
SELECT COUNT(*) FROM s1 WHERE EXISTS (SELECT 1 FROM v1 WHERE s > 3);
SELECT id FROM s1 WHERE a = (SELECT MAX(id) FROM v2) ORDER BY id;
--@ case options before a star
--@ expect temptable
SELECT * FROM s1 JOIN n1 ON s1.a = n1.id ORDER BY s1.id;
--@ expect temptable
SELECT SQL_BUFFER_RESULT * FROM s1 JOIN n1 ON s1.a = n1.id ORDER BY s1.id;
--@ expect temptable
SELECT SQL_SMALL_RESULT s1.* FROM s1 JOIN n1 ON s1.a = n1.id ORDER BY s1.id;
--@ expect temptable
SELECT HIGH_PRIORITY DISTINCT * FROM s1 JOIN n1 ON s1.a = n1.id ORDER BY s1.id;
--@ expect temptable
SELECT STRAIGHT_JOIN * FROM s1 JOIN n1 ON s1.a = n1.id ORDER BY s1.id;
--@ expect temptable
SELECT SQL_NO_CACHE * FROM s1 JOIN n1 ON s1.a = n1.id ORDER BY s1.id;
--@ expect temptable
SELECT SQL_CALC_FOUND_ROWS * FROM s1 JOIN n1 ON s1.a = n1.id ORDER BY s1.id LIMIT 1;
SELECT SQL_BUFFER_RESULT * FROM s1 ORDER BY id;
SELECT SQL_BUFFER_RESULT SQL_NO_CACHE * FROM s1 ORDER BY a + 0, id;
SELECT ALL SQL_BIG_RESULT s1.* FROM s1 ORDER BY a + 0, id;
SELECT SQL_BIG_RESULT a, COUNT(*) FROM s1 GROUP BY a ORDER BY a;
SELECT SQL_BUFFER_RESULT a, COUNT(DISTINCT t) + 1 FROM s1 GROUP BY a ORDER BY a;
SELECT SQL_CACHE * FROM s1 ORDER BY id;
SELECT HIGH_PRIORITY id, a FROM s1 ORDER BY -a, id;
