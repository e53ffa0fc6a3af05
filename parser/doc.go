// Package parser says what a statement asks for. It has two doors. Scan is the hot path: one pass over the
// bytes gives the fingerprint by which a plan is found and the literals the plan is filled with, without
// allocating. Parse is asked on a plan-cache miss: it gives a Statement with kind, tables, clauses, details
// and, where the grammar library can read the text, its syntax tree.
//
// One tokenizer serves both, so that a text can never be cut one way for the key and another way for the plan.
// It reads sql_mode, the client's charset and executable comments as the backend does; the grammar library
// is fed a copy that the tokenizer wrote, never the client's own text.
//
// The package is not a validator: what it cannot understand it names (Kind Unknown, AST nil) and leaves to
// the server. It does no I/O, reads no clock, and rewrites nothing: spans are for the router's splicing.
package parser
