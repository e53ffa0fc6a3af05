// Package xa runs distributed transactions against real servers: the owner's driver, stopped at each of its failpoints, and
// recoverers that finish what it has left. What is checked is told by the data: all of a transaction or nothing of it,
// everything that was acknowledged, and nothing prepared or locked left over. TestProcesses does so with whole processes, which clients
// use and which die, freeze and are cut off. The machines themselves are explored beside
// their code, without a server. Level: tests.
package xa
