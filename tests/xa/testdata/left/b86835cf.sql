-- What commit b86835cf leaves, before clients had XA of their own, and statements were kept: its tables, and of four transactions over
-- two data sources what their owner's packets have done by its death. Not to be changed: it stands for what servers have.
-- all
CREATE DATABASE IF NOT EXISTS heddle_mesh;
CREATE TABLE IF NOT EXISTS heddle_mesh.txn_log (data_source VARBINARY(255) NOT NULL PRIMARY KEY, id BINARY(8) NOT NULL, since TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3)) ENGINE=InnoDB COMMENT='format 1: names the decisions of a data source';
CREATE TABLE IF NOT EXISTS heddle_mesh.txn_decision (gtrid VARBINARY(64) NOT NULL PRIMARY KEY, verdict BINARY(1) NOT NULL, parts BLOB NOT NULL, home INT UNSIGNED NOT NULL, at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3)) ENGINE=InnoDB COMMENT='format 1: C committed, A aborted';
CREATE TABLE IF NOT EXISTS heddle_mesh.txn_mark (gtrid VARBINARY(64) NOT NULL, branch BINARY(8) NOT NULL, at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3), PRIMARY KEY (gtrid, branch), KEY (at)) ENGINE=InnoDB COMMENT='format 1: branches that are committed';
-- ds_0
INSERT IGNORE INTO heddle_mesh.txn_log (data_source, id) VALUES ('ds_0', '28t5cy4g');
-- ds_1
INSERT IGNORE INTO heddle_mesh.txn_log (data_source, id) VALUES ('ds_1', '1zpwqac7');
-- ds_1 (1)
XA START 'h1-078y-28t5cy4g-28t5cy4tqkff-0000000001','1zpwqac7-900001-900002',26724;
INSERT INTO bank.ledger VALUES (1, 1);
INSERT INTO heddle_mesh.txn_mark (gtrid, branch) VALUES ('h1-078y-28t5cy4g-28t5cy4tqkff-0000000001','1zpwqac7');
XA END 'h1-078y-28t5cy4g-28t5cy4tqkff-0000000001','1zpwqac7-900001-900002',26724;
XA PREPARE 'h1-078y-28t5cy4g-28t5cy4tqkff-0000000001','1zpwqac7-900001-900002',26724;
-- ds_0 (1)
-- ds_1 (2)
XA START 'h1-078y-28t5cy4g-28t5cy4tqkff-0000000002','1zpwqac7-900001-900002',26724;
INSERT INTO bank.ledger VALUES (2, 1);
INSERT INTO heddle_mesh.txn_mark (gtrid, branch) VALUES ('h1-078y-28t5cy4g-28t5cy4tqkff-0000000002','1zpwqac7');
XA END 'h1-078y-28t5cy4g-28t5cy4tqkff-0000000002','1zpwqac7-900001-900002',26724;
XA PREPARE 'h1-078y-28t5cy4g-28t5cy4tqkff-0000000002','1zpwqac7-900001-900002',26724;
-- ds_0 (2)
BEGIN;
INSERT INTO bank.ledger VALUES (2, 0);
INSERT INTO heddle_mesh.txn_decision (gtrid, verdict, parts, home) VALUES ('h1-078y-28t5cy4g-28t5cy4tqkff-0000000002','C','1zpwqac7',900002);
COMMIT;
-- ds_1 (3)
XA START 'h1-078y-28t5cy4g-28t5cy4tqkff-0000000003','1zpwqac7-900001-900002',26724;
INSERT INTO bank.ledger VALUES (3, 1);
INSERT INTO heddle_mesh.txn_mark (gtrid, branch) VALUES ('h1-078y-28t5cy4g-28t5cy4tqkff-0000000003','1zpwqac7');
XA END 'h1-078y-28t5cy4g-28t5cy4tqkff-0000000003','1zpwqac7-900001-900002',26724;
XA PREPARE 'h1-078y-28t5cy4g-28t5cy4tqkff-0000000003','1zpwqac7-900001-900002',26724;
-- ds_0 (3)
INSERT INTO heddle_mesh.txn_decision (gtrid, verdict, parts, home) VALUES ('h1-078y-28t5cy4g-28t5cy4tqkff-0000000003', 'A', '', 900002);
-- ds_1 (4)
XA START 'h1-078y-28t5cy4g-28t5cy4tqkff-0000000004','1zpwqac7-900001-900002',26724;
INSERT INTO bank.ledger VALUES (4, 1);
INSERT INTO heddle_mesh.txn_mark (gtrid, branch) VALUES ('h1-078y-28t5cy4g-28t5cy4tqkff-0000000004','1zpwqac7');
XA END 'h1-078y-28t5cy4g-28t5cy4tqkff-0000000004','1zpwqac7-900001-900002',26724;
XA PREPARE 'h1-078y-28t5cy4g-28t5cy4tqkff-0000000004','1zpwqac7-900001-900002',26724;
XA COMMIT 'h1-078y-28t5cy4g-28t5cy4tqkff-0000000004','1zpwqac7-900001-900002',26724;
-- ds_0 (4)
BEGIN;
INSERT INTO bank.ledger VALUES (4, 0);
INSERT INTO heddle_mesh.txn_decision (gtrid, verdict, parts, home) VALUES ('h1-078y-28t5cy4g-28t5cy4tqkff-0000000004','C','1zpwqac7',900002);
COMMIT;
