-- Texts of SQL's PREPARE and EXECUTE, and the values they are given, in charsets of clients and connections.
--@ setup
DROP TABLE IF EXISTS s1;
DROP TABLE IF EXISTS k1;
DROP TABLE IF EXISTS n1;
CREATE TABLE s1 (id BIGINT NOT NULL PRIMARY KEY, a INT, t VARCHAR(20), l VARCHAR(20) CHARACTER SET latin1, UNIQUE KEY (id, a));
CREATE TABLE k1 (k VARCHAR(20) NOT NULL PRIMARY KEY, v INT);
CREATE TABLE n1 (id BIGINT NOT NULL PRIMARY KEY, a INT NOT NULL, t VARCHAR(20));
--@ data
DELETE FROM s1;
DELETE FROM k1;
DELETE FROM n1;
INSERT INTO s1 VALUES (1,10,'a','a'),(2,20,'b','b'),(3,30,'c','c'),(4,40,'é','é'),(5,50,'d','d');
INSERT INTO k1 VALUES ('é',1),('中',2),('f',3);
INSERT INTO n1 VALUES (1,10,'a'),(2,20,'é'),(3,30,'c');
--@ case prepare latin1 [text]
SET NAMES latin1;
--@ bytes
PREPARE p FROM 'SELECT ''\xe9'', HEX(''\xe9''), CHARSET(''\xe9''), LENGTH(''\xe9'')';
EXECUTE p;
--@ bytes
PREPARE p FROM 'SELECT id, HEX(t) FROM s1 WHERE t = ''\xe9'' ORDER BY id';
EXECUTE p;
--@ bytes
PREPARE p FROM 'SELECT id AS "\xe9" FROM s1 WHERE l = ''\xe9'' ORDER BY id';
EXECUTE p;
--@ bytes
SET @v = '\xe9';
PREPARE p FROM 'SELECT id FROM s1 WHERE t = ? ORDER BY id';
EXECUTE p USING @v;
--@ bytes
EXECUTE p USING '\xe9';
--@ bytes
EXECUTE IMMEDIATE 'SELECT HEX(''\xe9''), id FROM s1 WHERE t = ''\xe9''';
--@ bytes
EXECUTE IMMEDIATE 'SELECT HEX(?), id FROM s1 WHERE t = ?' USING '\xe9', '\xe9';
--@ bytes
SET @s = 'SELECT id, ''\xe9'' FROM s1 WHERE t = ''\xe9''';
PREPARE p FROM @s;
EXECUTE p;
EXECUTE IMMEDIATE @s;
SET @s = CONVERT(@s USING utf8mb4);
EXECUTE IMMEDIATE @s;
SET @s = CONVERT(@s USING utf16);
EXECUTE IMMEDIATE @s;
--@ bytes
EXECUTE IMMEDIATE CONCAT('SELECT HEX(''\xe9'') FROM s1', ' WHERE id = 1');
--@ bytes
EXECUTE IMMEDIATE _utf8mb4'SELECT HEX(''\xc3\xa9'') FROM s1 WHERE t = ''\xc3\xa9''';
--@ bytes
EXECUTE IMMEDIATE _utf8mb4'SELECT HEX(''\xe2\x82\xac''), ''\xe6\x97\xa5'' FROM s1 WHERE id = 1';
--@ bytes
EXECUTE IMMEDIATE 'INSERT INTO s1 (id, t, l) VALUES (100, ''\xe9\xe8'', ''\xe9\xe8''), (101, ?, ?)' USING '\xe9\xe8', '\xe9\xe8';
SELECT id, HEX(t), HEX(l) FROM s1 ORDER BY id;
--@ bytes
EXECUTE IMMEDIATE 'INSERT INTO n1 VALUES (100, 1, ''\xe9\xe8'')';
SELECT id, HEX(t) FROM n1 ORDER BY id;
--@ bytes
EXECUTE IMMEDIATE 'SELECT id AS `\xe9` FROM s1 WHERE id = 1';
--@ bytes
EXECUTE IMMEDIATE 'SELECT COUNT(*) AS `\xe9`, GROUP_CONCAT(t ORDER BY id SEPARATOR ''\xe9'') FROM s1';
--@ case prepare gbk [text]
SET NAMES gbk;
--@ bytes
PREPARE p FROM 'SELECT HEX(''\xd6\xd0''), CHARSET(''\xd6\xd0''), ''\xd6\xd0''';
EXECUTE p;
--@ bytes
EXECUTE IMMEDIATE 'SELECT HEX(''\xd5\x5c''), id FROM s1 WHERE id = 1';
--@ bytes
EXECUTE IMMEDIATE 'SELECT HEX(?), id FROM s1 WHERE id = 1' USING '\xd5\x5c';
--@ bytes
EXECUTE IMMEDIATE 'INSERT INTO s1 (id, t) VALUES (100, ''\xd6\xd0\xd5\x5c''), (101, ?)' USING '\xd6\xd0\xd5\x5c';
SELECT id, HEX(t), t FROM s1 ORDER BY id;
--@ bytes
SET @v = '\xd6\xd0\xd5\x5c';
PREPARE p FROM 'SELECT id, HEX(?) FROM s1 WHERE t = ? ORDER BY id';
EXECUTE p USING @v, @v;
--@ bytes
SET @s = 'SELECT id, HEX(''\xd5\x5c'') FROM s1 WHERE id = 1';
EXECUTE IMMEDIATE @s;
PREPARE p FROM @s;
EXECUTE p;
--@ bytes
EXECUTE IMMEDIATE 'SELECT id AS `\xd5\x5c` FROM s1 WHERE id = 1';
--@ case prepare other than the connection [text]
SET NAMES utf8mb4;
SET character_set_client = latin1;
--@ bytes
PREPARE p FROM 'SELECT ''\xe9'', HEX(''\xe9''), CHARSET(''\xe9''), LENGTH(''\xe9'')';
EXECUTE p;
--@ bytes
PREPARE p FROM 'SELECT id, HEX(''\xe9''), ''\xe9'' AS x FROM s1 WHERE t = ''\xe9'' ORDER BY id';
EXECUTE p;
--@ bytes
EXECUTE IMMEDIATE 'SELECT HEX(?), id FROM s1 WHERE t = ?' USING '\xe9', '\xe9';
--@ bytes
SET @v = '\xe9';
PREPARE p FROM 'SELECT id, HEX(?) FROM s1 WHERE t = ? ORDER BY id';
EXECUTE p USING @v, @v;
--@ bytes
SET @s = 'SELECT id, HEX(''\xe9''), ''\xe9'' FROM s1 WHERE t = ''\xe9''';
SELECT CHARSET(@s), HEX(@s);
EXECUTE IMMEDIATE @s;
PREPARE p FROM @s;
EXECUTE p;
--@ bytes
EXECUTE IMMEDIATE 'INSERT INTO s1 (id, t, l) VALUES (100, ''\xe9\xe8'', ''\xe9\xe8''), (101, ?, ?)' USING '\xe9\xe8', '\xe9\xe8';
SELECT id, HEX(t), HEX(l) FROM s1 ORDER BY id;
--@ bytes
EXECUTE IMMEDIATE 'SELECT id AS `\xe9` FROM s1 WHERE id = 1';
--@ case prepare connection other [text]
SET NAMES latin1;
SET collation_connection = utf8mb4_bin;
--@ bytes
PREPARE p FROM 'SELECT id, HEX(''\xe9''), COLLATION(''\xe9'') FROM s1 WHERE t = ''\xe9'' ORDER BY id';
EXECUTE p;
--@ bytes
SET @v = '\xe9';
PREPARE p FROM 'SELECT id, HEX(?), COLLATION(?) FROM s1 WHERE t = ? ORDER BY id';
EXECUTE p USING @v, @v, @v;
--@ bytes
EXECUTE p USING '\xe9', '\xe9', '\xe9';
SET NAMES utf8mb4;
SET collation_connection = latin1_bin;
--@ bytes
PREPARE p FROM 'SELECT id, HEX(''\xc3\xa9''), COLLATION(''\xc3\xa9''), HEX(''\xe6\x97\xa5'') FROM s1 WHERE t = ''\xc3\xa9'' ORDER BY id';
EXECUTE p;
--@ bytes
SET @v = '\xc3\xa9', @w = '\xe6\x97\xa5';
PREPARE p FROM 'SELECT id, HEX(?), COLLATION(?), HEX(?) FROM s1 WHERE t = ? ORDER BY id';
EXECUTE p USING @v, @v, @w, @v;
--@ bytes
EXECUTE IMMEDIATE 'SELECT id, HEX(''\xc3\xa9''), COLLATION(''\xc3\xa9''), HEX(''\xe6\x97\xa5'') FROM s1 WHERE t = ''\xc3\xa9'' ORDER BY id';
--@ bytes
SET @s = 'SELECT id, HEX(''\xc3\xa9''), COLLATION(''\xc3\xa9''), HEX(''\xe6\x97\xa5'') FROM s1 WHERE id < 3 ORDER BY id';
EXECUTE IMMEDIATE @s;
--@ case keys of SQL's EXECUTE in other charsets [text]
SET NAMES latin1;
--@ bytes
SET @v = '\xe9';
PREPARE p FROM 'SELECT v FROM k1 WHERE k = ?';
EXECUTE p USING @v;
--@ bytes
EXECUTE p USING '\xe9';
--@ bytes
EXECUTE IMMEDIATE 'SELECT v FROM k1 WHERE k = ''\xe9''';
--@ bytes
EXECUTE IMMEDIATE 'INSERT INTO k1 VALUES (?, 7)' USING '\xe9\xe8';
--@ bytes
EXECUTE IMMEDIATE 'UPDATE k1 SET v = 8 WHERE k = ?' USING '\xe9\xe8';
SET NAMES gbk;
--@ bytes
EXECUTE p USING '\xd6\xd0';
--@ bytes
SET @v = '\xd6\xd0';
EXECUTE IMMEDIATE 'SELECT v, HEX(k), HEX(?) FROM k1 WHERE k = ?' USING @v, @v;
--@ bytes
EXECUTE IMMEDIATE 'SELECT v, CONCAT(k, ?), COLLATION(?), CHAR_LENGTH(?), LENGTH(?) FROM k1 WHERE k IN (?, ?) ORDER BY v' USING @v, @v, @v, @v, @v, 'f';
SET NAMES utf8mb4;
SET @v = '日';
SET NAMES latin1;
EXECUTE IMMEDIATE 'SELECT v FROM k1 WHERE k = ?' USING @v;
EXECUTE IMMEDIATE 'SELECT HEX(?), id FROM s1 WHERE id = 1' USING @v;
--@ case a text that is not one statement [text]
EXECUTE IMMEDIATE 'SELEC ?';
EXECUTE IMMEDIATE 'SELECT ?';
EXECUTE IMMEDIATE 'SELECT ?, nope FROM s1' USING 1;
EXECUTE IMMEDIATE 'SELECT ?, nope FROM s1';
EXECUTE IMMEDIATE 'SELECT ? FROM nope';
PREPARE p FROM 'SELECT LENGTH(''\\''), DATE_FORMAT(''2024-03-01'', ''%M''), LENGTH(''é'')';
PREPARE p FROM 'SELECT 1 FROM FROM s1 WHERE a = ''x';
PREPARE p FROM 'SELECT ''x';
SELECT 1 FROM FROM s1 WHERE a = 'x;
PREPARE p FROM 'SELECT 1 /* x';
