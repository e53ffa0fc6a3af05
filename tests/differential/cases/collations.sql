-- Order, groups and DISTINCT by text of each collation family.
--@ mysql utf8mb4_uca1400_ai_ci => utf8mb4_0900_ai_ci
--@ mysql utf8mb4_uca1400_as_cs => utf8mb4_0900_as_cs
--@ mysql utf8mb4_general_nopad_ci => utf8mb4_0900_as_ci
--@ mysql utf8mb4_nopad_bin => utf8mb4_0900_bin
--@ mysql utf8mb4_uca1400_nopad_ai_ci => utf8mb4_de_pb_0900_ai_ci
--@ setup
DROP TABLE IF EXISTS s1;
CREATE TABLE s1 (
  id BIGINT NOT NULL PRIMARY KEY,
  g VARCHAR(30) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci,
  u VARCHAR(30) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci,
  b VARCHAR(30) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  ai VARCHAR(30) CHARACTER SET utf8mb4 COLLATE utf8mb4_uca1400_ai_ci,
  cs VARCHAR(30) CHARACTER SET utf8mb4 COLLATE utf8mb4_uca1400_as_cs,
  np VARCHAR(30) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_nopad_ci,
  nb VARCHAR(30) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  un VARCHAR(30) CHARACTER SET utf8mb4 COLLATE utf8mb4_uca1400_nopad_ai_ci,
  l VARCHAR(30) CHARACTER SET latin1 COLLATE latin1_swedish_ci,
  lb CHAR(30) CHARACTER SET latin1 COLLATE latin1_bin,
  ld VARCHAR(30) CHARACTER SET latin1 COLLATE latin1_german2_ci,
  asc_ VARCHAR(30) CHARACTER SET ascii,
  vb VARBINARY(60),
  u2 VARCHAR(30) CHARACTER SET utf8mb3 COLLATE utf8mb3_unicode_520_ci,
  sw TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_swedish_ci
);
--@ data
DELETE FROM s1;
INSERT INTO s1 (id, g) VALUES (1,'a'),(2,'A'),(3,'b'),(4,'a '),(5,'a\t'),(6,'ä'),(7,'Ä'),(8,'ae'),(9,'z'),(10,'ß'),(11,'ss'),(12,'s'),
  (13,'ö'),(14,'o'),(15,'O '),(16,''),(17,' '),(18,NULL),(19,'åa'),(20,'Z'),(21,'é'),(22,'E'),(23,'a-b'),(24,'ab'),(25,'a!');
UPDATE s1 SET u=g, b=g, ai=g, cs=g, np=g, nb=g, un=g, l=g, lb=g, ld=g, vb=g, u2=g, sw=g;
UPDATE s1 SET asc_ = IF(id IN (6,7,10,13,19,21), 'q', g);

--@ case order general_ci
--@ expect ties=1
SELECT g, id FROM s1 ORDER BY g;
SELECT id, g FROM s1 ORDER BY g, id;
SELECT id, g FROM s1 ORDER BY g DESC, id LIMIT 7;
--@ case order unicode_ci
SELECT id, u FROM s1 ORDER BY u, id;
SELECT id, u FROM s1 ORDER BY u DESC, id;
--@ case order bin
SELECT id, b FROM s1 ORDER BY b, id;
SELECT id, b FROM s1 ORDER BY b DESC, id;
--@ case order uca1400
SELECT id, ai FROM s1 ORDER BY ai, id;
SELECT id, cs FROM s1 ORDER BY cs, id;
SELECT id, cs FROM s1 ORDER BY cs DESC, id;
--@ case order nopad
SELECT id, np FROM s1 ORDER BY np, id;
SELECT id, nb FROM s1 ORDER BY nb, id;
SELECT id, un FROM s1 ORDER BY un, id;
--@ case order latin1
SELECT id, l FROM s1 ORDER BY l, id;
SELECT id, lb FROM s1 ORDER BY lb, id;
SELECT id, ld FROM s1 ORDER BY ld, id;
SELECT id, asc_ FROM s1 ORDER BY asc_, id;
--@ case order others
SELECT id, vb FROM s1 ORDER BY vb, id;
SELECT id, u2 FROM s1 ORDER BY u2, id;
SELECT id, sw FROM s1 ORDER BY sw, id;
--@ case group general_ci
--@ expect rep=1
SELECT g, COUNT(*), MIN(id) FROM s1 GROUP BY g;
--@ expect rep=1
SELECT g, COUNT(*) FROM s1 GROUP BY g ORDER BY g;
--@ case group unicode_ci
--@ expect rep=1 collation=utf8mb4_unicode_ci
SELECT u, COUNT(*), MIN(id) FROM s1 GROUP BY u ORDER BY u;
--@ case group bin
SELECT b, COUNT(*), MIN(id) FROM s1 WHERE id NOT IN (4,15,17) GROUP BY b ORDER BY b;
--@ expect rep=1 collation=utf8mb4_bin
SELECT b, COUNT(*), MIN(id) FROM s1 GROUP BY b ORDER BY b;
--@ case group uca1400
--@ expect rep=1 collation=utf8mb4_uca1400_ai_ci
SELECT ai, COUNT(*) FROM s1 GROUP BY ai ORDER BY ai;
--@ expect rep=1 collation=utf8mb4_uca1400_as_cs
SELECT cs, COUNT(*) FROM s1 GROUP BY cs ORDER BY cs;
--@ case group nopad
--@ expect rep=1 collation=utf8mb4_general_nopad_ci
SELECT np, COUNT(*) FROM s1 GROUP BY np ORDER BY np;
SELECT nb, COUNT(*) FROM s1 GROUP BY nb ORDER BY nb;
--@ expect rep=1 collation=utf8mb4_uca1400_nopad_ai_ci
SELECT un, COUNT(*) FROM s1 GROUP BY un ORDER BY un;
--@ case group latin1
--@ expect rep=1 collation=latin1_swedish_ci
SELECT l, COUNT(*) FROM s1 GROUP BY l ORDER BY l;
--@ expect rep=1 collation=latin1_german2_ci
SELECT ld, COUNT(*) FROM s1 GROUP BY ld ORDER BY ld;
SELECT lb, COUNT(*) FROM s1 GROUP BY lb ORDER BY lb;
--@ case group binary
SELECT vb, COUNT(*) FROM s1 GROUP BY vb ORDER BY vb;
--@ case group others
--@ expect rep=1 collation=utf8mb3_unicode_520_ci
SELECT u2, COUNT(*) FROM s1 GROUP BY u2 ORDER BY u2;
--@ expect rep=1 collation=utf8mb4_swedish_ci
SELECT sw, COUNT(*) FROM s1 GROUP BY sw ORDER BY sw;
--@ case distinct
--@ expect rep=1
SELECT DISTINCT g FROM s1;
--@ expect rep=1 collation=utf8mb4_unicode_ci
SELECT DISTINCT u FROM s1 ORDER BY u;
SELECT DISTINCT nb FROM s1 ORDER BY nb;
--@ expect rep=1 collation=utf8mb4_uca1400_ai_ci
SELECT DISTINCT ai FROM s1 ORDER BY ai;
SELECT DISTINCT vb FROM s1 ORDER BY vb;
--@ expect rep=1 collation=latin1_swedish_ci
SELECT DISTINCT l FROM s1 ORDER BY l;
--@ case count distinct
SELECT COUNT(DISTINCT g), COUNT(DISTINCT u), COUNT(DISTINCT b), COUNT(DISTINCT ai), COUNT(DISTINCT cs) FROM s1;
SELECT COUNT(DISTINCT np), COUNT(DISTINCT nb), COUNT(DISTINCT un), COUNT(DISTINCT l), COUNT(DISTINCT lb), COUNT(DISTINCT ld), COUNT(DISTINCT vb) FROM s1;
SELECT COUNT(DISTINCT g, b), COUNT(DISTINCT u2), COUNT(DISTINCT sw) FROM s1;
--@ case min and max
SELECT MIN(b), MAX(b), MIN(cs), MAX(cs), MIN(vb), MAX(vb), MIN(nb), MAX(nb) FROM s1 WHERE id NOT IN (4,15,17);
--@ expect rep=1,2
SELECT MIN(g), MAX(g) FROM s1 WHERE g > '  ';
--@ expect rep=1,2 collation=latin1_swedish_ci
SELECT MIN(l), MAX(l) FROM s1 WHERE l > '  ';
--@ case group by several
--@ expect rep=1
SELECT g, nb, COUNT(*) FROM s1 GROUP BY g, nb ORDER BY g, nb;
--@ case explicit collation
SELECT id FROM s1 ORDER BY g COLLATE utf8mb4_bin, id;
SELECT id FROM s1 ORDER BY b COLLATE utf8mb4_general_ci, id;
SELECT id FROM s1 ORDER BY l COLLATE latin1_bin, id;
--@ expect rep=1
SELECT b COLLATE utf8mb4_general_ci, COUNT(*) FROM s1 GROUP BY b COLLATE utf8mb4_general_ci;
SELECT g COLLATE utf8mb4_nopad_bin x, COUNT(*) FROM s1 GROUP BY x ORDER BY x;
SELECT DISTINCT g COLLATE utf8mb4_nopad_bin FROM s1 ORDER BY 1;
--@ case having by text
--@ expect rep=1
SELECT g, COUNT(*) c FROM s1 GROUP BY g HAVING g = 'A';
--@ expect rep=1
SELECT g, COUNT(*) c FROM s1 GROUP BY g HAVING c > 1 ORDER BY g;
--@ case comparisons
SELECT id FROM s1 WHERE g = 'A' ORDER BY id;
SELECT id FROM s1 WHERE b = 'A' ORDER BY id;
SELECT id FROM s1 WHERE u = 'SS' ORDER BY id;
SELECT id FROM s1 WHERE np = 'a ' ORDER BY id;
SELECT id FROM s1 WHERE g LIKE 'a%' ORDER BY id;
SELECT id FROM s1 WHERE cs IN ('a','z') ORDER BY id;
SELECT id FROM s1 WHERE l BETWEEN 'a' AND 'b' ORDER BY id;
--@ case connection collation
SET NAMES utf8mb4 COLLATE utf8mb4_bin;
SELECT id FROM s1 ORDER BY CONCAT(id % 3, 'x'), id;
SELECT CONCAT('A', id % 2) x, COUNT(*) FROM s1 GROUP BY x ORDER BY x;
SELECT IF(id % 2, 'a', 'A') x, COUNT(*) FROM s1 GROUP BY x ORDER BY x;
SET NAMES utf8mb4 COLLATE utf8mb4_general_ci;
--@ expect rep=1
SELECT IF(id % 2, 'a', 'A') x, COUNT(*) FROM s1 GROUP BY x ORDER BY x;

--@ case texts of more weights than characters
DROP TABLE IF EXISTS s2;
CREATE TABLE s2 (id BIGINT NOT NULL PRIMARY KEY,
  u VARCHAR(12) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci,
  x VARCHAR(12) CHARACTER SET utf8mb4 COLLATE utf8mb4_uca1400_ai_ci,
  y VARCHAR(12) CHARACTER SET utf8mb4 COLLATE utf8mb4_uca1400_as_cs,
  w VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_uca1400_as_cs,
  n VARCHAR(12) CHARACTER SET utf8mb3 COLLATE utf8mb3_unicode_ci);
INSERT INTO s2 (id, u) VALUES (1,'北京市海淀区中关村一号院'),(2,'北京市海淀区中关村二号院'),(3,'北京市海淀区上地一号院'),
  (4,'北京市海淀区上地九号院'),(5,'김철수'),(6,'김영희'),(7,'ßßßßßßßßßßßa'),(8,'ßßßßßßßßßßßb'),(9,'æ'),(10,'b');
UPDATE s2 SET x=u, y=u, w=u, n=u;
SELECT u FROM s2 UNION SELECT u FROM s2 ORDER BY u;
SELECT x FROM s2 UNION SELECT x FROM s2 ORDER BY x;
SELECT y FROM s2 UNION SELECT y FROM s2 ORDER BY y;
SELECT n FROM s2 UNION SELECT n FROM s2 ORDER BY n;
SELECT DISTINCT TRIM(u) FROM s2 ORDER BY 1;
SELECT COUNT(DISTINCT TRIM(u)), COUNT(DISTINCT TRIM(x)), COUNT(DISTINCT TRIM(y)), COUNT(DISTINCT TRIM(n)) FROM s2;
SELECT MIN(u), MAX(u), MIN(x), MAX(x), MIN(y), MAX(y), MIN(n), MAX(n) FROM s2;
SELECT MIN(y), MAX(y) FROM s2 WHERE id < 3;
SELECT UPPER(u) k, COUNT(*) FROM s2 GROUP BY k ORDER BY k;
SELECT y, COUNT(*) FROM s2 GROUP BY y ORDER BY y;
SELECT id FROM s2 ORDER BY UPPER(u), id;
SELECT id FROM s2 ORDER BY TRIM(x) DESC, id;
SELECT id FROM s2 ORDER BY y, id;
INSERT INTO s2 (id, u) SELECT 100, MAX(u) FROM s2 WHERE id IN (1,2);
SELECT id, u FROM s2 WHERE id = 100;
--@ case levels that a sort does not see
DELETE FROM s2;
INSERT INTO s2 (id, w) VALUES (1,'B'),(2,'b'),(3,'A'),(4,'a'),(5,'á'),(6,'ab'),(7,'B'),(8,'b');
SELECT id FROM s2 ORDER BY w, id;
SELECT id FROM s2 ORDER BY w DESC, id;
SELECT id FROM s2 ORDER BY w, id LIMIT 4;
SELECT id FROM s2 ORDER BY LEFT(w, 20), id;
SELECT id FROM s2 ORDER BY CONCAT(w, 'x'), id;
--@ expect collation=utf8mb4_uca1400_as_cs
SELECT w, COUNT(*) FROM s2 GROUP BY w ORDER BY BINARY w;
