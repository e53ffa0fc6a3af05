-- Joins of bound tables, with broadcast and single tables; what crosses shards is refused or right.
--@ setup
DROP TABLE IF EXISTS users;
DROP TABLE IF EXISTS orders;
DROP TABLE IF EXISTS order_items;
DROP TABLE IF EXISTS products;
DROP TABLE IF EXISTS countries;
DROP TABLE IF EXISTS s1;
DROP TABLE IF EXISTS notes;
CREATE TABLE users (id BIGINT NOT NULL, name VARCHAR(40) NOT NULL, country CHAR(2), score DECIMAL(10,2), born DATE, PRIMARY KEY (id));
CREATE TABLE orders (user_id BIGINT NOT NULL, id BIGINT NOT NULL, product_id INT, amount DECIMAL(12,2), state ENUM('new','paid','sent'), placed DATETIME, PRIMARY KEY (user_id, id), KEY (product_id));
CREATE TABLE order_items (user_id BIGINT NOT NULL, order_id BIGINT NOT NULL, line INT NOT NULL, product_id INT, qty INT, price DECIMAL(8,2), PRIMARY KEY (user_id, order_id, line));
CREATE TABLE products (id INT NOT NULL PRIMARY KEY, title VARCHAR(40), price DECIMAL(8,2));
CREATE TABLE countries (code CHAR(2) NOT NULL PRIMARY KEY, name VARCHAR(40));
CREATE TABLE s1 (id BIGINT NOT NULL PRIMARY KEY, user_id BIGINT, v VARCHAR(20));
CREATE TABLE notes (id INT NOT NULL PRIMARY KEY, user_id BIGINT, body VARCHAR(100));
--@ data
DELETE FROM users;
DELETE FROM orders;
DELETE FROM order_items;
DELETE FROM products;
DELETE FROM countries;
DELETE FROM s1;
DELETE FROM notes;
INSERT INTO users VALUES (1,'ann','DE',10.5,'1990-01-01'),(2,'bob','FR',20,'1985-05-05'),(3,'cid',NULL,NULL,NULL),(4,'dan','DE',5.25,'2000-12-31'),(5,'eve','XX',0,'1970-01-01'),(6,'fay','FR',10.5,'1990-01-01'),(7,'gus','IT',99.99,'1999-09-09'),(8,'hal','IT',-1,'2010-10-10');
INSERT INTO orders VALUES (1,1,10,100.10,'new','2024-01-01 10:00:00'),(1,2,20,50,'paid','2024-01-02 11:00:00'),(2,1,10,75.5,'sent','2024-02-01 00:00:00'),(2,3,NULL,1,'new',NULL),(3,5,30,0.01,'paid','2023-12-31 23:59:59'),(4,1,20,999.99,'paid','2024-03-01 12:00:00'),(4,2,10,10,'new','2024-03-02 12:00:00'),(6,9,99,5,'sent','2024-04-01 12:00:00'),(7,1,10,NULL,NULL,'2024-05-01 12:00:00'),(9,1,20,7,'paid','2024-06-01 12:00:00');
INSERT INTO order_items VALUES (1,1,1,10,2,50.05),(1,2,1,20,1,25),(1,2,2,10,1,25),(2,1,1,10,3,25.17),(3,5,1,30,1,0.01),(4,1,1,20,9,111.11),(4,1,2,30,1,0),(4,2,1,10,1,10),(6,9,1,99,5,1),(9,1,1,20,7,1);
INSERT INTO products VALUES (10,'hammer',12.5),(20,'nail',0.05),(30,'saw',30),(40,'drill',99);
INSERT INTO countries VALUES ('DE','Germany'),('FR','France'),('IT','Italy'),('ES','Spain');
INSERT INTO s1 VALUES (1,1,'x'),(2,1,'y'),(3,2,'z'),(4,5,'w');
INSERT INTO notes VALUES (1,1,'first'),(2,2,'second'),(3,NULL,'third'),(4,99,'fourth');

--@ always temptable
--@ case bound by key
SELECT u.name, o.id, o.amount FROM users u JOIN orders o ON o.user_id = u.id ORDER BY u.id, o.id;
SELECT u.name, o.id FROM users u, orders o WHERE u.id = o.user_id ORDER BY u.id, o.id;
SELECT u.name, o.id FROM users u INNER JOIN orders o ON u.id = o.user_id WHERE u.id = 1 ORDER BY o.id;
SELECT u.name, o.id FROM users u JOIN orders o ON u.id = o.user_id WHERE o.user_id IN (1,4) ORDER BY u.id, o.id;
SELECT u.*, o.* FROM users u JOIN orders o ON u.id = o.user_id WHERE u.id = 2 ORDER BY o.id;
SELECT * FROM users JOIN orders ON users.id = orders.user_id ORDER BY users.id, orders.id;
SELECT users.name, orders.amount FROM users JOIN orders ON users.id = orders.user_id AND orders.state = 'paid' ORDER BY users.id;
--@ case left joins
SELECT u.id, o.id FROM users u LEFT JOIN orders o ON o.user_id = u.id ORDER BY u.id, o.id;
SELECT u.id FROM users u LEFT JOIN orders o ON o.user_id = u.id WHERE o.id IS NULL ORDER BY u.id;
SELECT o.user_id, u.name FROM orders o LEFT JOIN users u ON u.id = o.user_id ORDER BY o.user_id, o.id;
SELECT o.user_id, u.name FROM users u RIGHT JOIN orders o ON u.id = o.user_id ORDER BY o.user_id, o.id;
SELECT u.id, o.id FROM users u LEFT JOIN orders o ON o.user_id = u.id AND o.amount > 50 ORDER BY u.id, o.id;
--@ case three tables
SELECT u.name, o.id, i.line, i.qty FROM users u JOIN orders o ON o.user_id = u.id JOIN order_items i ON i.user_id = o.user_id AND i.order_id = o.id ORDER BY u.id, o.id, i.line;
SELECT u.name, SUM(i.qty * i.price) total FROM users u JOIN orders o ON o.user_id = u.id JOIN order_items i ON i.user_id = u.id AND i.order_id = o.id GROUP BY u.id, u.name ORDER BY u.id;
SELECT u.name, i.qty FROM users u LEFT JOIN orders o ON o.user_id = u.id LEFT JOIN order_items i ON i.user_id = o.user_id AND i.order_id = o.id ORDER BY u.id, o.id, i.line;
--@ case using and natural
SELECT user_id, o.id, i.line FROM orders o JOIN order_items i USING (user_id) ORDER BY user_id, o.id, i.order_id, i.line;
SELECT * FROM orders JOIN order_items USING (user_id, product_id) ORDER BY user_id, id, order_id, line;
SELECT user_id, COUNT(*) FROM orders NATURAL JOIN order_items GROUP BY user_id ORDER BY user_id;
--@ case broadcast
SELECT u.name, c.name FROM users u JOIN countries c ON c.code = u.country ORDER BY u.id;
SELECT u.name, c.name FROM users u LEFT JOIN countries c ON c.code = u.country ORDER BY u.id;
SELECT o.user_id, p.title FROM orders o JOIN products p ON p.id = o.product_id ORDER BY o.user_id, o.id;
SELECT p.title, COUNT(o.id), SUM(o.amount) FROM orders o JOIN products p ON p.id = o.product_id GROUP BY p.id, p.title ORDER BY p.id;
SELECT p.title, o.id FROM products p LEFT JOIN orders o ON o.product_id = p.id ORDER BY p.id, o.user_id, o.id;
SELECT p.title, COUNT(o.id) FROM products p LEFT JOIN orders o ON o.product_id = p.id GROUP BY p.title ORDER BY p.title;
SELECT p.id, c.code FROM products p, countries c ORDER BY p.id, c.code;
SELECT u.name, p.title FROM users u CROSS JOIN products p WHERE u.id < 3 ORDER BY u.id, p.id;
SELECT * FROM products ORDER BY id;
SELECT COUNT(*), SUM(price) FROM products;
SELECT title FROM products WHERE id = 10;
--@ case single
SELECT * FROM notes ORDER BY id;
SELECT n.body, p.title FROM notes n JOIN products p ON p.id = n.id * 10 ORDER BY n.id;
SELECT n.body, u.name FROM notes n JOIN users u ON u.id = n.user_id ORDER BY n.id;
--@ case across shards
SELECT s1.v, u.name FROM s1 JOIN users u ON u.id = s1.user_id ORDER BY s1.id;
SELECT a.id, b.id FROM users a JOIN users b ON a.country = b.country AND a.id < b.id ORDER BY a.id, b.id;
SELECT a.id, b.id FROM users a JOIN users b ON a.score = b.score WHERE a.id <> b.id ORDER BY a.id;
SELECT o.id, i.line FROM orders o JOIN order_items i ON o.id = i.order_id ORDER BY o.user_id, o.id, i.user_id, i.order_id, i.line;
SELECT u.name, o.id FROM users u JOIN orders o ON o.product_id = u.id ORDER BY u.id;
SELECT COUNT(*) FROM users a, users b;
--@ case self join by key
SELECT a.id, b.name FROM users a JOIN users b ON a.id = b.id ORDER BY a.id;
SELECT a.id, b.id FROM orders a JOIN orders b ON a.user_id = b.user_id AND a.id < b.id ORDER BY a.user_id, a.id, b.id;
--@ case both to one shard
SELECT s1.v, u.name FROM s1 JOIN users u ON u.id = s1.user_id WHERE s1.id = 1 AND u.id = 1;
SELECT a.name, b.name FROM users a, users b WHERE a.id = 1 AND b.id = 1;
SELECT a.name, b.name FROM users a, users b WHERE a.id = 1 AND b.id = 2;
--@ case aggregates over joins
SELECT u.country, COUNT(DISTINCT u.id), COUNT(o.id), SUM(o.amount) FROM users u LEFT JOIN orders o ON o.user_id = u.id GROUP BY u.country ORDER BY u.country;
SELECT COUNT(*) FROM users u JOIN orders o ON u.id = o.user_id;
SELECT MAX(o.amount), MIN(u.born) FROM users u JOIN orders o ON u.id = o.user_id;
SELECT o.state, AVG(i.qty) FROM orders o JOIN order_items i ON i.user_id = o.user_id AND i.order_id = o.id GROUP BY o.state ORDER BY o.state;
SELECT u.id, COUNT(o.id) c FROM users u LEFT JOIN orders o ON o.user_id = u.id GROUP BY u.id HAVING c > 1 ORDER BY c DESC, u.id LIMIT 3;
SELECT DISTINCT u.country FROM users u JOIN orders o ON o.user_id = u.id ORDER BY u.country;
--@ case order and limit over joins
SELECT u.name, o.amount FROM users u JOIN orders o ON o.user_id = u.id ORDER BY o.amount DESC, u.id LIMIT 3;
SELECT u.name, o.amount FROM users u JOIN orders o ON o.user_id = u.id ORDER BY u.name, o.id LIMIT 2, 2;
--@ case straight join and parentheses
SELECT STRAIGHT_JOIN u.id FROM users u JOIN orders o ON u.id = o.user_id ORDER BY u.id, o.id;
SELECT u.id FROM users u STRAIGHT_JOIN orders o ON u.id = o.user_id ORDER BY u.id, o.id;
SELECT u.id, o.id, p.id FROM users u JOIN (orders o JOIN products p ON p.id = o.product_id) ON u.id = o.user_id ORDER BY u.id, o.id;
--@ case qualified names
SELECT shop.users.name, shop.orders.id FROM shop.users JOIN shop.orders ON shop.users.id = shop.orders.user_id ORDER BY shop.users.id, shop.orders.id;
SELECT `users`.`name` FROM `shop`.`users` WHERE `shop`.`users`.`id` = 1;
SELECT users.name FROM users AS u WHERE u.id = 1;
--@ case index hints and partitions
SELECT o.id FROM orders o USE INDEX (product_id) WHERE o.product_id = 10 ORDER BY o.user_id, o.id;
SELECT o.id FROM orders o FORCE INDEX FOR JOIN (PRIMARY) JOIN users u ON u.id = o.user_id ORDER BY o.user_id, o.id;
SELECT o.id FROM orders o IGNORE INDEX (nope) WHERE o.user_id = 1 ORDER BY o.id;
--@ case parameters
--@ params int 1
--@ params int 99
--@ params str 4
SELECT u.name, o.id FROM users u JOIN orders o ON o.user_id = u.id WHERE u.id = ? ORDER BY o.id;
--@ params int 1 | int 4 | str paid
SELECT u.name, o.id FROM users u JOIN orders o ON o.user_id = u.id WHERE u.id IN (?, ?) AND o.state = ? ORDER BY o.id;
--@ case a shard key join with order by
SELECT o.user_id, o.id, i.line, i.price FROM orders o JOIN order_items i ON o.user_id = i.user_id AND o.id = i.order_id ORDER BY i.price DESC, o.user_id, o.id, i.line;
SELECT i.line, o.amount, o.id FROM order_items i JOIN orders o ON o.user_id = i.user_id AND o.id = i.order_id ORDER BY o.amount, i.user_id, i.line;
--@ case constants link shards
SELECT u.name, o.id FROM users u JOIN orders o WHERE u.id = 4 AND o.user_id = 4 ORDER BY o.id;
SELECT u.name, o.id FROM users u JOIN orders o ON o.user_id = u.id AND u.id = 4 ORDER BY o.id;
SELECT u.id, o.id FROM users u LEFT JOIN orders o ON o.user_id = 1 WHERE u.id = 1 ORDER BY o.id;
SELECT u.id, o.id FROM users u LEFT JOIN orders o ON o.user_id = 1 WHERE u.id = 2 ORDER BY o.id;
