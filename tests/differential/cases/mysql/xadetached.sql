-- XA of clients on MySQL, whose XA PREPARE leaves the session free: what may be said then, by whom it is ended, what a deadlock leaves.
--@ setup
DROP TABLE IF EXISTS s1;
DROP TABLE IF EXISTS s2;
CREATE TABLE s1 (id BIGINT NOT NULL PRIMARY KEY, v INT);
CREATE TABLE s2 (id BIGINT NOT NULL PRIMARY KEY, v INT);
--@ data
DELETE FROM s1;
DELETE FROM s2;
INSERT INTO s1 VALUES (1,1),(2,2),(3,3),(4,4),(5,5),(6,6),(7,7),(8,8);
INSERT INTO s2 VALUES (1,1),(2,2),(3,3),(4,4),(5,5),(6,6),(7,7),(8,8);

--@ case another one while one is prepared
XA START 'first';
UPDATE s1 SET v = v + 10;
XA END 'first';
XA PREPARE 'first';
SELECT id, v FROM s1 ORDER BY id;
UPDATE s2 SET v = v + 1;
BEGIN;
UPDATE s2 SET v = v + 1;
XA COMMIT 'first';
COMMIT;
XA START 'first';
XA START 'second';
UPDATE s2 SET v = v + 100;
XA COMMIT 'first';
XA END 'second';
XA COMMIT 'first';
XA PREPARE 'second';
XA COMMIT 'first';
SELECT id, v FROM s1 ORDER BY id;
SELECT id, v FROM s2 ORDER BY id;
XA ROLLBACK 'second';
SELECT id, v FROM s2 ORDER BY id;
XA RECOVER;
--@ case the session goes on, and its characteristics are its own
SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET @kept = 5;
XA START 'kept';
UPDATE s1 SET v = 0 WHERE id = 3;
XA END 'kept';
XA PREPARE 'kept';
SELECT @kept, @@transaction_isolation, @@autocommit;
SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;
SAVEPOINT nowhere;
ROLLBACK TO nowhere;
XA COMMIT 'kept';
SELECT id, v FROM s1 ORDER BY id;
--@ case another session ends it, in one phase too
XA START 'x';
UPDATE s1 SET v = v + 10;
XA END 'x';
XA PREPARE 'x';
--@ on b
XA START 'x';
XA COMMIT 'x' ONE PHASE;
SELECT SUM(v) FROM s1;
XA COMMIT 'x';
--@ on a
XA COMMIT 'x';
XA ROLLBACK 'x';
XA START 'x';
UPDATE s1 SET v = v + 1000;
XA END 'x';
XA PREPARE 'x';
--@ on b
XA ROLLBACK 'x';
--@ on a
SELECT SUM(v) FROM s1;
--@ case nothing was changed
XA START 'nothing';
XA END 'nothing';
XA PREPARE 'nothing';
XA RECOVER;
XA COMMIT 'nothing';
XA START 'read';
SELECT SUM(v) FROM s1;
XA END 'read';
XA PREPARE 'read';
--@ on b
XA RECOVER;
XA COMMIT 'read';
XA COMMIT 'read';
--@ case the format is of the name
XA START 'g', 'b', 7;
UPDATE s1 SET v = v + 1;
XA END 'g', 'b', 8;
XA END 'g', 'b', 7;
XA PREPARE 'g', 'b';
XA PREPARE 'g', 'b', 7;
XA RECOVER CONVERT XID;
XA START 'g', 'b', 8;
XA COMMIT 'g', 'b';
XA ROLLBACK 'g', 'b', 8;
XA COMMIT 'g', 'b', 7;
SELECT SUM(v) FROM s1;
--@ case the name is empty
XA START '';
UPDATE s1 SET v = v + 1;
XA END '';
XA PREPARE '';
XA RECOVER;
XA COMMIT '';
SELECT SUM(v) FROM s1;
--@ case without autocommit
SET autocommit = 0;
XA START 'manual';
UPDATE s1 SET v = v + 1;
XA END 'manual';
XA PREPARE 'manual';
XA COMMIT 'nowhere';
SELECT SUM(v) FROM s2;
XA COMMIT 'manual';
XA START 'manual';
ROLLBACK;
XA ROLLBACK 'manual';
SET autocommit = 1;
SELECT SUM(v) FROM s1;
--@ case savepoints when it is idle
XA START 'points';
UPDATE s1 SET v = 0;
SAVEPOINT one;
UPDATE s1 SET v = 1;
XA END 'points';
SAVEPOINT two;
ROLLBACK TO one;
RELEASE SAVEPOINT one;
ROLLBACK TO two;
RELEASE SAVEPOINT two;
XA START 'points' RESUME;
ROLLBACK TO one;
XA END 'points';
XA COMMIT 'points' ONE PHASE;
SELECT SUM(v) FROM s1;
