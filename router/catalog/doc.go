// Package catalog is what planning knows at one moment: a Snapshot of three immutable parts with versions of their
// own: the rules of all logical databases, the schemas of the tables seen so far, and the topology.
//
// It does not load anything: rows of information_schema are handed to it, and a schema that is not there is reported
// as missing so that the session has it loaded.
//
// Level: router, above rule, sharding and keygen; pure.
package catalog
