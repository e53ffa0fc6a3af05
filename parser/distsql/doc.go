// Package distsql reads the statements by which ShardingSphere's users define storage units and rules over a MySQL
// connection, in that spelling: REGISTER STORAGE UNIT, CREATE SHARDING TABLE RULE, SHOW …, PREVIEW and their kin. RESOLVE TRANSACTION and
// SHOW TRANSACTIONS are Heddle's own.
//
// It says what a statement asks for and where a wrong one is wrong. What can be done of it, and what becomes of a rule
// document, is not its business: router/distrule knows. It cuts texts with the tokenizer of package parser. Level: parser.
package distsql
