-- What MySQL has and MariaDB has not, or has otherwise.
--@ setup
DROP TABLE IF EXISTS s1;
DROP TABLE IF EXISTS s2;
DROP TABLE IF EXISTS b1;
DROP TABLE IF EXISTS mysql_single;
CREATE TABLE s1 (id BIGINT NOT NULL PRIMARY KEY, v VARCHAR(20), n INT, j JSON, hidden INT NOT NULL DEFAULT 7 INVISIBLE, up VARCHAR(20) AS (UPPER(v)) STORED, KEY by_expr ((n * 2)), KEY by_json ((CAST(j->>'$.a' AS SIGNED))), CHECK (n < 100));
CREATE TABLE s2 (id BIGINT NOT NULL PRIMARY KEY, n INT CHECK (n > 0) NOT ENFORCED);
CREATE TABLE b1 (id INT NOT NULL PRIMARY KEY, v VARCHAR(20));
CREATE TABLE mysql_single (id INT NOT NULL PRIMARY KEY, tags JSON, KEY by_tags ((CAST(tags->'$' AS UNSIGNED ARRAY))));
--@ data
DELETE FROM s1;
DELETE FROM s2;
DELETE FROM b1;
DELETE FROM mysql_single;
INSERT INTO s1 (id, v, n, j) VALUES (1,'one',1,'{"a": 1, "l": [1, 2]}'),(2,'two',2,'{"a": 2, "l": []}'),(3,'three',3,'{"a": 10, "l": [3]}'),(4,'four',1,NULL),(5,'five',2,'[1.5, true, null, "x"]'),(6,'six',NULL,'"text"'),(7,'seven',1,'7'),(8,'eight',2,'{}');
INSERT INTO s2 VALUES (1,10),(2,-20),(3,30),(4,-40),(5,50),(6,60);
INSERT INTO b1 VALUES (1,'b one'),(2,'b two');
INSERT INTO mysql_single VALUES (1,'[1, 2]'),(2,'[2, 3]'),(3,'[]');

--@ case invisible columns
SELECT * FROM s1 ORDER BY id;
SELECT * FROM s1 WHERE id = 3;
SELECT id, hidden FROM s1 ORDER BY id;
SELECT hidden, COUNT(*), SUM(n) FROM s1 GROUP BY hidden ORDER BY hidden;
INSERT INTO s1 (id, v) VALUES (20, 'twenty'), (21, 'more');
INSERT INTO s1 (id, hidden) VALUES (22, 8);
INSERT INTO s1 VALUES (23, 'short', 1, NULL, DEFAULT);
SELECT id, up, hidden FROM s1 WHERE id > 8 ORDER BY id;
UPDATE s1 SET hidden = hidden + 1 WHERE id > 5;
--@ case indexes on expressions
SELECT id FROM s1 WHERE n * 2 = 4 ORDER BY id;
SELECT id FROM s1 WHERE CAST(j->>'$.a' AS SIGNED) = 10;
SELECT id FROM mysql_single WHERE 2 MEMBER OF (tags->'$') ORDER BY id;
SELECT id FROM s1 ORDER BY n * 2, id;
--@ case CHECK constraints
INSERT INTO s1 (id, n) VALUES (30, 100);
INSERT INTO s1 (id, n) VALUES (31, 1), (32, 1), (33, 1), (34, 1), (35, 100);
SELECT id FROM s1 WHERE id >= 30 ORDER BY id;
UPDATE s1 SET n = n + 98;
UPDATE s1 SET n = 1000 WHERE id = 2;
INSERT INTO s2 VALUES (40, -1);
INSERT IGNORE INTO s1 (id, n) VALUES (50, 100), (51, 1);
--@ case JSON
SELECT id, j FROM s1 ORDER BY id;
SELECT id, j->'$.a', j->>'$.a', JSON_TYPE(j), JSON_LENGTH(j), JSON_VALID(j) FROM s1 ORDER BY id;
SELECT JSON_ARRAYAGG(n) FROM s2 WHERE id = 1;
SELECT MAX(CAST(j->>'$.a' AS SIGNED)), COUNT(j) FROM s1;
SELECT j->'$.a' a, COUNT(*) FROM s1 GROUP BY a ORDER BY a;
SELECT DISTINCT JSON_TYPE(j) FROM s1 ORDER BY 1;
SELECT MIN(j), MAX(j) FROM s1 WHERE id IN (1, 2, 3, 8);
SELECT id FROM s1 WHERE JSON_CONTAINS(j, '1', '$.a') ORDER BY id;
SELECT JSON_VALUE(j, '$.a' RETURNING SIGNED) a FROM s1 WHERE id IN (1,2,3) ORDER BY a DESC;
UPDATE s1 SET j = JSON_SET(j, '$.b', id) WHERE JSON_TYPE(j) = 'OBJECT';
SELECT id, j FROM s1 ORDER BY id;
--@ params int 40 | str {"p": [1, "é"]}
INSERT INTO s1 (id, j) VALUES (?, ?);
INSERT INTO s1 (id, j) VALUES (41, 'no json');
--@ case JSON that its text does not tell
UPDATE s1 SET j = JSON_OBJECT('d', 1.50) WHERE id = 2;
SELECT id, j FROM s1 WHERE id = 2;
SELECT MAX(j) FROM s1 WHERE id IN (1, 2, 3);
--@ case JSON_TABLE
SELECT s1.id, t.x FROM s1, JSON_TABLE(s1.j, '$.l[*]' COLUMNS (x INT PATH '$')) t WHERE s1.id = 1 ORDER BY t.x;
SELECT s1.id, t.x FROM s1, JSON_TABLE(s1.j, '$.l[*]' COLUMNS (x INT PATH '$')) t ORDER BY s1.id, t.x;
SELECT * FROM JSON_TABLE('[{"a": 1}, {"a": "x"}]', '$[*]' COLUMNS (n FOR ORDINALITY, a VARCHAR(5) PATH '$.a')) t;
SELECT COUNT(*), SUM(t.x) FROM s1, JSON_TABLE(s1.j, '$.l[*]' COLUMNS (x INT PATH '$')) t;
--@ case rows of values
VALUES ROW(1, 'a'), ROW(2, 'b');
VALUES ROW(2, 'b'), ROW(1, 'a') ORDER BY column_0;
SELECT * FROM (VALUES ROW(1, 'a'), ROW(2, 'b')) t (x, y) ORDER BY x;
SELECT s1.id, t.y FROM s1 JOIN (VALUES ROW(1, 'a'), ROW(2, 'b')) t (x, y) ON t.x = s1.id ORDER BY s1.id;
INSERT INTO s2 VALUES ROW(60, 1), ROW(61, 2), ROW(62, 3);
TABLE b1 ORDER BY id;
TABLE s2 ORDER BY id LIMIT 2;
INSERT INTO b1 TABLE mysql_single;
--@ case INSERT with an alias of its row
INSERT INTO s2 VALUES (1, 5), (70, 7), (3, 9) AS new ON DUPLICATE KEY UPDATE n = s2.n + new.n;
SELECT id, n FROM s2 ORDER BY id;
INSERT INTO s2 (id, n) VALUES (2, 5) AS new (a, b) ON DUPLICATE KEY UPDATE n = b * 2;
INSERT INTO b1 VALUES (1, 'x'), (9, 'y') AS new ON DUPLICATE KEY UPDATE v = CONCAT(b1.v, new.v);
INSERT INTO s2 SET id = 71, n = 1 AS new ON DUPLICATE KEY UPDATE n = new.n;
--@ params int 4 | int 44
INSERT INTO s2 (id, n) VALUES (?, ?) AS new ON DUPLICATE KEY UPDATE n = new.n;
--@ case LATERAL
SELECT s1.id, x.n FROM s1, LATERAL (SELECT s2.n FROM s2 WHERE s2.id = s1.id) x WHERE s1.id = 1;
SELECT s1.id, x.n FROM s1, LATERAL (SELECT s2.n FROM s2 WHERE s2.id = s1.id) x ORDER BY s1.id;
SELECT b1.id, x.m FROM b1 LEFT JOIN LATERAL (SELECT MAX(c.id) m FROM b1 c WHERE c.id < b1.id) x ON TRUE ORDER BY b1.id;
--@ case window functions
SELECT id, ROW_NUMBER() OVER (ORDER BY id) r, SUM(n) OVER (PARTITION BY n ORDER BY id) s FROM s1 ORDER BY id;
SELECT id, LAG(n) OVER w, LEAD(n, 2, 0) OVER w, NTILE(3) OVER w FROM s1 WINDOW w AS (ORDER BY id) ORDER BY id;
SELECT id, FIRST_VALUE(v) OVER (PARTITION BY n ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) f FROM s1 WHERE id < 6 ORDER BY id;
SELECT id, PERCENT_RANK() OVER (ORDER BY n) p, CUME_DIST() OVER (ORDER BY n) c FROM s2 ORDER BY id;
--@ case set operations and recursion
SELECT id FROM s1 INTERSECT SELECT id FROM s2 ORDER BY id;
SELECT id FROM s1 EXCEPT SELECT id FROM s2 ORDER BY id;
WITH RECURSIVE r (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r WHERE x < 5) SELECT r.x, s1.v FROM r JOIN s1 ON s1.id = r.x ORDER BY r.x;
(SELECT id FROM s1 WHERE id < 3 ORDER BY id DESC LIMIT 1) UNION ALL (SELECT id FROM s2 WHERE id = 5) ORDER BY 1;
SELECT n, COUNT(*), GROUPING(n) FROM s1 GROUP BY n WITH ROLLUP;
SELECT id, n FROM s1 ORDER BY id LIMIT 3 OFFSET 2;
--@ case optimizer hints
SELECT /*+ MAX_EXECUTION_TIME(10000) */ n, COUNT(*) FROM s1 GROUP BY n ORDER BY n;
SELECT /*+ SET_VAR(sort_buffer_size = 262144) MAX_EXECUTION_TIME(10000) */ id, n FROM s1 ORDER BY n, id;
SELECT /*+ NO_INDEX(s1) QB_NAME(main) */ COUNT(*) FROM s1;
SELECT /*+ RESOURCE_GROUP(USR_default) */ id FROM s1 WHERE id = 1;
SELECT /*+ JOIN_ORDER(b1, s1) */ s1.id FROM s1 JOIN b1 ON b1.id = s1.id ORDER BY s1.id;
INSERT /*+ SET_VAR(foreign_key_checks = OFF) */ INTO s2 VALUES (80, 1), (81, 2);
UPDATE /*+ MAX_EXECUTION_TIME(1) */ s2 SET n = 3 WHERE id = 80;
--@ case locks
BEGIN;
SELECT id FROM s1 WHERE id = 1 FOR UPDATE;
--@ on b
BEGIN;
SELECT id FROM s1 WHERE id IN (1, 2) ORDER BY id FOR UPDATE SKIP LOCKED;
SELECT id FROM s1 WHERE id = 1 FOR UPDATE NOWAIT;
SELECT id FROM s1 WHERE id IN (1, 2, 3, 4, 5) ORDER BY id FOR SHARE NOWAIT;
SELECT n, COUNT(*) FROM s1 WHERE id < 6 GROUP BY n ORDER BY n FOR SHARE SKIP LOCKED;
SELECT s1.id FROM s1 JOIN b1 ON b1.id = s1.id ORDER BY s1.id FOR UPDATE OF b1 SKIP LOCKED;
ROLLBACK;
--@ on a
ROLLBACK;
--@ case what a server keeps for itself
SET PERSIST max_connections = 321;
SET PERSIST_ONLY max_connections = 321;
RESET PERSIST;
CREATE RESOURCE GROUP rg TYPE = USER VCPU = 0;
SET RESOURCE GROUP USR_default;
SET ROLE NONE;
SELECT CURRENT_ROLE();
SET ROLE no_such_role;
--@ case schema changes
CREATE TABLE mysql_gipk (v INT);
ALTER TABLE s2 ADD COLUMN late INT INVISIBLE DEFAULT 3, ALGORITHM = INSTANT;
SELECT id, late FROM s2 ORDER BY id;
ALTER TABLE s2 ALTER COLUMN late SET VISIBLE;
SELECT * FROM s2 ORDER BY id;
ALTER TABLE s2 RENAME COLUMN late TO later;
SELECT later, COUNT(*) FROM s2 GROUP BY later;
ALTER TABLE s2 DROP COLUMN later;
ALTER TABLE s1 ALTER INDEX by_expr INVISIBLE;
SELECT id FROM s1 WHERE n * 2 = 4 ORDER BY id;
ALTER TABLE s1 ALTER INDEX by_expr VISIBLE;
DROP TABLE mysql_gipk;
SET SESSION sql_generate_invisible_primary_key = ON;
CREATE TABLE mysql_gipk (v INT);
SELECT * FROM mysql_gipk;
DROP TABLE mysql_gipk;
--@ case the names of constraints
ALTER TABLE s2 ADD CONSTRAINT n_small CHECK (n < 100);
INSERT INTO s2 VALUES (90, 100);
ALTER TABLE s2 ALTER CHECK n_small NOT ENFORCED;
INSERT INTO s2 VALUES (90, 100);
ALTER TABLE s2 DROP CONSTRAINT n_small;
--@ case whose a prepared branch is
SET SESSION xa_detach_on_prepare = ON;
