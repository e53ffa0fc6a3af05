-- Keys compare as the server compares them: collation, case, trailing spaces, '1' and 1, NULL, dates, two columns.
--@ setup
DROP TABLE IF EXISTS s1;
DROP TABLE IF EXISTS k1;
DROP TABLE IF EXISTS k2;
DROP TABLE IF EXISTS d1;
DROP TABLE IF EXISTS c1;
DROP TABLE IF EXISTS m1;
DROP TABLE IF EXISTS u1;
CREATE TABLE s1 (id BIGINT NOT NULL PRIMARY KEY, v VARCHAR(20));
CREATE TABLE k1 (k VARCHAR(40) COLLATE utf8mb4_general_ci NOT NULL PRIMARY KEY, v INT);
CREATE TABLE k2 (k VARCHAR(40) COLLATE utf8mb4_general_ci NOT NULL, n INT NOT NULL, v INT, PRIMARY KEY (k, n));
CREATE TABLE d1 (d DATE NOT NULL, id INT NOT NULL, v INT, PRIMARY KEY (d, id));
CREATE TABLE c1 (a INT NOT NULL, b VARCHAR(20) COLLATE utf8mb4_bin NOT NULL, v INT, PRIMARY KEY (a, b));
CREATE TABLE m1 (id INT UNSIGNED NOT NULL PRIMARY KEY, v INT);
CREATE TABLE u1 (id BIGINT NOT NULL PRIMARY KEY, e VARCHAR(20), UNIQUE KEY (e));
--@ data
DELETE FROM s1;
DELETE FROM k1;
DELETE FROM k2;
DELETE FROM d1;
DELETE FROM c1;
DELETE FROM m1;
DELETE FROM u1;
INSERT INTO s1 VALUES (-5,'m5'),(0,'zero'),(1,'one'),(2,'two'),(3,'three'),(10,'ten'),(100,'hundred'),(9223372036854775807,'max'),(-9223372036854775808,'min');
INSERT INTO k1 VALUES ('abc',1),('ABD',2),('',3),('é',4),('ss',5),('1',6),('01',7),('1.0',8),('中文',9),('😀',10),('a b',11),('x\tq',12);
INSERT INTO k2 VALUES ('abc',1,1),('ABC',2,2),('abd',1,3),('zzz',1,4);
INSERT INTO d1 VALUES ('2024-01-01',1,1),('2024-01-02',1,2),('2024-02-29',1,3),('1999-12-31',1,4);
INSERT INTO c1 VALUES (1,'a',1),(1,'A',2),(2,'a',3),(3,'',4);
INSERT INTO m1 VALUES (0,0),(1,1),(4294967295,2),(7,3),(8,4);

--@ case numbers
SELECT v FROM s1 WHERE id = 1;
SELECT v FROM s1 WHERE id = '1';
SELECT v FROM s1 WHERE id = '01';
SELECT v FROM s1 WHERE id = ' 1 ';
SELECT v FROM s1 WHERE id = 1.0;
SELECT v FROM s1 WHERE id = 1.5;
SELECT v FROM s1 WHERE id = '1abc';
SELECT v FROM s1 WHERE id = 1e0;
SELECT v FROM s1 WHERE id = '1e1';
SELECT v FROM s1 WHERE id = 1e2;
SELECT v FROM s1 WHERE id = TRUE;
SELECT v FROM s1 WHERE id = -5;
SELECT v FROM s1 WHERE id = - 5;
SELECT v FROM s1 WHERE id = -(5);
SELECT v FROM s1 WHERE id = +1;
SELECT v FROM s1 WHERE id = 0x0A;
SELECT v FROM s1 WHERE id = x'64';
SELECT v FROM s1 WHERE id = b'11';
SELECT v FROM s1 WHERE id = 'abc';
SELECT v FROM s1 WHERE id = '';
SELECT v FROM s1 WHERE id = NULL;
SELECT v FROM s1 WHERE id <=> NULL;
SELECT v FROM s1 WHERE id <=> 1;
SELECT v FROM s1 WHERE id IS NULL;
SELECT v FROM s1 WHERE id = 9223372036854775807;
SELECT v FROM s1 WHERE id = 9223372036854775808;
SELECT v FROM s1 WHERE id = 99999999999999999999999;
SELECT v FROM s1 WHERE id = -9223372036854775808;
SELECT v FROM s1 WHERE 1 = id;
SELECT v FROM s1 WHERE (id) = (1);
SELECT v FROM s1 WHERE id = 1 + 1;
SELECT v FROM s1 WHERE id = 5 * 2;
SELECT v FROM s1 WHERE id = CAST('3' AS SIGNED);
SELECT v FROM s1 WHERE id + 0 = 1;
SELECT v FROM s1 WHERE id = id ORDER BY id;
SELECT v FROM s1 WHERE id = '9223372036854775807';
--@ case number lists and ranges
SELECT v FROM s1 WHERE id IN (1, 2, 3) ORDER BY id;
SELECT v FROM s1 WHERE id IN ('1', 2, '03', 4.0) ORDER BY id;
SELECT v FROM s1 WHERE id IN (1, NULL) ORDER BY id;
SELECT v FROM s1 WHERE id NOT IN (1, 2) ORDER BY id;
SELECT v FROM s1 WHERE id NOT IN (1, NULL) ORDER BY id;
SELECT v FROM s1 WHERE id IN (NULL);
SELECT v FROM s1 WHERE id BETWEEN 1 AND 3 ORDER BY id;
SELECT v FROM s1 WHERE id BETWEEN 3 AND 1;
SELECT v FROM s1 WHERE id BETWEEN '1' AND '2' ORDER BY id;
SELECT v FROM s1 WHERE id > 3 AND id < 101 ORDER BY id;
SELECT v FROM s1 WHERE id >= 1 AND id <= 1;
SELECT v FROM s1 WHERE id <> 1 ORDER BY id;
SELECT v FROM s1 WHERE id = 1 OR id = 2 ORDER BY id;
SELECT v FROM s1 WHERE id = 1 OR v = 'ten' ORDER BY id;
SELECT v FROM s1 WHERE id = 1 AND id = 2;
SELECT v FROM s1 WHERE id = 1 AND (id = 1 OR v = 'x');
SELECT v FROM s1 WHERE (id = 1 AND v = 'one') OR (id = 3 AND v = 'three') ORDER BY id;
SELECT v FROM s1 WHERE NOT (id <> 1);
SELECT v FROM s1 WHERE id = 1 XOR id = 2 ORDER BY id;
SELECT v FROM s1 WHERE (id, v) = (1, 'one');
SELECT v FROM s1 WHERE (id, v) IN ((1, 'one'), (2, 'nope'), (3, 'THREE')) ORDER BY id;
SELECT v FROM s1 WHERE (id, v) > (3, 'a') ORDER BY id;
SELECT v FROM s1 WHERE id = ANY (SELECT 1);
SELECT v FROM s1 WHERE id = (1 = 1);
SELECT v FROM s1 WHERE 1 = 0;
SELECT v FROM s1 WHERE FALSE AND id = 1;
SELECT v FROM s1 WHERE id = 1 HAVING v = 'one';
SELECT v FROM s1 WHERE COALESCE(id, 0) = 1;
SELECT v FROM s1 WHERE id LIKE '1%' ORDER BY id;
SELECT v FROM s1 WHERE id = 1 COLLATE utf8mb4_bin;
--@ case text keys
SELECT k, v FROM k1 WHERE k = 'abc';
SELECT k, v FROM k1 WHERE k = 'ABC';
SELECT k, v FROM k1 WHERE k = 'abc   ';
SELECT k, v FROM k1 WHERE k = ' abc';
SELECT k, v FROM k1 WHERE k = '';
SELECT k, v FROM k1 WHERE k = '   ';
SELECT k, v FROM k1 WHERE k = 'E';
SELECT k, v FROM k1 WHERE k = 'É';
SELECT k, v FROM k1 WHERE k = 'ß';
SELECT k, v FROM k1 WHERE k = '中文';
SELECT k, v FROM k1 WHERE k = '😀';
SELECT k, v FROM k1 WHERE k = 'A B';
SELECT k, v FROM k1 WHERE k = "abc";
SELECT k, v FROM k1 WHERE k = 'ab' 'c';
SELECT k, v FROM k1 WHERE k = N'abc';
SELECT k, v FROM k1 WHERE k = _utf8mb4'abc';
SELECT k, v FROM k1 WHERE k = _latin1 x'e9';
SELECT k, v FROM k1 WHERE k = x'616263';
SELECT k, v FROM k1 WHERE k = 'x\tq';
SELECT k, v FROM k1 WHERE k = CONCAT('a', 'bc');
SELECT k, v FROM k1 WHERE k = LOWER('ABC');
SELECT k, v FROM k1 WHERE k IN ('abc', 'abd ', 'nope') ORDER BY k;
SELECT k, v FROM k1 WHERE k BETWEEN 'a' AND 'b' ORDER BY k;
SELECT k, v FROM k1 WHERE k LIKE 'ab%' ORDER BY k;
SELECT k, v FROM k1 WHERE k LIKE 'abc';
--@ case text keys under other collations
SELECT k, v FROM k1 WHERE k = 'ABC' COLLATE utf8mb4_bin;
SELECT k, v FROM k1 WHERE k COLLATE utf8mb4_bin = 'abc';
SELECT k, v FROM k1 WHERE BINARY k = 'abc';
SELECT k, v FROM k1 WHERE k = BINARY 'ABC';
SELECT k, v FROM k1 WHERE k = 'SS' COLLATE utf8mb4_unicode_ci ORDER BY k;
--@ case text keys compared with numbers
SELECT k, v FROM k1 WHERE k = 1 ORDER BY v;
SELECT k, v FROM k1 WHERE k = 1.0 ORDER BY v;
SELECT k, v FROM k1 WHERE k = '1' ORDER BY v;
SELECT k, v FROM k1 WHERE k IN (1, 'abc') ORDER BY v;
SELECT k, v FROM k1 WHERE k = TRUE ORDER BY v;
UPDATE k1 SET v = 77 WHERE k = 1;
DELETE FROM k1 WHERE k = 0x31;
--@ case inserts find their duplicates
INSERT INTO k1 VALUES ('ABC', 1);
INSERT INTO k1 VALUES ('abc  ', 1);
INSERT INTO k1 VALUES ('É', 1);
INSERT INTO k1 VALUES ('  ', 1);
INSERT INTO k1 VALUES ('new',1),('NEW ',2);
INSERT INTO k1 VALUES (12, 1);
INSERT INTO k1 VALUES ('12', 1);
INSERT INTO k1 VALUES (1.50, 1);
INSERT INTO k1 VALUES (NULL, 1);
INSERT INTO k1 VALUES (x'7A7A', 1);
INSERT INTO k1 VALUES ('ABC', 1) ON DUPLICATE KEY UPDATE v = 99;
REPLACE INTO k1 VALUES ('AbC', 50);
SELECT k, v FROM k1 WHERE k = '1.50';
SELECT k, v FROM k1 WHERE k = 'ZZ';
SELECT k, v FROM k1 ORDER BY v, k;
--@ case key update within the collation
UPDATE k1 SET k = 'ABC' WHERE k = 'abc';
SELECT k, v FROM k1 WHERE k = 'abc';
UPDATE k1 SET k = 'abc ' WHERE k = 'ABC';
SELECT k, LENGTH(k) FROM k1 WHERE v = 1;
--@ case bound text keys
SELECT a.k, b.n FROM k1 a JOIN k2 b ON a.k = b.k ORDER BY b.n, b.k;
SELECT a.k, b.n FROM k1 a JOIN k2 b ON a.k = b.k WHERE a.k = 'ABC' ORDER BY b.n;
SELECT a.k, b.n FROM k1 a LEFT JOIN k2 b USING (k) ORDER BY a.v, b.n;
SELECT k, COUNT(*) FROM k2 WHERE k = 'Abc' GROUP BY n ORDER BY n;
--@ case date keys
SELECT v FROM d1 WHERE d = '2024-01-01';
SELECT v FROM d1 WHERE d = DATE'2024-01-01';
SELECT v FROM d1 WHERE d = '2024-1-1';
SELECT v FROM d1 WHERE d = '20240101';
SELECT v FROM d1 WHERE d = 20240101;
SELECT v FROM d1 WHERE d = '24-01-01';
SELECT v FROM d1 WHERE d = '2024-01-01 00:00:00';
SELECT v FROM d1 WHERE d = '2024-01-01 10:00:00';
SELECT v FROM d1 WHERE d = TIMESTAMP'2024-01-01 00:00:00';
SELECT v FROM d1 WHERE d = '0000-00-00';
SELECT v FROM d1 WHERE d = 'nonsense';
SELECT v FROM d1 WHERE d BETWEEN '2024-01-01' AND '2024-12-31' ORDER BY d;
SELECT v FROM d1 WHERE d >= '2024-01-02' ORDER BY d;
SELECT v FROM d1 WHERE d IN ('2024-01-01', 20240229) ORDER BY d;
SELECT v FROM d1 WHERE d = '2024-01-01' + INTERVAL 1 DAY;
SELECT v FROM d1 WHERE YEAR(d) = 2024 ORDER BY d;
INSERT INTO d1 VALUES ('2024-1-1', 1, 9);
INSERT INTO d1 VALUES (20240103, 1, 9);
INSERT INTO d1 VALUES ('2024-01-04 12:34:56', 1, 9);
INSERT INTO d1 VALUES ('2024-02-30', 1, 9);
INSERT INTO d1 VALUES ('0000-00-00', 1, 5);
SELECT v FROM d1 WHERE d = '2024-01-03';
SELECT d, v FROM d1 ORDER BY d;
--@ case dates that no row may have
SET sql_mode = 'TRADITIONAL';
INSERT INTO d1 VALUES ('0000-00-00', 1, 5);
INSERT INTO d1 VALUES ('2024-00-10', 1, 5);
INSERT INTO d1 (v, id, d) VALUES (5, 1, '2024-02-30');
INSERT INTO d1 VALUES (0, 1, 5);
INSERT INTO d1 VALUES ('nonsense', 1, 5);
INSERT INTO d1 VALUES (20240110, 1, 5), ('2024-13-01', 2, 5);
REPLACE INTO d1 VALUES ('2024-02-30', 1, 5);
INSERT INTO d1 VALUES ('2024-02-30', 1, 5) ON DUPLICATE KEY UPDATE v = 6;
SHOW WARNINGS;
INSERT INTO d1 SET d = '2024-2-31', id = 1;
SELECT v FROM d1 WHERE d = '0000-00-00';
SELECT d, v FROM d1 ORDER BY d, v;
--@ case two columns
SELECT v FROM c1 WHERE a = 1 AND b = 'a';
SELECT v FROM c1 WHERE b = 'A' AND a = 1;
SELECT v FROM c1 WHERE a = 1 ORDER BY v;
SELECT v FROM c1 WHERE b = 'a' ORDER BY v;
SELECT v FROM c1 WHERE a IN (1, 2) AND b = 'a' ORDER BY v;
SELECT v FROM c1 WHERE a = '1' AND b = 'a ';
SELECT v FROM c1 WHERE (a, b) = (3, '');
UPDATE c1 SET v = 9 WHERE a = 2 AND b = 'a';
DELETE FROM c1 WHERE a = 1;
--@ case unsigned keys by hash_mod
SELECT v FROM m1 WHERE id = 4294967295;
SELECT v FROM m1 WHERE id = -1;
SELECT v FROM m1 WHERE id IN (0, 7, 8) ORDER BY id;
INSERT INTO m1 VALUES (-1, 1);
INSERT INTO m1 VALUES (9, 1),(10, 2);
SELECT COUNT(*), SUM(v) FROM m1;
--@ case unique per shard
INSERT INTO u1 VALUES (1, 'a'),(2, 'b');
INSERT INTO u1 VALUES (1, 'c');
SELECT * FROM u1 ORDER BY id;
--@ case parameters of every type for a key
--@ params tiny 1
--@ params short 2
--@ params long 3
--@ params int 10
--@ params uint 100
--@ params str 1
--@ params str  01
--@ params dec 1.0
--@ params dec 1.5
--@ params double 1
--@ params double 1.5
--@ params float 2
--@ params blob 1
--@ params null
--@ params date 2024-01-01
--@ params uint 18446744073709551615
SELECT v FROM s1 WHERE id = ?;
--@ params str abc
--@ params str ABC 
--@ params char abd
--@ params blob abc
--@ params blob ABC
--@ params int 1
--@ params dec 1.0
--@ params str \xc3\xa9
SELECT k, v FROM k1 WHERE k = ? ORDER BY v;
--@ params date 2024-01-01
--@ params datetime 2024-01-01 00:00:00
--@ params datetime 2024-01-01 10:00:00
--@ params str 2024-01-02
--@ params int 20240102
--@ params timestamp 2024-02-29 00:00:00
SELECT v FROM d1 WHERE d = ?;
--@ params int 1 | str a
--@ params str 1 | str A
--@ params str 1 | blob a
SELECT v FROM c1 WHERE a = ? AND b = ?;
--@ params int 1 | int 2 | str 3
--@ params null | null | int 1
SELECT v FROM s1 WHERE id IN (?, ?, ?) ORDER BY id;
--@ params int 1 | int 10
SELECT v FROM s1 WHERE id BETWEEN ? AND ? ORDER BY id;
--@ params int 1
SELECT v FROM s1 WHERE id = ? + 1;
--@ params int 5
SELECT v FROM s1 WHERE id = -?;
