-- One statement and parameters of all types: what a parameter is shows at an execution, and may be another at the next.
--@ setup
DROP TABLE IF EXISTS s1, s2;
CREATE TABLE s1 (id BIGINT NOT NULL PRIMARY KEY, a INT, b VARCHAR(20) COLLATE utf8mb4_general_ci, e ENUM('x','y','z') NOT NULL DEFAULT 'y');
CREATE TABLE s2 (id BIGINT NOT NULL PRIMARY KEY, n INT NOT NULL);
--@ data
DELETE FROM s1;
DELETE FROM s2;
INSERT INTO s1 VALUES (1,10,'one','x'),(2,20,'Two','y'),(3,30,'three','z'),(4,NULL,'FOUR','x'),(5,10,'uno','y'),(6,20,NULL,'z'),(7,NULL,'deux','x'),(8,40,'','y'),(9,-5,'abd','z');
INSERT INTO s2 VALUES (1,1),(2,2),(3,5),(4,4),(5,30);

--@ case the columns of aggregates beside a parameter [binary]
--@ params int 5
--@ params str 5
--@ params double 5
--@ params dec 5.50
--@ params null
--@ params blob 5
--@ params date 2020-01-01
--@ params uint 9223372036854775808
--@ params int 5000000000
--@ params str abc
--@ params dec -12.125
--@ params int -9223372036854775808
SELECT COUNT(*), ? FROM s1;
--@ params int 5
--@ params str 5
--@ params double 5
--@ params dec 5.50
--@ params null
--@ params blob 5
--@ params date 2020-01-01
--@ params uint 9223372036854775808
--@ params int 5000000000
--@ params str abc
--@ params dec -12.125
--@ params int -9223372036854775808
SELECT ROUND(SUM(a) / ?, 2) FROM s1;
--@ params int 5 | int 5
--@ params str 5 | str 5
--@ params double 5 | double 5
--@ params dec 5.50 | dec 5.50
--@ params null | null
--@ params blob 5 | blob 5
--@ params date 2020-01-01 | date 2020-01-01
--@ params uint 9223372036854775808 | uint 9223372036854775808
--@ params int 5000000000 | int 5000000000
--@ params str abc | str abc
--@ params dec -12.125 | dec -12.125
--@ params int -9223372036854775808 | int -9223372036854775808
SELECT SUM(?), AVG(?) FROM s1;
--@ params int 5
--@ params str 5
--@ params double 5
--@ params dec 5.50
--@ params null
--@ params blob 5
--@ params date 2020-01-01
--@ params uint 9223372036854775808
--@ params int 5000000000
--@ params str abc
--@ params dec -12.125
--@ params int -9223372036854775808
SELECT COUNT(*) c, ? FROM s1 ORDER BY c LIMIT 0;
