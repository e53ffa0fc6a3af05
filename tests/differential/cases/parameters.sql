-- One statement and parameters of all types: what a parameter is shows at an execution, and may be another at the next.
--@ setup
DROP TABLE IF EXISTS s1, s2;
CREATE TABLE s1 (id BIGINT NOT NULL PRIMARY KEY, a INT, b VARCHAR(20) COLLATE utf8mb4_general_ci, e ENUM('x','y','z') NOT NULL DEFAULT 'y');
CREATE TABLE s2 (id BIGINT NOT NULL PRIMARY KEY, n INT NOT NULL);
--@ data
DELETE FROM s1;
DELETE FROM s2;
INSERT INTO s1 VALUES (1,10,'one','x'),(2,20,'Two','y'),(3,30,'three','z'),(4,NULL,'FOUR','x'),(5,10,'uno','y'),(6,20,NULL,'z'),(7,NULL,'deux','x'),(8,40,'','y'),(9,-5,'abd','z');
INSERT INTO s2 VALUES (1,1),(2,2),(3,5),(4,4),(5,30);

--@ case the columns of aggregates beside a parameter [binary]
--@ params int 5
--@ params str 5
--@ params double 5
--@ params dec 5.50
--@ params null
--@ params blob 5
--@ params date 2020-01-01
--@ params uint 9223372036854775808
--@ params int 5000000000
--@ params str abc
--@ params dec -12.125
--@ params int -9223372036854775808
SELECT COUNT(*), ? FROM s1;
--@ params int 5
--@ params str 5
--@ params double 5
--@ params dec 5.50
--@ params null
--@ params blob 5
--@ params date 2020-01-01
--@ params uint 9223372036854775808
--@ params int 5000000000
--@ params str abc
--@ params dec -12.125
--@ params int -9223372036854775808
SELECT ROUND(SUM(a) / ?, 2) FROM s1;
--@ params int 5 | int 5
--@ params str 5 | str 5
--@ params double 5 | double 5
--@ params dec 5.50 | dec 5.50
--@ params null | null
--@ params blob 5 | blob 5
--@ params date 2020-01-01 | date 2020-01-01
--@ params uint 9223372036854775808 | uint 9223372036854775808
--@ params int 5000000000 | int 5000000000
--@ params str abc | str abc
--@ params dec -12.125 | dec -12.125
--@ params int -9223372036854775808 | int -9223372036854775808
SELECT SUM(?), AVG(?) FROM s1;
--@ params int 5
--@ params str 5
--@ params double 5
--@ params dec 5.50
--@ params null
--@ params blob 5
--@ params date 2020-01-01
--@ params uint 9223372036854775808
--@ params int 5000000000
--@ params str abc
--@ params dec -12.125
--@ params int -9223372036854775808
SELECT COUNT(*) c, ? FROM s1 ORDER BY c LIMIT 0;
--@ case keys with a parameter in them [binary]
--@ params int 5
--@ params str 5
--@ params double 5
--@ params dec 5.50
--@ params null
--@ params blob 5
--@ params date 2020-01-01
--@ params uint 9223372036854775808
--@ params int 5000000000
--@ params str abc
--@ params dec -12.125
--@ params int -9223372036854775808
SELECT MAX(COALESCE(a, ?)) FROM s1;
--@ params int 5
--@ params str 5
--@ params double 5
--@ params dec 5.50
--@ params null
--@ params blob 5
--@ params date 2020-01-01
--@ params uint 9223372036854775808
--@ params int 5000000000
--@ params str abc
--@ params dec -12.125
--@ params int -9223372036854775808
SELECT COALESCE(a, ?) x FROM s1 ORDER BY x, id;
--@ params int 5
--@ params str 5
--@ params double 5
--@ params dec 5.50
--@ params null
--@ params date 2020-01-01
--@ params uint 9223372036854775808
--@ params int 5000000000
--@ params str abc
--@ params dec -12.125
--@ params int -9223372036854775808
SELECT DISTINCT COALESCE(a, ?) x FROM s1 ORDER BY x;
--@ params int 5
--@ params str 5
--@ params double 5
--@ params dec 5.50
--@ params null
--@ params date 2020-01-01
--@ params uint 9223372036854775808
--@ params int 5000000000
--@ params str abc
--@ params dec -12.125
--@ params int -9223372036854775808
SELECT IFNULL(a, ?) x, COUNT(*) FROM s1 GROUP BY x ORDER BY x;
--@ params int 5
--@ params str 5
--@ params double 5
--@ params dec 5.50
--@ params null
--@ params date 2020-01-01
--@ params uint 9223372036854775808
--@ params int 5000000000
--@ params str abc
--@ params dec -12.125
--@ params int -9223372036854775808
SELECT ? AS p, COUNT(*) FROM s1 GROUP BY p;
--@ params int 5
--@ params str 5
--@ params double 5
--@ params dec 5.50
--@ params null
--@ params blob 5
--@ params date 2020-01-01
--@ params uint 9223372036854775808
--@ params int 5000000000
--@ params str abc
--@ params dec -12.125
--@ params int -9223372036854775808
SELECT id FROM s1 ORDER BY IFNULL(a, ?), id;
--@ params int 5
--@ params str 5
--@ params double 5
--@ params dec 5.50
--@ params null
--@ params blob 5
--@ params date 2020-01-01
--@ params uint 9223372036854775808
--@ params int 5000000000
--@ params str abc
--@ params dec -12.125
--@ params int -9223372036854775808
SELECT id FROM s1 ORDER BY IF(id > 3, a, ?), id LIMIT 5;
--@ params int 5
--@ params str 5
--@ params double 5
--@ params dec 5.50
--@ params null
--@ params blob 5
--@ params date 2020-01-01
--@ params uint 9223372036854775808
--@ params int 5000000000
--@ params str abc
--@ params dec -12.125
--@ params int -9223372036854775808
SELECT id, ? AS p FROM s1 ORDER BY p, id;
--@ params int 5
--@ params str 5
--@ params double 5
--@ params dec 5.50
--@ params null
--@ params blob 5
--@ params date 2020-01-01
--@ params uint 9223372036854775808
--@ params int 5000000000
--@ params str abc
--@ params dec -12.125
--@ params int -9223372036854775808
SELECT MIN(?), MAX(id) FROM s1;
--@ params int 5
--@ params str 5
--@ params double 5
--@ params dec 5.50
--@ params null
--@ params blob 5
--@ params date 2020-01-01
--@ params uint 9223372036854775808
--@ params int 5000000000
--@ params str abc
--@ params dec -12.125
--@ params int -9223372036854775808
SELECT id FROM s1 WHERE id IN (1, 2, 3) ORDER BY ?, id;
--@ case parts with a parameter in them [binary]
--@ params int 5
--@ params str 5
--@ params double 5
--@ params dec 5.50
--@ params null
--@ params blob 5
--@ params date 2020-01-01
--@ params uint 9223372036854775808
--@ params int 5000000000
--@ params str abc
--@ params dec -12.125
--@ params int -9223372036854775808
SELECT MIN(IF(id > 2, a, ?)) m FROM s1 HAVING m IS NOT NULL;
--@ params int 5
--@ params str 5
--@ params double 5
--@ params dec 5.50
--@ params null
--@ params blob 5
--@ params date 2020-01-01
--@ params uint 9223372036854775808
--@ params int 5000000000
--@ params str abc
--@ params dec -12.125
--@ params int -9223372036854775808
SELECT e, MAX(IFNULL(a, ?)) + 1 FROM s1 GROUP BY e ORDER BY 2, 1;
--@ params int 5
--@ params str 5
--@ params double 5
--@ params dec 5.50
--@ params null
--@ params date 2020-01-01
--@ params uint 9223372036854775808
--@ params int 5000000000
--@ params str abc
--@ params dec -12.125
--@ params int -9223372036854775808
SELECT IFNULL(a, ?) FROM s1 UNION SELECT id FROM s1 ORDER BY 1;
--@ params int 5
--@ params str 5
--@ params double 5
--@ params dec 5.50
--@ params null
--@ params blob 5
--@ params date 2020-01-01
--@ params uint 9223372036854775808
--@ params int 5000000000
--@ params str abc
--@ params dec -12.125
--@ params int -9223372036854775808
SELECT COUNT(DISTINCT IFNULL(a, ?)), COUNT(DISTINCT b) FROM s1;
--@ params int 5 | int 5
--@ params str 5 | str 5
--@ params double 5 | double 5
--@ params dec 5.50 | dec 5.50
--@ params null | null
--@ params blob 5 | blob 5
--@ params date 2020-01-01 | date 2020-01-01
--@ params uint 9223372036854775808 | uint 9223372036854775808
--@ params int 5000000000 | int 5000000000
--@ params str abc | str abc
--@ params dec -12.125 | dec -12.125
--@ params int -9223372036854775808 | int -9223372036854775808
SELECT GROUP_CONCAT(IFNULL(a, ?) ORDER BY IFNULL(a, ?), id) FROM s1;
--@ params int 5
--@ params str 5
--@ params double 5
--@ params dec 5.50
--@ params null
--@ params blob 5
--@ params date 2020-01-01
--@ params uint 9223372036854775808
--@ params int 5000000000
--@ params str abc
--@ params dec -12.125
--@ params int -9223372036854775808
SELECT * FROM (SELECT MAX(IFNULL(a, ?)) m FROM s1) d;
--@ case groups of bytes [binary]
--@ params blob 5
SELECT DISTINCT COALESCE(a, ?) b FROM s1;
--@ params blob 5
SELECT IFNULL(a, ?) b, COUNT(*) FROM s1 GROUP BY b;
--@ params blob 5
SELECT ? AS b, COUNT(*) FROM s1 GROUP BY b;
--@ params blob 5
SELECT IFNULL(a, ?) b FROM s1 UNION SELECT id FROM s1;
--@ case writes in an order with a parameter in it [binary]
--@ params int 5
--@ params str 5
--@ params double 5
--@ params dec 5.50
--@ params null
--@ params blob 5
--@ params date 2020-01-01
--@ params uint 9223372036854775808
--@ params int 5000000000
--@ params str abc
--@ params dec -12.125
--@ params int -9223372036854775808
UPDATE s1 SET a = a + 1 ORDER BY IFNULL(a, ?), id LIMIT 2;
--@ case limits [binary]
--@ params int 3
--@ params double 3
--@ params double 2.5
--@ params double -0.4
--@ params double 1e30
--@ params dec 2.5
--@ params dec -1
--@ params str 3
--@ params str  2
--@ params str -1
--@ params blob 3
--@ params null
--@ params date 2020-01-01
--@ params uint 18446744073709551615
--@ params int -1
SELECT id FROM s1 ORDER BY id LIMIT ?;
--@ params int 3
--@ params double 3
--@ params double 2.5
--@ params double -0.4
--@ params double 1e30
--@ params dec 2.5
--@ params dec -1
--@ params str 3
--@ params str  2
--@ params str -1
--@ params blob 3
--@ params null
--@ params date 2020-01-01
--@ params uint 18446744073709551615
--@ params int -1
SELECT id FROM s1 WHERE id = 1 ORDER BY id LIMIT ?;
--@ params int 3
--@ params double 3
--@ params double 2.5
--@ params double -0.4
--@ params double 1e30
--@ params dec 2.5
--@ params dec -1
--@ params str 3
--@ params str  2
--@ params str -1
--@ params blob 3
--@ params null
--@ params date 2020-01-01
--@ params uint 18446744073709551615
--@ params int -1
SELECT id FROM s1 ORDER BY id LIMIT ?, 3;
--@ params int 3
--@ params double 3
--@ params double 2.5
--@ params double -0.4
--@ params double 1e30
--@ params dec 2.5
--@ params dec -1
--@ params str 3
--@ params str  2
--@ params str -1
--@ params blob 3
--@ params null
--@ params date 2020-01-01
--@ params uint 18446744073709551615
--@ params int -1
SELECT COUNT(*) c, a FROM s1 GROUP BY a ORDER BY a LIMIT ?;
--@ params int 3
--@ params double 3
--@ params double 2.5
--@ params double -0.4
--@ params double 1e30
--@ params dec 2.5
--@ params dec -1
--@ params str 3
--@ params str  2
--@ params str -1
--@ params blob 3
--@ params null
--@ params date 2020-01-01
--@ params uint 18446744073709551615
--@ params int -1
DELETE FROM s1 ORDER BY id LIMIT ?;
--@ params int 3
--@ params double 3
--@ params double 2.5
--@ params double -0.4
--@ params double 1e30
--@ params dec 2.5
--@ params dec -1
--@ params str 3
--@ params str  2
--@ params str -1
--@ params blob 3
--@ params null
--@ params date 2020-01-01
--@ params uint 18446744073709551615
--@ params int -1
UPDATE s1 SET a = 1 ORDER BY id LIMIT ?;
--@ case limits that a server warns of [binary]
--@ params str 2.5
SELECT id FROM s1 ORDER BY id LIMIT ? /* str 2.5 */;
--@ params str abc
SELECT id FROM s1 ORDER BY id LIMIT ? /* str abc */;
--@ params blob \x03
SELECT id FROM s1 ORDER BY id LIMIT ? /* blob x03 */;
--@ case limits of EXECUTE [text]
PREPARE p FROM 'SELECT id FROM s1 ORDER BY id LIMIT ?';
SET @a = 3;
EXECUTE p USING @a;
SET @a = '3';
EXECUTE p USING @a;
SET @a = 2.5;
EXECUTE p USING @a;
SET @a = 3e0;
EXECUTE p USING @a;
SET @a = NULL;
EXECUTE p USING @a;
SET @a = x'33';
EXECUTE p USING @a;
SET @a = 18446744073709551615;
EXECUTE p USING @a;
SET @a = -1;
EXECUTE p USING @a;
EXECUTE p USING 2;
EXECUTE p USING -1;
DEALLOCATE PREPARE p;
--@ case charsets that the grammar lacks
UPDATE s1 SET b = CONVERT(0xF4 USING cp1251) WHERE id IN (1, 2, 3);
UPDATE s1 SET b = CONVERT(0xF4 USING koi8r) WHERE a > 10;
INSERT INTO s1 (id, b) VALUES (20, CONVERT(0xF4 USING cp1251)), (21, CHAR(0xF4 USING cp1250));
DELETE FROM s1 WHERE b = CONVERT(0xF4 USING cp1251);
SELECT id, CONVERT(b USING cp1251) FROM s1 ORDER BY id;
--@ case decimals without a fraction are no positions
--@ params dec 1
--@ params dec -1
--@ params dec 7
SELECT id FROM s1 ORDER BY ?, id;
--@ params dec 1
--@ params dec 9
SELECT COUNT(*) FROM s1 GROUP BY ?;
--@ params dec 12
SELECT ? + SUM(id) FROM s1;
--@ case what EXECUTE is given: dates, times and bytes, and the names of the columns that they are
EXECUTE IMMEDIATE 'SELECT ?, ? + 1, -? FROM s1 WHERE id < 3 ORDER BY id' USING DATE'2020-01-01', DATE'2020-01-01', DATE'2020-01-01';
EXECUTE IMMEDIATE 'SELECT MAX(?), SUM(?), AVG(?) FROM s1' USING CAST('10:00:00' AS TIME), CAST('10:00:00' AS TIME), CAST('10:00:00' AS TIME);
EXECUTE IMMEDIATE 'SELECT SUM(a) + ? FROM s1' USING TIMESTAMP'2020-01-01 10:00:00.5';
EXECUTE IMMEDIATE 'SELECT (SELECT MAX(a) FROM s1) + ?' USING DATE'2020-01-01';
PREPARE p FROM 'SELECT ? * 2.5, AVG(?) FROM s1';
EXECUTE p USING x'41', x'41';
PREPARE p FROM 'SELECT ? UNION SELECT b FROM s1 ORDER BY 1';
EXECUTE p USING 'x';
PREPARE p FROM 'SELECT ? + 1 UNION SELECT id FROM s1 ORDER BY 1';
EXECUTE p USING 5;
PREPARE p FROM 'SELECT * FROM (SELECT ? FROM s1) x';
EXECUTE p USING 'abc';
