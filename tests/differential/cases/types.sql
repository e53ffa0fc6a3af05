-- Values of every type in and out, literals and parameters, text and binary rows.
--@ mysql  UUID, =>  CHAR(36),
--@ mysql  INET6 =>  VARCHAR(39)
--@ mysql  INET4 =>  VARCHAR(15)
--@ mysql '0000-00-00 => '1970-01-02
--@ mysql 838:59:59.999999 => 838:59:59
--@ mysql vi VARCHAR(20) => vi VARCHAR(200)
--@ setup
DROP TABLE IF EXISTS s1;
DROP TABLE IF EXISTS s2;
DROP TABLE IF EXISTS s3;
CREATE TABLE s1 (id BIGINT NOT NULL PRIMARY KEY,
  t1 TINYINT, t2 TINYINT UNSIGNED, t3 SMALLINT, t4 SMALLINT UNSIGNED, t5 MEDIUMINT, t6 MEDIUMINT UNSIGNED, t7 INT, t8 INT UNSIGNED, t9 BIGINT, t10 BIGINT UNSIGNED,
  z TINYINT(3) UNSIGNED ZEROFILL, b1 BOOL, f FLOAT, f2 FLOAT(7,3), d DOUBLE, d2 DOUBLE(10,2), n DECIMAL(10,3), n2 DECIMAL(65,30), bt BIT(1), bt64 BIT(64));
CREATE TABLE s2 (id BIGINT NOT NULL PRIMARY KEY,
  da DATE, t TIME, t6 TIME(6), dt DATETIME, dt6 DATETIME(6), ts TIMESTAMP NULL, ts3 TIMESTAMP(3) NULL, y YEAR);
CREATE TABLE s3 (id BIGINT NOT NULL PRIMARY KEY,
  c CHAR(5), v VARCHAR(50), tt TINYTEXT, tx TEXT, mt MEDIUMTEXT, lt LONGTEXT, bi BINARY(5), vb VARBINARY(50), tb TINYBLOB, bl BLOB, mb MEDIUMBLOB, lb LONGBLOB,
  e ENUM('a','b','ü'), s SET('x','y','z'), l CHAR(5) CHARACTER SET latin1, u UUID, i6 INET6, i4 INET4, j JSON, g GEOMETRY, vi VARCHAR(20) AS (CONCAT(c, v)) VIRTUAL, inv INT INVISIBLE DEFAULT 5);
--@ data
DELETE FROM s1;
DELETE FROM s2;
DELETE FROM s3;
INSERT INTO s1 VALUES (1,127,255,32767,65535,8388607,16777215,2147483647,4294967295,9223372036854775807,18446744073709551615,7,1,3.4028e38,1234.567,1.7976931348623157e308,12345678.99,1234567.891,'12345678901234567890123456789012345.123456789012345678901234567890',b'1',x'ffffffffffffffff'),
 (2,-128,0,-32768,0,-8388608,0,-2147483648,0,-9223372036854775808,0,0,0,-3.4028e38,-0.001,2.2250738585072014e-308,-0.01,-1234567.891,'-0.000000000000000000000000000001',b'0',0),
 (3,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL),
 (4,1,1,1,1,1,1,1,1,1,1,255,-1,0.1,0.1,0.1,0.1,0.1,0.1,1,1),(5,0,0,0,0,0,0,0,0,0,0,0,0,1e10,1e3,1e15,0,0,0,0,5);
INSERT INTO s2 VALUES (1,'2024-02-29','12:34:56','12:34:56.123456','2024-02-29 12:34:56','2024-02-29 12:34:56.123456','2024-02-29 12:34:56','2024-02-29 12:34:56.789',2024),
 (2,'0000-00-00','-838:59:59','-838:59:59.999999','0000-00-00 00:00:00','0000-00-00 00:00:00','0000-00-00 00:00:00','0000-00-00 00:00:00',0),
 (3,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL),(4,'9999-12-31','838:59:59','00:00:00.000001','9999-12-31 23:59:59','9999-12-31 23:59:59.999999','2038-01-19 03:14:07','1970-01-02 00:00:00.001',2155),
 (5,'1000-01-01','00:00:00','-00:00:00.5','1000-01-01 00:00:00','2024-01-01 00:00:00.5','1999-01-01 00:00:01','2000-01-01 00:00:00.1',1901);
INSERT INTO s3 (id,c,v,tt,tx,mt,lt,bi,vb,tb,bl,mb,lb,e,s,l,u,i6,i4,j,g) VALUES (1,'ab','héllo','t','text','m','l','\0\1\2','\0\xff','b','bl','m','l','a','x,z','é','123e4567-e89b-12d3-a456-426655440000','::1','1.2.3.4','{"a": [1, 2]}',ST_GeomFromText('POINT(1 2)')),
 (2,'','','','','','','','','','','','','ü','','','00000000-0000-0000-0000-000000000000','::','0.0.0.0','[]',ST_GeomFromText('LINESTRING(0 0,1 1)')),
 (3,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL),
 (4,'x ','y ','😀','quote '' and \\ back','tab\t','nl\n','abcde','a\'b\"c','\0','\0\0','\r','\Z','b','x,y,z','ÿ','ffffffff-ffff-ffff-ffff-ffffffffffff','2001:db8::ff','255.255.255.255','"s"',NULL),
 (5,REPEAT('z',5),REPEAT('é',50),REPEAT('t',255),REPEAT('x',3000),REPEAT('m',70000),REPEAT('l',100000),'a',REPEAT('b',50),REPEAT('c',255),REPEAT('d',65535),'e','f','a','y','abcde','10000000-0000-0000-0000-000000000001','::ffff:1.2.3.4','10.0.0.1','null',NULL);

--@ case numbers out
SELECT * FROM s1 ORDER BY id;
SELECT * FROM s1 WHERE id = 1;
SELECT * FROM s1;
SELECT t10, f, f2, d, d2, n2 FROM s1 WHERE id IN (1,2) ORDER BY id DESC;
--@ case times out
SELECT * FROM s2 ORDER BY id;
SELECT * FROM s2 WHERE id = 2;
SELECT * FROM s2;
--@ case strings out
SELECT * FROM s3 ORDER BY id;
SELECT * FROM s3 WHERE id = 4;
SELECT id, inv, vi FROM s3 ORDER BY id;
SELECT ST_AsText(g), j FROM s3 WHERE id IN (1,2) ORDER BY id;
--@ case the older eof packets [eof]
SELECT * FROM s2 ORDER BY id;
SELECT * FROM s2 WHERE id = 1;
SELECT id FROM s1 WHERE id > 100;
UPDATE s1 SET b1 = 1 WHERE id = 1;
--@ case cursors
--@ expect temptable
--@ params fetch=2
SELECT id, t10, f, d, n FROM s1 ORDER BY id;
--@ expect temptable
--@ params fetch=1 int 3
SELECT id, da, t6, dt6 FROM s2 WHERE id > ? ORDER BY id;
--@ expect temptable
--@ params fetch=100
SELECT id, v FROM s3 ORDER BY id;
--@ expect temptable
--@ params fetch=3 int 1
SELECT id, v FROM s3 WHERE id = ?;
--@ case cursors of numbers with fixed decimals
--@ expect temptable
--@ params fetch=2
SELECT id, d2, f2 FROM s1 ORDER BY id;
--@ expect temptable
--@ params fetch=2
SELECT id, d2 * 3.1415 FROM s1 WHERE id > 3 ORDER BY id;
--@ expect temptable
--@ params fetch=2
SELECT id, d2 / 7 FROM s1 ORDER BY id;
--@ expect temptable
--@ params fetch=2
SELECT id, ROUND(d / 7, 3) FROM s1 ORDER BY id;
--@ expect temptable
--@ params fetch=2
SELECT AVG(n) + d2 FROM s1 GROUP BY d2 ORDER BY d2;
--@ expect temptable
--@ params fetch=2
SELECT d2 * 1.23 FROM s1 WHERE id = 1;
--@ case cursors with the older eof packets [eof]
--@ expect temptable
--@ params fetch=2
SELECT id, t10, f, d, n FROM s1 ORDER BY id;
--@ case number parameters
--@ params int 10 | tiny -128 | utiny 255 | short -32768 | ushort 65535 | long -2147483648 | ulong 4294967295 | int -9223372036854775808 | uint 18446744073709551615
--@ params int 11 | tiny 1 | utiny 1 | short 1 | ushort 1 | long 1 | ulong 1 | int 1 | uint 1
INSERT INTO s1 (id, t1, t2, t3, t4, t7, t8, t9, t10) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);
--@ params int 12 | float 1.5 | double 1e-5 | dec 123.456 | dec 0.000000000000000000000000000001 | null
--@ params int 13 | double 0.1 | double 1e300 | str 5.5 | int 7 | int 1
--@ params int 14 | str 1.25 | dec 2.5 | double 99.999 | str 1 | blob 1
INSERT INTO s1 (id, f, d, n, n2, b1) VALUES (?, ?, ?, ?, ?, ?);
SELECT id, t1, t2, t3, t4, t7, t8, t9, t10, f, d, n, n2, b1 FROM s1 WHERE id >= 10 ORDER BY id;
--@ params uint 18446744073709551615
--@ params dec 18446744073709551615
SELECT id FROM s1 WHERE t10 = ? ORDER BY id;
--@ case time parameters
--@ params int 10 | date 2024-05-06 | time 10:20:30 | time -01:02:03.000004 | datetime 2024-05-06 07:08:09 | datetime 2024-05-06 07:08:09.000001 | timestamp 2024-05-06 07:08:09
--@ params int 11 | str 2024-05-06 | str 10:20 | str 10:20:30.5 | date 2024-05-06 | str 2024-05-06 07:08 | date 2024-05-06
--@ params int 12 | null | null | null | null | null | null
INSERT INTO s2 (id, da, t, t6, dt, dt6, ts) VALUES (?, ?, ?, ?, ?, ?, ?);
SELECT * FROM s2 WHERE id >= 10 ORDER BY id;
--@ params date 2024-05-06
--@ params datetime 2024-05-06 00:00:00
SELECT id FROM s2 WHERE da = ? ORDER BY id;
--@ case string parameters
--@ params int 10 | str ab | str h\xc3\xa9llo | str t\x00x | blob \x00\xff\xfe | blob \x00 | str b
--@ params int 11 | blob ab | blob h\xc3\xa9 | str quote'\x5cback | str \x01 | str  | int 2
INSERT INTO s3 (id, c, v, tx, vb, bl, e) VALUES (?, ?, ?, ?, ?, ?, ?);
--@ params long=2 int 12 | str a long text in two pieces
--@ params long=2 int 13 | blob \x00\x01\x02\x03
INSERT INTO s3 (id, lt) VALUES (?, ?);
SELECT id, c, v, tx, vb, bl, e, lt FROM s3 WHERE id >= 10 ORDER BY id;
--@ case parameters in the select list
--@ params int 1 | str x | dec 1.50 | double 2.5 | null | date 2024-01-01 | blob \x01
SELECT ?, ?, ?, ?, ?, ?, ?;
--@ params int 1 | str x
--@ params str a | int 2
SELECT ? AS p, ? AS q, id FROM s1 ORDER BY id;
--@ params int 5 | int 2
SELECT ? + id, ? * 2 FROM s1 WHERE id = 2;
--@ case wrong parameter counts
--@ params int 1 | int 2
SELECT id FROM s1 WHERE id = ? AND t1 = ?;
--@ case literals
SELECT 1, -1, 1.5, 1e5, .5, 5., 0x41, x'4142', b'01000001', 'str', "str", N'n', _utf8mb4'u', _binary'b', NULL, TRUE, FALSE;
SELECT DATE'2024-01-01', TIME'10:00:00', TIMESTAMP'2024-01-01 10:00:00', {d '2024-01-01'};
SELECT 18446744073709551615, 18446744073709551616, -9223372036854775808, 99999999999999999999999999999999999999;
SELECT 'it''s', 'tab\t', 'nul\0', 'pct\%', '\\', 'a' 'b';
SELECT id, 1.50, 'x', NULL, 2.5e0 FROM s1 ORDER BY id;
--@ case out of range
INSERT INTO s1 (id, t1) VALUES (20, 128);
INSERT INTO s1 (id, t2) VALUES (20, -1);
INSERT INTO s1 (id, n) VALUES (20, 99999999);
INSERT INTO s2 (id, da) VALUES (20, '2024-13-01');
INSERT INTO s2 (id, y) VALUES (20, 3000);
INSERT INTO s3 (id, e) VALUES (20, 'nope');
INSERT INTO s3 (id, s) VALUES (20, 'x,nope');
INSERT INTO s3 (id, j) VALUES (20, '{bad');
INSERT INTO s3 (id, u) VALUES (20, 'bad');
INSERT INTO s3 (id, c) VALUES (20, 'toolong');
--@ case out of range without strict mode
SET sql_mode = '';
INSERT INTO s1 (id, t1, t2, n) VALUES (20, 128, -1, 99999999),(21, 1, 1, 1);
INSERT INTO s2 (id, da, y) VALUES (20, '2024-13-01', 3000);
INSERT INTO s3 (id, e, c) VALUES (20, 'nope', 'toolong'),(21, 'a', 'b'),(22, '', 'also too long');
SELECT id, t1, t2, n FROM s1 WHERE id >= 20 ORDER BY id;
--@ case conversions
SELECT CAST(t10 AS SIGNED), CAST(f AS DECIMAL(10,2)), CAST(n AS CHAR), CAST(id AS DOUBLE) FROM s1 WHERE id IN (1,4) ORDER BY id;
SELECT HEX(bt64), bt + 0, BIN(bt64), OCT(t7), CONV(t8, 10, 36) FROM s1 ORDER BY id;
SELECT da + 0, t + 0, dt6 + 0, UNIX_TIMESTAMP(ts), DATE_FORMAT(dt, '%Y/%m/%d'), TIME_TO_SEC(t) FROM s2 ORDER BY id;
SELECT e + 0, s + 0, HEX(bi), LENGTH(c), CHAR_LENGTH(v), UPPER(l), JSON_EXTRACT(j, '$.a[1]') FROM s3 ORDER BY id;
SELECT id DIV 2, id MOD 2, id / 3, id * 1.1, id << 2, ~id, id | 4, !id, id ^ 3 FROM s1 ORDER BY id;
--@ case text of doubles
SELECT 0.1e0 + 0.2e0, 1e15, 1e16, 1e-5, 123456789.123e0, 1/3, 1e0/3 ;
SELECT f * 1, d * 1, f + d FROM s1 WHERE id IN (4,5) ORDER BY id;
SELECT id, d FROM s1 ORDER BY d DESC, id;
--@ case aggregates of numbers with fixed decimals
SELECT SUM(d2 * 1.5), AVG(d2 * 1.5), AVG(f2), AVG(f2 * 1.1) FROM s1 WHERE id > 1;
SELECT b1, SUM(d2 / 7), AVG(d2 / 7), SUM(ROUND(f2 / 3, 2)) FROM s1 GROUP BY b1 ORDER BY b1;
SELECT SUM(d2 * 1.5) * 1e0, MAX(d2 * 1.555) + 1 FROM s1 WHERE id > 1;
SELECT AVG(id) * PI(), AVG(id) + ROUND(2.5e0, 2), MOD(AVG(t3), 2e0) FROM s1 WHERE id > 1;
SELECT MOD(id, 2) AS m, COUNT(*) FROM s1 GROUP BY MOD(id, 2) ORDER BY MOD(id, 2);
--@ case texts that servers sort in more ways than one [text]
SELECT id FROM s3 ORDER BY v COLLATE utf8mb4_uca1400_as_cs, id;
SELECT id FROM s3 ORDER BY v COLLATE utf8mb4_uca1400_as_cs, id LIMIT 3;
SELECT id FROM s3 ORDER BY CONCAT(l, '') COLLATE latin1_swedish_nopad_ci, id;
SELECT id FROM s3 ORDER BY CONCAT(c, CHAR(0)) COLLATE utf8mb4_general_nopad_ci, id;
SELECT COUNT(*), MIN(v) FROM s3 WHERE v > 5;
SELECT COUNT(*), MIN(v) FROM s3 WHERE v > '5';
