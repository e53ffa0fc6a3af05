-- Hints: a plain server passes over Heddle's own, so that where they name the rows' shard nothing differs.
-- MySQL warns of what it does not know in the comments that it reads as hints.
--@ mysql /*+ heddle( => /* heddle(
--@ setup
DROP TABLE IF EXISTS h1;
DROP TABLE IF EXISTS s1;
DROP TABLE IF EXISTS hints_single;
CREATE TABLE h1 (id INT NOT NULL PRIMARY KEY, v VARCHAR(20));
CREATE TABLE s1 (id BIGINT NOT NULL PRIMARY KEY, v VARCHAR(20));
CREATE TABLE hints_single (id INT NOT NULL PRIMARY KEY);
--@ data
DELETE FROM h1;
DELETE FROM s1;
INSERT /*+ heddle(shard_value=0) */ INTO h1 VALUES (1,'a'),(2,'b');
INSERT /*+ heddle(shard_value=1) */ INTO h1 VALUES (3,'c');
INSERT /*+ heddle(shard_value=6) */ INTO h1 VALUES (4,'d'),(5,'a'),(6,'b');
INSERT /* SHARDINGSPHERE_HINT: SHARDING_DATABASE_VALUE=3 */ INTO h1 VALUES (7,'x');
INSERT INTO s1 VALUES (1,'a'),(2,'b'),(3,'c');

--@ case tables sharded by hint
SELECT * FROM h1 ORDER BY id;
SELECT v, COUNT(*) FROM h1 GROUP BY v ORDER BY v;
SELECT DISTINCT v FROM h1 ORDER BY v LIMIT 3;
SELECT * FROM h1 WHERE id = 4;
SELECT /*+ heddle(shard_value=2) */ * FROM h1 WHERE id IN (4,5,6) ORDER BY id;
SELECT /*+ heddle(h1.shard_value=1) */ a.v, b.v FROM h1 a, h1 b WHERE a.id = 3 AND b.id = 3;
UPDATE /*+ heddle(shard_value=2) */ h1 SET v = 'u' WHERE id IN (4,5) ORDER BY id DESC LIMIT 1;
UPDATE h1 SET v = 'w' WHERE id IN (1,3,7);
DELETE /* heddle(shard_value=0) */ FROM h1 WHERE id = 2;
DELETE FROM h1 WHERE v = 'd';
REPLACE /*+ heddle(shard_value=1) */ INTO h1 VALUES (3,'r'),(30,'r');
INSERT /*+ heddle(shard_value=1) */ INTO h1 VALUES (3,'dup');
INSERT /*+ heddle(shard_value=1) */ INTO h1 SELECT id + 100, v FROM h1 WHERE id = 3;
SELECT * FROM h1 ORDER BY id;
INSERT INTO h1 VALUES (9,'x');

--@ case parameters
--@ params int 11 | str p
--@ params int 12 | str q
INSERT /*+ heddle(shard_value=3) */ INTO h1 VALUES (?, ?);
--@ params int 11
SELECT /*+ heddle(shard_value=3) */ v FROM h1 WHERE id = ?;
--@ params int 12
SELECT v FROM h1 WHERE id = ?;

--@ case what is no hint of heddle's
SELECT /* heddle is a part of a loom */ id FROM s1 WHERE id = 1;
SELECT /*+ MAX_EXECUTION_TIME(1000) */ id FROM s1 WHERE id = 1;
SELECT /*+ BKA(s1) NO_SUCH(x) */ id, v FROM s1 ORDER BY id;
SELECT /* SHARDINGSPHERE_HINT: SHARDING_DATABASE_VALUE=3 */ id FROM s1 ORDER BY id;
SELECT '/*+ heddle(colour=red) */' AS c, id FROM s1 ORDER BY id;

--@ case hints that cannot be obeyed
SELECT /*+ heddle(colour=red) */ id FROM s1 WHERE id = 1;
SELECT /*+ heddle(shard_value=1) */ id FROM s1 WHERE id = 1;
SELECT /*+ heddle(shard_value='x') */ id FROM h1;
SELECT /*+ heddle(route=nowhere) */ id FROM s1;
SELECT /*+ heddle(h1.shard_value=1) */ COUNT(*) FROM h1 JOIN s1 ON s1.v = h1.v;
SELECT /*+ heddle(route=ds_0) */ COUNT(*) FROM s1 a JOIN s1 b ON a.v = b.v WHERE a.id > 100;
SELECT /*+ heddle(route=ds_0) */ id FROM hints_single;
SELECT /*+ heddle(route=ds_0) */ id FROM s1 FOR UPDATE;
UPDATE /*+ heddle(route=ds_0) */ s1 SET v = 'x';

--@ case callers' comments
SELECT v FROM s1 WHERE id = 2 /*route='%2Fcart',traceparent='00-5bd66ef5095369c7b0d1f8f4bd33716a-c532cb4098ac3dd2-01'*/;
SELECT id, v AS w FROM s1 ORDER BY v DESC /*traceparent='00-5bd66ef5095369c7b0d1f8f4bd33716a-c532cb4098ac3dd3-00'*/;
UPDATE s1 SET v = CONCAT(v, 'z') WHERE id > 1 /*traceparent='00-5bd66ef5095369c7b0d1f8f4bd33716a-c532cb4098ac3dd4-01'*/;
INSERT INTO s1 VALUES (3,'c') /*traceparent='00-5bd66ef5095369c7b0d1f8f4bd33716a-c532cb4098ac3dd5-01'*/;
INSERT INTO s1 VALUES (9,'/*traceparent=''x''*/'), (10, '/*') /*traceparent='00-5bd66ef5095369c7b0d1f8f4bd33716a-c532cb4098ac3dd6-01'*/;
SELECT id, v FROM s1 ORDER BY id -- /*traceparent='00-5bd66ef5095369c7b0d1f8f4bd33716a-c532cb4098ac3dd7-01'*/;
SELECT nothing FROM s1 /*traceparent='00-5bd66ef5095369c7b0d1f8f4bd33716a-c532cb4098ac3dd8-01'*/;
