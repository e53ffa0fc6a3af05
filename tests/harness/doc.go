// Package harness gives the test layers their real servers: one plain MariaDB or MySQL and N shards for the whole test
// binary, heddle processes built from the working tree, a relay that breaks connections, and the questions that are
// put to both sides. It asserts nothing about answers; that is the layers' work. Level: tests.
//
//	var env *harness.Env
//
//	func TestMain(m *testing.M) { os.Exit(harness.Run(m, harness.Options{Plain: true, Shards: 4}, &env)) }
//
// Environment: HEDDLE_TEST_BINARY names a heddle to use instead of building one (with the tag failpoints, by which it can be told to
// die); HEDDLE_TEST_RACE=1 builds it with
// the race detector, and a race that it reports fails the test. HEDDLE_TEST_SERVER names the server's program, a
// mariadbd or a mysqld, in place of the mariadbd that is installed. HEDDLE_TEST_TRANSACTIONS is the transactions.type of
// every heddle whose test says nothing of it.
//
// Whatever ends the binary ends the servers: Close at the regular end, the parent-death signal on Linux after a
// panic or a time-out, and the sweep of the next run everywhere.
package harness
