-- What every client sends, on a sharded table that is spread by its number.
--@ setup
DROP TABLE IF EXISTS s1;
CREATE TABLE s1 (id BIGINT NOT NULL, name VARCHAR(40), n INT, PRIMARY KEY (id));
--@ data
DELETE FROM s1;
INSERT INTO s1 VALUES (1,'a',10),(2,'B',NULL),(3,'c',30),(4,'D',5),(5,NULL,7),(6,'f',10),(7,'g',0),(8,'h',-3);

--@ case point selects
SELECT * FROM s1 WHERE id = 3;
SELECT name FROM s1 WHERE id = 99;
--@ case scatter
SELECT * FROM s1;
SELECT * FROM s1 ORDER BY id;
--@ expect limit
SELECT * FROM s1 LIMIT 3;
--@ expect ties=1
SELECT n, id FROM s1 ORDER BY n;
--@ case write
INSERT INTO s1 VALUES (20,'x',1),(21,'y',2),(22,'z',3);
UPDATE s1 SET n = n + 1 WHERE id > 19;
DELETE FROM s1 WHERE id IN (1,2,20);
--@ case parameters
--@ params int 3
--@ params keep int 4
--@ params str 5
SELECT id, name FROM s1 WHERE id = ?;
--@ case cursor
--@ expect temptable
--@ params fetch=2
SELECT id FROM s1 ORDER BY id;
