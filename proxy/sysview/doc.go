// Package sysview answers what clients ask about the database itself — SHOW, DESCRIBE, information_schema — as one
// logical server would: each table once under its logical name, never a shard's copy or a physical name.
//
// What the servers' dictionaries hold is collected from the data sources that matter, put into logical names and added
// up, and given back to one server as a derived table in the place of the table of information_schema. That server
// then evaluates the client's own conditions, order and expressions, so that the rows, their collations and their
// types are its own. What is not covered is refused with error 1235; nothing is left out silently.
//
// It runs nothing itself: Servers asks, and the session executes the Answer. Level: proxy, below session.
package sysview
