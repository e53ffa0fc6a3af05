package sqlerr

import "strings"

// What clients are told of transactions, all of it: a golden freezes each text beside the situation that gives it (transactions_test.go), and tests/arch sees
// that none is made elsewhere. Where a server's own text is passed on, that is the server's. What only operators may know (addresses, Heddle's own tables, the
// errors of its connections to servers) is in the log.

// The codes of XA, whose texts are the servers'.
const (
	CodeXAUnknown    uint16 = 1397 // XAER_NOTA
	CodeXAInvalid    uint16 = 1398 // XAER_INVAL
	CodeXAState      uint16 = 1399 // XAER_RMFAIL
	CodeXAOutside    uint16 = 1400 // XAER_OUTSIDE
	CodeXAFailed     uint16 = 1401 // XAER_RMERR
	CodeXARolledBack uint16 = 1402 // XA_RBROLLBACK
	CodeXADuplicate  uint16 = 1440 // XAER_DUPID
	CodeXADeadlock   uint16 = 1614 // XA_RBDEADLOCK
)

// TransactionInProgress is SET TRANSACTION inside a transaction.
func TransactionInProgress() *Error {
	return newf(CodeTransactionInProgress, "25001", "Transaction characteristics can't be changed while a transaction is in progress")
}

// PartialCommit is a transaction of which some shards committed and others did not.
func PartialCommit(detail string) *Error {
	return newf(CodeErrorDuringComm, "HY000", "Got error during COMMIT: %s", detail)
}

// ShardCommit is the warning beside PartialCommit that tells of one shard; why is nil where it has committed.
func ShardCommit(dataSource, fate string, why error) *Error {
	if why == nil {
		return newf(CodeErrorDuringComm, "HY000", "COMMIT on data source '%s': %s", dataSource, fate)
	}
	if e := As(why); e != nil {
		return newf(CodeErrorDuringComm, "HY000", "COMMIT on data source '%s': %s (%d: %s)", dataSource, fate, e.Code, e.Msg)
	}
	return newf(CodeErrorDuringComm, "HY000", "COMMIT on data source '%s': %s (%v)", dataSource, fate, why)
}

// TransactionLost is a transaction that was rolled back because the connection to one of its shards was lost.
func TransactionLost() *Error {
	return newf(CodeDeadlock, "40001", "The transaction was rolled back: the connection to one of its shards was lost; try restarting transaction")
}

// DeadlockSuspected is a transaction over several servers that was rolled back because it waited too long for a lock on one of them.
func DeadlockSuspected() *Error {
	return newf(CodeDeadlock, "40001", "Deadlock found when trying to get lock; try restarting transaction")
}

// ReadUnsettled is a read that is to see no half of a transaction, and that has waited in vain for some to be whole.
func ReadUnsettled() *Error {
	return newf(CodeLockWaitTimeout, "HY000", "Lock wait timeout exceeded: heddle_read is atomic, and transactions that are not on all of their shards yet are in the way; try again")
}

// ReadUnanswered is a read that is to see no half of a transaction, and a data source that does not say which are prepared there.
func ReadUnanswered(dataSource string) *Error {
	return newf(CodeConnectToForeign, "HY000", "heddle_read is atomic, and data source '%s' does not say which transactions are prepared there; try again", dataSource)
}

// CommitUndelivered is the warning of a transaction that is committed and is to be seen on a data source only when its server lets it.
func CommitUndelivered(dataSource string) *Error {
	return newf(CodeErrorDuringComm, "HY000", "COMMIT on data source '%s': it is decided, and done when the server lets it", dataSource)
}

// XAUnknown is XAER_NOTA.
func XAUnknown() *Error { return newf(CodeXAUnknown, "XAE04", "XAER_NOTA: Unknown XID") }

// XAInvalid is XAER_INVAL.
func XAInvalid() *Error {
	return newf(CodeXAInvalid, "XAE05", "XAER_INVAL: Invalid arguments (or unsupported command)")
}

// XARMFail is XAER_RMFAIL: a statement that the state of the XA transaction does not allow.
func XARMFail(state string) *Error {
	return newf(CodeXAState, "XAE07", "XAER_RMFAIL: The command cannot be executed when global transaction is in the  %s state", state)
}

// XAOutside is XAER_OUTSIDE.
func XAOutside() *Error {
	return newf(CodeXAOutside, "XAE09", "XAER_OUTSIDE: Some work is done outside global transaction")
}

// XADuplicate is XAER_DUPID.
func XADuplicate() *Error {
	return newf(CodeXADuplicate, "XAE08", "XAER_DUPID: The XID already exists")
}

// XARolledBack is XA_RBROLLBACK.
func XARolledBack() *Error {
	return newf(CodeXARolledBack, "XA100", "XA_RBROLLBACK: Transaction branch was rolled back")
}

// XADeadlock is XA_RBDEADLOCK.
func XADeadlock() *Error {
	return newf(CodeXADeadlock, "XA102", "XA_RBDEADLOCK: Transaction branch was rolled back: deadlock was detected")
}

// TransactionFenced is a COMMIT that came so late that others had rolled everything back.
func TransactionFenced() *Error {
	return newf(CodeDeadlock, "40001", "The transaction was rolled back: its COMMIT took so long that it was taken for abandoned; try restarting transaction")
}

// BranchFailed is a COMMIT in place of which all is rolled back, for a data source could not do its part: why is its server's error, whose text is about
// what clients do not see.
func BranchFailed(dataSource string, why *Error) *Error {
	return newf(why.Code, why.State, "The transaction was rolled back: data source '%s' could not do its part of the COMMIT (error %d)", dataSource, why.Code)
}

// CommitInDoubt is a COMMIT of which it is not known whether it was decided.
func CommitInDoubt(gtrid, dataSource string) *Error {
	return PartialCommit("it is not known yet whether transaction " + gtrid + " is committed or rolled back, on all shards alike: data source '" + dataSource +
		"', which knows it, does not answer")
}

// PrepareInDoubt is an XA PREPARE of which it is not known whether it is done.
func PrepareInDoubt(gtrid, dataSource string) *Error {
	return newf(CodeErrorDuringComm, "HY000", "Got error during XA PREPARE: it is not known yet whether transaction %s is prepared or rolled back, on all shards alike: data source '%s', which knows it, does not answer; XA RECOVER tells when it does",
		gtrid, dataSource)
}

// CommitForced is a COMMIT that an operator has made meanwhile, without what some data sources did.
func CommitForced(gtrid string, without []string) *Error {
	return PartialCommit("transaction " + gtrid + " was committed by an operator as far as it was prepared, and is rolled back on data source '" + strings.Join(without, "', '") +
		"': do not repeat it as a whole")
}

// CommitResolved is a COMMIT in place of which an operator has rolled all back meanwhile.
func CommitResolved() *Error {
	return newf(CodeDeadlock, "40001", "The transaction was rolled back: an operator has resolved it so while it was committed; try restarting transaction")
}

// DeliveryAwaited is a statement of a session that has committed what one of its data sources does not show yet.
func DeliveryAwaited(dataSource string) *Error {
	return newf(CodeLockWaitTimeout, "HY000", "Lock wait timeout exceeded: what this session has committed is not there yet on data source '%s'; try again", dataSource)
}

// DeliveryTroubled is DeliveryAwaited of what an operator has to see to: trouble is its name in alarms.
func DeliveryTroubled(dataSource, trouble string) *Error {
	return newf(CodeLockWaitTimeout, "HY000", "Lock wait timeout exceeded: what this session has committed is not there on data source '%s', and will not be without an operator (%s)", dataSource, trouble)
}

// XAUnanswered is an XA statement that has to ask all data sources, of which one does not answer.
func XAUnanswered() *Error {
	return newf(CodeXAFailed, "XAE03", "XAER_RMERR: not all data sources answer, any of which may know the transaction: nothing was done; try again")
}

// TransactionsAreLocal is what needs transactions that are atomic, where the configuration has none.
func TransactionsAreLocal(what string) *Error {
	return NotSupported(what + ": transactions.type of heddle.yaml is local")
}

// Unfit is what needs a data source in an atomic transaction that can have no part in one.
func Unfit(what, dataSource, why string) *Error {
	return NotSupported(what + " over data source " + dataSource + ": " + why)
}

// AloneInSet is a SET of a variable of Heddle's together with others, or for others than the session.
func AloneInSet(variable string) *Error {
	return NotSupported("SET " + variable + " together with others, or not for the session")
}

// HintUnread is a hint that says no type of transactions.
func HintUnread() *Error {
	return NotSupported("a hint transaction= that is neither local nor xa")
}

// HintInXA is a hint inside of a transaction that the client's XA START has begun.
func HintInXA(wanted string) *Error {
	return NotSupported("a hint transaction=" + wanted + " inside of an XA transaction of the client's")
}

// HintLate is a hint inside of a transaction of another type.
func HintLate(wanted string) *Error {
	return NotSupported("a hint transaction=" + wanted + " after the first statement of a transaction that is not of that type")
}

// SpreadUnderLocks is a second data source in an atomic transaction under LOCK TABLES.
func SpreadUnderLocks() *Error {
	return NotSupported("a transaction of type XA over several data sources under LOCK TABLES: servers begin none there")
}

// ProgramInSpread is a CALL of what may commit, in a transaction of several data sources.
func ProgramInSpread() *Error {
	return NotSupported("a stored program that may end a transaction, inside of one over several servers")
}

// XATemporary is a temporary table in a transaction that has to be prepared on MySQL.
func XATemporary() *Error {
	return NotSupported("temporary tables, those for a statement that runs in parts included, in an XA transaction over several MySQL servers; with heddle_transaction_type 'local' they are there")
}

// XAAlone is a client's XA statement where nothing is kept.
func XAAlone() *Error {
	return NotSupported("XA where there is one data source, on which nothing is kept")
}

// XAFormat is a name of a client's XA transaction with a format that cannot be kept.
func XAFormat() *Error {
	return NotSupported("a format of an XA transaction's name that is larger than 2147483647")
}

// XAReadOnly is XA START in a session that only reads.
func XAReadOnly() *Error {
	return NotSupported("XA START of a READ ONLY transaction over shards: each branch is marked when it is prepared")
}

// AtomicUnderLocks is an atomic read under LOCK TABLES; what is a read, or a transaction.
func AtomicUnderLocks(what string) *Error {
	return NotSupported(what + " under LOCK TABLES while heddle_read is atomic")
}

// AtomicInWriting is an atomic read in a transaction whose snapshots are of when it first wrote.
func AtomicInWriting() *Error {
	return NotSupported("a read of several shards in a transaction that may write, while heddle_read is atomic: START TRANSACTION READ ONLY, or ISOLATION LEVEL SERIALIZABLE, which locks what it reads")
}

// AtomicProgram is an atomic read that calls what may read by itself.
func AtomicProgram() *Error {
	return NotSupported("a read of several shards that calls a stored function or a sequence, while heddle_read is atomic")
}

// AtomicElsewhere is a transaction of atomic reads that comes to a data source of which it has no snapshot.
func AtomicElsewhere(dataSource string) *Error {
	return NotSupported("a table of data source " + dataSource + " in a READ ONLY transaction that has begun to read other databases, while heddle_read is atomic")
}

// AtomicLevel is a transaction of atomic reads of a level that has no snapshot.
func AtomicLevel(level string) *Error {
	return NotSupported("a READ ONLY transaction of level " + level + " while heddle_read is atomic: it is to read one snapshot")
}

// TransactionOfAll is SET GLOBAL TRANSACTION.
func TransactionOfAll() *Error { return NotSupported("SET GLOBAL TRANSACTION") }

// NextAccess is SET @@tx_read_only to an expression.
func NextAccess(variable string) *Error {
	return NotSupported("SET @@" + variable + " to anything but 0 or 1; SET TRANSACTION READ ONLY says the same")
}

// NextLevel is SET @@tx_isolation to an expression.
func NextLevel(variable string) *Error {
	return NotSupported("SET @@" + variable + " to anything but a level's name; SET TRANSACTION ISOLATION LEVEL says the same")
}

// ReadOnlyTransaction refuses a write in a transaction that is READ ONLY.
func ReadOnlyTransaction() *Error {
	return New(CodeReadOnlyTxn, "25006", "Cannot execute statement in a READ ONLY transaction")
}

// OwnSavepoint is a client's savepoint under a name that servers take for one of Heddle's.
func OwnSavepoint(name string) *Error {
	return NotSupported("a savepoint named '" + name + "', which Heddle sets itself")
}

// NextInParts is SET TRANSACTION before a statement that is a transaction of its own on each shard.
func NextInParts() *Error {
	return NotSupported("SET TRANSACTION before a statement in autocommit that locks or calls a stored program, over several shards")
}

// PartsReadOnly is a query whose parts cannot be kept in a transaction that is READ ONLY.
func PartsReadOnly() *Error {
	return NotSupported("a query over several shards that runs in parts, in a READ ONLY transaction: they are kept in temporary tables")
}

// EngineInSpread is a write that could not be undone on all shards alike.
func EngineInSpread() *Error {
	return NotSupported("a write over several shards in a transaction that has used a table of an engine without savepoints")
}

// ProgramEnds is a CALL of what commits, in a transaction of several data sources.
func ProgramEnds() *Error {
	return NotSupported("a stored program that ends a transaction, inside of one over several servers")
}

// TransactionEnded is a COMMIT of what a server, or a program on it, had ended unnoticed.
func TransactionEnded() *Error {
	return newf(CodeDeadlock, "40001", "The transaction was rolled back: one of its shards had ended its part of it before; try restarting transaction")
}

// DetachingIsKept refuses a SET SESSION of the variable by which a prepared branch is no connection's.
func DetachingIsKept(name string) *Error {
	return NotSupported("SET SESSION " + name + ": recovery of transactions over several data sources counts on it")
}
