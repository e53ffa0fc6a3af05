-- What names mean in GROUP BY, WITH ROLLUP, HAVING and ORDER BY: columns with their tables and without, aliases, both.
--@ setup
DROP TABLE IF EXISTS s1, order_items, users, orders, products;
CREATE TABLE s1 (id BIGINT NOT NULL PRIMARY KEY, a INT, b VARCHAR(20) COLLATE utf8mb4_general_ci, c DECIMAL(8,2), e ENUM('x','y','z') NOT NULL DEFAULT 'y', t TIMESTAMP NOT NULL DEFAULT '2020-01-01 00:00:00');
CREATE TABLE order_items (user_id BIGINT NOT NULL, order_id BIGINT NOT NULL, n INT NOT NULL, note VARCHAR(20), PRIMARY KEY (user_id, order_id, n));
CREATE TABLE users (id BIGINT NOT NULL PRIMARY KEY, name VARCHAR(40), n INT, country CHAR(2));
CREATE TABLE orders (user_id BIGINT NOT NULL, id BIGINT NOT NULL, amount DECIMAL(10,2), note VARCHAR(20), PRIMARY KEY (user_id, id));
CREATE TABLE products (id INT NOT NULL PRIMARY KEY, title VARCHAR(40), price DECIMAL(8,2));
--@ data
DELETE FROM s1;
DELETE FROM order_items;
DELETE FROM users;
DELETE FROM orders;
DELETE FROM products;
INSERT INTO s1 VALUES (1,10,'one',1.5,'x','2021-01-01 10:00:00'),(2,20,'two',2.25,'y','2021-02-01 10:00:00'),(3,30,'three',-1,'z','2021-06-01 10:00:00'),(4,NULL,'four',4,'x','2022-01-01 10:00:00'),(5,10,'one',5.25,'y','2021-01-01 10:00:00'),(6,20,NULL,NULL,'z','2021-03-01 10:00:00'),(7,NULL,'two',7,'x','2021-01-05 10:00:00'),(8,40,'',0,'y','2022-01-01 10:00:00'),(9,10,'one',2,'x','2021-01-09 10:00:00');
INSERT INTO order_items VALUES (1,1,1,'n1'),(1,1,2,'b'),(2,3,1,'a'),(3,5,1,NULL),(5,6,1,'n6'),(1,2,1,'c');
INSERT INTO users VALUES (1,'ann',3,'de'),(2,'bob',1,'fr'),(3,'cid',NULL,'de'),(4,'dan',2,NULL),(5,'eve',3,'xx'),(6,'fay',0,'se'),(7,NULL,7,'fr');
INSERT INTO orders VALUES (1,1,10,'n1'),(1,2,20.5,NULL),(2,3,5,'n2'),(2,4,5,'n1'),(3,5,NULL,'n5'),(5,6,100,'n6'),(9,7,1,'orphan'),(1,8,10,'n8');
INSERT INTO products VALUES (1,'p1',1.5),(2,'p2',2.5),(3,'p3',3.5),(4,'p4',NULL);

--@ always temptable
--@ case rollup of names
SELECT s1.e, COUNT(*) FROM s1 GROUP BY e WITH ROLLUP;
SELECT e, COUNT(*) FROM s1 GROUP BY s1.e WITH ROLLUP;
SELECT s.e, COUNT(*) FROM s1 s GROUP BY s.e WITH ROLLUP;
SELECT e AS k, COUNT(*) FROM s1 s GROUP BY s.e WITH ROLLUP;
SELECT s.e AS k, COUNT(*) FROM s1 s GROUP BY e WITH ROLLUP;
SELECT s.e AS k, COUNT(*) FROM s1 s GROUP BY k WITH ROLLUP;
SELECT s.E AS e, COUNT(*) FROM s1 s GROUP BY E WITH ROLLUP;
SELECT shop.s1.e, COUNT(*) FROM s1 GROUP BY e WITH ROLLUP;
SELECT s1.e AS e, s1.a AS a, COUNT(*) FROM s1 GROUP BY e, a WITH ROLLUP;
SELECT s.e, COUNT(*) FROM s1 s GROUP BY 1 WITH ROLLUP;
SELECT e k, s.e, COUNT(*) FROM s1 s GROUP BY e WITH ROLLUP;
SELECT e, s.e, COUNT(*) FROM s1 s GROUP BY e WITH ROLLUP;
--@ case rollup of expressions
SELECT IFNULL(s1.e,'total') u, COUNT(*) FROM s1 GROUP BY e WITH ROLLUP;
SELECT CONCAT(s.e,'!') u, COUNT(*) FROM s1 s GROUP BY e WITH ROLLUP;
SELECT COALESCE(s.e,'total') e, SUM(s.a) a FROM s1 s GROUP BY s.e WITH ROLLUP;
SELECT -s1.a AS a, COUNT(*) FROM s1 GROUP BY a WITH ROLLUP;
SELECT YEAR(s1.t) y, e, COUNT(*) FROM s1 GROUP BY YEAR(t), s1.e WITH ROLLUP;
SELECT YEAR(t) y, COUNT(*) FROM s1 GROUP BY y WITH ROLLUP;
SELECT s.a AS a, s.e AS e, MAX(b), SUM(c)+1 FROM s1 s GROUP BY a, e WITH ROLLUP;
--@ case rollup of joins
SELECT o.note AS note, COUNT(*), SUM(n) FROM users u JOIN orders o ON o.user_id=u.id GROUP BY note WITH ROLLUP;
SELECT note, COUNT(*), SUM(u.n) FROM users u JOIN orders o ON o.user_id=u.id GROUP BY o.note WITH ROLLUP;
SELECT u.id AS id, COUNT(*) FROM users u JOIN orders o ON o.user_id=u.id GROUP BY u.id WITH ROLLUP;
SELECT u.id AS id, o.id AS id2, COUNT(*) FROM users u LEFT JOIN orders o ON o.user_id=u.id GROUP BY u.id, o.id WITH ROLLUP;
SELECT o.user_id, COUNT(*) FROM orders o JOIN order_items i USING (user_id) GROUP BY user_id WITH ROLLUP;
SELECT user_id, COUNT(*) FROM orders o JOIN order_items i USING (user_id) GROUP BY user_id WITH ROLLUP;
SELECT o.note, i.note AS x, COUNT(*) FROM orders o JOIN order_items i ON o.user_id=i.user_id AND o.id=order_id GROUP BY i.note, o.note WITH ROLLUP;
SELECT p.title AS title, COUNT(*), MIN(s1.e+0) FROM s1 JOIN products p ON p.id=s1.id GROUP BY title WITH ROLLUP;
SELECT d.k AS kk, COUNT(*) FROM (SELECT id, e AS k FROM s1) d GROUP BY k WITH ROLLUP;
--@ case rollup of other aggregates
SELECT s.a AS a, GROUP_CONCAT(id ORDER BY id) FROM s1 s GROUP BY a WITH ROLLUP;
SELECT s.a AS a, COUNT(DISTINCT b), COUNT(DISTINCT e) FROM s1 s GROUP BY a WITH ROLLUP;
SELECT * FROM (SELECT s.e AS e, COUNT(*) c FROM s1 s GROUP BY e WITH ROLLUP) d ORDER BY c, e;
SELECT DISTINCT s.e AS e FROM s1 s GROUP BY e WITH ROLLUP;
SELECT DISTINCT IFNULL(s.e,'z') AS e FROM s1 s GROUP BY s.e WITH ROLLUP;
--@ case rollup with having
SELECT s.b AS b, MAX(id) AS x FROM s1 s GROUP BY b WITH ROLLUP HAVING b IS NULL;
SELECT s.e AS e, MAX(id) AS x FROM s1 s GROUP BY e WITH ROLLUP HAVING x>0;
SELECT s.a AS q, COUNT(*) FROM s1 s GROUP BY q WITH ROLLUP HAVING q>15 OR q IS NULL;
SELECT ABS(id) AS c, COUNT(*) FROM s1 GROUP BY c WITH ROLLUP HAVING c>1.5;
SELECT MAX(id) AS a, e FROM s1 GROUP BY e WITH ROLLUP HAVING SUM(a)>30;
--@ case names of gathered rows
SELECT s.a AS a, GROUP_CONCAT(id ORDER BY id) FROM s1 s GROUP BY a ORDER BY a;
SELECT s.a AS b, GROUP_CONCAT(b ORDER BY id) FROM s1 s GROUP BY s.a ORDER BY s.a DESC;
SELECT -a AS a, GROUP_CONCAT(id ORDER BY id) x FROM s1 GROUP BY a ORDER BY a;
SELECT e AS a, GROUP_CONCAT(id ORDER BY id) x FROM s1 GROUP BY e HAVING MAX(a)>10 ORDER BY MAX(a), a;
SELECT u.country, GROUP_CONCAT(o.id ORDER BY o.id), MIN(u.id) FROM users u JOIN orders o ON o.user_id=u.id GROUP BY country ORDER BY country;
SELECT u.id, GROUP_CONCAT(o.id ORDER BY o.id DESC) AS n FROM users u JOIN orders o ON o.user_id=u.id GROUP BY n, u.country ORDER BY u.n, u.id;
--@ case only_full_group_by over expressions
SET SESSION sql_mode = 'ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,PIPES_AS_CONCAT';
SELECT YEAR(t), COUNT(*) FROM s1 GROUP BY YEAR(t);
SELECT a+1 AS x, COUNT(*) FROM s1 GROUP BY x ORDER BY x;
SELECT a+1 AS x, COUNT(*) FROM s1 GROUP BY a+1 ORDER BY COUNT(*), x;
SELECT CASE WHEN a>15 THEN 'big' ELSE 'small' END k, SUM(c) FROM s1 GROUP BY k ORDER BY k;
SELECT LOWER(b), COUNT(*) FROM s1 GROUP BY LOWER(b);
SELECT LOWER(b) || '!' x, AVG(a) FROM s1 GROUP BY x HAVING COUNT(*)>1 ORDER BY x;
SELECT a IS NULL, COUNT(*) FROM s1 GROUP BY a IS NULL;
SELECT YEAR(t) y, COUNT(*)+1 FROM s1 GROUP BY YEAR(t) ORDER BY y;
SELECT YEAR(t) y, COUNT(*) FROM s1 GROUP BY YEAR(t) HAVING COUNT(*)>1 ORDER BY y DESC;
SELECT YEAR(t) y, COUNT(*) FROM s1 GROUP BY y WITH ROLLUP;
SELECT s.e k, GROUP_CONCAT(id ORDER BY id) FROM s1 s GROUP BY e WITH ROLLUP;
SELECT YEAR(t) y, COUNT(DISTINCT b) FROM s1 GROUP BY y ORDER BY y;
SELECT YEAR(t) y, COUNT(DISTINCT b), COUNT(DISTINCT e) FROM s1 GROUP BY y ORDER BY y;
SELECT id, YEAR(t), COUNT(*) FROM s1 GROUP BY id, YEAR(t) ORDER BY YEAR(t), id;
SELECT e, COUNT(*) FROM s1 GROUP BY e ORDER BY MAX(a), e;
SELECT * FROM (SELECT YEAR(t) y, COUNT(*) n FROM s1 GROUP BY YEAR(t)) d ORDER BY y;
SELECT 'x' k, COUNT(*) FROM s1 GROUP BY k;
SELECT AVG(a), 7, MAX(b) FROM s1;
SELECT a FROM s1 GROUP BY a ORDER BY a;
SELECT @@sql_mode, COUNT(*) FROM s1 GROUP BY a IS NULL;
--@ case only_full_group_by is the server's to judge
SET SESSION sql_mode = 'ONLY_FULL_GROUP_BY';
SELECT YEAR(t), MONTH(t), COUNT(*) FROM s1 GROUP BY YEAR(t);
SELECT YEAR(t), YEAR(t) AS z, COUNT(*) FROM s1 GROUP BY YEAR(t);
SELECT a, GROUP_CONCAT(b ORDER BY id) FROM s1 GROUP BY e;
SELECT s.a, e, COUNT(*) FROM s1 s GROUP BY e WITH ROLLUP;
SELECT id, a, COUNT(*) FROM s1 GROUP BY id;
SELECT a, COUNT(*) FROM s1;
SELECT a, MAX(id) + 1 FROM s1 GROUP BY e;
--@ case intervals over aggregates
SELECT MAX(t)+INTERVAL 1 DAY FROM s1;
SELECT MAX(t)-INTERVAL COUNT(*) HOUR, 1+(SUM(a)) FROM s1;
SELECT e, MAX(t)+INTERVAL 1 DAY day FROM s1 GROUP BY e ORDER BY e;
SELECT (SELECT MAX(t) FROM s1)+INTERVAL 1 DAY;
SELECT MAX(t)+INTERVAL '1:30' MINUTE_SECOND, MAX(id) day FROM s1;
--@ case functions of gathered subqueries
SELECT ABS((SELECT MAX(n) FROM users));
SELECT HEX((SELECT MAX(n) FROM users)) AS x, UPPER((SELECT MAX(name) FROM users));
SELECT ABS(((SELECT MAX(n) FROM users)));
SELECT id, ABS((SELECT MAX(n) FROM users)) FROM s1 ORDER BY id;
SELECT id FROM s1 WHERE a > ABS((SELECT MAX(n) FROM users)) ORDER BY id;
SELECT id FROM s1 WHERE a = ((SELECT MAX(n)+3 FROM users)) ORDER BY id;
SELECT id FROM s1 WHERE EXISTS ((SELECT n FROM users WHERE n > 6)) ORDER BY id;
SELECT ABS((SELECT AVG(n) FROM users));
--@ case rollup of names in another charset text
SET NAMES latin1;
SELECT w.e AS k, COUNT(*) FROM s1 w GROUP BY e WITH ROLLUP;
SELECT `s`.`e`, COUNT(*) FROM s1 AS `s` GROUP BY `e` WITH ROLLUP;
SELECT ABS(id) AS `c`, COUNT(*) FROM s1 GROUP BY `c` WITH ROLLUP HAVING `c` > 1.5;
--@ case subqueries in aggregates of gathered rows
SELECT e, GROUP_CONCAT(b ORDER BY id) x FROM s1 GROUP BY e ORDER BY SUM(a>(SELECT AVG(n) FROM users)), e;
SELECT e, GROUP_CONCAT(b ORDER BY id) x FROM s1 GROUP BY e ORDER BY SUM(a>(SELECT MAX(n) FROM users)), e;
SELECT e, GROUP_CONCAT(b ORDER BY id) x FROM s1 GROUP BY e HAVING SUM(a>(SELECT MAX(n) FROM users)) ORDER BY e;
SELECT GROUP_CONCAT((SELECT MAX(amount) FROM orders o WHERE o.user_id=u.id) ORDER BY id) FROM users u;
SELECT GROUP_CONCAT(EXISTS(SELECT 1 FROM orders o WHERE o.user_id=u.id) ORDER BY id) FROM users u;
SELECT COUNT(DISTINCT (SELECT MAX(amount) FROM orders o WHERE o.user_id=u.id)), COUNT(DISTINCT n) FROM users u;
SELECT country, SUM((SELECT COUNT(*) FROM orders o WHERE o.user_id=u.id)) FROM users u GROUP BY country WITH ROLLUP;
SELECT GROUP_CONCAT((SELECT MAX(price) FROM products p WHERE p.id=u.id) ORDER BY id) FROM users u;
SELECT country, SUM((SELECT COUNT(*) FROM orders o WHERE o.user_id=u.id)) FROM users u GROUP BY country;
--@ case sums of distinct texts
SELECT SUM(DISTINCT name) FROM users;
SELECT SUM(DISTINCT name), AVG(DISTINCT name) FROM users;
SELECT country, SUM(DISTINCT name) FROM users GROUP BY country ORDER BY 2, 1;
SELECT country FROM users GROUP BY country ORDER BY SUM(DISTINCT name), country;
SELECT SUM(DISTINCT IFNULL(id,'1')) FROM users;
SELECT AVG(DISTINCT IFNULL(id,'1')), SUM(DISTINCT IFNULL(id,'1'))+1 FROM users;
SELECT SUM(DISTINCT e) FROM s1;
SELECT SUM(DISTINCT CONCAT(n, '.0')), COUNT(DISTINCT n) FROM users;

--@ case having a name of an alias and of a grouped column
SELECT COUNT(*) a FROM s1 GROUP BY s1.a HAVING a > 1 ORDER BY s1.a;
SELECT MAX(id) a, s1.a g FROM s1 GROUP BY g HAVING a < 10 ORDER BY g;
SELECT MAX(id) a, s1.a g FROM s1 GROUP BY 2 HAVING a < 13 ORDER BY g;
SELECT -a a FROM s1 x GROUP BY x.a HAVING a > 10 ORDER BY 1;
SELECT -a a FROM s1 x GROUP BY shop.x.a HAVING a > 10 ORDER BY 1;
SELECT a+1 AS a FROM s1 GROUP BY a HAVING a > 11 ORDER BY 1;
SELECT COUNT(*) a FROM s1 GROUP BY a HAVING a > 1 ORDER BY 1;
SELECT a AS a, COUNT(*) FROM s1 GROUP BY s1.a HAVING a > 10 ORDER BY 1;
SELECT id AS a, COUNT(*) FROM s1 GROUP BY s1.id, s1.a HAVING a = 10 ORDER BY 1;
SELECT id+0 AS a, COUNT(*) FROM s1 GROUP BY s1.id, s1.a HAVING a = 10 ORDER BY 1;
SELECT MAX(id) a FROM s1 GROUP BY s1.a HAVING a > 6 AND MAX(id) > 2 ORDER BY 1;
SELECT MAX(id) a FROM s1 GROUP BY a+0 HAVING a > 6 ORDER BY 1;
