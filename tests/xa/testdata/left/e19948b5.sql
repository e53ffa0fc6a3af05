-- What commit e19948b5 leaves, which has all of today's tables and no rows yet that keep them from being empty: as b86835cf, and
-- a transaction that a client has prepared. Not to be changed: it stands for what servers have.
-- all
CREATE DATABASE IF NOT EXISTS heddle_mesh;
CREATE TABLE IF NOT EXISTS heddle_mesh.txn_log (data_source VARBINARY(255) NOT NULL PRIMARY KEY, id BINARY(8) NOT NULL, since TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3)) ENGINE=InnoDB COMMENT='format 1: names the decisions of a data source';
CREATE TABLE IF NOT EXISTS heddle_mesh.txn_decision (gtrid VARBINARY(64) NOT NULL PRIMARY KEY, verdict BINARY(1) NOT NULL, parts BLOB NOT NULL, home INT UNSIGNED NOT NULL, at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3)) ENGINE=InnoDB COMMENT='format 1: C committed, A aborted';
CREATE TABLE IF NOT EXISTS heddle_mesh.txn_mark (gtrid VARBINARY(64) NOT NULL, branch BINARY(8) NOT NULL, at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3), PRIMARY KEY (gtrid, branch), KEY (at)) ENGINE=InnoDB COMMENT='format 1: branches that are committed';
CREATE TABLE IF NOT EXISTS heddle_mesh.txn_statement (gtrid VARBINARY(64) NOT NULL, n INT UNSIGNED NOT NULL, branch BINARY(8) NOT NULL, text LONGBLOB NOT NULL, changed BIGINT NULL, PRIMARY KEY (gtrid, n)) ENGINE=InnoDB COMMENT='format 1: what branches did, while their decision stays';
CREATE TABLE IF NOT EXISTS heddle_mesh.txn_client (gtrid VARBINARY(64) NOT NULL PRIMARY KEY, cluster INT UNSIGNED NOT NULL, format INT UNSIGNED NOT NULL, name VARBINARY(64) NOT NULL, branch VARBINARY(64) NOT NULL, at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3), UNIQUE KEY (cluster, name, branch)) ENGINE=InnoDB COMMENT='format 1: names that clients have given';
-- ds_0
INSERT IGNORE INTO heddle_mesh.txn_log (data_source, id) VALUES ('ds_0', '28t5cy4g');
-- ds_1
INSERT IGNORE INTO heddle_mesh.txn_log (data_source, id) VALUES ('ds_1', '1zpwqac7');
-- ds_1 (1)
XA START 'h1-078y-28t5cy4g-28t5cy4tqkff-0000000001','1zpwqac7-900001-900002',26724;
INSERT INTO bank.ledger VALUES (1, 1);
INSERT INTO heddle_mesh.txn_mark (gtrid, branch) VALUES (_binary'h1-078y-28t5cy4g-28t5cy4tqkff-0000000001',_binary'1zpwqac7');
XA END 'h1-078y-28t5cy4g-28t5cy4tqkff-0000000001','1zpwqac7-900001-900002',26724;
XA PREPARE 'h1-078y-28t5cy4g-28t5cy4tqkff-0000000001','1zpwqac7-900001-900002',26724;
-- ds_0 (1)
-- ds_1 (2)
XA START 'h1-078y-28t5cy4g-28t5cy4tqkff-0000000002','1zpwqac7-900001-900002',26724;
INSERT INTO bank.ledger VALUES (2, 1);
INSERT INTO heddle_mesh.txn_mark (gtrid, branch) VALUES (_binary'h1-078y-28t5cy4g-28t5cy4tqkff-0000000002',_binary'1zpwqac7');
XA END 'h1-078y-28t5cy4g-28t5cy4tqkff-0000000002','1zpwqac7-900001-900002',26724;
XA PREPARE 'h1-078y-28t5cy4g-28t5cy4tqkff-0000000002','1zpwqac7-900001-900002',26724;
-- ds_0 (2)
BEGIN;
INSERT INTO bank.ledger VALUES (2, 0);
INSERT INTO heddle_mesh.txn_decision (gtrid, verdict, parts, home) VALUES (_binary'h1-078y-28t5cy4g-28t5cy4tqkff-0000000002',_binary'C',_binary'1zpwqac7',900002);
COMMIT;
-- ds_1 (3)
XA START 'h1-078y-28t5cy4g-28t5cy4tqkff-0000000003','1zpwqac7-900001-900002',26724;
INSERT INTO bank.ledger VALUES (3, 1);
INSERT INTO heddle_mesh.txn_mark (gtrid, branch) VALUES (_binary'h1-078y-28t5cy4g-28t5cy4tqkff-0000000003',_binary'1zpwqac7');
XA END 'h1-078y-28t5cy4g-28t5cy4tqkff-0000000003','1zpwqac7-900001-900002',26724;
XA PREPARE 'h1-078y-28t5cy4g-28t5cy4tqkff-0000000003','1zpwqac7-900001-900002',26724;
-- ds_0 (3)
INSERT INTO heddle_mesh.txn_decision (gtrid, verdict, parts, home) VALUES ('h1-078y-28t5cy4g-28t5cy4tqkff-0000000003', 'A', '', 900002);
-- ds_1 (4)
XA START 'h1-078y-28t5cy4g-28t5cy4tqkff-0000000004','1zpwqac7-900001-900002',26724;
INSERT INTO bank.ledger VALUES (4, 1);
INSERT INTO heddle_mesh.txn_mark (gtrid, branch) VALUES (_binary'h1-078y-28t5cy4g-28t5cy4tqkff-0000000004',_binary'1zpwqac7');
XA END 'h1-078y-28t5cy4g-28t5cy4tqkff-0000000004','1zpwqac7-900001-900002',26724;
XA PREPARE 'h1-078y-28t5cy4g-28t5cy4tqkff-0000000004','1zpwqac7-900001-900002',26724;
XA COMMIT 'h1-078y-28t5cy4g-28t5cy4tqkff-0000000004','1zpwqac7-900001-900002',26724;
-- ds_0 (4)
BEGIN;
INSERT INTO bank.ledger VALUES (4, 0);
INSERT INTO heddle_mesh.txn_decision (gtrid, verdict, parts, home) VALUES (_binary'h1-078y-28t5cy4g-28t5cy4tqkff-0000000004',_binary'C',_binary'1zpwqac7',900002);
COMMIT;
-- ds_0 (5)
INSERT INTO heddle_mesh.txn_client (gtrid, cluster, format, name, branch) VALUES ('c1-078y-28t5cy4g-28t5cy4tqkff-0000000005', 7454, 1, 'kept', '');
XA START 'c1-078y-28t5cy4g-28t5cy4tqkff-0000000005','28t5cy4g-900003-900002',26724;
INSERT INTO bank.ledger VALUES (5, 0);
INSERT INTO heddle_mesh.txn_mark (gtrid, branch) VALUES (_binary'c1-078y-28t5cy4g-28t5cy4tqkff-0000000005',_binary'28t5cy4g');
XA END 'c1-078y-28t5cy4g-28t5cy4tqkff-0000000005','28t5cy4g-900003-900002',26724;
XA PREPARE 'c1-078y-28t5cy4g-28t5cy4tqkff-0000000005','28t5cy4g-900003-900002',26724;
-- ds_1 (5)
XA START 'c1-078y-28t5cy4g-28t5cy4tqkff-0000000005','1zpwqac7-900003-900002',26724;
INSERT INTO bank.ledger VALUES (5, 1);
INSERT INTO heddle_mesh.txn_mark (gtrid, branch) VALUES (_binary'c1-078y-28t5cy4g-28t5cy4tqkff-0000000005',_binary'1zpwqac7');
XA END 'c1-078y-28t5cy4g-28t5cy4tqkff-0000000005','1zpwqac7-900003-900002',26724;
XA PREPARE 'c1-078y-28t5cy4g-28t5cy4tqkff-0000000005','1zpwqac7-900003-900002',26724;
-- ds_0 (5)
INSERT INTO heddle_mesh.txn_decision (gtrid, verdict, parts, home) SELECT gtrid, 'P', '28t5cy4g,1zpwqac7', 0 FROM heddle_mesh.txn_client WHERE gtrid = 'c1-078y-28t5cy4g-28t5cy4tqkff-0000000005';
