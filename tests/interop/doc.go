// Package interop puts stock clients in front of a real heddle process: the mariadb command-line client, sysbench and
// the drivers of Go, Node, Python and Java, and a load with consistency checks in the manner of TPC-C. It asks whether
// what an application does with its driver works; whether every answer is byte for byte that of one server is the
// differential layer's question. Level: tests.
//
// Every client runs the same checks on three targets: a plain MariaDB, which shows that the check itself is right, a
// logical database on one data source, and one that is spread over two. The clients' programs stand in the folders
// beside this file; each prints one line for a check, "ok TARGET/CHECK" or "not ok TARGET/CHECK: why", and "done" at
// its end. What is known to fail stands in known_failures.txt, and fails the test when it starts to pass.
//
// What the clients need is fetched by npm, pip and Maven into a cache of the user (HEDDLE_INTEROP_CACHE names another
// place), never into this tree.
package interop
