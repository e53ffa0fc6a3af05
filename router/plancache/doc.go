// Package plancache keeps plans by the key of the statements they serve. It is bounded in bytes, found by key bytes
// without allocating, and drops what has not been used for long.
//
// A key is the whole context of a statement and its fingerprint, as the session writes it: two statements with equal keys
// have the same plan, and equality is of all bytes, never of a hash. The package does not know what a plan is, nor when it
// is out of date: it asks a function that the caller gives.
//
// Level: router; pure.
package plancache
