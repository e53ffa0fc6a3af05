-- Subqueries, derived tables, CTEs and unions.
--@ setup
DROP TABLE IF EXISTS users;
DROP TABLE IF EXISTS orders;
DROP TABLE IF EXISTS products;
DROP TABLE IF EXISTS notes;
DROP TABLE IF EXISTS s1;
CREATE TABLE users (id BIGINT NOT NULL, name VARCHAR(40) NOT NULL, country CHAR(2), score INT, PRIMARY KEY (id));
CREATE TABLE orders (user_id BIGINT NOT NULL, id BIGINT NOT NULL, product_id INT, amount DECIMAL(12,2), PRIMARY KEY (user_id, id));
CREATE TABLE products (id INT NOT NULL PRIMARY KEY, title VARCHAR(40), price DECIMAL(8,2));
CREATE TABLE notes (id INT NOT NULL PRIMARY KEY, user_id BIGINT, body VARCHAR(100));
CREATE TABLE s1 (id BIGINT NOT NULL PRIMARY KEY, v VARCHAR(20));
--@ data
DELETE FROM users;
DELETE FROM orders;
DELETE FROM products;
DELETE FROM notes;
DELETE FROM s1;
INSERT INTO users VALUES (1,'ann','DE',10),(2,'bob','FR',20),(3,'cid',NULL,NULL),(4,'dan','DE',5),(5,'eve','XX',0),(6,'fay','FR',10),(7,'gus','IT',99),(8,'hal','IT',-1);
INSERT INTO orders VALUES (1,1,10,100.10),(1,2,20,50),(2,1,10,75.5),(2,3,NULL,1),(3,5,30,0.01),(4,1,20,999.99),(4,2,10,10),(6,9,99,5),(7,1,10,NULL),(9,1,20,7);
INSERT INTO products VALUES (10,'hammer',12.5),(20,'nail',0.05),(30,'saw',30),(40,'drill',99);
INSERT INTO notes VALUES (1,1,'first'),(2,2,'second'),(3,NULL,'third'),(4,99,'fourth');
INSERT INTO s1 VALUES (1,'a'),(2,'b'),(3,'c'),(4,'d'),(5,'e');

--@ always temptable
--@ case in bound subquery
SELECT id FROM users WHERE id IN (SELECT user_id FROM orders) ORDER BY id;
SELECT id FROM users WHERE id NOT IN (SELECT user_id FROM orders) ORDER BY id;
SELECT id FROM users u WHERE EXISTS (SELECT 1 FROM orders o WHERE o.user_id = u.id AND o.amount > 60) ORDER BY id;
SELECT id FROM users u WHERE NOT EXISTS (SELECT 1 FROM orders o WHERE o.user_id = u.id) ORDER BY id;
SELECT u.id, (SELECT COUNT(*) FROM orders o WHERE o.user_id = u.id) c FROM users u ORDER BY u.id;
SELECT u.id, (SELECT MAX(amount) FROM orders o WHERE o.user_id = u.id) m FROM users u WHERE u.id = 1;
--@ case in subquery off the key
SELECT id FROM users WHERE id IN (SELECT product_id FROM orders) ORDER BY id;
SELECT id FROM users WHERE score > (SELECT AVG(score) FROM users) ORDER BY id;
SELECT id FROM users WHERE score = (SELECT MAX(score) FROM users);
SELECT (SELECT COUNT(*) FROM orders) AS n, (SELECT MAX(score) FROM users) AS m;
SELECT id, (SELECT COUNT(*) FROM orders) FROM users ORDER BY id;
SELECT id FROM users WHERE score >= ALL (SELECT score FROM users WHERE score IS NOT NULL);
SELECT id FROM users WHERE score > ANY (SELECT score FROM users WHERE country = 'DE') ORDER BY id;
--@ case broadcast in subquery
SELECT id FROM orders WHERE product_id IN (SELECT id FROM products WHERE price > 10) ORDER BY user_id, id;
SELECT user_id, (SELECT title FROM products p WHERE p.id = o.product_id) t FROM orders o ORDER BY user_id, id;
SELECT id FROM products WHERE price > (SELECT AVG(price) FROM products) ORDER BY id;
SELECT id FROM products WHERE id IN (SELECT product_id FROM orders) ORDER BY id;
SELECT id FROM products WHERE id NOT IN (SELECT product_id FROM orders WHERE product_id IS NOT NULL) ORDER BY id;
--@ case single in subquery
SELECT id FROM notes WHERE user_id IN (SELECT id FROM users) ORDER BY id;
SELECT id FROM users WHERE id IN (SELECT user_id FROM notes) ORDER BY id;
SELECT id FROM notes WHERE id IN (SELECT id FROM products) ORDER BY id;
--@ case one shard
SELECT id FROM users WHERE id = 1 AND id IN (SELECT user_id FROM orders WHERE user_id = 1);
SELECT name FROM users WHERE id = (SELECT 1);
SELECT name FROM users WHERE id = (SELECT MIN(id) FROM products) / 10;
--@ case derived tables
SELECT * FROM (SELECT id, name FROM users) t ORDER BY id;
SELECT t.country, t.c FROM (SELECT country, COUNT(*) c FROM users GROUP BY country) t ORDER BY t.country;
SELECT MAX(c) FROM (SELECT country, COUNT(*) c FROM users GROUP BY country) t;
SELECT COUNT(*) FROM (SELECT DISTINCT country FROM users) t;
SELECT COUNT(*) FROM (SELECT id FROM users ORDER BY id LIMIT 3) t;
SELECT id FROM (SELECT id FROM users ORDER BY score DESC, id LIMIT 3) t ORDER BY id;
SELECT t.id, o.id FROM (SELECT id FROM users WHERE score > 5) t JOIN orders o ON o.user_id = t.id;
-- In the order of the text: sorted in a temporary table a column is of the table inside, else of the derived one, and which
-- table is read first is for each version and each number of rows to choose.
SELECT STRAIGHT_JOIN t.id, o.id FROM (SELECT id FROM users WHERE score > 5) t JOIN orders o ON o.user_id = t.id ORDER BY t.id, o.id;
SELECT AVG(s) FROM (SELECT user_id, SUM(amount) s FROM orders GROUP BY user_id) t;
SELECT * FROM (SELECT id FROM users WHERE id = 1) t;
SELECT * FROM (SELECT 1 AS a UNION SELECT 2) t ORDER BY a;
SELECT COUNT(*) FROM (SELECT user_id FROM orders GROUP BY user_id) t;
--@ case cte
WITH t AS (SELECT id, score FROM users) SELECT id FROM t WHERE score > 5 ORDER BY id;
WITH t AS (SELECT country, COUNT(*) c FROM users GROUP BY country) SELECT MAX(c) FROM t;
WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i FROM n ORDER BY i;
WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT u.id FROM users u JOIN n ON n.i = u.id ORDER BY u.id;
--@ case union
SELECT id FROM users UNION SELECT user_id FROM orders ORDER BY id;
SELECT id FROM users UNION ALL SELECT user_id FROM orders ORDER BY 1;
SELECT id FROM users WHERE id = 1 UNION SELECT id FROM users WHERE id = 2 ORDER BY id;
SELECT id, name FROM users WHERE id = 1 UNION ALL SELECT id, title FROM products ORDER BY id;
SELECT id FROM users WHERE id < 3 UNION ALL SELECT id FROM users WHERE id > 6;
(SELECT id FROM users ORDER BY id DESC LIMIT 2) UNION ALL (SELECT id FROM products ORDER BY id LIMIT 1);
(SELECT id FROM users ORDER BY id DESC LIMIT 2) UNION ALL (SELECT id FROM users ORDER BY id LIMIT 2) ORDER BY id LIMIT 3;
SELECT country FROM users UNION SELECT country FROM users;
SELECT country FROM users UNION DISTINCT SELECT 'DE' ORDER BY 1;
SELECT 1 AS n UNION SELECT 2 UNION SELECT 1 ORDER BY n;
SELECT id AS a, 'u' AS t FROM users WHERE id < 3 UNION ALL SELECT id, 'p' FROM products ORDER BY t, a;
SELECT score FROM users UNION SELECT amount FROM orders ORDER BY 1;
SELECT id FROM users UNION ALL SELECT id FROM users ORDER BY id LIMIT 5;
SELECT COUNT(*) FROM users UNION ALL SELECT COUNT(*) FROM orders;
SELECT COUNT(*) c FROM users UNION ALL SELECT COUNT(*) FROM products ORDER BY c;
SELECT body FROM notes UNION SELECT title FROM products ORDER BY 1;
--@ case except and intersect
SELECT id FROM users EXCEPT SELECT user_id FROM orders ORDER BY id;
SELECT id FROM users INTERSECT SELECT user_id FROM orders ORDER BY id;
SELECT id FROM products INTERSECT SELECT 10;
--@ case values and dual
SELECT 1;
SELECT 1 FROM DUAL;
SELECT 1 + 1 AS two, 'x' AS s, NULL AS n;
VALUES (1,2),(3,4);
SELECT * FROM (VALUES (1,2),(3,4)) t;
DO 1;
--@ case errors
SELECT id FROM users WHERE id = (SELECT user_id FROM orders);
SELECT id FROM users WHERE id IN (SELECT id, user_id FROM orders);
SELECT id FROM users UNION SELECT id, name FROM users;
SELECT * FROM (SELECT id FROM users);
SELECT id FROM (SELECT id, id FROM users) t;
