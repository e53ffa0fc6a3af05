// Package backend is the proxy's side towards real MySQL and MariaDB servers: connections that log in and carry
// commands (Conn), bounded pools of them per data source (Pools), the loan of one to a session (Lease), and the
// hand-over of a session's state to the connection it is lent (State). It relays and it waits; it knows nothing of
// rules, plans or clients, it never parses an application's SQL, and beside what its caller passes it sends only SET,
// KILL and SHOW VARIABLES.
//
// Level: above proxy/wire, below proxy/exec and proxy/session.
//
// # Tracked, not reset
//
// A connection that comes back keeps what its last borrower set; the package remembers what that was. Lease.Apply
// compares it with what the next borrower wants and sets only the difference. What cannot be tracked (a temporary
// table, a lock) is told with Lease.Taint, and the connection is closed on its return. So is one that comes back
// inside a transaction, or in the middle of an answer.
//
// # No deadlock on pools
//
// Two statements that each hold a lease and wait for another's would wait until their time-out. Therefore the leases
// of one statement are taken by AcquireAll: data sources in the order of their names, and all of one data source's at
// once or none. Waiting is first come, first served. What this cannot cover is a transaction that enlists one data
// source after the other; there the bounded wait ends the knot.
//
// # What a failure says
//
// An ERR packet is a *sqlerr.Error: the connection lives on (unless the server said that it ends it). Everything else
// is an *Error, which says whether bytes of the command had left: only if not, the command may be repeated elsewhere.
package backend
