-- What other proxies get wrong without a word, each as a case.
--@ setup
DROP TABLE IF EXISTS users;
DROP TABLE IF EXISTS orders;
DROP TABLE IF EXISTS s1;
DROP TABLE IF EXISTS k1;
CREATE TABLE users (id BIGINT NOT NULL PRIMARY KEY, name VARCHAR(40), grp INT, big BIGINT UNSIGNED, dec_ DECIMAL(30,10));
CREATE TABLE orders (user_id BIGINT NOT NULL, id BIGINT NOT NULL, amount DECIMAL(12,2), other BIGINT, PRIMARY KEY (user_id, id));
CREATE TABLE s1 (id BIGINT NOT NULL PRIMARY KEY, n INT);
CREATE TABLE k1 (k VARCHAR(40) NOT NULL PRIMARY KEY, v BIGINT UNSIGNED);
--@ data
DELETE FROM users;
DELETE FROM orders;
DELETE FROM s1;
DELETE FROM k1;
INSERT INTO users VALUES (1,'b',1,18446744073709551615,'0.1'),(2,'B',1,18446744073709551615,'0.2'),(3,'a',2,18446744073709551615,'99999999999999999999.9999999999'),(4,'A',2,1,'-0.3'),(5,'Ä',1,2,'0.0000000001'),(6,'_',3,3,NULL),(7,'Z',2,4,'1'),(8,'z',3,5,'2');
INSERT INTO orders VALUES (1,1,10,2),(1,2,20,3),(2,1,30,1),(3,1,40,4),(4,1,50,3),(5,1,60,6),(6,1,70,5);
INSERT INTO s1 (id, n) VALUES (1,1),(2,2),(3,3),(4,4),(5,5),(6,6),(7,7),(8,8);
INSERT INTO k1 VALUES ('x',1),('X1',2),('y',3);

--@ case average over shards is one row
SELECT AVG(grp) FROM users;
SELECT AVG(dec_), AVG(big) FROM users;
--@ case distinct has no duplicates
SELECT DISTINCT grp FROM users;
SELECT DISTINCT grp FROM users ORDER BY grp;
--@ case count distinct is not a sum of counts
SELECT COUNT(DISTINCT grp) FROM users;
SELECT grp, COUNT(DISTINCT name) FROM users GROUP BY grp ORDER BY grp;
--@ case having is over all shards
SELECT grp, COUNT(*) FROM users GROUP BY grp HAVING COUNT(*) > 2 ORDER BY grp;
SELECT grp FROM users GROUP BY grp HAVING SUM(id) > 10 ORDER BY grp;
--@ case a join off the sharding key is not per shard
SELECT u.id, o.id FROM users u JOIN orders o ON o.other = u.id ORDER BY u.id, o.user_id;
SELECT COUNT(*) FROM users u JOIN orders o ON o.other = u.id;
--@ case a derived table is not per shard
SELECT COUNT(*) FROM (SELECT grp, COUNT(*) c FROM users GROUP BY grp) t;
SELECT MAX(c) FROM (SELECT grp, COUNT(*) c FROM users GROUP BY grp) t;
SELECT COUNT(*) FROM (SELECT id FROM users ORDER BY id LIMIT 2) t;
--@ case update with limit is not per shard
UPDATE s1 SET n = 100 ORDER BY id LIMIT 2;
SELECT id, n FROM s1 ORDER BY id;
--@ case delete with limit is not per shard
DELETE FROM s1 ORDER BY n DESC LIMIT 3;
SELECT id, n FROM s1 ORDER BY id;
--@ case order by collation and not by bytes
SELECT id, name FROM users ORDER BY name, id;
SELECT id, name FROM users ORDER BY name DESC, id LIMIT 4;
--@ case sum beyond 64 bits
SELECT SUM(big) FROM users;
SELECT grp, SUM(big) FROM users GROUP BY grp ORDER BY grp;
SELECT SUM(dec_) FROM users;
--@ case a multi-row insert is not half applied
INSERT INTO s1 (id, n) VALUES (11,1),(12,2),(13,3),(5,5),(14,4);
SELECT id FROM s1 ORDER BY id;
--@ case parameter types are kept between executes
--@ params int 5
--@ params keep int 6
--@ params keep int 7
SELECT id, name FROM users WHERE id = ?;
--@ params str a | int 1
--@ params keep str B | int 2
SELECT id FROM users WHERE name = ? AND id > ? ORDER BY id;
--@ case emoji and unsigned parameters
--@ params str \xf0\x9f\x98\x80 | uint 18446744073709551615
--@ params str \xf0\x9f\x98\x80\xf0\x9f\x98\x81 | uint 9223372036854775808
INSERT INTO k1 VALUES (?, ?);
--@ params uint 18446744073709551615
SELECT k, v FROM k1 WHERE v = ?;
--@ params str \xf0\x9f\x98\x80
SELECT k, v FROM k1 WHERE k = ?;
SELECT k, HEX(k), v FROM k1 ORDER BY v;
--@ case user and session variables are not lost
SET @v = 5, SESSION group_concat_max_len = 1000;
SELECT id FROM users WHERE id = @v;
SELECT @v, @@group_concat_max_len;
SELECT id FROM users WHERE id > @v ORDER BY id;
--@ case the prepare reply tells the columns
--@ params int 1
SELECT u.id, u.name, COUNT(*) c, SUM(o.amount) s FROM users u JOIN orders o ON o.user_id = u.id WHERE u.id > ? GROUP BY u.id, u.name ORDER BY u.id;
--@ params int 3
SELECT * FROM users WHERE id = ?;
--@ case physical names are not shown
SELECT * FROM users WHERE id = 1;
SELECT * FROM nope WHERE id = 1;
SELECT nope FROM users WHERE id = 1;
INSERT INTO users (id) VALUES (1);
SELECT users.id FROM users u;
INSERT INTO users VALUES (1);
SHOW CREATE TABLE users;
SHOW TABLES LIKE 'user%';
EXPLAIN SELECT nope FROM users;
--@ case xa does not leak into a pooled connection [text]
XA START 'leak';
SELECT 1;
XA END 'leak';
XA ROLLBACK 'leak';
BEGIN;
INSERT INTO s1 (id, n) VALUES (21, 1);
COMMIT;
SELECT n FROM s1 WHERE id = 21;
--@ case a shard-key join with order by has the right values
SELECT u.id, u.name, o.id, o.amount FROM users u JOIN orders o ON u.id = o.user_id ORDER BY o.amount DESC, u.id;
SELECT o.amount, u.name FROM orders o JOIN users u ON u.id = o.user_id ORDER BY u.name, o.amount;
