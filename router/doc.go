// Package router says where a statement goes and with which SQL. Planner.Plan turns a parsed statement and a catalog
// snapshot into a plan that is free of arguments; Router.Route turns a plan's Route and the arguments of one
// execution into units, one per target.
//
// It holds the promise of the project: a plan gives the answer that one server would give, or there is no plan but an
// error that names the construct. What it cannot prove it refuses or sends to every shard, whichever is right.
//
// It is not a server: it runs nothing, reads no socket and no file. What only a server knows (the exact types of
// expressions, the columns of tables) it asks of its caller by NeedTables and NeedColumns.
//
// Level: router, above catalog, plan and rewrite; pure.
package router
