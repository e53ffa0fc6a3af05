// Package digest counts executions of statements by their shape: how many, how long, over how many shards, with how many
// rows. A shape is a text without its values, in a schema.
//
// It keeps numbers and texts without values, and neither plans nor results; what it forgets to stay within its bytes, it
// counts. It writes nothing anywhere: who wants to see it asks for a list. Level: proxy, below session.
package digest
