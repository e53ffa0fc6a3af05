// Package mysql runs heddle before real MySQL servers, for what differs from MariaDB outside of statements: how heddle
// logs in to them, what it claims to be, what clients of MySQL alone send, and servers of both families behind one
// database. Statements are compared by package differential. The tests have the build tag mysql, for they need a server
// and a client that no release of Debian has: make test-mysql fetches them. Level: tests.
package mysql
