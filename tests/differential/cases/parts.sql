-- Statements that run in parts: queries inside of others that say nothing of the rows around them, set operations, and
-- what one server has to see all rows of a table for.
--@ mysql  UUID, =>  CHAR(36),
--@ mysql  INET6 =>  VARCHAR(39)
--@ mysql utf8mb4_nopad_bin => utf8mb4_0900_bin
--@ mysql '0000-00-00 => '1970-01-02
--@ mysql 838:59:59.99 => 838:59:59
--@ setup
DROP TABLE IF EXISTS users;
DROP TABLE IF EXISTS orders;
DROP TABLE IF EXISTS products;
DROP TABLE IF EXISTS notes;
DROP TABLE IF EXISTS s1;
CREATE TABLE users (id BIGINT NOT NULL, name VARCHAR(40) NOT NULL, country CHAR(2), score INT, PRIMARY KEY (id));
CREATE TABLE orders (user_id BIGINT NOT NULL, id BIGINT NOT NULL, product_id INT, amount DECIMAL(12,2), state ENUM('new','paid','sent'), PRIMARY KEY (user_id, id));
CREATE TABLE products (id INT NOT NULL PRIMARY KEY, title VARCHAR(40), price DECIMAL(8,2));
CREATE TABLE notes (id INT NOT NULL PRIMARY KEY, user_id BIGINT, body VARCHAR(100));
CREATE TABLE s1 (id BIGINT NOT NULL PRIMARY KEY, bu BIGINT UNSIGNED, dc DECIMAL(20,6), fl FLOAT, db DOUBLE, da DATE, dt DATETIME(3),
 ts TIMESTAMP(6) NULL, tm TIME(2), yr YEAR, ch CHAR(8), vc VARCHAR(20), bc VARCHAR(20) COLLATE utf8mb4_bin, la VARCHAR(20) CHARACTER SET latin1,
 tx TEXT, vb VARBINARY(20), bl BLOB, en ENUM('zebra','apple'), se SET('x','a','m'), bt BIT(10), uu UUID, i6 INET6, js JSON);
--@ data
DELETE FROM users;
DELETE FROM orders;
DELETE FROM products;
DELETE FROM notes;
DELETE FROM s1;
INSERT INTO users VALUES (1,'ann','DE',10),(2,'bob','FR',20),(3,'cid',NULL,NULL),(4,'dan','DE',5),(5,'eve','XX',0),(6,'fay','FR',10),(7,'gus','IT',99),(8,'hal','IT',-1);
INSERT INTO orders VALUES (1,1,10,100.10,'new'),(1,2,20,50,'paid'),(2,1,10,75.5,'sent'),(2,3,NULL,1,NULL),(3,5,30,0.01,'new'),(4,1,20,999.99,'paid'),(4,2,10,10,'paid'),(6,9,99,5,'new'),(7,1,10,NULL,'sent'),(9,1,20,7,NULL);
INSERT INTO products VALUES (10,'hammer',12.5),(20,'nail',0.05),(30,'saw',30),(40,'drill',99);
INSERT INTO notes VALUES (1,1,'first'),(2,2,'second'),(3,NULL,'third'),(4,99,'fourth');
INSERT INTO s1 VALUES
 (1,18446744073709551615,'-1.5',1.1,1e300,'2020-02-29','2020-01-01 00:00:00.001','2020-01-01 00:00:00.000001','-10:00:00.5',1999,'abc','Abc','Abc','Zoë','abc','\0ab','a','zebra','x',b'1000000000','123e4567-e89b-12d3-a456-426655440000','::1','{"a":1}'),
 (2,0,'99999999999999.999999',-0.1,-1e300,'1000-01-01','9999-12-31 23:59:59.999','2038-01-01 00:00:00','838:59:59.99',2155,'ABD','abd ','abd','a','ABD','b','A','apple','a',b'1','00000000-0000-0000-0000-000000000001','2001:db8::1','[1,2]'),
 (3,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL),
 (4,9223372036854775808,'0.000001',3.4e38,0.1,'2020-02-28','2020-01-01 00:00:00.002','2020-01-01 00:00:00.000002','00:00:00',2000,'','','','','','','','apple','x,a',b'0','ffffffff-ffff-ffff-ffff-ffffffffffff','::ffff:1.2.3.4','"str"'),
 (5,7,'0.000000',1e-10,2.5e-8,'2021-12-31','2021-12-31 10:00:00','1999-01-01 00:00:00','10:00:00.05',2001,'zoe','Zoé','zoe','ÄÖ','Zoé','a\0','ab','zebra','',b'1111111111','123e4567-e89b-12d3-a456-426655450000','fe80::1','null');

--@ always temptable
--@ case user variables set from queries
SET @x = (SELECT bu FROM s1 WHERE id = 1), @y = (SELECT MAX(bu) FROM s1);
SELECT @x, @y, CHARSET(@x), COLLATION(@x), COLLATION(@y), HEX(@x), HEX(@y);
SET @x = (SELECT dc FROM s1 WHERE id = 1), @y = (SELECT MAX(dc) FROM s1);
SELECT @x, @y, CHARSET(@x), COLLATION(@x), COLLATION(@y), HEX(@x), HEX(@y);
SET @x = (SELECT fl FROM s1 WHERE id = 1), @y = (SELECT MAX(fl) FROM s1);
SELECT @x, @y, CHARSET(@x), COLLATION(@x), COLLATION(@y), HEX(@x), HEX(@y);
SET @x = (SELECT db FROM s1 WHERE id = 1), @y = (SELECT MAX(db) FROM s1);
SELECT @x, @y, CHARSET(@x), COLLATION(@x), COLLATION(@y), HEX(@x), HEX(@y);
SET @x = (SELECT da FROM s1 WHERE id = 1), @y = (SELECT MAX(da) FROM s1);
SELECT @x, @y, CHARSET(@x), COLLATION(@x), COLLATION(@y), HEX(@x), HEX(@y);
SET @x = (SELECT dt FROM s1 WHERE id = 1), @y = (SELECT MAX(dt) FROM s1);
SELECT @x, @y, CHARSET(@x), COLLATION(@x), COLLATION(@y), HEX(@x), HEX(@y);
SET @x = (SELECT ts FROM s1 WHERE id = 1), @y = (SELECT MAX(ts) FROM s1);
SELECT @x, @y, CHARSET(@x), COLLATION(@x), COLLATION(@y), HEX(@x), HEX(@y);
SET @x = (SELECT tm FROM s1 WHERE id = 1), @y = (SELECT MAX(tm) FROM s1);
SELECT @x, @y, CHARSET(@x), COLLATION(@x), COLLATION(@y), HEX(@x), HEX(@y);
SET @x = (SELECT yr FROM s1 WHERE id = 1), @y = (SELECT MAX(yr) FROM s1);
SELECT @x, @y, CHARSET(@x), COLLATION(@x), COLLATION(@y), HEX(@x), HEX(@y);
SET @x = (SELECT ch FROM s1 WHERE id = 1), @y = (SELECT MAX(ch) FROM s1);
SELECT @x, @y, CHARSET(@x), COLLATION(@x), COLLATION(@y), HEX(@x), HEX(@y);
SET @x = (SELECT vc FROM s1 WHERE id = 1), @y = (SELECT MAX(vc) FROM s1);
SELECT @x, @y, CHARSET(@x), COLLATION(@x), COLLATION(@y), HEX(@x), HEX(@y);
SET @x = (SELECT bc FROM s1 WHERE id = 1), @y = (SELECT MAX(bc) FROM s1);
SELECT @x, @y, CHARSET(@x), COLLATION(@x), COLLATION(@y), HEX(@x), HEX(@y);
SET @x = (SELECT la FROM s1 WHERE id = 1), @y = (SELECT MAX(la) FROM s1);
SELECT @x, @y, CHARSET(@x), COLLATION(@x), COLLATION(@y), HEX(@x), HEX(@y);
SET @x = (SELECT tx FROM s1 WHERE id = 1), @y = (SELECT MAX(tx) FROM s1);
SELECT @x, @y, CHARSET(@x), COLLATION(@x), COLLATION(@y), HEX(@x), HEX(@y);
SET @x = (SELECT vb FROM s1 WHERE id = 1), @y = (SELECT MAX(vb) FROM s1);
SELECT @x, @y, CHARSET(@x), COLLATION(@x), COLLATION(@y), HEX(@x), HEX(@y);
SET @x = (SELECT bl FROM s1 WHERE id = 1), @y = (SELECT MAX(bl) FROM s1);
SELECT @x, @y, CHARSET(@x), COLLATION(@x), COLLATION(@y), HEX(@x), HEX(@y);
SET @x = (SELECT en FROM s1 WHERE id = 1), @y = (SELECT MAX(en) FROM s1);
SELECT @x, @y, CHARSET(@x), COLLATION(@x), COLLATION(@y), HEX(@x), HEX(@y);
SET @x = (SELECT se FROM s1 WHERE id = 1), @y = (SELECT MAX(se) FROM s1);
SELECT @x, @y, CHARSET(@x), COLLATION(@x), COLLATION(@y), HEX(@x), HEX(@y);
SET @x = (SELECT bt FROM s1 WHERE id = 1), @y = (SELECT MAX(bt) FROM s1);
SELECT @x, @y, CHARSET(@x), COLLATION(@x), COLLATION(@y), HEX(@x), HEX(@y);
SET @x = (SELECT uu FROM s1 WHERE id = 1), @y = (SELECT MAX(uu) FROM s1);
SELECT @x, @y, CHARSET(@x), COLLATION(@x), COLLATION(@y), HEX(@x), HEX(@y);
SET @x = (SELECT i6 FROM s1 WHERE id = 1), @y = (SELECT MAX(i6) FROM s1);
SELECT @x, @y, CHARSET(@x), COLLATION(@x), COLLATION(@y), HEX(@x), HEX(@y);
SET @x = (SELECT js FROM s1 WHERE id = 1), @y = (SELECT MAX(js) FROM s1);
SELECT @x, @y, CHARSET(@x), COLLATION(@x), COLLATION(@y), HEX(@x), HEX(@y);
--@ case user variables set by INTO
SELECT MAX(bu), MIN(bu) INTO @x, @y FROM s1 WHERE id <> 3;
SELECT @x, @y, CHARSET(@x), COLLATION(@x), COLLATION(@y), HEX(@x), HEX(@y);
SELECT MAX(dc), MIN(dc) INTO @x, @y FROM s1 WHERE id <> 3;
SELECT @x, @y, CHARSET(@x), COLLATION(@x), COLLATION(@y), HEX(@x), HEX(@y);
SELECT MAX(fl), MIN(fl) INTO @x, @y FROM s1 WHERE id <> 3;
SELECT @x, @y, CHARSET(@x), COLLATION(@x), COLLATION(@y), HEX(@x), HEX(@y);
SELECT MAX(db), MIN(db) INTO @x, @y FROM s1 WHERE id <> 3;
SELECT @x, @y, CHARSET(@x), COLLATION(@x), COLLATION(@y), HEX(@x), HEX(@y);
SELECT MAX(da), MIN(da) INTO @x, @y FROM s1 WHERE id <> 3;
SELECT @x, @y, CHARSET(@x), COLLATION(@x), COLLATION(@y), HEX(@x), HEX(@y);
SELECT MAX(dt), MIN(dt) INTO @x, @y FROM s1 WHERE id <> 3;
SELECT @x, @y, CHARSET(@x), COLLATION(@x), COLLATION(@y), HEX(@x), HEX(@y);
SELECT MAX(ts), MIN(ts) INTO @x, @y FROM s1 WHERE id <> 3;
SELECT @x, @y, CHARSET(@x), COLLATION(@x), COLLATION(@y), HEX(@x), HEX(@y);
SELECT MAX(tm), MIN(tm) INTO @x, @y FROM s1 WHERE id <> 3;
SELECT @x, @y, CHARSET(@x), COLLATION(@x), COLLATION(@y), HEX(@x), HEX(@y);
SELECT MAX(yr), MIN(yr) INTO @x, @y FROM s1 WHERE id <> 3;
SELECT @x, @y, CHARSET(@x), COLLATION(@x), COLLATION(@y), HEX(@x), HEX(@y);
SELECT MAX(ch), MIN(ch) INTO @x, @y FROM s1 WHERE id <> 3;
SELECT @x, @y, CHARSET(@x), COLLATION(@x), COLLATION(@y), HEX(@x), HEX(@y);
SELECT MAX(vc), MIN(vc) INTO @x, @y FROM s1 WHERE id <> 3;
SELECT @x, @y, CHARSET(@x), COLLATION(@x), COLLATION(@y), HEX(@x), HEX(@y);
SELECT MAX(bc), MIN(bc) INTO @x, @y FROM s1 WHERE id <> 3;
SELECT @x, @y, CHARSET(@x), COLLATION(@x), COLLATION(@y), HEX(@x), HEX(@y);
SELECT MAX(la), MIN(la) INTO @x, @y FROM s1 WHERE id <> 3;
SELECT @x, @y, CHARSET(@x), COLLATION(@x), COLLATION(@y), HEX(@x), HEX(@y);
SELECT MAX(tx), MIN(tx) INTO @x, @y FROM s1 WHERE id <> 3;
SELECT @x, @y, CHARSET(@x), COLLATION(@x), COLLATION(@y), HEX(@x), HEX(@y);
SELECT MAX(vb), MIN(vb) INTO @x, @y FROM s1 WHERE id <> 3;
SELECT @x, @y, CHARSET(@x), COLLATION(@x), COLLATION(@y), HEX(@x), HEX(@y);
SELECT MAX(bl), MIN(bl) INTO @x, @y FROM s1 WHERE id <> 3;
SELECT @x, @y, CHARSET(@x), COLLATION(@x), COLLATION(@y), HEX(@x), HEX(@y);
SELECT MAX(en), MIN(en) INTO @x, @y FROM s1 WHERE id <> 3;
SELECT @x, @y, CHARSET(@x), COLLATION(@x), COLLATION(@y), HEX(@x), HEX(@y);
SELECT MAX(se), MIN(se) INTO @x, @y FROM s1 WHERE id <> 3;
SELECT @x, @y, CHARSET(@x), COLLATION(@x), COLLATION(@y), HEX(@x), HEX(@y);
SELECT MAX(bt), MIN(bt) INTO @x, @y FROM s1 WHERE id <> 3;
SELECT @x, @y, CHARSET(@x), COLLATION(@x), COLLATION(@y), HEX(@x), HEX(@y);
SELECT MAX(uu), MIN(uu) INTO @x, @y FROM s1 WHERE id <> 3;
SELECT @x, @y, CHARSET(@x), COLLATION(@x), COLLATION(@y), HEX(@x), HEX(@y);
SELECT MAX(i6), MIN(i6) INTO @x, @y FROM s1 WHERE id <> 3;
SELECT @x, @y, CHARSET(@x), COLLATION(@x), COLLATION(@y), HEX(@x), HEX(@y);
SELECT MAX(js), MIN(js) INTO @x, @y FROM s1 WHERE id <> 3;
SELECT @x, @y, CHARSET(@x), COLLATION(@x), COLLATION(@y), HEX(@x), HEX(@y);
--@ case assignments from queries over shards
SET @n = (SELECT COUNT(*) FROM users), @m = @n + 1, @o = 5 + (SELECT SUM(amount) FROM orders);
SELECT @n, @m, @o;
SET @a = (SELECT AVG(amount) FROM orders), @b = (SELECT AVG(score) FROM users) * 3;
--@ follows
SELECT @a, @b;
SET @c = EXISTS (SELECT 1 FROM orders WHERE amount > 999), @d = 5 IN (SELECT product_id FROM orders);
SELECT @c, @d;
SET @e = (SELECT name FROM users WHERE id > 100);
SELECT @e;
SET @e = (SELECT name FROM users);
SET @e = (SELECT id, name FROM users WHERE id = 1);
SET @e = (SELECT nothing FROM users);
SET @e = (SELECT COUNT(*) FROM orders JOIN users ON users.id = orders.user_id);
SELECT @e;
SET @e = (SELECT title FROM products WHERE id = 20), @f = (SELECT body FROM notes WHERE id = 3);
SELECT @e, @f;
SET @g = (SELECT GROUP_CONCAT(name ORDER BY id) FROM users WHERE id < @m);
SELECT @g;
SET SESSION sort_buffer_size = (SELECT MAX(id) * 100000 FROM users);
SELECT @@sort_buffer_size;
SET @h = CONCAT((SELECT COUNT(*) FROM users), '/', (SELECT COUNT(*) FROM orders), '/', CONNECTION_ID() > 0);
SELECT @h;
DO (SELECT COUNT(*) FROM orders);
DO (SELECT name FROM users);
--@ case INTO over shards
SELECT COUNT(*), SUM(score), AVG(score) INTO @n, @s, @a FROM users;
SELECT @n, @s, @a;
SET @w = 'w';
SELECT name INTO @v FROM users ORDER BY score DESC, id LIMIT 1;
SELECT @v;
SELECT name, country INTO @v, @w FROM users WHERE id > 100;
SHOW WARNINGS;
SELECT @v, @w;
SELECT name INTO @v FROM users ORDER BY id;
SELECT name INTO @v, @w FROM users;
SELECT u.name, SUM(o.amount) INTO @v, @w FROM users u JOIN orders o ON o.user_id = u.id GROUP BY u.id, u.name ORDER BY 2 DESC LIMIT 1;
SELECT @v, @w;
SELECT (SELECT COUNT(*) FROM orders) + 1 INTO @n;
SELECT @n, ROW_COUNT();
SELECT nothing INTO @v FROM users;
--@ case INTO at the end [text]
SELECT COUNT(*), SUM(score) FROM users WHERE id > 2 INTO @n, @s;
SHOW WARNINGS;
SELECT @n, @s;
--@ case INTO inside of a transaction over shards
START TRANSACTION;
UPDATE users SET score = 1000 WHERE id = 3;
SET @m = (SELECT MAX(score) FROM users);
SELECT SUM(score) INTO @s FROM users;
SELECT @m, @s;
ROLLBACK;
SHOW WARNINGS;
SELECT MAX(score) INTO @m FROM users;
SELECT @m;
--@ case assignments in prepared statements
PREPARE p FROM 'SET @x = (SELECT COUNT(*) FROM users WHERE id > ?)';
SET @i = 3;
EXECUTE p USING @i;
SELECT @x;
PREPARE p FROM 'SELECT COUNT(*), MAX(name) INTO @a, @b FROM users WHERE id > ?';
EXECUTE p USING @i;
SELECT @a, @b;
--@ case without a table
SELECT (SELECT COUNT(*) FROM orders) AS n, (SELECT MAX(score) FROM users) AS m;
SELECT EXISTS(SELECT 1 FROM users WHERE score > 50), EXISTS(SELECT * FROM users WHERE score > 500);
SELECT EXISTS(SELECT * FROM users) AS `exists`;
SELECT NOT EXISTS(SELECT 1 FROM orders WHERE amount > 1000) AS none, 1 + (SELECT MIN(amount) FROM orders) x;
SELECT (SELECT name FROM users WHERE id = 3), (SELECT name FROM users WHERE id = 33), (SELECT country FROM users WHERE id = 3);
SELECT (SELECT AVG(amount) FROM orders) / (SELECT COUNT(*) FROM users) AS r, 5 IN (SELECT product_id FROM orders) AS i;
SELECT 5 NOT IN (SELECT product_id FROM orders WHERE product_id IS NOT NULL) AS i, 3 > ALL (SELECT score FROM users WHERE score IS NOT NULL) AS a;
--@ expect temptable double=2
SELECT (SELECT GROUP_CONCAT(name ORDER BY id) FROM users) AS names, (SELECT STDDEV_POP(score) FROM users) AS s;
SELECT (SELECT COUNT(*) FROM (SELECT country FROM users GROUP BY country HAVING COUNT(*) > 1) c) AS several;
--@ case scalar and in
SELECT id FROM users WHERE score = (SELECT MAX(score) FROM users WHERE country = 'FR') ORDER BY id;
SELECT id, score - (SELECT AVG(score) FROM users) d FROM users ORDER BY d, id;
SELECT id, (SELECT COUNT(*) FROM orders) FROM users WHERE id IN (SELECT product_id - 9 FROM orders) ORDER BY id;
SELECT user_id, id FROM orders WHERE (user_id, amount) IN (SELECT user_id, MAX(amount) FROM orders GROUP BY user_id) ORDER BY user_id, id;
SELECT user_id, id FROM orders WHERE amount IN (SELECT MAX(amount) FROM orders GROUP BY product_id) ORDER BY user_id, id;
SELECT id FROM users WHERE score > (SELECT score FROM users WHERE id = 1) AND id < (SELECT MAX(id) FROM users) ORDER BY id;
SELECT country, COUNT(*) FROM users WHERE score >= (SELECT AVG(score) FROM users) GROUP BY country ORDER BY country;
SELECT country, COUNT(*) c FROM users GROUP BY country HAVING c >= (SELECT COUNT(*) / 4 FROM users) ORDER BY country;
SELECT DISTINCT country FROM users WHERE id NOT IN (SELECT product_id FROM orders WHERE product_id IS NOT NULL) ORDER BY country;
SELECT u.id, o.id FROM users u JOIN orders o ON o.user_id = u.id WHERE o.amount > (SELECT AVG(amount) FROM orders) ORDER BY u.id, o.id;
SELECT title FROM products WHERE id IN (SELECT product_id FROM orders WHERE state = 'paid') ORDER BY id;
SELECT title FROM products WHERE price < (SELECT AVG(amount) FROM orders) ORDER BY id;
SELECT body FROM notes WHERE user_id IN (SELECT id FROM users WHERE country = 'DE') ORDER BY id;
SELECT name FROM users WHERE id IN (SELECT user_id FROM notes) ORDER BY id;
SELECT name FROM users WHERE EXISTS (SELECT 1 FROM orders WHERE amount > 900) ORDER BY id LIMIT 2;
SELECT name FROM users WHERE EXISTS (SELECT 1 FROM orders WHERE amount > 9000) ORDER BY id LIMIT 2;
SELECT name FROM users WHERE name IN (SELECT name FROM users WHERE score > 9) ORDER BY id;
SELECT name FROM users ORDER BY score = (SELECT MAX(score) FROM users) DESC, id LIMIT 3;
SELECT id FROM orders WHERE state = (SELECT MAX(state) FROM orders WHERE user_id = 4) ORDER BY user_id, id;
--@ case derived tables
SELECT * FROM (SELECT id, name FROM users ORDER BY score DESC, id LIMIT 3) t ORDER BY name;
SELECT t.country, t.c, t.m FROM (SELECT country, COUNT(*) c, MAX(score) m FROM users GROUP BY country) t WHERE t.c > 1 ORDER BY t.country;
SELECT AVG(n) FROM (SELECT COUNT(*) n FROM orders GROUP BY product_id) t;
SELECT COUNT(*) FROM (SELECT DISTINCT product_id, state FROM orders) t;
SELECT p.title, t.n FROM products p LEFT JOIN (SELECT product_id, COUNT(*) n FROM orders GROUP BY product_id) t ON t.product_id = p.id ORDER BY p.id;
SELECT u.name, t.n FROM users u JOIN (SELECT product_id, COUNT(*) n FROM orders GROUP BY product_id) t ON t.n = u.id ORDER BY u.id, t.n;
SELECT n.body, t.c FROM notes n JOIN (SELECT country, COUNT(*) c, MIN(id) i FROM users GROUP BY country) t ON t.i = n.user_id ORDER BY n.id;
SELECT * FROM (SELECT id FROM users UNION SELECT user_id FROM orders) t ORDER BY id;
SELECT a.id, b.id FROM (SELECT id FROM users ORDER BY id LIMIT 2) a, (SELECT id FROM users ORDER BY id DESC LIMIT 2) b ORDER BY a.id, b.id;
SELECT state, n FROM (SELECT state, COUNT(*) n FROM orders GROUP BY state) t ORDER BY state;
SELECT x FROM (SELECT 'lit' AS x, id FROM users ORDER BY id LIMIT 2) t ORDER BY id;
SELECT * FROM (SELECT COUNT(*) FROM users) t;
SELECT * FROM (SELECT fl, id FROM s1 ORDER BY id LIMIT 5) t ORDER BY id;
--@ case every type
SELECT * FROM (SELECT * FROM s1 ORDER BY id LIMIT 9) t ORDER BY id;
SELECT id FROM s1 WHERE uu = (SELECT MAX(uu) FROM s1 WHERE id < 3);
SELECT id, LAG(dt) OVER (ORDER BY id) l, LEAD(en) OVER (ORDER BY id) e, LAST_VALUE(la) OVER (ORDER BY id) a FROM s1 ORDER BY id;
SELECT id, FIRST_VALUE(fl) OVER (ORDER BY id DESC) f, FIRST_VALUE(bt) OVER (ORDER BY id DESC) b FROM s1 ORDER BY id;
SELECT en, se, COUNT(*) OVER (PARTITION BY en) c FROM s1 ORDER BY en, id;
--@ case with
WITH t AS (SELECT id, score FROM users) SELECT id FROM t WHERE score > 5 ORDER BY id;
WITH t AS (SELECT country, COUNT(*) c FROM users GROUP BY country) SELECT a.country, b.country FROM t a JOIN t b ON a.c = b.c AND a.country < b.country ORDER BY 1, 2;
WITH t AS (SELECT user_id, SUM(amount) s FROM orders GROUP BY user_id) SELECT u.name, t.s FROM users u JOIN t ON t.user_id = u.id ORDER BY u.id;
WITH a AS (SELECT MAX(score) m FROM users), b AS (SELECT COUNT(*) n FROM orders) SELECT m, n, m + n FROM a, b;
WITH t (x, y) AS (SELECT id, name FROM users WHERE id < 4) SELECT y, x FROM t ORDER BY x;
--@ case set operations
SELECT id FROM users UNION SELECT id FROM products ORDER BY id;
SELECT id, name FROM users WHERE id < 3 UNION ALL SELECT id, title FROM products WHERE id < 30 ORDER BY id;
SELECT name FROM users UNION SELECT body FROM notes ORDER BY name;
SELECT COUNT(*) FROM users UNION ALL SELECT COUNT(*) FROM orders UNION ALL SELECT COUNT(*) FROM products;
SELECT country, COUNT(*) FROM users GROUP BY country UNION SELECT state, COUNT(*) FROM orders GROUP BY state ORDER BY 1, 2;
SELECT id FROM users UNION SELECT user_id FROM orders UNION ALL SELECT 1 ORDER BY id;
(SELECT id FROM users ORDER BY score DESC, id LIMIT 2) UNION (SELECT user_id FROM orders ORDER BY amount DESC LIMIT 2) ORDER BY id;
SELECT id FROM users EXCEPT SELECT user_id FROM orders;
SELECT id FROM users INTERSECT SELECT product_id / 10 FROM orders ORDER BY id;
SELECT id FROM users INTERSECT ALL SELECT user_id FROM orders ORDER BY id;
SELECT id FROM users EXCEPT (SELECT user_id FROM orders INTERSECT SELECT id FROM products) ORDER BY id;
SELECT NULL AS x, 'a' AS y UNION SELECT id, name FROM users ORDER BY x, y;
SELECT score FROM users UNION SELECT 1.5 UNION SELECT amount FROM orders ORDER BY 1;
SELECT id FROM users UNION SELECT id FROM products ORDER BY id DESC LIMIT 3;
SELECT id FROM users UNION ALL SELECT user_id FROM orders ORDER BY id + 1, id LIMIT 4;
--@ case all rows of a table
SELECT id, score, RANK() OVER (ORDER BY score DESC) r FROM users ORDER BY r, id;
SELECT id, SUM(score) OVER (PARTITION BY country ORDER BY id) s FROM users WHERE score IS NOT NULL ORDER BY id;
SELECT DISTINCT MEDIAN(score) OVER (PARTITION BY country) FROM users WHERE country = 'DE';
SELECT DISTINCT PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY score) OVER () p FROM users;
SELECT GROUP_CONCAT(name ORDER BY score DESC, id LIMIT 3) FROM users;
SELECT GROUP_CONCAT(DISTINCT country ORDER BY country SEPARATOR '-' LIMIT 1, 2) FROM users;
SELECT JSON_ARRAYAGG(name ORDER BY id) FROM users;
SELECT country, JSON_ARRAYAGG(id ORDER BY id DESC) FROM users GROUP BY country ORDER BY country;
SELECT DISTINCT country FROM users ORDER BY id;
SELECT *, COUNT(DISTINCT score), COUNT(DISTINCT country) FROM users GROUP BY id ORDER BY id LIMIT 2;
SELECT country, COUNT(*) + (SELECT 1) FROM users GROUP BY country ORDER BY country;
SELECT country, COUNT(*) FROM users;
--@ expect temptable double=2
SELECT country, STDDEV(score) FROM users GROUP BY country HAVING COUNT(*) > 1 ORDER BY country;
--@ expect temptable double=1,3
SELECT STDDEV_POP(score), MAX(score) - MIN(score), VARIANCE(score) + 1 FROM users;
SELECT p.title, COUNT(o.id) FROM products p LEFT JOIN orders o ON o.product_id = p.id GROUP BY p.title ORDER BY p.title;
SELECT name COLLATE utf8mb4_nopad_bin x, COUNT(*) FROM users GROUP BY x ORDER BY x;
SELECT id FROM users ORDER BY id OFFSET 2 ROWS FETCH NEXT 3 ROWS ONLY;
SELECT score FROM users ORDER BY score FETCH FIRST 4 ROWS WITH TIES;
SELECT id, name FROM users WHERE name SOUNDS LIKE 'anne' ORDER BY id;
SELECT u.id, j.a FROM users u, JSON_TABLE('[1,2,7]', '$[*]' COLUMNS (a INT PATH '$')) j WHERE j.a = u.id ORDER BY u.id;
--@ expect limit
SELECT id FROM users LIMIT 3 ROWS EXAMINED 1000;
--@ case in a transaction
BEGIN;
UPDATE users SET score = 1000 WHERE id = 5;
SELECT id FROM users WHERE score = (SELECT MAX(score) FROM users);
SELECT COUNT(*) FROM (SELECT id FROM users ORDER BY id LIMIT 3) t;
SELECT id FROM users WHERE id = (SELECT user_id FROM orders);
SELECT id FROM users WHERE score = (SELECT MAX(score) FROM users);
ROLLBACK;
SELECT id FROM users WHERE score = (SELECT MAX(score) FROM users);
--@ case parameters
--@ params int 10 | dec 50.5
SELECT id FROM users WHERE score >= ? AND id IN (SELECT product_id / 10 FROM orders WHERE amount < ?) ORDER BY id;
--@ params str DE
SELECT (SELECT COUNT(*) FROM users WHERE country = ?) AS n, EXISTS(SELECT 1 FROM orders) AS e;
--@ params int 2 | int 3
SELECT id FROM (SELECT id FROM users ORDER BY id DESC LIMIT ?) t WHERE id > ? ORDER BY id;
--@ params int 3 | str x
SELECT SUM(score * ?), CONCAT(MAX(name), ?) FROM users;
--@ params int 1 | int 5
SELECT id FROM users WHERE id = ? UNION SELECT id FROM products WHERE id > ? ORDER BY id;
--@ case errors
SELECT id FROM users WHERE id = (SELECT user_id FROM orders);
SELECT id FROM users WHERE id IN (SELECT id, user_id FROM orders);
SELECT (SELECT nope FROM users);
SELECT (SELECT id, name FROM users);
SELECT * FROM (SELECT id, id FROM users LIMIT 3) t;
SELECT id FROM users UNION SELECT id, title FROM products;
SELECT id, ROW_NUMBER() OVER (ORDER BY nope) FROM users;
--@ case what a set operation makes of computed numbers
SELECT 'x' UNION SELECT IF(id > 1, id, 1.5) FROM users;
SELECT COALESCE(country, 10) FROM users UNION SELECT AVG(score) FROM users;
SELECT 'x' UNION SELECT score / 3 FROM users;
SELECT name FROM users UNION SELECT STD(score) FROM users;
SELECT AVG(score) FROM users UNION SELECT AVG(amount) FROM orders;
SELECT AVG(amount), SUM(amount), MAX(amount) FROM orders UNION SELECT 'a', 'b', 'c';
SELECT 'x' UNION SELECT IFNULL(score, 1.50000) FROM users ORDER BY 1 LIMIT 3;
(SELECT 1e0) UNION (SELECT AVG(score) FROM users);
SELECT * FROM (SELECT 'x' AS y UNION SELECT AVG(score) FROM users) z ORDER BY y;
--@ case labels too long for a column's name
SELECT id FROM users WHERE name IN (SELECT CONCAT('short', name) FROM users) ORDER BY id;
SELECT id FROM users WHERE name IN (SELECT CONCAT('a literal that makes the label of its column longer than sixty-four characters ', name) FROM users) ORDER BY id;
SELECT * FROM (SELECT CONCAT('a literal that makes the label of its column longer than sixty-four characters ', name) FROM users UNION SELECT 'x') d ORDER BY 1;
SELECT COUNT(*) FROM (SELECT score, CONCAT('a literal that makes the label of its column longer than sixty-four characters ', name) FROM users ORDER BY id LIMIT 3) d;
SELECT CONCAT('a literal that makes the label of its column longer than sixty-four characters ', name) FROM users UNION SELECT body FROM notes ORDER BY 1;
--@ case what queries in writes warn of is an error in strict mode
UPDATE orders SET amount = (SELECT MAX(name) + 0 FROM users);
UPDATE notes SET user_id = (SELECT MAX(name + 0) FROM users WHERE id = 1);
UPDATE notes SET body = 'in' WHERE user_id IN (SELECT score + name FROM users WHERE id = 3 OR id = 9);
INSERT INTO notes VALUES (9, (SELECT MAX(name) + 0 FROM users), 'x');
INSERT INTO orders (user_id, id, amount) VALUES (70, 1, (SELECT MAX(name) + 0 FROM users)),(71, 1, 2);
INSERT INTO notes VALUES (1, 5, 'x') ON DUPLICATE KEY UPDATE user_id = (SELECT MAX(name) + 0 FROM users);
REPLACE INTO notes VALUES (1, (SELECT MAX(name) + 0 FROM users), 'x');
SELECT * FROM notes ORDER BY id;
SELECT SUM(amount) FROM orders;
UPDATE notes SET body = 'value' WHERE user_id = (SELECT MAX(name) + 2 FROM users);
DELETE FROM notes WHERE user_id = (SELECT MAX(name) + 2 FROM users);
SELECT * FROM notes ORDER BY id;
UPDATE IGNORE notes SET user_id = (SELECT MAX(name) + 0 FROM users);
SELECT * FROM notes ORDER BY id;
SET sql_mode = '';
UPDATE notes SET user_id = (SELECT MAX(name) + 7 FROM users);
INSERT INTO notes VALUES (9, (SELECT MAX(name) + 0 FROM users), 'x');
SELECT * FROM notes ORDER BY id;
