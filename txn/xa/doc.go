// Package xa holds the five state machines of atomic commits over several servers, and the names that transactions have
// there. Owner is the commit or rollback of whoever began the transaction; Recovery finishes one prepared branch for
// whoever finds it, any number of them at once. Holding and Settling prepare and end what a client prepares itself, and
// ClientState is what its session says to XA statements.
//
// A machine is told what happened (Step) and says what is to be done next. It has no clock, no goroutine and no socket,
// and so its tests stop it after every action and take every order of events. What the actions are in SQL is package
// txnlog's; who performs them, package txn's. Level: below txn.
package xa
