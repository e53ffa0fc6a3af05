// Package session is one client's life after its login: what it has set, its transaction, its prepared statements, the
// connections that it holds, and the dispatch of its commands. (*Session).query reads as the journey of a query.
//
// A Session belongs to one goroutine; only Kill and Info are called by others. It does not accept connections or log
// clients in (proxy/server), plan or route (router), run units (proxy/exec) or merge (proxy/merge).
//
// Level: the top of the data plane, below proxy/server.
package session
