-- ORDER BY over shards, with keys of every type and with expressions.
--@ mysql  UUID, =>  CHAR(36),
--@ mysql  INET6 =>  VARCHAR(39)
--@ mysql '0000-00-00 => '1970-01-02
--@ mysql 838:59:59.99 => 838:59:59
--@ setup
DROP TABLE IF EXISTS s1;
CREATE TABLE s1 (
  id BIGINT NOT NULL PRIMARY KEY,
  ti TINYINT, su SMALLINT UNSIGNED, bu BIGINT UNSIGNED, bi BIGINT, zf INT(6) UNSIGNED ZEROFILL,
  dc DECIMAL(20,6), fl FLOAT, db DOUBLE,
  da DATE, dt DATETIME(3), ts TIMESTAMP(6) NULL, tm TIME(2), yr YEAR,
  ch CHAR(8), vc VARCHAR(20), tx TEXT, bn BINARY(4), vb VARBINARY(20), bl BLOB,
  en ENUM('zebra','apple','mango','Banana'), se SET('x','a','m'), bt BIT(10),
  uu UUID, i6 INET6, js JSON
);
--@ data
DELETE FROM s1;
INSERT INTO s1 VALUES
 (1,-1,65535,18446744073709551615,-9223372036854775808,42,'-1.5',1.5,1e300,'2020-02-29','2020-01-01 00:00:00.001','2020-01-01 00:00:00.000001','-10:00:00.5',1999,'abc','Abc','abc','\0ab','a','b','zebra','x',b'1000000000','123e4567-e89b-12d3-a456-426655440000','::1','{"a":1}'),
 (2,127,0,0,9223372036854775807,7,'99999999999999.999999',-0.1,-1e300,'1000-01-01','9999-12-31 23:59:59.999','2038-01-01 00:00:00','838:59:59.99',2155,'ABD','abd ','ABD','b','A','B','apple','a',b'1','00000000-0000-0000-0000-000000000001','2001:db8::1','[1,2]'),
 (3,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL),
 (4,0,1,9223372036854775808,0,999999,'0.000001',3.4e38,0,'2020-02-28','2020-01-01 00:00:00.002','2020-01-01 00:00:00.000002','00:00:00',0,'','','','','','','mango','x,a',b'0','ffffffff-ffff-ffff-ffff-ffffffffffff','::ffff:1.2.3.4','"str"'),
 (5,5,256,9223372036854775807,-1,0,'0.000000',0,2.5e-8,'0000-00-00','0000-00-00 00:00:00',NULL,'-838:59:59',1901,'Zoë','zoe','Zoé','a','ab','ab','Banana','',b'1111111111','123e4567-e89b-12d3-a456-426655440001','fe80::1','null'),
 (6,-128,2,2,2,2,'-99999999999999.999999',-3.4e38,-2.5e-8,'2021-12-31','2021-12-31 10:00:00','1999-01-01 00:00:00','10:00:00.05',2000,'zo','ZOF','z','a\0','b','aa','apple','a,m',b'10','123e4567-e89b-12d3-a456-426655450000','::','true'),
 (7,1,255,1,1,10,'10.000000',1e-10,9.99,'2021-01-31','2021-01-31 10:00:00.5','2001-09-09 01:46:40','09:59:59',2001,'ä','Ä','a','b\0\0\0','aB','aA','zebra','x,a,m',b'11','10000000-0000-0000-0000-000000000000','a::b','1.5');

--@ case integers
SELECT id, ti FROM s1 ORDER BY ti, id;
SELECT id, ti FROM s1 ORDER BY ti DESC, id DESC;
SELECT id, su FROM s1 ORDER BY su, id;
SELECT id, bu FROM s1 ORDER BY bu, id;
SELECT id, bu FROM s1 ORDER BY bu DESC, id;
SELECT id, bi FROM s1 ORDER BY bi, id;
SELECT id, zf FROM s1 ORDER BY zf, id;
--@ case decimals and floats
SELECT id, dc FROM s1 ORDER BY dc, id;
SELECT id, dc FROM s1 ORDER BY dc DESC, id;
SELECT id, fl FROM s1 ORDER BY fl, id;
SELECT id, db FROM s1 ORDER BY db, id;
SELECT id, db FROM s1 ORDER BY db DESC, id;
--@ case times
SELECT id, da FROM s1 ORDER BY da, id;
SELECT id, da FROM s1 ORDER BY da DESC, id;
SELECT id, dt FROM s1 ORDER BY dt, id;
SELECT id, ts FROM s1 ORDER BY ts, id;
SELECT id, tm FROM s1 ORDER BY tm, id;
SELECT id, tm FROM s1 ORDER BY tm DESC, id;
SELECT id, yr FROM s1 ORDER BY yr, id;
--@ case strings
SELECT id, ch FROM s1 ORDER BY ch, id;
SELECT id, vc FROM s1 ORDER BY vc, id;
SELECT id, vc FROM s1 ORDER BY vc DESC, id DESC;
SELECT id, tx FROM s1 ORDER BY tx, id;
SELECT id, bn FROM s1 ORDER BY bn, id;
SELECT id, vb FROM s1 ORDER BY vb, id;
SELECT id, bl FROM s1 ORDER BY bl, id;
--@ case enum and set
SELECT id, en FROM s1 ORDER BY en, id;
SELECT id, en FROM s1 ORDER BY en DESC, id;
SELECT id, se FROM s1 ORDER BY se, id;
SELECT id, se FROM s1 ORDER BY se DESC, id;
--@ case bit
SELECT id, bt FROM s1 ORDER BY bt, id;
SELECT id, bt+0 FROM s1 ORDER BY bt DESC, id;
--@ case uuid and inet6
SELECT id, uu FROM s1 ORDER BY uu, id;
SELECT id, uu FROM s1 ORDER BY uu DESC, id;
SELECT id, i6 FROM s1 ORDER BY i6, id;
SELECT id, i6 FROM s1 ORDER BY i6 DESC, id;
--@ case json
SELECT id, js FROM s1 ORDER BY js, id;
--@ case extended metadata [extended]
SELECT * FROM s1 ORDER BY id;
SELECT uu, i6, js FROM s1 ORDER BY id DESC;
SELECT * FROM s1 WHERE id = 1;
--@ case all columns
SELECT * FROM s1;
SELECT * FROM s1 ORDER BY id;
SELECT * FROM s1 WHERE id = 5;
SELECT * FROM s1 WHERE id IN (1,2,3) ORDER BY id DESC;
SELECT s1.* FROM s1 ORDER BY s1.id;
SELECT x.* FROM s1 AS x ORDER BY x.id;
SELECT * FROM shop.s1 ORDER BY shop.s1.id;
--@ case by expressions
SELECT id FROM s1 ORDER BY ti + bi, id;
SELECT id FROM s1 ORDER BY ABS(ti), id;
SELECT id FROM s1 ORDER BY CONCAT(vc, 'x'), id;
SELECT id FROM s1 ORDER BY LENGTH(vc), id;
SELECT id FROM s1 ORDER BY LOWER(vc), id DESC;
SELECT id FROM s1 ORDER BY ti IS NULL, ti, id;
SELECT id FROM s1 ORDER BY -ti, id;
SELECT id FROM s1 ORDER BY FIELD(en, 'mango', 'apple'), id;
SELECT id FROM s1 ORDER BY CASE WHEN ti < 0 THEN 1 ELSE 0 END, id;
SELECT id FROM s1 ORDER BY IFNULL(ti, 50), id;
SELECT id FROM s1 ORDER BY vc COLLATE utf8mb4_bin, id;
SELECT id FROM s1 ORDER BY BINARY vc, id;
SELECT id FROM s1 ORDER BY CAST(vc AS CHAR), id;
SELECT id FROM s1 ORDER BY HEX(vb), id;
SELECT id FROM s1 ORDER BY DATE(dt), id;
SELECT id FROM s1 ORDER BY YEAR(da), id;
--@ case by label and position
SELECT id, ti AS x FROM s1 ORDER BY x, id;
SELECT id, ti AS x FROM s1 ORDER BY 2, 1;
SELECT id, ti+1 AS x FROM s1 ORDER BY 2 DESC, 1;
SELECT id AS ti, ti AS id FROM s1 ORDER BY s1.id;
SELECT id, -id AS n FROM s1 ORDER BY n;
SELECT id, ti id2 FROM s1 ORDER BY `id2`, `id`;
SELECT id, ti `a b` FROM s1 ORDER BY `a b`, id;
--@ case key not selected
SELECT vc FROM s1 ORDER BY id;
SELECT vc FROM s1 ORDER BY dc, id;
SELECT 1 FROM s1 ORDER BY ti;
SELECT vc, vc FROM s1 ORDER BY en, id;
--@ case ties
--@ expect ties=1
SELECT en, id FROM s1 ORDER BY en;
--@ expect ties=1
SELECT vc, id FROM s1 ORDER BY vc;
--@ expect ties=1 limit
SELECT en, id FROM s1 ORDER BY en LIMIT 3;
--@ expect ties=1 limit
SELECT en, id FROM s1 ORDER BY en DESC LIMIT 2,3;
--@ case limit
SELECT id FROM s1 ORDER BY id LIMIT 3;
SELECT id FROM s1 ORDER BY id LIMIT 0;
SELECT id FROM s1 ORDER BY id LIMIT 2, 3;
SELECT id FROM s1 ORDER BY id LIMIT 3 OFFSET 2;
SELECT id FROM s1 ORDER BY id LIMIT 100 OFFSET 5;
SELECT id FROM s1 ORDER BY id LIMIT 18446744073709551615;
SELECT id FROM s1 ORDER BY id LIMIT 5, 18446744073709551615;
SELECT id FROM s1 ORDER BY id LIMIT 5 OFFSET 100;
--@ expect limit
SELECT id FROM s1 LIMIT 4;
--@ expect limit
SELECT id FROM s1 LIMIT 2, 4;
SELECT id FROM s1 WHERE id > 2 ORDER BY id DESC LIMIT 2;
--@ case limit with parameters
--@ params int 3
--@ params int 0
--@ params uint 18446744073709551615
SELECT id FROM s1 ORDER BY id LIMIT ?;
--@ params int 1 | int 2
--@ params int 5 | int 100
SELECT id FROM s1 ORDER BY id LIMIT ?, ?;
--@ params int 0 | int 3 | int 2
SELECT id FROM s1 WHERE id > ? ORDER BY id LIMIT ? OFFSET ?;
--@ case sql_select_limit
SET SESSION sql_select_limit = 2;
SELECT id FROM s1 ORDER BY id;
SELECT id FROM s1 ORDER BY id LIMIT 4;
SELECT ti, COUNT(*) FROM s1 GROUP BY ti ORDER BY ti;
SET SESSION sql_select_limit = DEFAULT;
SELECT id FROM s1 ORDER BY id;
--@ case errors
SELECT id FROM s1 ORDER BY nope;
SELECT nope FROM s1 ORDER BY id;
SELECT id FROM s1 ORDER BY 3;
SELECT id FROM s1 ORDER BY id LIMIT -1;
SELECT s1.id FROM s1 ORDER BY s2.id;
--@ case fetch first
SELECT id FROM s1 ORDER BY id OFFSET 1 ROW FETCH NEXT 2 ROWS ONLY;
SELECT id FROM s1 ORDER BY id FETCH FIRST 2 ROWS ONLY;
SELECT en, id FROM s1 WHERE id IN (1,2,6,7) ORDER BY en FETCH FIRST 2 ROWS WITH TIES;
--@ case max_sort_length
SET SESSION max_sort_length = 8;
SELECT id, tx FROM s1 ORDER BY tx, id;
--@ case groups of UUIDs, which sort neither as they print nor as their bytes
UPDATE s1 SET uu = CASE id % 3 WHEN 0 THEN '123e4567-e89b-12d3-a456-426655440000' WHEN 1 THEN 'ffffffff-0000-1111-8000-000000000002' ELSE '00000000-0000-0000-0000-000000000001' END;
SELECT uu, COUNT(*) FROM s1 GROUP BY uu;
SELECT uu, COUNT(*) FROM s1 GROUP BY uu ORDER BY uu;
SELECT uu, COUNT(*) + 1 AS n FROM s1 GROUP BY uu HAVING n > 1 ORDER BY uu;
SELECT DISTINCT uu FROM s1;
SELECT DISTINCT uu FROM s1 ORDER BY uu;
SELECT COUNT(DISTINCT uu), COUNT(DISTINCT uu) + 1 FROM s1;
SELECT uu FROM s1 WHERE id < 4 UNION SELECT uu FROM s1 WHERE id >= 4;
SELECT uu, id > 3 FROM s1 WHERE id < 6 UNION SELECT uu, 1 FROM s1 WHERE id >= 4 ORDER BY 1, 2;
--@ case the largest of an ENUM is a text
SELECT MAX(en), MAX(en) = 'zebra', MAX(en) = 1, MAX(en) IN ('apple', 'zebra'), CONCAT(MIN(se)) FROM s1;
SELECT MAX(se), COUNT(*) FROM s1 HAVING MAX(se) > 1;
SELECT ti > 0, MAX(en), MIN(se), COUNT(*) + 1 FROM s1 GROUP BY ti > 0 ORDER BY 1;
SELECT ti > 0, MAX(en) FROM s1 GROUP BY 1 ORDER BY 1;
SELECT ti > 0, MAX(en) x FROM s1 GROUP BY 1 ORDER BY x, 1;
