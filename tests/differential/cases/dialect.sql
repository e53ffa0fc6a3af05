-- The text itself: comments, hints, labels, sql_modes, executable comments, client charsets.
--@ setup
DROP TABLE IF EXISTS s1;
DROP TABLE IF EXISTS k1;
CREATE TABLE s1 (id BIGINT NOT NULL PRIMARY KEY, name VARCHAR(40), `select` INT, `back``tick` INT, n INT);
CREATE TABLE k1 (k VARCHAR(40) NOT NULL PRIMARY KEY, v INT);
--@ data
DELETE FROM s1;
DELETE FROM k1;
INSERT INTO s1 VALUES (1,'a',1,1,5),(2,'b''q',2,2,6),(3,'c\\d',3,3,7),(4,'é',4,4,8),(5,'中',5,5,9),(6,'"dq"',6,6,NULL);
INSERT INTO k1 VALUES ('a',1),('é',2),('中',3),('q''',4),('b\\',5);

--@ case labels
SELECT 1+1;
SELECT  1  +  1 ;
SELECT id+n FROM s1 WHERE id = 1;
SELECT id + n,  name  FROM s1 ORDER BY id;
SELECT COUNT( *), count(*), Count(id), MAX( id ) FROM s1;
SELECT id AS `a b`, id AS 'quoted', id AS "dq", id plain FROM s1 ORDER BY id;
SELECT Id, NAME, S1.iD FROM s1 WHERE ID = 1;
SELECT Id, NAME FROM s1 ORDER BY id;
SELECT 'literal', "another", 1.50, 0x41, NULL, TRUE FROM s1 WHERE id = 1;
SELECT 'a' 'b', '', ' x ' FROM s1 WHERE id = 1;
SELECT CONCAT('a', /* inside */ 'b'), id/**/FROM s1 WHERE id = 1;
SELECT (SELECT 1), (1), ((id)) FROM s1 WHERE id = 1;
SELECT `s1`.`id`, `select`, `back``tick` FROM s1 ORDER BY id;
SELECT id AS ``, 1 AS ` ` FROM s1 WHERE id = 1;
SELECT -id, - id, !n, NOT n, id IS NULL FROM s1 WHERE id = 1;
SELECT SUM(n) AS total, SUM(n), sum(n) + 1 FROM s1;
SELECT id x, id X, n x FROM s1 WHERE id = 1;
SELECT @@sql_mode, @@SQL_MODE, @a, @A;
--@ case a very long label
SELECT 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' FROM s1 WHERE id = 1;
--@ case comments
/* leading */ SELECT id FROM s1 WHERE id = 1;
SELECT id /* middle */ FROM /* here */ s1 /* too */ WHERE id = 1 /* end */;
SELECT id FROM s1 -- to the end
WHERE id = 2;
SELECT id FROM s1 # to the end
WHERE id = 3;
SELECT id FROM s1 WHERE id = 1 -- ' a quote
;
SELECT /* ' */ id FROM s1 WHERE name = 'a' /* " */;
SELECT '/* not a comment */', '-- nor this', '# nor this' FROM s1 WHERE id = 1;
SELECT id FROM s1 WHERE id = 1/**/AND/**/n=5;
SELECT 5--1;
SELECT 5 -- 1
;
--@ case hints
SELECT /*+ MAX_EXECUTION_TIME(1000) */ id FROM s1 WHERE id = 1;
SELECT /*+ NO_SUCH_HINT(x) */ id FROM s1 ORDER BY id;
SELECT SQL_NO_CACHE id FROM s1 ORDER BY id;
SELECT HIGH_PRIORITY SQL_BIG_RESULT id FROM s1 WHERE id = 1;
SELECT SQL_SMALL_RESULT n, COUNT(*) FROM s1 GROUP BY n ORDER BY n;
SELECT SQL_BUFFER_RESULT id FROM s1 ORDER BY id;
SELECT ALL id FROM s1 ORDER BY id;
--@ case executable comments
SELECT id /*! , n */ FROM s1 WHERE id = 1;
SELECT id /*!50000 , n */ FROM s1 WHERE id = 1;
SELECT id /*!80000 , n */ FROM s1 WHERE id = 1;
SELECT id /*!100100 , n */ FROM s1 WHERE id = 1;
SELECT id /*M! , n */ FROM s1 WHERE id = 1;
SELECT id /*M!100100 , n */ FROM s1 WHERE id = 1;
SELECT id /*M!999999 , n */ FROM s1 WHERE id = 1;
SELECT id FROM s1 WHERE id = 1 /*! OR id = 2 */ ORDER BY id;
SELECT id FROM s1 WHERE id = 1 /*!80000 OR id = 2 */ ORDER BY id;
SELECT id FROM /*! s1 */ WHERE id = 3;
DELETE FROM s1 WHERE id = 1 /*!50700 OR 1=1 */;
SELECT COUNT(*) FROM s1;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE */;
/*!50003 SELECT id FROM s1 WHERE id = 2 */;
--@ case ansi quotes
SET SESSION sql_mode = 'ANSI_QUOTES';
SELECT "id", 'id' FROM "s1" WHERE "id" = 1;
SELECT "s1"."name" FROM s1 ORDER BY "id";
SELECT id FROM s1 WHERE name = "a";
SELECT "nope" FROM s1 WHERE id = 1;
INSERT INTO "s1" ("id", "name") VALUES (10, '"x"');
SELECT id AS "label" FROM s1 WHERE "id" IN (1, 10) ORDER BY "label";
--@ case no backslash escapes
SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES';
SELECT '\', id FROM s1 WHERE id = 1;
SELECT 'a\'' FROM s1 WHERE id = 1;
SELECT id FROM s1 WHERE name = 'c\d';
SELECT k FROM k1 WHERE k = 'b\';
INSERT INTO k1 VALUES ('z\', 9);
SELECT v FROM k1 WHERE k = 'z\';
SELECT id, '\n' FROM s1 ORDER BY id;
--@ case pipes as concat
SET SESSION sql_mode = 'PIPES_AS_CONCAT';
SELECT id || name FROM s1 ORDER BY id;
SELECT id FROM s1 WHERE id = 1 || id = 2 ORDER BY id;
SELECT k FROM k1 WHERE k = 'a' || '';
SET SESSION sql_mode = '';
SELECT id FROM s1 WHERE id = 1 || id = 2 ORDER BY id;
SELECT 1 || 0, id FROM s1 WHERE id = 1;
--@ case other modes
SET SESSION sql_mode = 'HIGH_NOT_PRECEDENCE';
SELECT NOT id BETWEEN -5 AND 5 FROM s1 ORDER BY id;
SET SESSION sql_mode = 'NO_UNSIGNED_SUBTRACTION';
SELECT CAST(0 AS UNSIGNED) - 1, id FROM s1 WHERE id = 1;
SET SESSION sql_mode = 'IGNORE_SPACE';
SELECT COUNT (*) FROM s1;
SET SESSION sql_mode = '';
SELECT COUNT (*) FROM s1;
SET SESSION sql_mode = 'REAL_AS_FLOAT,TRADITIONAL';
SELECT @@sql_mode;
SELECT id / 0 FROM s1 ORDER BY id;
SET SESSION sql_mode = 'NOPE';
SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO';
SET SESSION sql_mode = 'PAD_CHAR_TO_FULL_LENGTH';
SELECT name FROM s1 WHERE id = 1;
--@ case oracle mode
SET SESSION sql_mode = 'ORACLE';
SELECT "id", 'a' || 'b' FROM s1 WHERE id = 1;
SELECT id FROM s1 WHERE name = '';
--@ case latin1 client
SET NAMES latin1;
SELECT id, name FROM s1 WHERE id < 5 ORDER BY id;
--@ bytes
SELECT id FROM s1 WHERE name = '\xe9';
--@ bytes
SELECT k, v FROM k1 WHERE k = '\xe9';
--@ bytes
INSERT INTO k1 VALUES ('\xfc', 10);
SELECT HEX(k), v FROM k1 WHERE v = 10;
SELECT id, name FROM s1 ORDER BY name, id;
--@ bytes
SELECT '\xe9' AS `\xe9`, id FROM s1 WHERE id = 1;
SET NAMES utf8mb4;
SELECT k FROM k1 WHERE k = 'ü';
--@ case gbk client
SET NAMES gbk;
--@ bytes
SELECT id, HEX(name) FROM s1 WHERE name = '\xd6\xd0';
--@ bytes
SELECT k, v FROM k1 WHERE k = '\xd6\xd0';
--@ bytes
INSERT INTO k1 VALUES ('\x95\x5c', 11);
--@ bytes
SELECT HEX(k), v FROM k1 WHERE k = '\x95\x5c';
--@ bytes
SELECT '\x95\x5c', id FROM s1 WHERE id = 1;
SELECT name FROM s1 WHERE id = 5;
SELECT name FROM s1 WHERE id IN (1,5) ORDER BY id;
SET NAMES utf8mb4;
SELECT k, v FROM k1 WHERE v = 11;
--@ case gbk parameters
SET NAMES gbk;
--@ params str \xd6\xd0
--@ params str \x95\x5c
SELECT v FROM k1 WHERE k = ?;
--@ case results in another charset
SET character_set_results = latin1;
SELECT name FROM s1 WHERE id = 4;
SELECT name FROM s1 WHERE id < 6 ORDER BY id;
SET character_set_results = NULL;
SELECT name FROM s1 ORDER BY id;
SET character_set_results = utf8mb4, character_set_client = latin1;
--@ bytes
SELECT k FROM k1 WHERE k = '\xe9';
--@ case ucs2 and utf16 results
SET character_set_results = utf16;
SELECT name FROM s1 WHERE id = 4;
SELECT name, id FROM s1 ORDER BY id;
SELECT MAX(name), COUNT(*) FROM s1 HAVING COUNT(*) > 0;
SELECT @@character_set_results;
SET character_set_results = utf32;
SELECT name, id FROM s1 WHERE id = 5;
SET character_set_client = utf16;
--@ case syntax errors
SELEC 1;
SELECT FROM s1;
SELECT id FROM s1 WHERE;
SELECT id FROM s1 WHERE id = 'unterminated;
SELECT id FROM s1 GROUP BY;
INSERT INTO s1;
SELECT * FROM;
SELECT 1 1;
SELECT `id FROM s1;
(SELECT id FROM s1 WHERE id = 1);
SELECT id FROM s1 WHERE id = 1)
;
--@ case a second statement is refused
SELECT 1; SELECT 2;
SELECT id FROM s1 WHERE id = 1; DELETE FROM s1;
SELECT COUNT(*) FROM s1;
--@ case multi statements [multi text]
SELECT 1; SELECT 2;
SELECT id FROM s1 WHERE id = 1; SELECT COUNT(*) FROM s1; SELECT id FROM s1 ORDER BY id;
INSERT INTO s1 (id) VALUES (20); UPDATE s1 SET n = 1 WHERE id = 20; SELECT n FROM s1 WHERE id = 20;
SELECT 1; SELECT nope; SELECT 3;
BEGIN; INSERT INTO s1 (id) VALUES (21); COMMIT; SELECT COUNT(*) FROM s1;
SET @a = 1; SELECT @a;
SELECT 'a;b'; SELECT "c;d" /* ; */;
SELECT 1; /* alone */;
SET @a = 2; /* alone */ /*! */ ; ;
SELECT @a; /* before */ SELECT 2;
SELECT 1;;SELECT 2;
SELECT 3; /* none */ ;SELECT 4;
SELECT 5; ; ;
;SELECT 6;
SELECT 7;
--@ case whitespace and case
select id from s1 where id=1;
Select Id From s1 Where Id In(1,2)Order By Id;
	SELECT	id
	FROM	s1
	WHERE	id = 1;
SELECT id FROM s1 WHERE id=1 AND`n`=5;
SELECT id,name FROM`s1`WHERE`id`=1;
SELECT.5,id FROM s1 WHERE id=1;
--@ case words that are names
SELECT `select` FROM s1 WHERE id = 1;
SELECT id AS value, n AS offset, name AS status FROM s1 WHERE id = 1;
SELECT id begin, n end FROM s1 WHERE id = 1;
SELECT s1.select FROM s1 WHERE id = 1;
--@ case empty
-- nothing but a comment
/* nothing */;
;

--@ case pseudo-columns of ORACLE mode
DELETE FROM s1;
INSERT INTO s1 (id, name, n) VALUES (1,'a',5),(2,'b',6),(3,'c',7),(4,'d',8),(5,'e',9),(6,'f',NULL);
SET SESSION sql_mode = 'ORACLE';
SELECT COUNT(*) FROM s1 WHERE ROWNUM < 3;
SELECT ROWNUM, id FROM s1 ORDER BY id;
SELECT MAX(rownum) FROM s1;
SELECT * FROM (SELECT ROWNUM r, id FROM s1) z ORDER BY 1, 2;
SELECT id FROM s1 WHERE EXISTS (SELECT 1 FROM s1 x WHERE x.id = s1.id AND ROWNUM = 1) ORDER BY id;
SELECT COUNT(*) FROM s1 a JOIN s1 b USING (id) WHERE ROWNUM <= 4;
SELECT id FROM s1 WHERE ROWNUM < 3 UNION SELECT 1;
SELECT id FROM s1 ORDER BY ROWNUM DESC;
UPDATE s1 SET n = 1000 WHERE ROWNUM <= 1;
DELETE FROM s1 WHERE ROWNUM <= 2;
SELECT COUNT(*), SUM(n) FROM s1;
SELECT id FROM s1 WHERE id = 4 AND ROWNUM = 1;
SELECT id, SYSDATE = SYSDATE FROM s1 WHERE id = 4;
SELECT "ROWNUM" FROM s1;
--@ case the row count of ORACLE mode
SET SESSION sql_mode = 'ORACLE';
UPDATE s1 SET n = n + 1;
SELECT SQL%ROWCOUNT;
SELECT SQL%ROWCOUNT;
SELECT id FROM s1 WHERE id < 4;
SELECT sql%rowcount AS c, SQL%ROWCOUNT + 1;
DELETE FROM s1 WHERE id > 4;
SELECT id FROM s1 WHERE id <= SQL%ROWCOUNT ORDER BY id;
UPDATE s1 SET n = 5 WHERE id = 1;
SELECT SQL % ROWCOUNT, ROW_COUNT();
DO 1;
SELECT SQL%ROWCOUNT;
SELECT id FROM s1 ORDER BY id LIMIT 1, 2;
SELECT SQL%ROWCOUNT;
SELECT id FROM s1 ORDER BY id LIMIT 2 OFFSET 100;
SELECT SQL%ROWCOUNT, 100;
INSERT INTO s1 (id, n) VALUES (21, 1), (22, 2), (23, 3);
SET @n = SQL%ROWCOUNT;
SELECT @n;
UPDATE s1 SET n = SQL%ROWCOUNT WHERE id = 21;
SELECT nosuch FROM s1;
SELECT SQL%ROWCOUNT;
--@ case procedure analyse
SELECT id FROM s1 WHERE id = 1 PROCEDURE ANALYSE();
SELECT id FROM s1 PROCEDURE ANALYSE(10, 2000);
SELECT 1 PROCEDURE ANALYSE();
