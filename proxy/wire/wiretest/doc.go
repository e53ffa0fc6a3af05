// Package wiretest plays the other end of a MySQL connection in tests: a scripted server, a scripted client, and a
// net.Conn that fails on command. It is not a MySQL server: it says exactly what its script says, and complains about
// anything else. Only tests import it.
package wiretest
