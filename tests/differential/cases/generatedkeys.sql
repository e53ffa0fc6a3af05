-- The tables of the generated statements on keys, one for each way to place rows, and the cases that they found.
--@ setup
DROP TABLE IF EXISTS t_mod;
DROP TABLE IF EXISTS t_hash;
DROP TABLE IF EXISTS t_range;
DROP TABLE IF EXISTS t_list;
DROP TABLE IF EXISTS t_days;
DROP TABLE IF EXISTS t_inline;
DROP TABLE IF EXISTS t_grid;
DROP TABLE IF EXISTS t_pair;
DROP TABLE IF EXISTS b1;
DROP TABLE IF EXISTS plain;
CREATE TABLE t_mod (id INT NOT NULL, v INT, w VARCHAR(20), m DECIMAL(8,2), PRIMARY KEY (id));
CREATE TABLE t_hash (k VARCHAR(12) COLLATE utf8mb4_general_ci NOT NULL, v INT, w VARCHAR(20), m DECIMAL(8,2), PRIMARY KEY (k));
CREATE TABLE t_range (id BIGINT NOT NULL, v INT, w VARCHAR(20), m DECIMAL(8,2), PRIMARY KEY (id));
CREATE TABLE t_list (c CHAR(2) COLLATE utf8mb4_general_ci NOT NULL, id INT NOT NULL, v INT, w VARCHAR(20), PRIMARY KEY (c, id));
CREATE TABLE t_days (d DATE NOT NULL, id INT NOT NULL, v INT, w VARCHAR(20), PRIMARY KEY (d, id));
CREATE TABLE t_inline (id INT NOT NULL, v INT, w VARCHAR(20), m DECIMAL(8,2), PRIMARY KEY (id));
CREATE TABLE t_grid (a INT NOT NULL, b VARCHAR(10) NOT NULL, v INT, w VARCHAR(20), PRIMARY KEY (a, b));
CREATE TABLE t_pair (a INT NOT NULL, b INT NOT NULL, v INT, w VARCHAR(20), PRIMARY KEY (b, a));
CREATE TABLE b1 (id INT NOT NULL AUTO_INCREMENT, v INT, w VARCHAR(20), PRIMARY KEY (id));
CREATE TABLE plain (id INT NOT NULL AUTO_INCREMENT, v INT, w VARCHAR(20), PRIMARY KEY (id));
--@ data
DELETE FROM t_mod;
DELETE FROM t_hash;
DELETE FROM t_range;
DELETE FROM t_list;
DELETE FROM t_days;
DELETE FROM t_inline;
DELETE FROM t_grid;
DELETE FROM t_pair;
DELETE FROM b1;
DELETE FROM plain;
INSERT INTO t_mod VALUES (0,1,'a',1.5),(1,2,'b',NULL),(2,NULL,NULL,2.25),(3,3,'C',0),(5,3,'c',-1),(6,7,'x',10),(10,1,'A',3.33);
INSERT INTO t_hash VALUES ('ann',1,'a',1.5),('Bob',2,'b',NULL),('7',NULL,NULL,2.25),('',3,'C',0),('zoe ',3,'c',-1),('ß',7,'x',10),('10',1,'A',3.33);
INSERT INTO t_range VALUES (-5,1,'a',1.5),(3,2,'b',NULL),(4,NULL,NULL,2.25),(8,3,'C',0),(9,3,'c',-1),(19,7,'x',10),(20,1,'A',3.33),(1000,2,'y',5);
INSERT INTO t_list VALUES ('DE',1,1,'a'),('DE',2,2,'b'),('FR',1,NULL,NULL),('IT',3,3,'C'),('ES',4,3,'c'),('XX',5,7,'x'),('QQ',6,1,'A');
INSERT INTO t_days VALUES ('1970-01-01',1,1,'a'),('1980-01-01',2,2,'b'),('1991-12-31',1,NULL,NULL),('1992-01-01',3,3,'C'),('2004-02-29',4,3,'c'),('2024-01-01',5,7,'x'),('2024-01-01',6,1,'A');
INSERT INTO t_inline VALUES (0,1,'a',1.5),(1,2,'b',NULL),(2,NULL,NULL,2.25),(3,3,'C',0),(5,3,'c',-1),(6,7,'x',10),(10,1,'A',3.33);
INSERT INTO t_grid VALUES (1,'a',1,'a'),(1,'b',2,'b'),(2,'a',NULL,NULL),(2,'A b',3,'C'),(3,'x',3,'c'),(4,'',7,'x'),(5,'b',1,'A');
INSERT INTO t_pair VALUES (1,1,1,'a'),(1,2,2,'b'),(2,1,NULL,NULL),(2,2,3,'C'),(3,5,3,'c'),(4,0,7,'x'),(5,2,1,'A');
INSERT INTO b1 (id, v, w) VALUES (1,1,'a'),(2,2,'b'),(3,NULL,NULL),(4,3,'C');
INSERT INTO plain (id, v, w) VALUES (1,1,'a'),(2,2,'b'),(3,NULL,NULL),(4,3,'C');

--@ case all tables
SELECT * FROM t_mod ORDER BY id;
SELECT * FROM t_list ORDER BY c, id;
SELECT * FROM t_days ORDER BY d, id;
SELECT * FROM t_grid ORDER BY a, b;
--@ case found: what the grammar library cannot read, in a join
SELECT JSON_ARRAYAGG(t.id ORDER BY t.id) FROM t_inline t JOIN t_inline s ON s.id = t.id GROUP BY t.w;
SELECT JSON_ARRAYAGG(id ORDER BY id) FROM t_inline;
--@ expect double=1 temptable
SELECT VARIANCE(t.m) FROM t_mod t JOIN t_mod s ON s.id = t.id GROUP BY t.w ORDER BY COUNT(*) DESC, t.w;
--@ expect double=1
SELECT VARIANCE(v) FROM t_mod;
--@ case found: ids that a query gives are not generated
INSERT INTO plain (id, v) VALUES (80, 1), (81, 2);
SELECT LAST_INSERT_ID();
INSERT INTO plain (id, v) SELECT id + 70, v FROM t_mod ORDER BY 1, 2;
SELECT LAST_INSERT_ID();
REPLACE INTO plain (id, v) SELECT id + 70, v FROM t_mod ORDER BY 1, 2;
SELECT LAST_INSERT_ID();
INSERT INTO b1 (id, v) SELECT id + 60, v FROM plain ORDER BY 1, 2;
SELECT LAST_INSERT_ID();
INSERT INTO b1 (v) SELECT v FROM t_mod WHERE id = 3 ORDER BY 1;
SELECT LAST_INSERT_ID();
INSERT INTO plain (v) SELECT v FROM t_mod WHERE id IN (3, 5) ORDER BY 1;
SELECT LAST_INSERT_ID();
INSERT INTO plain (id, v) SELECT id + 170, v FROM t_mod ORDER BY 1, 2;
SELECT LAST_INSERT_ID();
--@ case found: the id of a row that is returned
INSERT INTO plain (id, v) VALUES (900, 50) RETURNING v;
SELECT LAST_INSERT_ID();
REPLACE INTO plain (w, v) VALUES ('x', 50) RETURNING v;
SELECT LAST_INSERT_ID();
INSERT INTO plain (id, v) VALUES (902, 50) RETURNING v;
SELECT LAST_INSERT_ID();
INSERT INTO b1 (id, v) VALUES (900, 50);
INSERT INTO b1 (v) VALUES (50), (51) RETURNING v;
SELECT LAST_INSERT_ID();
INSERT INTO b1 (id, w, v) VALUES (900, 'a', 3) ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id) RETURNING v;
--@ case queries over other shards beside what one place cannot do
--@ expect double=1 temptable
SELECT STDDEV_POP(shop.t_list.v), ROUND(AVG(shop.t_list.v), 1) FROM t_list WHERE NOT EXISTS (SELECT 1 FROM t_days WHERE (d = '1991-12-31' AND d NOT BETWEEN '1980-01-01' AND '2004-02-29')) GROUP BY shop.t_list.v;
--@ expect temptable
SELECT COUNT(*) OVER (PARTITION BY s.id ORDER BY s.id) FROM t_mod t JOIN t_mod s ON s.id = t.id WHERE NOT EXISTS (SELECT 1 FROM t_list WHERE (w = 'a' OR w = w));
--@ expect rep=1
SELECT id FROM plain UNION SELECT w FROM t_list;
SELECT k FROM t_hash WHERE NOT EXISTS (SELECT 1 FROM t_range) FOR UPDATE;
