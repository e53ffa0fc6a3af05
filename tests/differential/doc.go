// Package differential sends the same DDL, data and statements to one plain MariaDB and to heddle over one and over
// four shards in both layouts (a schema per shard; suffixed tables inside data sources), and compares all that a
// driver sees: column definitions, rows as bytes, counts, ids, warnings, status flags, info texts, error numbers,
// SQLSTATEs and texts, in the text and in the binary protocol. Level: tests.
//
// Equal means equal. The exceptions are the codes of Expect, each of which a statement has to name in its case file;
// what heddle refuses stands in unsupported.txt, and a line there that no longer holds fails the test as well.
//
// Those of cases/mysql are put to MySQL's servers only. The files of cases/ are SQL with directives in comments; see ParseFile for the format. Package sqlgen generates
// further statements; a sequence on which the two sides differ is shrunk and printed as a case to paste.
package differential
