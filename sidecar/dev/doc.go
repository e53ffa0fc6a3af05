// Package dev is what `heddle dev`, the tests and the benches stand on: private MariaDB servers and an etcd that
// this process starts for itself, on loopback, under one directory, and ends again.
//
// It is not a cluster manager and holds no rule or route: it hands out addresses. It never touches a server it did
// not start. Level: sidecar; besides governance/store/etcdstore it is the only package that may import etcd.
//
// # The flags of `heddle dev`
//
//	--listen ADDR      where the proxy accepts clients; 127.0.0.1:3307 unless given. Not used in this package.
//	--data DIR         everything is kept in DIR: a second start finds servers, etcd and rows as they were left.
//	                   Without it the user's cache directory is used, and servers and etcd are emptied at start and stop.
//	--servers N        how many private servers are started (2 unless given). A kept DIR remembers its number:
//	                   another N is an error, since the rows already lie where the first N put them.
//	--rules FILE       repeatable; rule documents in place of the demo's. Their data sources may leave the
//	                   address to the start: ${ds_0} is replaced by the address of the first server.
//	--load FILE.sql    run through the proxy after the start, in place of the demo's rows, once per kept DIR. A load
//	                   that was cut off is undone: the next start empties the private servers and loads anew.
//	--backend DSN      repeatable; a go-sql-driver DSN of a server that exists, used in place of private servers
//	                   where no mariadbd can be started. Excludes --servers.
//
// # Who ends what
//
// Each server runs in a process group of its own, so that Ctrl-C reaches heddle alone, which drains first and stops
// the servers afterwards. On Linux a server also carries a parent-death signal. That signal is bound to the thread
// that started the child, not to the process, so each child is started and awaited on a goroutine locked to one
// thread for as long as the child lives. Where the signal does not exist, or is lost (a child that changes its user
// loses it), the record beside the data directory serves: it holds the PID, the start time of the process and the
// boot it belongs to, and the next Open ends exactly the processes for which all of these and the --datadir
// argument still agree.
package dev
