-- What hangs on all rows of a table, or is told beside them: JSON as a value, relevance, counts and seeds that go on from row to row, FOUND_ROWS(), limits of what is examined.
--@ mysql COUNT(DISTINCT UUID()) => COUNT(DISTINCT CONCAT(UUID(), id))
--@ setup
DROP TABLE IF EXISTS s1;
CREATE TABLE s1 (id BIGINT NOT NULL PRIMARY KEY, a INT, b VARCHAR(40), j JSON, FULLTEXT (b));
DROP TABLE IF EXISTS s2;
CREATE TABLE s2 (id BIGINT NOT NULL PRIMARY KEY, b VARCHAR(40), FULLTEXT (b)) ENGINE = MyISAM;
INSERT INTO s2 VALUES (1,'hello world');
INSERT INTO s2 VALUES (2,'hello');
INSERT INTO s2 VALUES (3,'foo bar');
INSERT INTO s2 VALUES (7,'hello foo');
DROP TABLE IF EXISTS b1;
CREATE TABLE b1 (id INT NOT NULL PRIMARY KEY, v INT);
--@ data
DELETE FROM s1;
INSERT INTO s1 VALUES (1,1,'hello world','{"a":1}'), (2,NULL,'hello','[1,2]'), (3,3,'foo bar','"x"'), (4,1,'hello hello','null'),
 (5,2,NULL,NULL), (6,2,'bar','{"b":2}'), (7,5,'hello foo','2'), (8,1,'','true');
DELETE FROM b1;
INSERT INTO b1 VALUES (1,1), (2,1), (3,2);

--@ case json stays json
SELECT JSON_ARRAYAGG(j ORDER BY id) FROM s1;
SELECT JSON_ARRAYAGG(j ORDER BY id) FROM s1 WHERE id = 1;
SELECT JSON_OBJECT('r', JSON_ARRAYAGG(j ORDER BY id)) FROM s1;
SELECT a, JSON_ARRAYAGG(j ORDER BY id) FROM s1 GROUP BY a ORDER BY a;
SELECT JSON_ARRAYAGG(DISTINCT j) FROM s1 WHERE id = 1;
SELECT JSON_ARRAYAGG(j ORDER BY id DESC LIMIT 2) FROM s1;
SELECT JSON_ARRAYAGG(d.j ORDER BY id) FROM (SELECT id, j FROM s1) d;
SELECT COUNT(DISTINCT j), JSON_ARRAYAGG(j ORDER BY id) FROM s1;
SELECT JSON_ARRAYAGG(IF(id > 0, j, j) ORDER BY id) FROM s1;
SELECT JSON_ARRAYAGG(JSON_OBJECT('a', id) ORDER BY id) FROM s1;
SELECT JSON_OBJECT('m', MAX(j)) FROM s1;
SELECT JSON_ARRAY(MAX(j), MIN(j)) FROM s1 GROUP BY a ORDER BY a;
SELECT JSON_ARRAY(j), COUNT(*) FROM s1 GROUP BY j HAVING COUNT(*) > 0 ORDER BY j;
SELECT JSON_ARRAYAGG(d.j ORDER BY d.id) FROM (SELECT id, j FROM s1 ORDER BY id LIMIT 3) d;
SELECT JSON_ARRAY(GROUP_CONCAT(j ORDER BY id)) FROM s1;
SELECT JSON_OBJECTAGG(id, j) FROM s1 WHERE id = 2;
--@ case relevance
SELECT id FROM s1 WHERE MATCH(b) AGAINST('hello') ORDER BY id;
SELECT id FROM s1 WHERE MATCH(b) AGAINST('+hello -world' IN BOOLEAN MODE) ORDER BY id;
SELECT id FROM s1 WHERE NOT MATCH(b) AGAINST('+hello' IN BOOLEAN MODE) AND (id > 2 OR MATCH(b) AGAINST('hello')) ORDER BY id;
SELECT COUNT(*) FROM s1 WHERE MATCH(b) AGAINST('hello') AND a = 1;
SELECT id FROM s1 WHERE id = 1 AND MATCH(b) AGAINST('hello');
SELECT id, MATCH(b) AGAINST('hello') m FROM s1 ORDER BY m DESC, id;
SELECT MATCH(b) AGAINST('hello') FROM s1 WHERE id = 1;
SELECT MAX(MATCH(b) AGAINST('hello')) FROM s1;
SELECT id FROM s1 WHERE MATCH(b) AGAINST('hello' IN BOOLEAN MODE) ORDER BY MATCH(b) AGAINST('hello' IN BOOLEAN MODE), id;
SELECT id FROM s1 WHERE MATCH(b) AGAINST('+hello' IN BOOLEAN MODE) > 0 ORDER BY id;
SELECT id FROM s1 WHERE MATCH(b) AGAINST('hello' WITH QUERY EXPANSION) ORDER BY id;
UPDATE s1 SET a = 9 WHERE MATCH(b) AGAINST('hello');
DELETE FROM s1 WHERE MATCH(b) AGAINST('bar' IN BOOLEAN MODE);
--@ case seeds and counts over rows
SELECT COUNT(DISTINCT RAND(3)) FROM s1;
SELECT id, RAND(3) FROM s1 ORDER BY id;
SELECT id FROM s1 ORDER BY RAND(3);
SELECT id FROM s1 WHERE RAND(3) < 0.5 ORDER BY id;
SELECT id, (SELECT RAND(4)) FROM s1 ORDER BY id;
SELECT RAND(3) FROM s1 WHERE id = 1;
SELECT id, RAND(id) FROM s1 ORDER BY id;
SELECT id, RAND() BETWEEN 0 AND 1 FROM s1 ORDER BY id;
SELECT id, ROWNUM() FROM s1 ORDER BY id;
SELECT COUNT(*) FROM s1 WHERE ROWNUM() <= 3;
SELECT d.r FROM (SELECT ROWNUM() r, id FROM s1) d ORDER BY d.id;
SELECT id FROM s1 WHERE id = 1 AND ROWNUM() <= 3;
SELECT COUNT(DISTINCT UUID_SHORT()) FROM s1;
SELECT COUNT(DISTINCT UUID()) FROM s1;
SELECT id, SLEEP(0), BENCHMARK(1, 1), NAME_CONST('x', 1) FROM s1 ORDER BY id;
--@ case a change by a row's number
DELETE FROM s1 WHERE ROWNUM() <= 2;
--@ case a change by a seed
UPDATE s1 SET a = RAND(3) * 100;
--@ case rows copied with a number
INSERT INTO s1 (id, a) SELECT id + 100, ROWNUM() FROM s1;
--@ case rows found behind an offset
SELECT id FROM s1 ORDER BY id LIMIT 2 OFFSET 3;
SELECT FOUND_ROWS();
SELECT a FROM s1 GROUP BY a ORDER BY a LIMIT 1, 1;
SELECT FOUND_ROWS();
SELECT DISTINCT a FROM s1 ORDER BY a LIMIT 1, 2;
SELECT FOUND_ROWS();
SELECT a, COUNT(*) c FROM s1 GROUP BY a HAVING c > 0 ORDER BY a LIMIT 2, 100;
SELECT FOUND_ROWS();
SELECT id FROM b1 ORDER BY id LIMIT 1, 1;
SELECT FOUND_ROWS();
SELECT id FROM s1 WHERE id = 1 ORDER BY id LIMIT 0, 1;
SELECT FOUND_ROWS();
SELECT MAX(id) FROM s1 ORDER BY 1 LIMIT 0, 5;
SELECT FOUND_ROWS();
--@ case rows found that cannot be told
SELECT id FROM s1 ORDER BY id LIMIT 100, 2;
SELECT FOUND_ROWS(), 0;
SELECT id FROM s1 WHERE id = 1 ORDER BY id LIMIT 1, 1;
SELECT FOUND_ROWS(), 1;
SELECT id FROM b1 UNION ALL SELECT id FROM b1 ORDER BY id LIMIT 1;
SELECT FOUND_ROWS(), 2;
(SELECT id FROM b1 ORDER BY id LIMIT 1, 1);
SELECT FOUND_ROWS(), 3;
SELECT id FROM b1 UNION SELECT id + 1 FROM b1 ORDER BY id;
SELECT FOUND_ROWS();
--@ case limits of what is examined [text]
SET sql_big_selects = 1;
SET max_join_size = DEFAULT;
SELECT COUNT(*) FROM s1;
SET sql_big_selects = 0, max_join_size = 2;
--@ follows
SELECT COUNT(*) FROM s1;
--@ case a query whose rows are limited for itself [text]
SET STATEMENT max_join_size = 2 FOR SELECT COUNT(*) FROM s1;
--@ case aliases behind the schema
SELECT x.a FROM shop.s1 x WHERE shop.x.id = 1;
SELECT shop.x.a, COUNT(*) FROM s1 x GROUP BY shop.x.a ORDER BY shop.x.a;
SELECT shop.x.id, shop.x.a FROM s1 x ORDER BY shop.x.id;
SELECT shop.x.* FROM b1 x ORDER BY shop.x.id;
SELECT x.a FROM s1 x JOIN s1 y ON shop.x.id = shop.y.id ORDER BY shop.y.id;
SELECT x.a FROM s1 x JOIN b1 y ON shop.x.id = shop.y.id ORDER BY shop.y.id;
SELECT a FROM s1 x WHERE EXISTS (SELECT 1 FROM s1 y WHERE shop.x.id = shop.y.id) AND shop.x.id < 3 ORDER BY id;
UPDATE s1 x SET shop.x.a = 77 WHERE shop.x.id = 1;
UPDATE shop.s1 x SET x.a = 78 WHERE shop.x.id > 6;
DELETE FROM x USING shop.s1 x WHERE shop.x.id = 2;
--@ case warnings that are of the statement [text]
SELECT -id AS id, a FROM s1 GROUP BY id ORDER BY id;
SHOW WARNINGS;
SELECT a AS id, COUNT(*) FROM s1 GROUP BY id ORDER BY 1;
--@ case values left out of an execute [text]
PREPARE p FROM 'INSERT INTO s1 (id, a) VALUES (?, ?)';
EXECUTE p USING 100, DEFAULT;
EXECUTE p USING 101, IGNORE;
--@ case what the grammar does not read [text]
DO (SELECT COUNT(*) FROM s1);
SELECT id FROM s1 FOR SYSTEM_TIME ALL;
DELETE HISTORY FROM s1;
--@ case full-text search of a table of MyISAM
SELECT id FROM s2 WHERE MATCH(b) AGAINST('hello -world' IN BOOLEAN MODE) ORDER BY id;
SELECT id FROM s2 WHERE id = 1 AND MATCH(b) AGAINST('hello' IN NATURAL LANGUAGE MODE);
SELECT id FROM s2 WHERE MATCH(b) AGAINST('bar') ORDER BY id;
--@ case full-text search of a table that becomes one of InnoDB
ALTER TABLE s2 ENGINE = InnoDB;
SELECT id FROM s2 WHERE MATCH(b) AGAINST('world') ORDER BY id;
ALTER TABLE s2 ENGINE = MyISAM;
--@ case rows found by insert … select
SELECT 1 UNION SELECT 2 ORDER BY 1;
INSERT INTO s1 (id, a) SELECT id + 100, a FROM s1;
SELECT FOUND_ROWS();
INSERT INTO s1 (id, a) SELECT id, a + 200 FROM s1 WHERE id = 3 ON DUPLICATE KEY UPDATE a = 7;
SELECT FOUND_ROWS();
INSERT INTO s1 (id, a) SELECT id, a FROM s1 WHERE id < 0;
SELECT FOUND_ROWS();
INSERT IGNORE INTO s1 (id, a) SELECT id, a FROM s1;
SELECT FOUND_ROWS();
REPLACE INTO b1 (id, v) SELECT id, a FROM s1 WHERE id < 7;
SELECT FOUND_ROWS();
INSERT INTO b1 (id, v) SELECT id + 20, v FROM b1 ORDER BY id LIMIT 2;
SELECT FOUND_ROWS();
INSERT INTO s1 (id, a) SELECT a + 300, COUNT(*) FROM s1 GROUP BY a HAVING a > 0;
SELECT FOUND_ROWS();
INSERT INTO s1 (id, a) SELECT id + 700, a FROM s1 WHERE id = 1;
SELECT FOUND_ROWS(), ROW_COUNT();
INSERT INTO s1 (id, a) SELECT id + 500, v FROM b1;
SELECT FOUND_ROWS();
--@ case rows found before a write
SELECT 1 UNION SELECT 2 ORDER BY 1;
INSERT INTO s1 (id, a) VALUES (100, 1),(101, 2),(102, 3);
UPDATE s1 SET a = 5;
DELETE FROM s1 WHERE id > 3;
INSERT INTO b1 VALUES (9, 9);
SELECT FOUND_ROWS();
DELETE FROM s1 WHERE id = 2 RETURNING id;
SELECT FOUND_ROWS();
--@ case rows found by a query of an insert that does not read
SELECT 1 UNION SELECT 2 ORDER BY 1;
INSERT INTO b1 (id, v) SELECT 50, 1;
SELECT FOUND_ROWS(), 10;
--@ case rows found by an insert that returns them
SELECT 1 UNION SELECT 2 ORDER BY 1;
INSERT INTO s1 (id, a) VALUES (110, 9),(111, 9),(112, 9) RETURNING id;
SELECT FOUND_ROWS(), 15;
--@ case rows found by a query in the values
SELECT 1 UNION SELECT 2 ORDER BY 1;
INSERT INTO b1 VALUES (60, (SELECT MAX(v) FROM (SELECT 1 v) d));
SELECT FOUND_ROWS(), 11;
--@ case rows found by an update with a query
SELECT 1 UNION SELECT 2 ORDER BY 1;
UPDATE b1 SET v = (SELECT 7) WHERE id = 1;
SELECT FOUND_ROWS(), 12;
--@ case rows found by a query that is assigned
SELECT 1 UNION SELECT 2 ORDER BY 1;
SET @x = (SELECT COUNT(*) FROM b1);
SELECT FOUND_ROWS(), 13;
--@ case rows found by a delete from a join
SELECT 1 UNION SELECT 2 ORDER BY 1;
DELETE x FROM b1 x JOIN b1 y ON x.id = y.id + 1;
SELECT FOUND_ROWS(), 14;
