-- What belongs to a session: variables, user variables, information functions, warnings.
--@ setup
DROP TABLE IF EXISTS s1;
DROP TABLE IF EXISTS notes;
CREATE TABLE s1 (id BIGINT NOT NULL PRIMARY KEY, v INT, t VARCHAR(5));
CREATE TABLE notes (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, body VARCHAR(20));
--@ data
DELETE FROM s1;
DELETE FROM notes;
INSERT INTO s1 VALUES (1,10,'a'),(2,20,'b'),(3,30,'c'),(4,40,'d'),(5,NULL,'e'),(6,60,NULL);
INSERT INTO notes VALUES (1,'one'),(2,'two');

--@ case session variables
SET SESSION sort_buffer_size = 262144;
SELECT @@sort_buffer_size, @@session.sort_buffer_size;
SET @@session.max_sort_length = 512, @@lock_wait_timeout = 7;
SELECT @@max_sort_length, @@lock_wait_timeout;
SET LOCAL net_write_timeout = 99;
SHOW VARIABLES LIKE 'net_write_timeout';
SHOW SESSION VARIABLES WHERE Variable_name = 'net_write_timeout';
SET net_write_timeout = DEFAULT;
SELECT @@net_write_timeout, @@global.net_write_timeout;
SELECT @@nope;
SET nope = 1;
SET SESSION port = 1;
SET SESSION sort_buffer_size = 'abc';
SELECT @@version_comment IS NOT NULL, @@max_allowed_packet > 0, @@sql_mode;
SELECT @@wait_timeout, @@global.wait_timeout, @@session.interactive_timeout, @@max_allowed_packet, @@have_ssl, @@hostname, @@port > 0, @@max_connections > 0;
SHOW VARIABLES WHERE Variable_name IN ('wait_timeout', 'max_allowed_packet', 'have_ssl', 'net_read_timeout') AND Value <> '';
SET @@session.wait_timeout = @@wait_timeout - 1;
SELECT @@wait_timeout, @@global.wait_timeout;
SET wait_timeout = DEFAULT;
SELECT @@character_set_client, @@character_set_results, @@collation_connection, @@character_set_database, @@collation_database;
SELECT @@auto_increment_increment, @@wait_timeout > 0, @@lower_case_table_names, @@autocommit;
--@ case variables hold over shards
SET SESSION div_precision_increment = 8;
SELECT id / 7 FROM s1 ORDER BY id;
SELECT id / 7 FROM s1 WHERE id = 3;
SET SESSION time_zone = '+05:00';
SELECT FROM_UNIXTIME(0), id FROM s1 ORDER BY id;
SET SESSION time_zone = 'SYSTEM';
SET SESSION lc_time_names = 'de_DE';
SELECT DAYNAME('2024-01-01'), id FROM s1 ORDER BY id;
SET SESSION sql_mode = 'ANSI';
SELECT "id" FROM s1 ORDER BY id;
SELECT 'a' || t FROM s1 ORDER BY id;
--@ case two sessions differ
SET SESSION div_precision_increment = 8;
--@ on b
SELECT id / 7 FROM s1 WHERE id = 1;
SET SESSION div_precision_increment = 2;
SELECT id / 7 FROM s1 ORDER BY id;
--@ on a
SELECT id / 7 FROM s1 WHERE id = 1;
SELECT id / 7 FROM s1 ORDER BY id;
--@ case what a query has assigned before it failed
SELECT @left := id, (SELECT id FROM notes) FROM notes ORDER BY id;
--@ on b
SELECT @left IS NOT NULL;
--@ on a
SELECT @left IS NOT NULL;
--@ case user variables
SET @a = 1, @b := 'text', @c = 1.50, @d = NULL, @e = 1e3;
SELECT @a, @b, @c, @d, @e, @nope;
SELECT id FROM s1 WHERE id = @a;
SELECT id FROM s1 WHERE id > @a ORDER BY id;
SELECT @b, id FROM s1 ORDER BY id;
UPDATE s1 SET v = @a WHERE id = 2;
INSERT INTO s1 (id, v) VALUES (@a + 100, @a);
SELECT id, v FROM s1 ORDER BY id;
SET @a = @a + 1;
SELECT @a;
SET @x = (SELECT v FROM s1 WHERE id = 1);
--@ follows
SELECT @x;
SET @n = (SELECT COUNT(*) FROM s1);
--@ follows
SELECT @n;
SELECT v INTO @y FROM s1 WHERE id = 3;
SELECT COLLATION(@y), CHARSET(@y), COERCIBILITY(@y);
SELECT @y;
SELECT @z := 5, @z + 1;
SELECT @z;
SET @`quoted name` = 'q';
SELECT @`quoted name`;
--@ case user variables assigned in a query
SELECT @r := id FROM s1 WHERE id = 4;
SELECT @r;
SELECT @s := v FROM notes, (SELECT 1 v) x WHERE notes.id = 1;
SELECT @s;
--@ case user variables of text
SET @t = 'A';
SELECT id FROM s1 WHERE t = @t;
SET @t = _latin1'a' COLLATE latin1_bin;
SELECT @t, COLLATION(@t), CHARSET(@t);
SET @bin = x'00ff', @bits = b'101', @hex = 0x41;
SELECT HEX(@bin), @bits + 0, @hex;
SET @big = 18446744073709551615, @neg = -9223372036854775808;
SELECT @big, @neg;
--@ case information functions
SELECT DATABASE(), SCHEMA();
SELECT USER() = SESSION_USER(), SUBSTRING_INDEX(CURRENT_USER(), '@', 1);
SELECT LEFT(CURRENT_USER(), 4) FROM s1 WHERE id = 1;
SELECT DATABASE(), id FROM s1 ORDER BY id;
--@ expect connid=1
SELECT CONNECTION_ID();
--@ expect connid=1
SELECT CONNECTION_ID() FROM s1 WHERE id = 1;
SELECT CONNECTION_ID() = CONNECTION_ID();
SELECT COUNT(DISTINCT CONNECTION_ID()) FROM s1;
SELECT VERSION() = @@version;
SELECT CHARSET('a'), COLLATION('a'), COERCIBILITY('a');
--@ case row_count [text]
UPDATE s1 SET v = 1 WHERE id < 4;
SELECT ROW_COUNT();
SELECT ROW_COUNT();
INSERT INTO s1 (id) VALUES (7),(8),(9);
SELECT ROW_COUNT();
DELETE FROM s1 WHERE id > 6;
SELECT ROW_COUNT();
INSERT INTO s1 (id) VALUES (1);
SELECT ROW_COUNT();
SET @a = 1;
SELECT ROW_COUNT();
--@ case found_rows [text]
SELECT id FROM s1 ORDER BY id;
SELECT FOUND_ROWS();
SELECT id FROM s1 ORDER BY id LIMIT 2;
SELECT FOUND_ROWS();
SELECT SQL_CALC_FOUND_ROWS id FROM s1 ORDER BY id LIMIT 2;
--@ follows
SELECT FOUND_ROWS();
SELECT SQL_CALC_FOUND_ROWS id FROM s1 WHERE id = 1 ORDER BY id LIMIT 0;
--@ follows
SELECT FOUND_ROWS();
SELECT SQL_CALC_FOUND_ROWS DISTINCT v FROM s1 ORDER BY v LIMIT 1;
--@ follows
SELECT FOUND_ROWS();
SELECT SQL_CALC_FOUND_ROWS v, COUNT(*) FROM s1 GROUP BY v ORDER BY v DESC LIMIT 1, 1;
--@ follows
SELECT FOUND_ROWS();
SELECT SQL_CALC_FOUND_ROWS v, COUNT(*) c FROM s1 GROUP BY v ORDER BY c DESC, v LIMIT 1;
--@ follows
SELECT FOUND_ROWS();
SELECT SQL_CALC_FOUND_ROWS v, COUNT(*) FROM s1 GROUP BY v HAVING COUNT(*) > 0 ORDER BY v LIMIT 1;
--@ follows
SELECT FOUND_ROWS();
SELECT SQL_CALC_FOUND_ROWS id FROM s1 UNION SELECT id + 1 FROM s1 ORDER BY id LIMIT 2;
--@ follows
SELECT FOUND_ROWS();
SELECT SQL_CALC_FOUND_ROWS id FROM s1 UNION ALL SELECT id FROM s1 ORDER BY id LIMIT 2;
--@ follows
SELECT FOUND_ROWS();
SELECT SQL_CALC_FOUND_ROWS id FROM s1 ORDER BY id LIMIT 0;
--@ follows
SELECT FOUND_ROWS();
SELECT SQL_CALC_FOUND_ROWS id FROM s1 WHERE id > (SELECT MIN(id) FROM s1) ORDER BY id LIMIT 1;
--@ follows
SELECT FOUND_ROWS();
SELECT SQL_CALC_FOUND_ROWS id FROM s1 ORDER BY id;
--@ follows
SELECT FOUND_ROWS();
SELECT SQL_CALC_FOUND_ROWS id FROM s1 ORDER BY id LIMIT 100;
--@ follows
SELECT FOUND_ROWS();
SELECT COUNT(*) FROM s1;
SELECT FOUND_ROWS();
--@ case warnings
SELECT 1/0;
SELECT 1/0, id FROM s1 ORDER BY id;
SELECT id, v + 'abc' FROM s1 WHERE id = 1;
SELECT id, v + 'abc' FROM s1 ORDER BY id;
SELECT CAST('12x' AS SIGNED);
INSERT IGNORE INTO s1 (id, t) VALUES (11, 'too long'),(12, 'long as well'),(13, 'ok');
UPDATE IGNORE s1 SET t = 'very long' WHERE id < 3;
DROP TABLE IF EXISTS nope_at_all;
SELECT id FROM s1 WHERE v = 'abc' ORDER BY id;
--@ case show warnings
--@ expect nowarnings
SELECT 1/0;
SHOW WARNINGS;
SHOW COUNT(*) WARNINGS;
SELECT @@warning_count;
--@ expect nowarnings
SELECT nope;
SHOW WARNINGS;
SHOW ERRORS;
SELECT @@error_count;
--@ expect nowarnings
SELECT v / 0 FROM s1 ORDER BY id;
SHOW WARNINGS;
SHOW WARNINGS LIMIT 2;
SELECT 1;
SHOW WARNINGS;
INSERT INTO s1 (id) VALUES (1);
SHOW WARNINGS;
--@ case notes and max_error_count
SET SESSION sql_notes = 0;
DROP TABLE IF EXISTS nope_at_all;
SET SESSION sql_notes = 1, max_error_count = 2;
SELECT v / 0 FROM s1 ORDER BY id;
--@ case use
USE shop;
SELECT DATABASE();
USE nope_db;
SELECT DATABASE();
USE `shop`;
SELECT id FROM s1 WHERE id = 1;
--@ case no schema [noschema]
SELECT DATABASE();
SELECT id FROM s1;
SELECT id FROM shop.s1 ORDER BY id;
SELECT id FROM shop.s1 WHERE id = 2;
UPDATE shop.s1 SET v = 5 WHERE id = 2;
USE shop;
SELECT v FROM s1 WHERE id = 2;
SELECT id FROM nope_db.t;
--@ case temporary tables
CREATE TEMPORARY TABLE tt (id INT PRIMARY KEY, v INT);
INSERT INTO tt VALUES (1,1),(2,2);
SELECT * FROM tt ORDER BY id;
UPDATE tt SET v = 9 WHERE id = 1;
SELECT SUM(v) FROM tt;
--@ on b
SELECT * FROM tt;
--@ on a
SELECT tt.id, notes.body FROM tt JOIN notes ON notes.id = tt.id ORDER BY tt.id;
DROP TEMPORARY TABLE tt;
SELECT * FROM tt;
CREATE TEMPORARY TABLE notes (id INT);
SELECT COUNT(*) FROM notes;
DROP TEMPORARY TABLE notes;
SELECT COUNT(*) FROM notes;
--@ case locks by name
SELECT GET_LOCK('hx_a', 0);
SELECT IS_FREE_LOCK('hx_a'), IS_USED_LOCK('hx_a') = CONNECTION_ID();
--@ on b
SELECT GET_LOCK('hx_a', 0);
SELECT RELEASE_LOCK('hx_a');
--@ on a
SELECT RELEASE_LOCK('hx_a');
SELECT RELEASE_LOCK('hx_a');
SELECT RELEASE_ALL_LOCKS();
--@ case sql prepare
PREPARE p FROM 'SELECT id, v FROM s1 WHERE id = ?';
SET @i = 2;
EXECUTE p USING @i;
SET @i = '3';
EXECUTE p USING @i;
EXECUTE p USING 4;
DEALLOCATE PREPARE p;
EXECUTE p USING @i;
PREPARE p FROM 'SELECT COUNT(*) FROM s1';
EXECUTE p;
PREPARE p FROM 'UPDATE s1 SET v = v + ? WHERE id > ?';
SET @a = 1, @b = 3;
EXECUTE p USING @a, @b;
EXECUTE p USING @a;
DROP PREPARE p;
PREPARE p FROM 'SELEC 1';
PREPARE p FROM 'SELECT 1; SELECT 2';
SET @sql = 'SELECT id FROM s1 ORDER BY id LIMIT ?';
PREPARE q FROM @sql;
SET @l = 2;
EXECUTE q USING @l;
EXECUTE IMMEDIATE 'SELECT id FROM s1 WHERE id = 1';
EXECUTE IMMEDIATE 'SELECT MAX(id) FROM s1 WHERE id > ?' USING 2;
SELECT id FROM s1 ORDER BY id;
--@ case columns of sql prepare are called after its text
PREPARE p FROM 'SELECT ? + id, id, id AS x, CONCAT(?, t) FROM s1 WHERE id = ?';
EXECUTE p USING 1, 'a', 2;
SET @n = NULL;
EXECUTE p USING @n, @n, 3;
PREPARE p FROM 'SELECT ? + id, COUNT(*) + ? FROM s1 GROUP BY ? + id ORDER BY 1';
EXECUTE p USING 1, 2, 1;
EXECUTE IMMEDIATE 'SELECT ?, id + ? FROM s1 ORDER BY id' USING 7, 8;
PREPARE p FROM @nope;
EXECUTE IMMEDIATE @nope;
PREPARE p FROM 'SELECT id FROM s1 WHERE t <> ? ORDER BY id';
SET @u = 'grüße 漢';
EXECUTE p USING @u;
--@ case sql_select_limit of zero and one
SET sql_select_limit = 0;
SELECT id FROM s1;
SELECT 1;
SET @a = 5, @b = (SELECT 7);
SET sql_select_limit = 1;
SELECT @a, @b;
SELECT id FROM s1 ORDER BY id;
SELECT COUNT(*), SUM(v) FROM s1;
SELECT v, COUNT(*) FROM s1 GROUP BY v ORDER BY v;
SELECT id FROM s1 UNION ALL SELECT id FROM s1 ORDER BY id;
SELECT id FROM s1 ORDER BY id LIMIT 3;
UPDATE s1 SET v = v + 1 ORDER BY id DESC LIMIT 2;
DELETE FROM s1 WHERE v > 50 ORDER BY id LIMIT 2;
SELECT @x := MAX(id) FROM s1 WHERE id = 2;
SET sql_select_limit = 0;
PREPARE p FROM 'SELECT id + ? FROM s1';
EXECUTE p USING 3;
UPDATE s1 SET v = v + 1 ORDER BY id LIMIT 2;
INSERT INTO s1 (id, v) VALUES (11, LAST_INSERT_ID(77));
SHOW TABLES LIKE 's1';
SHOW COLUMNS FROM s1;
SHOW DATABASES LIKE 'no%';
SET sql_select_limit = DEFAULT;
SELECT LAST_INSERT_ID();
SELECT id, v FROM s1 ORDER BY id;
--@ case set statement
SET STATEMENT max_statement_time = 100 FOR SELECT id FROM s1 WHERE id = 1;
SET STATEMENT sort_buffer_size = 100000 FOR SELECT COUNT(*) FROM s1;
SELECT @@max_statement_time;
--@ case handler and others refused by a server too
SELECT SLEEP(0);
SELECT BENCHMARK(1, 1);
DO RELEASE_LOCK('nope');
SELECT NAME_CONST('a', 1);
--@ case charset names
SET NAMES utf8mb4;
SET NAMES nope;
SET CHARACTER SET utf8mb4;
SELECT @@character_set_client, @@collation_connection;
SET NAMES latin1 COLLATE latin1_german1_ci;
SELECT @@character_set_client, @@collation_connection, 'x';
SET NAMES DEFAULT;
SELECT @@character_set_client;

--@ case status of the connection
SHOW STATUS LIKE 'Ssl_cipher';
SHOW SESSION STATUS LIKE 'Compression';
SHOW STATUS WHERE Variable_name IN ('Ssl_version', 'Ssl_cipher');
SELECT VARIABLE_NAME, VARIABLE_VALUE FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME = 'SSL_CIPHER';
SELECT s.VARIABLE_VALUE FROM information_schema.session_status AS s WHERE s.VARIABLE_NAME = 'COMPRESSION';
--@ case shows that keep the rows found
SELECT 1 UNION SELECT 2 UNION SELECT 3;
SHOW WARNINGS;
SELECT FOUND_ROWS(), ROW_COUNT();
SELECT 1 UNION SELECT 2 UNION SELECT 3;
SHOW COUNT(*) WARNINGS;
SELECT FOUND_ROWS(), ROW_COUNT();
--@ case warnings are said once, and stand until a statement with tables
PREPARE p FROM 'SELECT COUNT(*) FROM s1 WHERE id > ?';
SET @a = '2abc';
EXECUTE p USING @a;
SHOW WARNINGS;
SET @a = 1;
SHOW WARNINGS;
BEGIN;
COMMIT;
DO 1;
PREPARE p FROM 'SELECT 1';
EXECUTE p;
SHOW WARNINGS;
DEALLOCATE PREPARE p;
SHOW WARNINGS;
SELECT COUNT(*) FROM s1;
SHOW WARNINGS;
SELECT COUNT(*) FROM s1 WHERE id = 'zaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa';
SHOW WARNINGS;
--@ params str 3x
SELECT COUNT(*) FROM s1 WHERE id > ?;
SHOW WARNINGS;
SET max_recursive_iterations = 3;
WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 10) SELECT COUNT(*) FROM s1 JOIN r ON r.n = s1.id;
SHOW WARNINGS;
--@ case warnings stand or go
SELECT 'x' + 0;
EXPLAIN SELECT 1;
SHOW WARNINGS;
SELECT * FROM (SELECT 1) x;
SHOW WARNINGS;
SELECT 'x' + 0;
SELECT (SELECT 1 FROM (SELECT 1) z);
SHOW WARNINGS;
SELECT 'x' + 0;
SELECT 1 UNION SELECT * FROM (SELECT 1) z;
SHOW WARNINGS;
SELECT 'x' + 0;
DO (SELECT 1 FROM (SELECT 1) z);
SHOW WARNINGS;
SELECT 'x' + 0;
SHOW VARIABLES LIKE 'autocommit';
SHOW WARNINGS;
SELECT 'x' + 0;
SELECT EXTRACT(YEAR FROM '2020-01-01');
SHOW WARNINGS;
--@ case variables of one statement over shards [text]
SET STATEMENT sql_select_limit = 2 FOR SELECT id FROM s1 ORDER BY id;
SET STATEMENT sql_select_limit = 2 FOR SELECT t, COUNT(*) FROM s1 GROUP BY t ORDER BY t;
SELECT COUNT(*), @@sql_select_limit FROM s1;
SET STATEMENT div_precision_increment = 10 FOR SELECT AVG(v) FROM s1;
SET STATEMENT div_precision_increment = 10 FOR SELECT AVG(v) + 1 FROM s1;
SELECT AVG(v) FROM s1;
SET STATEMENT group_concat_max_len = 6 FOR SELECT GROUP_CONCAT(id ORDER BY id) FROM s1;
SET STATEMENT max_statement_time = 100 FOR SELECT COUNT(DISTINCT v), COUNT(DISTINCT t) FROM s1;
SET STATEMENT max_statement_time = 100 FOR SELECT v, COUNT(*) FROM s1 GROUP BY v HAVING COUNT(*) > 0 ORDER BY v;
SET STATEMENT sql_mode = '' FOR UPDATE s1 SET t = 'too long a text' WHERE id < 4;
SELECT id, t FROM s1 ORDER BY id;
SET STATEMENT autocommit = 0 FOR SELECT id FROM s1 ORDER BY id;
SET STATEMENT nope = 1 FOR SELECT id FROM s1 ORDER BY id;
SET @n = 3;
SET STATEMENT sql_select_limit = @n FOR SELECT id FROM s1 ORDER BY id;
SET sql_select_limit = 4;
SET STATEMENT sql_select_limit = DEFAULT FOR SELECT id FROM s1 ORDER BY id;
SELECT id FROM s1 ORDER BY id;
SET sql_select_limit = DEFAULT;
PREPARE p FROM 'SET STATEMENT sql_select_limit = 2 FOR SELECT id FROM s1 WHERE id > ? ORDER BY id';
EXECUTE p USING @n;
SET STATEMENT div_precision_increment = 10 FOR DELETE FROM s1;
--@ case variables of one prepared statement over shards [binary]
SET STATEMENT sql_select_limit = 2 FOR SELECT id FROM s1 ORDER BY id;
SET STATEMENT div_precision_increment = 10 FOR SELECT AVG(v) FROM s1;
--@ case the end of SET STATEMENT is no server's to tell
SET STATEMENT time_zone = '+05:00' FOR SELECT id FROM s1 WHERE id = 1;
SET time_zone = '+05:00';
SELECT FROM_UNIXTIME(0), id FROM s1 WHERE id = 1;
SELECT FROM_UNIXTIME(0);
SET time_zone = DEFAULT;
--@ case a statement reads as when it was prepared [text]
SET sql_mode = 'ANSI_QUOTES';
PREPARE p FROM 'SELECT "v" FROM s1 WHERE id = 1';
PREPARE q FROM 'SELECT "v", COUNT(*) FROM s1 GROUP BY "v" ORDER BY 1';
PREPARE r FROM 'SELECT "body" FROM notes ORDER BY id';
PREPARE i FROM 'INSERT INTO s1 ("id", "t") VALUES (?, ?)';
SET sql_mode = '';
EXECUTE p;
EXECUTE q;
EXECUTE r;
SET @id = 7, @t = 'too long a text';
EXECUTE i USING @id, @t;
SHOW WARNINGS;
SELECT "v", t FROM s1 WHERE id = 7;
SELECT @@sql_mode;
PREPARE p FROM 'SELECT "v" FROM s1 WHERE id = 1';
PREPARE q FROM 'SELECT id || 0, COUNT(*) FROM s1 GROUP BY id || 0 ORDER BY 1';
PREPARE r FROM 'SELECT "body" FROM notes ORDER BY id';
SET sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT,STRICT_ALL_TABLES';
EXECUTE p;
EXECUTE q;
EXECUTE r;
SELECT id || 0 FROM s1 WHERE id = 1;
SET @id = 8;
EXECUTE i USING @id, @t;
SET sql_mode = 'NO_BACKSLASH_ESCAPES';
PREPARE p FROM 'SELECT LENGTH(''\\''), v FROM s1 WHERE id = 1';
SET sql_mode = '';
EXECUTE p;
SET sql_mode = DEFAULT;
--@ case a statement of the session's own that was prepared under another sql_mode [text]
SET sql_mode = 'ANSI_QUOTES';
PREPARE p FROM 'COMMIT';
PREPARE q FROM 'SET @a = ''x''';
PREPARE mixed FROM 'SELECT @@sql_mode, "v" FROM s1 WHERE id = 1';
SET sql_mode = '';
EXECUTE p;
EXECUTE q;
EXECUTE mixed;
SET sql_mode = DEFAULT;
--@ case SET STATEMENT of what is prepared and executed [text]
SET STATEMENT sql_mode = 'ANSI_QUOTES' FOR PREPARE p FROM 'SELECT "v" FROM s1 WHERE id = 1';
EXECUTE p;
SET STATEMENT sql_mode = 'ANSI_QUOTES' FOR PREPARE p FROM 'SELECT "body" FROM notes WHERE id = 1';
EXECUTE p;
PREPARE p FROM 'SELECT id FROM s1 ORDER BY id';
SET STATEMENT sql_select_limit = 2 FOR EXECUTE p;
EXECUTE p;
PREPARE p FROM 'SELECT id FROM notes ORDER BY id';
SET STATEMENT sql_select_limit = 1 FOR EXECUTE p;
EXECUTE p;
SET STATEMENT sql_select_limit = 3 FOR EXECUTE IMMEDIATE 'SELECT id FROM s1 ORDER BY id';
SET STATEMENT sql_mode = 'ANSI_QUOTES' FOR EXECUTE IMMEDIATE 'SELECT "v" FROM s1 WHERE id = 2';
SET STATEMENT div_precision_increment = 9 FOR EXECUTE IMMEDIATE 'SELECT AVG(v) FROM s1 WHERE id < ?' USING 5;
SET STATEMENT nope = 1 FOR EXECUTE p;
SET STATEMENT sql_select_limit = 1 FOR EXECUTE nope;
SET STATEMENT sql_select_limit = 1 FOR DEALLOCATE PREPARE p;
SELECT @@sql_mode, @@sql_select_limit;
--@ case SET STATEMENT of questions about the database [text]
SET STATEMENT sql_select_limit = 1 FOR SHOW TABLES;
SET STATEMENT sql_select_limit = 2 FOR SHOW COLUMNS FROM s1;
SET STATEMENT sql_select_limit = 1 FOR SHOW INDEX FROM notes;
SET STATEMENT sql_select_limit = 2 FOR SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 's1' ORDER BY 1;
SET STATEMENT sql_quote_show_create = 0 FOR SHOW CREATE TABLE notes;
SET STATEMENT sql_select_limit = 1 FOR SHOW VARIABLES LIKE 'sql_s%';
SHOW COLUMNS FROM s1;
--@ case diagnostics
SELECT 1/0, id FROM s1 WHERE id = 1;
GET DIAGNOSTICS @n = NUMBER;
--@ case variables of one statement that is read by a cursor
--@ expect temptable
--@ params fetch=1
SET STATEMENT sql_select_limit = 2 FOR SELECT id FROM s1 ORDER BY id;
--@ expect temptable
--@ params fetch=2
SET STATEMENT div_precision_increment = 10 FOR SELECT AVG(v), t FROM s1 GROUP BY t ORDER BY t;
--@ expect temptable
--@ params fetch=2 int 1
SET STATEMENT sql_select_limit = 1 FOR SELECT id FROM s1 WHERE id = ?;
--@ expect temptable
--@ params fetch=1
SET STATEMENT sql_select_limit = 2 FOR SELECT 7 FROM s1;
--@ case what a query leaves that is read by a cursor
--@ expect temptable
--@ params fetch=1
SELECT SQL_CALC_FOUND_ROWS id FROM s1 WHERE id = 2 ORDER BY id LIMIT 1;
SELECT FOUND_ROWS();
--@ expect temptable
--@ params fetch=1
SELECT SQL_CALC_FOUND_ROWS id FROM s1 ORDER BY id LIMIT 2;
SELECT FOUND_ROWS();
--@ expect temptable
--@ params fetch=1
SELECT @w := v FROM s1 WHERE id = 2;
SELECT @w;
--@ expect temptable
--@ params fetch=1
SELECT LAST_INSERT_ID(77), id FROM s1 WHERE id = 2;
SELECT LAST_INSERT_ID();
--@ case user variables behind what a server was asked of its ids, on a connection that had none of them
SET @a = 2, @b = 'b';
SET STATEMENT time_zone = '-08:00' FOR SELECT NULL FROM s1;
INSERT INTO s1 (id, v) VALUES (900, 1),(901, 2),(902, 3) RETURNING id;
SELECT @a, @b;
SELECT id FROM s1 WHERE id = 898 + @a;
SET STATEMENT time_zone = '-08:00' FOR SELECT NULL FROM s1;
SELECT LAST_INSERT_ID(7);
SELECT @a, @b, LAST_INSERT_ID();
--@ case what shards warn of constants and of rows
SELECT id FROM s1 WHERE v > 'abc' ORDER BY id;
SELECT id FROM s1 WHERE v = '10abc' ORDER BY id;
SELECT id FROM s1 WHERE v > 5 / 0 ORDER BY id;
SELECT id FROM s1 WHERE v > 5 % 'x' ORDER BY id;
SELECT id FROM s1 WHERE v > 'abc' + 5 ORDER BY id;
SELECT id FROM s1 WHERE v + 'abc' > 5 ORDER BY id;
SELECT id FROM s1 WHERE v > 5 AND id > '0x' ORDER BY id;
SELECT COUNT(*) FROM s1 WHERE v > 'abc' + 5;
--@ params int 10 | str abc
SELECT id FROM s1 WHERE v > ? + ? ORDER BY id;
SELECT id, CAST('abc' AS DATE) FROM s1 ORDER BY id;
SELECT id, DATE('abc'), DATE_ADD('abd', INTERVAL 1 DAY) FROM s1 ORDER BY id;
SELECT id, 1 / 0, 'abc' + 5 FROM s1 ORDER BY id;
SELECT id, CAST('abcd' AS CHAR(2)) FROM s1 ORDER BY id;
SET character_set_results = latin1;
SELECT id = 'É' FROM s1;
--@ case a temporary table beside a sharded one
CREATE TEMPORARY TABLE tt (id INT PRIMARY KEY, v INT);
INSERT INTO tt VALUES (1, 2),(2, 3);
SELECT tt.v, s1.v FROM tt JOIN s1 ON s1.id = tt.id ORDER BY tt.id;
--@ case a temporary table with the name of another, beside a sharded one
CREATE TEMPORARY TABLE notes (id INT PRIMARY KEY, body VARCHAR(20));
INSERT INTO notes VALUES (1, 'temporary'),(2, 'too');
SELECT body FROM notes ORDER BY id;
SELECT n.body, s1.v FROM notes n JOIN s1 ON s1.id = n.id ORDER BY n.id;
--@ case rows of a temporary table for a sharded one
CREATE TEMPORARY TABLE tt (id INT PRIMARY KEY, v INT);
INSERT INTO tt VALUES (101, 2),(102, 3);
INSERT INTO s1 (id, v) SELECT id, v FROM tt;
SELECT COUNT(*) FROM s1;
--@ case queries behind FROM and USING of prepared statements
EXECUTE IMMEDIATE 'SELECT ?' USING (SELECT 1);
EXECUTE IMMEDIATE (SELECT 'SELECT 1');
PREPARE p FROM (SELECT 'SELECT 1');
PREPARE p FROM CONCAT('SELECT ', (SELECT 1));
PREPARE p FROM 'SELECT id FROM s1 WHERE id = ?';
EXECUTE p USING (SELECT MAX(id) FROM s1);
EXECUTE p USING (SELECT 1);
EXECUTE p USING id;
--@ case the case of SHOW … LIKE
SHOW COLUMNS FROM s1 LIKE 'V%';
SHOW COLUMNS FROM s1 LIKE 'v%';
SHOW COLUMNS FROM s1 WHERE Field = 'ID';
SHOW INDEX FROM s1 WHERE Key_name = 'primary' AND Cardinality > 999;
SHOW VARIABLES LIKE 'SQL_SELECT_LIMIT';
SHOW VARIABLES LIKE 'sql_select_lim_t';
SHOW VARIABLES WHERE Variable_name = 'SQL_SELECT_LIMIT';
SHOW CHARACTER SET LIKE 'UTF8MB4';
SHOW COLLATION LIKE 'LATIN1_G%CI';
--@ case SHOW STATUS that finds nothing, and the mistaken
SHOW STATUS LIKE 'nothing%';
SHOW GLOBAL STATUS LIKE 'Nothing';
SHOW SESSION STATUS WHERE Variable_name = 'nothing';
SHOW STATUS WHERE Nope = 1;
SHOW STATUS LIKE 'x' 'y';
--@ case a cursor over settings [binary]
--@ expect temptable
--@ params fetch=2
SELECT @@sql_mode, @@time_zone, 'a' || 'b';
SHOW WARNINGS;
--@ expect temptable
--@ params fetch=1
SELECT @@sql_mode, 'a' + 1;
SHOW WARNINGS;
--@ expect temptable
--@ params fetch=5
SELECT CONCAT(@@sql_mode, 'x'), @@autocommit;
SELECT @@sql_mode;
BEGIN;
--@ expect temptable
--@ params fetch=1
SELECT @@time_zone, 'b' + 1;
COMMIT;
--@ case found rows of a UNION under a limit of the session's [text]
SET sql_select_limit = 3;
SELECT id FROM s1 WHERE id = 1 UNION ALL SELECT id FROM s1 WHERE id = 1;
SELECT FOUND_ROWS(), 'limited';
