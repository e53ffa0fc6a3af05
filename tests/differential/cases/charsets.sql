-- What is compared, computed with or stored again beside the shards, under clients whose charset lacks characters of it.
--@ mysql  UUID, =>  CHAR(36),
--@ setup
DROP TABLE IF EXISTS users;
DROP TABLE IF EXISTS orders;
DROP TABLE IF EXISTS notes;
DROP TABLE IF EXISTS k1;
DROP TABLE IF EXISTS k2;
DROP TABLE IF EXISTS s1;
CREATE TABLE users (id BIGINT NOT NULL PRIMARY KEY, name VARCHAR(40), country CHAR(2));
CREATE TABLE orders (user_id BIGINT NOT NULL, id BIGINT NOT NULL, note VARCHAR(20), PRIMARY KEY (user_id, id));
CREATE TABLE notes (id INT NOT NULL PRIMARY KEY, body VARCHAR(40));
CREATE TABLE k1 (k VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL PRIMARY KEY, v INT);
CREATE TABLE k2 (k VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci NOT NULL PRIMARY KEY, v INT);
CREATE TABLE s1 (id BIGINT NOT NULL PRIMARY KEY, la VARCHAR(20) CHARACTER SET latin1, u2 VARCHAR(20) CHARACTER SET ucs2, vb VARBINARY(20),
 en ENUM('ü','ж','😀'), uu UUID, dt DATETIME(3), js JSON, bt BIT(10), fl FLOAT);
--@ data
DELETE FROM users;
DELETE FROM orders;
DELETE FROM notes;
DELETE FROM k1;
DELETE FROM k2;
DELETE FROM s1;
INSERT INTO users VALUES (1,'😀','de'),(2,'😂x','fr'),(3,'漢','de'),(4,'ж',NULL),(5,'eve','xx'),(6,'Ann','se'),(7,NULL,'fr'),(8,'漢','😀');
INSERT INTO orders VALUES (1,1,'漢'),(1,2,NULL),(2,3,'字'),(2,4,'я'),(3,5,'eve'),(5,6,'é');
INSERT INTO k1 VALUES ('a',1),('ф',2),('жук',3),('яма',4),('漢字',5),('дом',6),('Éa',7);
INSERT INTO k2 VALUES ('s',1),('o',2),('p',3),('漢',4),('字',5),('ß',6);
INSERT INTO s1 VALUES (1,'é','ж','\0é','ü','123e4567-e89b-12d3-a456-426655440000','2020-01-01 00:00:00.001','{"a":"ж"}',b'1000000000',1.1),
 (2,'ü','漢','я','ж','00000000-0000-0000-0000-000000000001','1999-12-31 23:59:59','"😀"',b'1',-0.1),
 (3,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL),
 (4,'€','字','','😀','ffffffff-ffff-ffff-ffff-ffffffffffff','2000-02-29 00:00:00','[1,"é"]',b'11',1e-10),
 (5,'','','x','ü',NULL,NULL,NULL,NULL,3.4e38);

--@ case latin1
SET NAMES latin1;
SELECT COUNT(DISTINCT name), COUNT(DISTINCT country) FROM users;
SELECT GROUP_CONCAT(name ORDER BY name) FROM users;
SELECT LENGTH(MAX(name)), HEX(MIN(name)), MAX(name) FROM users;
SELECT CONCAT(MAX(name), 'x'), JSON_ARRAY(MAX(name)) FROM users;
SELECT id FROM users WHERE name = (SELECT MAX(name) FROM users);
SELECT COUNT(*) FROM (SELECT name FROM users WHERE name IS NOT NULL LIMIT 100) d WHERE HEX(name) LIKE 'D0%';
SELECT name, COUNT(*)+1 FROM users GROUP BY name HAVING HEX(name) = 'D0B6';
SELECT HEX(name), COUNT(*) FROM users GROUP BY name WITH ROLLUP;
SELECT note FROM orders INTERSECT SELECT name FROM users;
SELECT note FROM orders UNION SELECT name FROM users ORDER BY 1;
SELECT ROW_NUMBER() OVER (ORDER BY k) r, v, k FROM k1 ORDER BY r;
SELECT v FROM k1 WHERE k = CONVERT(0xF4 USING cp1251);
WITH q AS (SELECT name, COUNT(*) c FROM users GROUP BY name) SELECT HEX(name), name, c FROM q ORDER BY 1;
SELECT JSON_ARRAYAGG(name ORDER BY id), HEX(JSON_ARRAYAGG(name ORDER BY id)) FROM users;
SELECT DISTINCT name FROM users ORDER BY name;
SELECT la, HEX(la), COUNT(*)+1 FROM s1 GROUP BY la ORDER BY la;
SELECT MAX(la), HEX(MAX(la)), HEX(MAX(u2)), HEX(CONCAT(MAX(u2), 'x')), HEX(MAX(vb)), MAX(vb) FROM s1;
SELECT GROUP_CONCAT(la ORDER BY la), GROUP_CONCAT(u2 ORDER BY u2), GROUP_CONCAT(vb ORDER BY vb) FROM s1;
SELECT HEX(la) FROM s1 UNION SELECT HEX(name) FROM users UNION SELECT HEX(vb) FROM s1 ORDER BY 1;
SELECT la, u2, vb, en, uu, dt, js, bt+0, fl FROM (SELECT la, u2, vb, en, uu, dt, js, bt, fl, id FROM s1 ORDER BY id LIMIT 9) d ORDER BY id;
SELECT MAX(name), GROUP_CONCAT(name ORDER BY id) INTO @m, @g FROM users;
SELECT HEX(@m), HEX(@g), CHARSET(@m);
SET @z = (SELECT GROUP_CONCAT(name ORDER BY name) FROM users);
SELECT HEX(@z);
--@ case writes under latin1
SET NAMES latin1;
SET @o = (SELECT MIN(note) FROM orders WHERE HEX(note) > '7');
UPDATE users SET name = @o WHERE id = 5;
SELECT MAX(name) INTO @m FROM users;
UPDATE users SET name = @m WHERE id = 6;
SELECT id, HEX(name) FROM users WHERE id IN (5, 6) ORDER BY id;
UPDATE k1 SET v = v + 100 ORDER BY v DESC LIMIT 3;
DELETE FROM k1 ORDER BY v DESC LIMIT 1;
SELECT HEX(k), v FROM k1 ORDER BY v;
DELETE FROM k2 ORDER BY v DESC LIMIT 1;
SELECT HEX(k), v FROM k2 ORDER BY v;
INSERT INTO notes (id, body) SELECT v + 50, k FROM k1;
SELECT id, HEX(body) FROM notes ORDER BY id;
--@ case utf8mb3
SET NAMES utf8mb3;
SELECT COUNT(DISTINCT name), COUNT(DISTINCT country) FROM users;
SELECT GROUP_CONCAT(name ORDER BY name) FROM users;
SELECT LENGTH(MAX(name)), HEX(MIN(name)), MAX(name) FROM users;
SELECT CONCAT(MAX(name), 'x'), JSON_ARRAY(MAX(name)) FROM users;
SELECT id FROM users WHERE name = (SELECT MAX(name) FROM users);
SELECT COUNT(*) FROM (SELECT name FROM users WHERE name IS NOT NULL LIMIT 100) d WHERE HEX(name) LIKE 'D0%';
SELECT name, COUNT(*)+1 FROM users GROUP BY name HAVING HEX(name) = 'D0B6';
SELECT HEX(name), COUNT(*) FROM users GROUP BY name WITH ROLLUP;
SELECT note FROM orders INTERSECT SELECT name FROM users;
SELECT note FROM orders UNION SELECT name FROM users ORDER BY 1;
SELECT ROW_NUMBER() OVER (ORDER BY k) r, v, k FROM k1 ORDER BY r;
SELECT v FROM k1 WHERE k = CONVERT(0xF4 USING cp1251);
WITH q AS (SELECT name, COUNT(*) c FROM users GROUP BY name) SELECT HEX(name), name, c FROM q ORDER BY 1;
SELECT JSON_ARRAYAGG(name ORDER BY id), HEX(JSON_ARRAYAGG(name ORDER BY id)) FROM users;
SELECT DISTINCT name FROM users ORDER BY name;
SELECT la, HEX(la), COUNT(*)+1 FROM s1 GROUP BY la ORDER BY la;
SELECT MAX(la), HEX(MAX(la)), HEX(MAX(u2)), HEX(CONCAT(MAX(u2), 'x')), HEX(MAX(vb)), MAX(vb) FROM s1;
SELECT GROUP_CONCAT(la ORDER BY la), GROUP_CONCAT(u2 ORDER BY u2), GROUP_CONCAT(vb ORDER BY vb) FROM s1;
SELECT HEX(la) FROM s1 UNION SELECT HEX(name) FROM users UNION SELECT HEX(vb) FROM s1 ORDER BY 1;
SELECT la, u2, vb, en, uu, dt, js, bt+0, fl FROM (SELECT la, u2, vb, en, uu, dt, js, bt, fl, id FROM s1 ORDER BY id LIMIT 9) d ORDER BY id;
SELECT MAX(name), GROUP_CONCAT(name ORDER BY id) INTO @m, @g FROM users;
SELECT HEX(@m), HEX(@g), CHARSET(@m);
SET @z = (SELECT GROUP_CONCAT(name ORDER BY name) FROM users);
SELECT HEX(@z);
--@ case writes under utf8mb3
SET NAMES utf8mb3;
SET @o = (SELECT MIN(note) FROM orders WHERE HEX(note) > '7');
UPDATE users SET name = @o WHERE id = 5;
SELECT MAX(name) INTO @m FROM users;
UPDATE users SET name = @m WHERE id = 6;
SELECT id, HEX(name) FROM users WHERE id IN (5, 6) ORDER BY id;
UPDATE k1 SET v = v + 100 ORDER BY v DESC LIMIT 3;
DELETE FROM k1 ORDER BY v DESC LIMIT 1;
SELECT HEX(k), v FROM k1 ORDER BY v;
DELETE FROM k2 ORDER BY v DESC LIMIT 1;
SELECT HEX(k), v FROM k2 ORDER BY v;
INSERT INTO notes (id, body) SELECT v + 50, k FROM k1;
SELECT id, HEX(body) FROM notes ORDER BY id;
--@ case gbk
SET NAMES gbk;
SELECT COUNT(DISTINCT name), COUNT(DISTINCT country) FROM users;
SELECT GROUP_CONCAT(name ORDER BY name) FROM users;
SELECT LENGTH(MAX(name)), HEX(MIN(name)), MAX(name) FROM users;
SELECT CONCAT(MAX(name), 'x'), JSON_ARRAY(MAX(name)) FROM users;
SELECT id FROM users WHERE name = (SELECT MAX(name) FROM users);
SELECT COUNT(*) FROM (SELECT name FROM users WHERE name IS NOT NULL LIMIT 100) d WHERE HEX(name) LIKE 'D0%';
SELECT name, COUNT(*)+1 FROM users GROUP BY name HAVING HEX(name) = 'D0B6';
SELECT HEX(name), COUNT(*) FROM users GROUP BY name WITH ROLLUP;
SELECT note FROM orders INTERSECT SELECT name FROM users;
SELECT note FROM orders UNION SELECT name FROM users ORDER BY 1;
SELECT ROW_NUMBER() OVER (ORDER BY k) r, v, k FROM k1 ORDER BY r;
SELECT v FROM k1 WHERE k = CONVERT(0xF4 USING cp1251);
WITH q AS (SELECT name, COUNT(*) c FROM users GROUP BY name) SELECT HEX(name), name, c FROM q ORDER BY 1;
SELECT JSON_ARRAYAGG(name ORDER BY id), HEX(JSON_ARRAYAGG(name ORDER BY id)) FROM users;
SELECT DISTINCT name FROM users ORDER BY name;
SELECT la, HEX(la), COUNT(*)+1 FROM s1 GROUP BY la ORDER BY la;
SELECT MAX(la), HEX(MAX(la)), HEX(MAX(u2)), HEX(CONCAT(MAX(u2), 'x')), HEX(MAX(vb)), MAX(vb) FROM s1;
SELECT GROUP_CONCAT(la ORDER BY la), GROUP_CONCAT(u2 ORDER BY u2), GROUP_CONCAT(vb ORDER BY vb) FROM s1;
SELECT HEX(la) FROM s1 UNION SELECT HEX(name) FROM users UNION SELECT HEX(vb) FROM s1 ORDER BY 1;
SELECT la, u2, vb, en, uu, dt, js, bt+0, fl FROM (SELECT la, u2, vb, en, uu, dt, js, bt, fl, id FROM s1 ORDER BY id LIMIT 9) d ORDER BY id;
SELECT MAX(name), GROUP_CONCAT(name ORDER BY id) INTO @m, @g FROM users;
SELECT HEX(@m), HEX(@g), CHARSET(@m);
SET @z = (SELECT GROUP_CONCAT(name ORDER BY name) FROM users);
SELECT HEX(@z);
--@ case writes under gbk
SET NAMES gbk;
SET @o = (SELECT MIN(note) FROM orders WHERE HEX(note) > '7');
UPDATE users SET name = @o WHERE id = 5;
SELECT MAX(name) INTO @m FROM users;
UPDATE users SET name = @m WHERE id = 6;
SELECT id, HEX(name) FROM users WHERE id IN (5, 6) ORDER BY id;
UPDATE k1 SET v = v + 100 ORDER BY v DESC LIMIT 3;
DELETE FROM k1 ORDER BY v DESC LIMIT 1;
SELECT HEX(k), v FROM k1 ORDER BY v;
DELETE FROM k2 ORDER BY v DESC LIMIT 1;
SELECT HEX(k), v FROM k2 ORDER BY v;
INSERT INTO notes (id, body) SELECT v + 50, k FROM k1;
SELECT id, HEX(body) FROM notes ORDER BY id;
--@ case NULL
SET character_set_results = NULL;
SELECT COUNT(DISTINCT name), COUNT(DISTINCT country) FROM users;
SELECT GROUP_CONCAT(name ORDER BY name) FROM users;
SELECT LENGTH(MAX(name)), HEX(MIN(name)), MAX(name) FROM users;
SELECT CONCAT(MAX(name), 'x'), JSON_ARRAY(MAX(name)) FROM users;
SELECT id FROM users WHERE name = (SELECT MAX(name) FROM users);
SELECT COUNT(*) FROM (SELECT name FROM users WHERE name IS NOT NULL LIMIT 100) d WHERE HEX(name) LIKE 'D0%';
SELECT name, COUNT(*)+1 FROM users GROUP BY name HAVING HEX(name) = 'D0B6';
SELECT HEX(name), COUNT(*) FROM users GROUP BY name WITH ROLLUP;
SELECT note FROM orders INTERSECT SELECT name FROM users;
SELECT note FROM orders UNION SELECT name FROM users ORDER BY 1;
SELECT ROW_NUMBER() OVER (ORDER BY k) r, v, k FROM k1 ORDER BY r;
SELECT v FROM k1 WHERE k = CONVERT(0xF4 USING cp1251);
WITH q AS (SELECT name, COUNT(*) c FROM users GROUP BY name) SELECT HEX(name), name, c FROM q ORDER BY 1;
SELECT JSON_ARRAYAGG(name ORDER BY id), HEX(JSON_ARRAYAGG(name ORDER BY id)) FROM users;
SELECT DISTINCT name FROM users ORDER BY name;
SELECT la, HEX(la), COUNT(*)+1 FROM s1 GROUP BY la ORDER BY la;
SELECT MAX(la), HEX(MAX(la)), HEX(MAX(u2)), HEX(CONCAT(MAX(u2), 'x')), HEX(MAX(vb)), MAX(vb) FROM s1;
SELECT GROUP_CONCAT(la ORDER BY la), GROUP_CONCAT(u2 ORDER BY u2), GROUP_CONCAT(vb ORDER BY vb) FROM s1;
SELECT HEX(la) FROM s1 UNION SELECT HEX(name) FROM users UNION SELECT HEX(vb) FROM s1 ORDER BY 1;
SELECT la, u2, vb, en, uu, dt, js, bt+0, fl FROM (SELECT la, u2, vb, en, uu, dt, js, bt, fl, id FROM s1 ORDER BY id LIMIT 9) d ORDER BY id;
SELECT MAX(name), GROUP_CONCAT(name ORDER BY id) INTO @m, @g FROM users;
SELECT HEX(@m), HEX(@g), CHARSET(@m);
SET @z = (SELECT GROUP_CONCAT(name ORDER BY name) FROM users);
SELECT HEX(@z);
--@ case writes under NULL
SET character_set_results = NULL;
SET @o = (SELECT MIN(note) FROM orders WHERE HEX(note) > '7');
UPDATE users SET name = @o WHERE id = 5;
SELECT MAX(name) INTO @m FROM users;
UPDATE users SET name = @m WHERE id = 6;
SELECT id, HEX(name) FROM users WHERE id IN (5, 6) ORDER BY id;
UPDATE k1 SET v = v + 100 ORDER BY v DESC LIMIT 3;
DELETE FROM k1 ORDER BY v DESC LIMIT 1;
SELECT HEX(k), v FROM k1 ORDER BY v;
DELETE FROM k2 ORDER BY v DESC LIMIT 1;
SELECT HEX(k), v FROM k2 ORDER BY v;
INSERT INTO notes (id, body) SELECT v + 50, k FROM k1;
SELECT id, HEX(body) FROM notes ORDER BY id;
--@ case binary
SET character_set_results = binary;
SELECT COUNT(DISTINCT name), COUNT(DISTINCT country) FROM users;
SELECT GROUP_CONCAT(name ORDER BY name) FROM users;
SELECT LENGTH(MAX(name)), HEX(MIN(name)), MAX(name) FROM users;
SELECT CONCAT(MAX(name), 'x'), JSON_ARRAY(MAX(name)) FROM users;
SELECT id FROM users WHERE name = (SELECT MAX(name) FROM users);
SELECT COUNT(*) FROM (SELECT name FROM users WHERE name IS NOT NULL LIMIT 100) d WHERE HEX(name) LIKE 'D0%';
SELECT name, COUNT(*)+1 FROM users GROUP BY name HAVING HEX(name) = 'D0B6';
SELECT HEX(name), COUNT(*) FROM users GROUP BY name WITH ROLLUP;
SELECT note FROM orders INTERSECT SELECT name FROM users;
SELECT note FROM orders UNION SELECT name FROM users ORDER BY 1;
SELECT ROW_NUMBER() OVER (ORDER BY k) r, v, k FROM k1 ORDER BY r;
SELECT v FROM k1 WHERE k = CONVERT(0xF4 USING cp1251);
WITH q AS (SELECT name, COUNT(*) c FROM users GROUP BY name) SELECT HEX(name), name, c FROM q ORDER BY 1;
SELECT JSON_ARRAYAGG(name ORDER BY id), HEX(JSON_ARRAYAGG(name ORDER BY id)) FROM users;
SELECT DISTINCT name FROM users ORDER BY name;
SELECT la, HEX(la), COUNT(*)+1 FROM s1 GROUP BY la ORDER BY la;
SELECT MAX(la), HEX(MAX(la)), HEX(MAX(u2)), HEX(CONCAT(MAX(u2), 'x')), HEX(MAX(vb)), MAX(vb) FROM s1;
SELECT GROUP_CONCAT(la ORDER BY la), GROUP_CONCAT(u2 ORDER BY u2), GROUP_CONCAT(vb ORDER BY vb) FROM s1;
SELECT HEX(la) FROM s1 UNION SELECT HEX(name) FROM users UNION SELECT HEX(vb) FROM s1 ORDER BY 1;
SELECT la, u2, vb, en, uu, dt, js, bt+0, fl FROM (SELECT la, u2, vb, en, uu, dt, js, bt, fl, id FROM s1 ORDER BY id LIMIT 9) d ORDER BY id;
SELECT MAX(name), GROUP_CONCAT(name ORDER BY id) INTO @m, @g FROM users;
SELECT HEX(@m), HEX(@g), CHARSET(@m);
SET @z = (SELECT GROUP_CONCAT(name ORDER BY name) FROM users);
SELECT HEX(@z);
--@ case writes under binary
SET character_set_results = binary;
SET @o = (SELECT MIN(note) FROM orders WHERE HEX(note) > '7');
UPDATE users SET name = @o WHERE id = 5;
SELECT MAX(name) INTO @m FROM users;
UPDATE users SET name = @m WHERE id = 6;
SELECT id, HEX(name) FROM users WHERE id IN (5, 6) ORDER BY id;
UPDATE k1 SET v = v + 100 ORDER BY v DESC LIMIT 3;
DELETE FROM k1 ORDER BY v DESC LIMIT 1;
SELECT HEX(k), v FROM k1 ORDER BY v;
DELETE FROM k2 ORDER BY v DESC LIMIT 1;
SELECT HEX(k), v FROM k2 ORDER BY v;
INSERT INTO notes (id, body) SELECT v + 50, k FROM k1;
SELECT id, HEX(body) FROM notes ORDER BY id;
--@ case cp1251 results
SET character_set_results = cp1251;
SELECT COUNT(DISTINCT name), COUNT(DISTINCT country) FROM users;
SELECT GROUP_CONCAT(name ORDER BY name) FROM users;
SELECT LENGTH(MAX(name)), HEX(MIN(name)), MAX(name) FROM users;
SELECT CONCAT(MAX(name), 'x'), JSON_ARRAY(MAX(name)) FROM users;
SELECT id FROM users WHERE name = (SELECT MAX(name) FROM users);
SELECT COUNT(*) FROM (SELECT name FROM users WHERE name IS NOT NULL LIMIT 100) d WHERE HEX(name) LIKE 'D0%';
SELECT name, COUNT(*)+1 FROM users GROUP BY name HAVING HEX(name) = 'D0B6';
SELECT HEX(name), COUNT(*) FROM users GROUP BY name WITH ROLLUP;
SELECT note FROM orders INTERSECT SELECT name FROM users;
SELECT note FROM orders UNION SELECT name FROM users ORDER BY 1;
SELECT ROW_NUMBER() OVER (ORDER BY k) r, v, k FROM k1 ORDER BY r;
SELECT v FROM k1 WHERE k = CONVERT(0xF4 USING cp1251);
WITH q AS (SELECT name, COUNT(*) c FROM users GROUP BY name) SELECT HEX(name), name, c FROM q ORDER BY 1;
SELECT JSON_ARRAYAGG(name ORDER BY id), HEX(JSON_ARRAYAGG(name ORDER BY id)) FROM users;
SELECT DISTINCT name FROM users ORDER BY name;
SELECT la, HEX(la), COUNT(*)+1 FROM s1 GROUP BY la ORDER BY la;
SELECT MAX(la), HEX(MAX(la)), HEX(MAX(u2)), HEX(CONCAT(MAX(u2), 'x')), HEX(MAX(vb)), MAX(vb) FROM s1;
SELECT GROUP_CONCAT(la ORDER BY la), GROUP_CONCAT(u2 ORDER BY u2), GROUP_CONCAT(vb ORDER BY vb) FROM s1;
SELECT HEX(la) FROM s1 UNION SELECT HEX(name) FROM users UNION SELECT HEX(vb) FROM s1 ORDER BY 1;
SELECT la, u2, vb, en, uu, dt, js, bt+0, fl FROM (SELECT la, u2, vb, en, uu, dt, js, bt, fl, id FROM s1 ORDER BY id LIMIT 9) d ORDER BY id;
SELECT MAX(name), GROUP_CONCAT(name ORDER BY id) INTO @m, @g FROM users;
SELECT HEX(@m), HEX(@g), CHARSET(@m);
SET @z = (SELECT GROUP_CONCAT(name ORDER BY name) FROM users);
SELECT HEX(@z);
--@ case writes under cp1251 results
SET character_set_results = cp1251;
SET @o = (SELECT MIN(note) FROM orders WHERE HEX(note) > '7');
UPDATE users SET name = @o WHERE id = 5;
SELECT MAX(name) INTO @m FROM users;
UPDATE users SET name = @m WHERE id = 6;
SELECT id, HEX(name) FROM users WHERE id IN (5, 6) ORDER BY id;
UPDATE k1 SET v = v + 100 ORDER BY v DESC LIMIT 3;
DELETE FROM k1 ORDER BY v DESC LIMIT 1;
SELECT HEX(k), v FROM k1 ORDER BY v;
DELETE FROM k2 ORDER BY v DESC LIMIT 1;
SELECT HEX(k), v FROM k2 ORDER BY v;
INSERT INTO notes (id, body) SELECT v + 50, k FROM k1;
SELECT id, HEX(body) FROM notes ORDER BY id;
--@ case utf8mb4 over latin1
SET NAMES latin1;
SET character_set_results = utf8mb4;
SELECT COUNT(DISTINCT name), COUNT(DISTINCT country) FROM users;
SELECT GROUP_CONCAT(name ORDER BY name) FROM users;
SELECT LENGTH(MAX(name)), HEX(MIN(name)), MAX(name) FROM users;
SELECT CONCAT(MAX(name), 'x'), JSON_ARRAY(MAX(name)) FROM users;
SELECT id FROM users WHERE name = (SELECT MAX(name) FROM users);
SELECT COUNT(*) FROM (SELECT name FROM users WHERE name IS NOT NULL LIMIT 100) d WHERE HEX(name) LIKE 'D0%';
SELECT name, COUNT(*)+1 FROM users GROUP BY name HAVING HEX(name) = 'D0B6';
SELECT HEX(name), COUNT(*) FROM users GROUP BY name WITH ROLLUP;
SELECT note FROM orders INTERSECT SELECT name FROM users;
SELECT note FROM orders UNION SELECT name FROM users ORDER BY 1;
SELECT ROW_NUMBER() OVER (ORDER BY k) r, v, k FROM k1 ORDER BY r;
SELECT v FROM k1 WHERE k = CONVERT(0xF4 USING cp1251);
WITH q AS (SELECT name, COUNT(*) c FROM users GROUP BY name) SELECT HEX(name), name, c FROM q ORDER BY 1;
SELECT JSON_ARRAYAGG(name ORDER BY id), HEX(JSON_ARRAYAGG(name ORDER BY id)) FROM users;
SELECT DISTINCT name FROM users ORDER BY name;
SELECT la, HEX(la), COUNT(*)+1 FROM s1 GROUP BY la ORDER BY la;
SELECT MAX(la), HEX(MAX(la)), HEX(MAX(u2)), HEX(CONCAT(MAX(u2), 'x')), HEX(MAX(vb)), MAX(vb) FROM s1;
SELECT GROUP_CONCAT(la ORDER BY la), GROUP_CONCAT(u2 ORDER BY u2), GROUP_CONCAT(vb ORDER BY vb) FROM s1;
SELECT HEX(la) FROM s1 UNION SELECT HEX(name) FROM users UNION SELECT HEX(vb) FROM s1 ORDER BY 1;
SELECT la, u2, vb, en, uu, dt, js, bt+0, fl FROM (SELECT la, u2, vb, en, uu, dt, js, bt, fl, id FROM s1 ORDER BY id LIMIT 9) d ORDER BY id;
SELECT MAX(name), GROUP_CONCAT(name ORDER BY id) INTO @m, @g FROM users;
SELECT HEX(@m), HEX(@g), CHARSET(@m);
SET @z = (SELECT GROUP_CONCAT(name ORDER BY name) FROM users);
SELECT HEX(@z);
--@ case writes under utf8mb4 over latin1
SET NAMES latin1;
SET character_set_results = utf8mb4;
SET @o = (SELECT MIN(note) FROM orders WHERE HEX(note) > '7');
UPDATE users SET name = @o WHERE id = 5;
SELECT MAX(name) INTO @m FROM users;
UPDATE users SET name = @m WHERE id = 6;
SELECT id, HEX(name) FROM users WHERE id IN (5, 6) ORDER BY id;
UPDATE k1 SET v = v + 100 ORDER BY v DESC LIMIT 3;
DELETE FROM k1 ORDER BY v DESC LIMIT 1;
SELECT HEX(k), v FROM k1 ORDER BY v;
DELETE FROM k2 ORDER BY v DESC LIMIT 1;
SELECT HEX(k), v FROM k2 ORDER BY v;
INSERT INTO notes (id, body) SELECT v + 50, k FROM k1;
SELECT id, HEX(body) FROM notes ORDER BY id;
--@ case names in gbk
SET NAMES gbk;
--@ bytes
SELECT SUM(id)+1 AS `\xbf\x5c` FROM s1 HAVING `\xbf\x5c` > 1;
--@ bytes
SELECT bt AS `\xbf\x5c`, COUNT(*)+1 '\xd6\xd0' FROM s1 GROUP BY `\xbf\x5c` ORDER BY 1;
--@ bytes
SELECT COUNT(DISTINCT la)+1 AS `\xbf\x5c`, GROUP_CONCAT(id ORDER BY id) \xd6\xd0 FROM s1 HAVING `\xbf\x5c` > 0;
--@ bytes
SELECT CONCAT(MAX(id), '\x97\x60`\xbf\x5c') FROM s1;
--@ bytes
SELECT GROUP_CONCAT(country SEPARATOR '\xd6\xd0') FROM users WHERE country = 'de';
--@ bytes
WITH q AS (SELECT id `\xbf\x5c` FROM s1 ORDER BY id LIMIT 4) SELECT `\xbf\x5c` FROM q ORDER BY 1;
--@ case names in big5
SET NAMES big5;
--@ bytes
SELECT SUM(id)+1 AS `\xa4\x5c` FROM s1 HAVING `\xa4\x5c` > 1;
--@ case separators of other charsets
SET NAMES latin1;
SELECT HEX(GROUP_CONCAT(country SEPARATOR 'é')) FROM users WHERE country = 'de';
--@ case arithmetic on extremes of text
SELECT MAX(HEX(la))/3 FROM s1;
SELECT MIN(HEX(la))/3 FROM s1;
SELECT MAX(CAST(id AS CHAR))/3 FROM s1;
SELECT MAX(en)/3 FROM s1;
SELECT -MAX(CAST(id AS CHAR)) FROM s1;
--@ case prepared texts and their values in other charsets than the results have
SET character_set_results = latin1;
EXECUTE IMMEDIATE 'SELECT HEX(''É''), ''É'' FROM s1 WHERE id = 1';
EXECUTE IMMEDIATE 'SELECT HEX(?), id FROM s1 WHERE id = 1' USING 'жÉ';
SET @t = 'SELECT HEX(''ж'')', @v = 'жÉ';
PREPARE p FROM @t;
EXECUTE p;
PREPARE q FROM 'SELECT COUNT(*), HEX(CONCAT(?, ''É'')) FROM s1';
EXECUTE q USING @v;
PREPARE later FROM 'SELECT COUNT(*), HEX(CONCAT(?, ''É'')) FROM s1';
PREPARE plain FROM 'SELECT COUNT(*) FROM s1 WHERE id > ?';
SET NAMES latin1;
EXECUTE IMMEDIATE 'SELECT HEX(''É''), ''É'' FROM s1 WHERE id = 1';
SET character_set_results = utf8mb4;
EXECUTE IMMEDIATE 'SELECT HEX(''É''), ''É'' FROM s1 WHERE id = 1';
EXECUTE later USING @v;
SET @n = 1;
EXECUTE plain USING @n;
--@ case prepared texts after a change of the charset
PREPARE p FROM 'SELECT ''a'' = ''A'', COLLATION(''a''), id FROM s1 WHERE id = 1';
EXECUTE p;
PREPARE r FROM 'SELECT ''a'' = ''A'', COLLATION(''a''), id FROM s1 WHERE id = 1';
SET collation_connection = utf8mb4_bin;
EXECUTE r;
SET collation_connection = utf8mb4_general_ci;
EXECUTE p;
--@ case how texts are described after another collation of the connection
SET collation_connection = utf8mb4_unicode_ci;
SELECT 'a', id FROM users ORDER BY id LIMIT 1;
SELECT MAX(name) FROM users;
SHOW WARNINGS;
SELECT @@version_comment LIKE 'x', USER() LIKE 'x', COLLATION('a');
SET NAMES utf8mb4 COLLATE utf8mb4_bin;
SELECT 'a', MAX(id) FROM users;
SET character_set_results = utf8mb4;
SELECT 'a', MAX(id) FROM users;
SET collation_connection = utf8mb4_general_ci;
SELECT 'a', MAX(id) FROM users;
SET NAMES latin1;
SET collation_connection = latin1_german1_ci;
SELECT 'a', MAX(id) FROM users;
SHOW WARNINGS;
--@ on b
SELECT 'a', MAX(id) FROM users;
--@ on a
SELECT 'a', MAX(id) FROM users;
