-- One value of NOW() per statement, over all shards, in defaults as well; and the statement's own time zone.
--@ mysql COUNT(DISTINCT UUID()) => COUNT(DISTINCT CONCAT(UUID(), id))
--@ setup
DROP TABLE IF EXISTS s1;
DROP TABLE IF EXISTS products;
DROP TABLE IF EXISTS notes;
CREATE TABLE s1 (id BIGINT NOT NULL PRIMARY KEY, v INT, c TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6), u DATETIME(6) NULL DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP(6));
CREATE TABLE products (id INT NOT NULL PRIMARY KEY, v INT, c DATETIME(6) DEFAULT NOW(6), r DOUBLE, x CHAR(36));
CREATE TABLE notes (id INT NOT NULL PRIMARY KEY, c DATETIME DEFAULT NOW());
--@ dump s1 clock=3,4
--@ dump products clock=3 double=4 uuid=5
--@ dump notes clock=2
--@ data
DELETE FROM s1;
DELETE FROM products;
DELETE FROM notes;
INSERT INTO s1 (id, v) VALUES (1,1),(2,2),(3,3),(4,4),(5,5),(6,6),(7,7),(8,8);

--@ case one value over shards
SELECT COUNT(DISTINCT NOW(6)) FROM s1;
SELECT COUNT(DISTINCT t) FROM (SELECT NOW(6) t FROM s1) x;
SELECT MIN(NOW(6)) = MAX(NOW(6)) FROM s1;
SELECT DISTINCT NOW(6) = NOW(6) FROM s1;
SELECT DISTINCT CURDATE() = DATE(NOW()), UTC_DATE() = DATE(UTC_TIMESTAMP()) FROM s1;
--@ expect clock=1
SELECT DISTINCT NOW(6) FROM s1;
--@ expect clock=1,2
SELECT NOW(), CURRENT_TIMESTAMP FROM s1 WHERE id = 1;
--@ expect clock=1,2,3,4,5,6
SELECT NOW(3), CURDATE(), CURTIME(), UTC_TIMESTAMP(), UNIX_TIMESTAMP(), LOCALTIME;
--@ case defaults of one insert
INSERT INTO s1 (id, v) VALUES (11,1),(12,2),(13,3),(14,4),(15,5),(16,6);
SELECT COUNT(DISTINCT c) FROM s1 WHERE id > 10;
INSERT INTO s1 (id, v, c) VALUES (21,1,NOW(6)),(22,2,CURRENT_TIMESTAMP(6)),(23,3,DEFAULT),(24,4,LOCALTIMESTAMP(6));
SELECT COUNT(DISTINCT c) FROM s1 WHERE id > 20;
--@ case on update
UPDATE s1 SET v = v + 1;
SELECT COUNT(DISTINCT u), COUNT(u) FROM s1;
UPDATE s1 SET u = NOW(6), v = v + 1;
SELECT COUNT(DISTINCT u) FROM s1;
UPDATE s1 SET v = v;
--@ case set timestamp
SET SESSION timestamp = 1700000000.123456;
SELECT NOW(6), CURDATE(), UNIX_TIMESTAMP(), CURTIME(6);
SELECT DISTINCT NOW(6) FROM s1;
INSERT INTO s1 (id, v) VALUES (31,1),(32,2),(33,3);
SELECT id, c FROM s1 WHERE id > 30 ORDER BY id;
UPDATE s1 SET v = 0 WHERE id IN (31, 33);
SELECT id, c, u FROM s1 WHERE id > 30 ORDER BY id;
INSERT INTO products (id, v) VALUES (1,1),(2,2);
INSERT INTO notes (id) VALUES (1);
SELECT id, c FROM products ORDER BY id;
SELECT id, c FROM notes;
SET SESSION timestamp = DEFAULT;
--@ case time zones
SET SESSION timestamp = 1700000000;
SET SESSION time_zone = '+00:00';
INSERT INTO s1 (id, v) VALUES (41,1),(42,2);
SET SESSION time_zone = '-08:00';
SELECT id, c FROM s1 WHERE id IN (41,42) ORDER BY id;
SELECT MAX(c) FROM s1 WHERE id > 40;
SELECT NOW(), UTC_TIMESTAMP();
--@ case broadcast is evaluated once
INSERT INTO products (id, v, c, x) VALUES (1,1,NOW(6),UUID()),(2,2,SYSDATE(6),UUID());
UPDATE products SET r = RAND() * 0;
--@ expect uuid=1
SELECT x FROM products ORDER BY id;
SELECT COUNT(DISTINCT x) FROM products;
--@ case prepared
--@ params int 51
--@ params int 52
INSERT INTO s1 (id, v, c) VALUES (?, 1, NOW(6));
SELECT COUNT(*) FROM s1 WHERE id > 50 AND c > NOW() - INTERVAL 1 HOUR;
--@ case conditions with the time
SELECT COUNT(*) FROM s1 WHERE c <= NOW(6);
SELECT COUNT(*) FROM s1 WHERE c > NOW() - INTERVAL 1 DAY;
SELECT id FROM s1 WHERE DATE(c) >= CURDATE() - INTERVAL 1 DAY ORDER BY id;
DELETE FROM s1 WHERE c < NOW() - INTERVAL 1 YEAR;
--@ case uuid and rand
--@ expect uuid=1
SELECT UUID();
--@ expect uuid=1
SELECT UUID() FROM s1;
SELECT UUID() = UUID();
SELECT RAND(3);
SELECT COUNT(DISTINCT UUID()) FROM s1;
SELECT COUNT(*) FROM s1 WHERE RAND() < 2;
SELECT SLEEP(0), SYSDATE() >= NOW();
