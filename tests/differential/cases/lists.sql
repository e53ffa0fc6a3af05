-- Lists of any length: IN (…) and the rows of VALUES share a plan, whatever their length.
--@ mysql utf8mb4_uca1400_ai_ci => utf8mb4_0900_ai_ci
--@ setup
DROP TABLE IF EXISTS s1;
DROP TABLE IF EXISTS c1;
DROP TABLE IF EXISTS g1;
DROP TABLE IF EXISTS b1;
DROP TABLE IF EXISTS s2;
DROP TABLE IF EXISTS lists_single;
CREATE TABLE s1 (id BIGINT NOT NULL PRIMARY KEY, v VARCHAR(20), n INT);
CREATE TABLE c1 (a INT NOT NULL, b VARCHAR(20) COLLATE utf8mb4_bin NOT NULL, v INT, PRIMARY KEY (a, b));
CREATE TABLE g1 (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, v VARCHAR(20));
CREATE TABLE s2 (id BIGINT NOT NULL PRIMARY KEY, v VARCHAR(20) COLLATE utf8mb4_uca1400_ai_ci, w VARCHAR(20) COLLATE utf8mb4_unicode_ci);
CREATE TABLE b1 (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, v VARCHAR(20));
CREATE TABLE lists_single (id INT NOT NULL PRIMARY KEY, v VARCHAR(20));
--@ dump g1 genid=1
--@ dump b1 genid=1
--@ data
DELETE FROM s1;
DELETE FROM c1;
DELETE FROM g1;
DELETE FROM b1;
DELETE FROM s2;
DELETE FROM lists_single;
INSERT INTO s1 VALUES (1,'one',1),(2,'two',2),(3,'three',3),(4,'four',1),(5,'five',2),(6,'six',3),(7,'seven',1),(8,'eight',NULL);
INSERT INTO c1 VALUES (1,'a',1),(1,'A',2),(2,'a',3),(3,'',4),(4,'x',5);
INSERT INTO s2 VALUES (1,'b','b'),(2,'a','a'),(3,'B ','B '),(4,'A','A'),(5,'c','c'),(6,'ab','ab');
INSERT INTO lists_single VALUES (1,'a'),(2,'b'),(3,'c');

--@ case in lists of growing length
SELECT id, v FROM s1 WHERE id IN (1) ORDER BY id;
SELECT id, v FROM s1 WHERE id IN (1,2) ORDER BY id;
SELECT id, v FROM s1 WHERE id IN (1,2,3) ORDER BY id;
SELECT id, v FROM s1 WHERE id IN (5,2,3,1,99,8) ORDER BY id;
SELECT id, v FROM s1 WHERE id IN (7,7) ORDER BY id;
SELECT id, v FROM s1 WHERE id IN (98,99) ORDER BY id;
SELECT id, v FROM s1 WHERE id IN ('1','2','3') ORDER BY id;
SELECT id, v FROM s1 WHERE id IN (1.0,2.5,3.0) ORDER BY id;
SELECT id, v FROM s1 WHERE id IN (1,NULL,3) ORDER BY id;
SELECT id, v FROM s1 WHERE id IN (-1,-2) OR v IN ('six','seven','x') ORDER BY id;
SELECT id, v FROM s1 WHERE id NOT IN (1,2,3) ORDER BY id;
SELECT id, v FROM s1 WHERE id NOT IN (1,2,3,4,5) AND n IN (1,3) ORDER BY id;
SELECT id, v FROM s1 WHERE id IN ( 1, 2, 3 ) AND n IN (1 , 2 , 3) ORDER BY id;
SELECT COUNT(*), SUM(n) FROM s1 WHERE id IN (1,2,3,4);
SELECT COUNT(*), SUM(n) FROM s1 WHERE id IN (1,2,3,4,5,6,7);
SELECT n, COUNT(*) FROM s1 WHERE id IN (1,2,3,4,5,6) GROUP BY n HAVING COUNT(*) IN (1,2,3) ORDER BY n;
SELECT n+1, COUNT(*) FROM s1 WHERE id IN (1,2,3,4) GROUP BY n+1 ORDER BY n+1;
SELECT n+2, COUNT(*) FROM s1 WHERE id IN (1,2) GROUP BY n+2 ORDER BY n+2;
SELECT id IN (1,2,3), v FROM s1 WHERE id IN (2,3,4) ORDER BY id;
SELECT id, v FROM s1 WHERE id IN (1,2,3) AND id IN (2,3,4,5) ORDER BY id;
SELECT id FROM s1 WHERE id IN (SELECT 1 UNION SELECT 2) AND id IN (1,2,3) ORDER BY id;
SELECT a, b, v FROM c1 WHERE (a, b) IN ((1,'a'),(2,'a')) ORDER BY a, b;
SELECT a, b, v FROM c1 WHERE (a, b) IN ((1,'a'),(2,'a'),(3,''),(9,'z')) ORDER BY a, b;
SELECT a, b, v FROM c1 WHERE (b, a) IN (('a',1),('A',1),('x',4)) ORDER BY a, b;
SELECT a, b, v FROM c1 WHERE a IN (1,2,3) AND b IN ('a','x') ORDER BY a, b;
SELECT a, b, v FROM c1 WHERE a IN (1,2) AND b = 'a' ORDER BY a, b;
SELECT id, v FROM lists_single WHERE id IN (1,2,3,4) AND v IN ('a','c') ORDER BY id;
SELECT id FROM s1 WHERE id IN (1,2,3) ORDER BY id LIMIT 2;
SELECT id FROM s1 WHERE id IN (1,2,3,4,5) ORDER BY id DESC LIMIT 1, 3;

--@ case rows of growing number
INSERT INTO s1 VALUES (11,'a',1);
INSERT INTO s1 VALUES (12,'b',1),(13,'c',1);
INSERT INTO s1 VALUES (14,'b',1),(15,'c',2),(16,'d',3),(17,'e',4),(18,'f',5);
INSERT INTO s1 VALUES (19,'b',1),(20,'c',NULL),(21,'d',3);
INSERT INTO s1 (id, n) VALUES (22,1),(23,2),(24,3);
INSERT INTO s1 VALUES (25,'a',1),(26,'b',2),(1,'dup',3);
INSERT IGNORE INTO s1 VALUES (27,'a',1),(1,'dup',3),(2,'dup',3),(28,'b',2);
INSERT INTO s1 VALUES (1,'dup',3),(2,'dup',3),(29,'new',3) ON DUPLICATE KEY UPDATE v = VALUES(v), n = n + 10;
REPLACE INTO s1 VALUES (1,'rep',3),(30,'rep',3),(31,'rep',3);
INSERT INTO c1 VALUES (5,'a',1),(6,'b',2),(7,'c',3) RETURNING a, b;
INSERT INTO lists_single VALUES (4,'d'),(5,'e'),(6,'f');
--@ expect geninsert
INSERT INTO b1 (v) VALUES ('x'),('y'),('z');
--@ expect geninsert
INSERT INTO b1 (v) VALUES ('x'),('y');
INSERT INTO s1 VALUES (40,'a',1),(41,'b');
INSERT INTO s1 VALUES (40,'a'),(41,'b'),(42,'c');
INSERT INTO s1 VALUES (42,CONCAT('a','b'),1+1),(43,CONCAT('c','d'),2+2),(44,CONCAT('e','f'),3+3);
INSERT INTO s1 VALUES (45,'toolongtoolongtoolongtoolong',1),(46,'b',1),(47,'c',1);
UPDATE s1 SET n = 50 WHERE id IN (1,2,3);
UPDATE s1 SET n = 51 WHERE id IN (1,2,3,4,5,6);
UPDATE s1 SET n = 52 WHERE id IN (11,12,13,14) ORDER BY id LIMIT 2;
UPDATE s1 SET n = 53 WHERE id IN (11,12,13,14,15) ORDER BY id LIMIT 3;
DELETE FROM s1 WHERE id IN (1,2);
DELETE FROM s1 WHERE id IN (3,4,5,6,99);
SELECT * FROM s1 ORDER BY id;
SELECT * FROM c1 ORDER BY a, b;
--@ expect genid=1
SELECT * FROM b1 ORDER BY id;

--@ case rows with generated ids
--@ expect geninsert
INSERT INTO g1 (v) VALUES ('a'),('b');
SELECT LAST_INSERT_ID() > 0;
--@ expect geninsert
INSERT INTO g1 (v) VALUES ('c'),('d'),('e'),('f');
--@ expect geninsert
INSERT INTO g1 (v) VALUES ('g'),('h'),('i');
--@ expect geninsert
INSERT INTO g1 VALUES (NULL,'j'),(NULL,'k'),(NULL,'l');
--@ expect geninsert
INSERT INTO g1 VALUES (0,'m'),(0,'n');
--@ expect geninsert
INSERT INTO g1 VALUES (DEFAULT,'r'),(DEFAULT,'s');
--@ expect geninsert
INSERT INTO g1 (v) VALUES ('t'),('u'),('v');
SELECT v FROM g1 ORDER BY v;

--@ case the mode changes what a list says
SET sql_mode = 'ANSI_QUOTES';
SELECT id FROM s1 WHERE v IN ('one','two','three') ORDER BY id;
SELECT id FROM s1 WHERE "v" IN ('one','two') ORDER BY id;
SET sql_mode = '';
SELECT id FROM s1 WHERE v IN ("one","two","three","four") ORDER BY id;

--@ case server-side parameters
PREPARE p FROM 'SELECT id, v FROM s1 WHERE id IN (?,?,?) AND n IN (?,?) ORDER BY id';
SET @a = 1, @b = 2, @c = 3, @d = 1, @e = 3;
EXECUTE p USING @a, @b, @c, @d, @e;
EXECUTE p USING @c, @c, @a, @e, @e;
PREPARE q FROM 'INSERT INTO s1 VALUES (?,?,7),(?,?,7),(?,?,7)';
SET @x = 'x', @k1 = 61, @k2 = 62, @k3 = 63;
EXECUTE q USING @k1, @x, @k2, @x, @k3, @x;
SELECT * FROM s1 WHERE id IN (61,62,63,64) ORDER BY id;

--@ case literals that make names and types
SELECT n+1, COUNT(*) FROM s1 WHERE id IN (1,2,3) GROUP BY n+1 ORDER BY n+1;
SELECT n+2, COUNT(*) FROM s1 WHERE id IN (1,2) GROUP BY n+2 ORDER BY n+2;
SELECT SUM(n*1.5), AVG(n*1.5), MAX(n+1.5), COUNT(*)+1 FROM s1;
SELECT SUM(n*1.55555), AVG(n*1.55555), MAX(n+1.55555), COUNT(*)+200 FROM s1;
SELECT SUM(n*100000000000.5), AVG(n*100000000000.5), MAX(n+100000000000.5), COUNT(*)+2 FROM s1;
SELECT MAX(CONCAT(v,'x')) AS m, GROUP_CONCAT(v ORDER BY id SEPARATOR ',') FROM s1;
SELECT MAX(CONCAT(v,'xyz')) AS m, GROUP_CONCAT(v ORDER BY id SEPARATOR '--') FROM s1;
SELECT AVG(x) FROM (SELECT n*1.5 AS x, id FROM s1) d;
SELECT AVG(x) FROM (SELECT n*1.2345678 AS x, id FROM s1) d;
SELECT id FROM s2 ORDER BY CONCAT('', v), id;
SELECT id FROM s2 ORDER BY CONCAT('xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', v), id;
SELECT id FROM s2 ORDER BY CONCAT('', w), id;
SELECT id FROM s2 ORDER BY CONCAT('xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', w), id;
SELECT COUNT(*) FROM s2 GROUP BY CONCAT('x', w) ORDER BY CONCAT('x', w);
SELECT COUNT(*) FROM s2 GROUP BY CONCAT('xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', w) ORDER BY CONCAT('xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', w);
SELECT COUNT(DISTINCT CONCAT('x', v)) FROM s2;
SELECT COUNT(DISTINCT CONCAT('xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', v)) FROM s2;

--@ case parameters
--@ params int 1 | int 2 | int 3
--@ params int 3 | int 3 | null
SELECT id, v FROM s1 WHERE id IN (?,?,?) ORDER BY id;
--@ params int 1 | int 2 | int 3 | int 4 | int 5 | int 1 | int 2
SELECT id, v FROM s1 WHERE id IN (?,?,?,?,?) AND n IN (?,?) ORDER BY id;
--@ params int 71 | str a | int 72 | str b
--@ params int 73 | str a | int 74 | null
INSERT INTO s1 (id, v) VALUES (?,?),(?,?);
--@ params int 81 | str a | int 82 | str b | int 83 | str c | int 84 | str d | str z
INSERT INTO s1 (id, v) VALUES (?,?),(?,?),(?,?),(?,?) ON DUPLICATE KEY UPDATE v = ?;
--@ params int 5 | int 71 | int 82 | int 83
UPDATE s1 SET n = ? WHERE id IN (?,?,?);
--@ params str x
--@ params str xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
SELECT id FROM s2 ORDER BY CONCAT(?, v), id;
--@ params str x
--@ params str xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
SELECT COUNT(DISTINCT CONCAT(?, w)) FROM s2;
SELECT id, v, n FROM s1 ORDER BY id;
