package sqlerr

import "strings"

// NotSupported refuses a statement whose answer over shards would not be the one of a single server.
// what names the construct, as in "a join of tables that are not colocated".
func NotSupported(what string) *Error {
	return newf(CodeNotSupportedYet, "42000", "Heddle doesn't yet support '%s'", what)
}

// Syntax is a statement that Heddle itself has to understand and cannot.
func Syntax(near string) *Error {
	return newf(CodeSyntax, "42000", "You have an error in your SQL syntax near '%.80s'", near)
}

// SyntaxAt is a text that is wrong from a byte on, in the words of a server of the family.
func SyntaxAt(family, text string, at int) *Error {
	return newf(CodeSyntax, "42000", "You have an error in your SQL syntax; check the manual that corresponds to your %s server version for the right syntax to use near '%.80s' at line %d",
		family, text[at:], 1+strings.Count(text[:at], "\n"))
}

// UnknownDatabase names a logical database that no rule document declares.
func UnknownDatabase(db string) *Error { return newf(CodeBadDB, "42000", "Unknown database '%s'", db) }

// NoDatabase is a table name without a database on a connection without one.
func NoDatabase() *Error { return newf(CodeNoDB, "3D000", "No database selected") }

// NoSuchTable names a table as the client knows it.
func NoSuchTable(db, table string) *Error {
	return newf(CodeNoSuchTable, "42S02", "Table '%s.%s' doesn't exist", db, table)
}

// UnknownTable is DROP TABLE of tables that do not exist, with their databases, separated by commas.
func UnknownTable(names string) *Error {
	return newf(CodeUnknownTable, "42S02", "Unknown table '%s'", names)
}

// NonUniqueTable is a table that stands twice where it may once.
func NonUniqueTable(name string) *Error {
	return newf(CodeNonUniqTable, "42000", "Not unique table/alias: '%s'", name)
}

// TableNotLocked is a table that a session with locks uses and has not locked.
func TableNotLocked(name string) *Error {
	return newf(CodeTableNotLocked, "HY000", "Table '%s' was not locked with LOCK TABLES", name)
}

// UnknownColumn names a column and the clause it stands in.
func UnknownColumn(col, clause string) *Error {
	return newf(CodeBadField, "42S22", "Unknown column '%s' in '%s'", col, clause)
}

// AccessDenied is a failed login.
func AccessDenied(user, host string, password bool) *Error {
	using := "NO"
	if password {
		using = "YES"
	}
	return newf(CodeAccessDenied, "28000", "Access denied for user '%s'@'%s' (using password: %s)", user, host, using)
}

// DatabaseAccessDenied is a database that the account does not list.
func DatabaseAccessDenied(user, host, db string) *Error {
	return newf(CodeDBAccessDenied, "42000", "Access denied for user '%s'@'%s' to database '%s'", user, host, db)
}

// TooManyConnections is the listener's limit.
func TooManyConnections() *Error { return newf(CodeConCount, "08004", "Too many connections") }

// TooManyUserConnections is an account's limit.
func TooManyUserConnections(user string) *Error {
	return newf(CodeTooManyUserConns, "42000", "User %s already has more than 'max_user_connections' active connections", user)
}

// BadHandshake is a client whose first packets are not a handshake.
func BadHandshake() *Error { return newf(CodeHandshake, "08S01", "Bad handshake") }

// Malformed is a packet that does not hold what its command requires.
func Malformed(what string) *Error {
	return newf(CodeMalformedPacket, "HY000", "Malformed communication packet: %s", what)
}

// PacketTooLarge is a statement over max_allowed_packet.
func PacketTooLarge() *Error {
	return newf(CodeNetPacketTooLarge, "08S01", "Got a packet bigger than 'max_allowed_packet' bytes")
}

// LongDataTooLong is what an execution says whose parameter came in pieces that are together too long.
func LongDataTooLong() *Error {
	return newf(CodeUnknownError, "HY000", "Parameter of prepared statement which is set through mysql_send_long_data() is longer than 'max_allowed_packet' bytes")
}

// WrongLongData is what an execution says for which a piece of a parameter came that the statement does not have.
func WrongLongData() *Error {
	return newf(CodeWrongArguments, "HY000", "Incorrect arguments to mysqld_stmt_send_long_data")
}

// ReadTimeout is a client that pauses for too long in the middle of a statement.
func ReadTimeout() *Error {
	return newf(CodeNetReadTimeout, "08S01", "Got timeout reading communication packets")
}

// PacketsOutOfOrder is a packet whose sequence id is not the next one.
func PacketsOutOfOrder() *Error {
	return newf(CodeNetPacketsOutOfOrder, "08S01", "Got packets out of order")
}

// Uncompress is a compressed frame that does not hold what its header says.
func Uncompress() *Error {
	return newf(CodeNetUncompress, "08S01", "Couldn't uncompress communication packet")
}

// UnknownCommand is a command byte that Heddle does not know.
func UnknownCommand() *Error { return newf(CodeUnknownCommand, "08S01", "Unknown command") }

// UnknownStatement is a prepared statement id that this connection does not hold.
func UnknownStatement(id uint32, command string) *Error {
	return newf(CodeUnknownStmtHandler, "HY000", "Unknown prepared statement handler (%d) given to %s", id, command)
}

// UnknownStatementName is an SQL prepared statement name that this connection does not hold.
func UnknownStatementName(name, command string) *Error {
	return newf(CodeUnknownStmtHandler, "HY000", "Unknown prepared statement handler (%s) given to %s", name, command)
}

// WrongArguments is a call whose parameters do not fit.
func WrongArguments(to string) *Error {
	return newf(CodeWrongArguments, "HY000", "Incorrect arguments to %s", to)
}

// NoSubqueries is an expression of a clause that takes values only.
func NoSubqueries(clause string) *Error {
	return newf(CodeNoSubqueries, "42000", "%s does not support subqueries or stored functions", clause)
}

// WrongValueForVariable is a SET to a value that the variable cannot have.
func WrongValueForVariable(name, value string) *Error {
	return newf(CodeWrongVarValue, "42000", "Variable '%s' can't be set to the value of '%s'", name, value)
}

// Explained is the note that goes with the answer of an EXPLAIN.
func Explained(text string) *Error { return newf(CodeYes, "HY000", "%s", text) }

// EmptyQuery is a statement without a token.
func EmptyQuery() *Error { return newf(CodeEmptyQuery, "42000", "Query was empty") }

// Interrupted is a statement that was killed.
func Interrupted() *Error {
	return newf(CodeQueryInterrupted, "70100", "Query execution was interrupted")
}

// ShuttingDown is sent to sessions that a drain ends.
func ShuttingDown() *Error { return newf(CodeServerShutdown, "08S01", "Server shutdown in progress") }

// NoSuchThread is a KILL of a connection that does not exist.
func NoSuchThread(id uint64) *Error {
	return newf(CodeNoSuchThread, "HY000", "Unknown thread id: %d", id)
}

// PeerSilent is another instance of the mesh that did not answer.
func PeerSilent(instance, what string) *Error {
	return newf(CodeUnknownError, "HY000", "instance %s did not answer: %s", instance, what)
}

// PeerHasMore is another instance of the mesh of which not all rows are shown.
func PeerHasMore(instance string, rows int) *Error {
	return newf(CodeUnknownError, "HY000", "instance %s has %d rows more", instance, rows)
}

// KillDenied is a KILL of another account's connection.
func KillDenied(id uint64) *Error {
	return newf(CodeKillDenied, "HY000", "You are not owner of thread %d", id)
}

// BackendUnavailable is a data source that cannot be reached, or whose pool gave no connection in time.
func BackendUnavailable(dataSource, why string) *Error {
	return newf(CodeConnectToForeign, "HY000", "Unable to connect to data source '%s': %s", dataSource, why)
}

// BackendLost is a connection that ended while a statement ran on it: whether the statement took effect is unknown.
func BackendLost(dataSource, why string) *Error {
	return newf(CodeErrorDuringComm, "HY000", "Lost connection to data source '%s' during the statement: %s", dataSource, why)
}

// TooManyColumns is an answer with n columns, where so many at the most are passed on.
func TooManyColumns(n uint64, most int) *Error {
	return newf(CodeTooManyFields, "HY000", "Too many columns: the answer has %d, and at the most %d are passed on", n, most)
}

// MemoryExceeded is an operator that ran over its budget; setting names what raises it.
func MemoryExceeded(operator, setting string) *Error {
	return newf(CodeOutOfSortMemory, "HY001", "Out of memory in %s: it needs more than '%s' allows", operator, setting)
}

// Internal is a broken invariant of Heddle.
func Internal(what string) *Error {
	return newf(CodeUnknownError, "HY000", "Heddle internal error: %s", what)
}

// KeygenUnavailable is an INSERT that needs a generated id while none can be given.
func KeygenUnavailable(why string) *Error {
	return newf(CodeAutoincRead, "HY000", "Failed to read auto-increment value from storage engine: %s", why)
}

// KeyMove refuses an UPDATE that would move a row to another shard.
func KeyMove(table, column string) *Error {
	return newf(CodeNotSupportedYet, "42000", "Heddle doesn't yet support 'changing the sharding key %s.%s to a value of another shard'", table, column)
}

// ShardsDiffer is one statement whose answers have different columns on different shards, as a table has that was
// altered on some of them only.
func ShardsDiffer(detail string) *Error {
	return newf(CodeUnknownError, "HY000", "The shards answer with different columns: %s", detail)
}

// DDLNotJournaled is DDL over several shards that was not begun because its journal cannot be written.
func DDLNotJournaled(why string) *Error {
	return newf(CodeUnknownError, "HY000", "The DDL journal cannot be written, so nothing was run: %s", why)
}

// RulesUnreached is a change of rules that was not made because they cannot be reached.
func RulesUnreached(why string) *Error {
	return newf(CodeUnknownError, "HY000", "The rules cannot be reached, so nothing was run: %s", why)
}

// RuleRefused is a change of rules that is wrong by what the rules say now.
func RuleRefused(why string) *Error {
	return newf(CodeUnknownError, "HY000", "The rules are not changed: %s", why)
}

// TransactionNotResolved is a transaction over several data sources that an operator has asked for and that is not shown, or not finished.
func TransactionNotResolved(why string) *Error {
	return newf(CodeUnknownError, "HY000", "The transaction is not resolved: %s", why)
}

// DistSQLSyntax is a statement about rules that cannot be read; what says where.
func DistSQLSyntax(what string) *Error {
	return newf(CodeSyntax, "42000", "You have an error in your DistSQL: %s", what)
}

// DDLUnfinished is DDL on a table of which earlier DDL is not done on every shard.
func DDLUnfinished(table, id string) *Error {
	return newf(CodeUnknownError, "HY000", "Earlier DDL on table %s is not done on every shard, so nothing was run: finish it with heddle ddl resume %s, "+
		"or, once you know that the table is alike on all shards, take it off the list with heddle ddl forget %s", table, id, id)
}

// DDLOutcomeLost is the warning of DDL that is done everywhere, which its journal could not be told.
func DDLOutcomeLost(id, why string) *Error {
	return newf(CodeUnknownError, "HY000", "The statement is done on every shard, but its journal could not be told: heddle ddl resume %s (%s)", id, why)
}

// SpillFailed is a temporary file that could not be written or read.
func SpillFailed(operator, why string) *Error {
	return newf(CodeErrorOnWrite, "HY000", "Error writing temporary file of %s: %s", operator, why)
}

// CutByGroupConcat is the warning of a GROUP_CONCAT that was cut at group_concat_max_len while it added a row.
func CutByGroupConcat(row int) *Error {
	return newf(CodeCutGroupConcat, "HY000", "Row %d was cut by GROUP_CONCAT()", row)
}

// WrongValueCount is a row of an INSERT with more or fewer values than columns; row counts from 1.
func WrongValueCount(row int) *Error {
	return newf(CodeWrongValueCount, "21S01", "Column count doesn't match value count at row %d", row)
}

// NoSuchSavepoint is a savepoint that was never set, or is gone.
func NoSuchSavepoint(name string) *Error {
	return newf(CodeSavepoint, "42000", "SAVEPOINT %s does not exist", name)
}

// TooManyPrepared is a session's limit of prepared statements.
func TooManyPrepared(limit int) *Error {
	return newf(CodeTooManyPrepared, "42000", "Can't create more than max_prepared_stmt_count statements (current value: %d)", limit)
}

// NoCursor is a fetch from a statement without an open cursor.
func NoCursor(id uint32) *Error {
	return newf(CodeNoCursor, "HY000", "The statement (%d) has no open cursor", id)
}

// ConnectionKilled is the last word to a session that was killed.
func ConnectionKilled() *Error { return newf(CodeConnectionKilled, "70100", "Connection was killed") }

// TableClosed is a statement that waited in vain for a table whose rows are given another place. Nothing of it was done.
func TableClosed(db, table string) *Error {
	return newf(CodeLockWaitTimeout, "HY000", "Table '%s.%s' is closed while its rows are given another place; try again", db, table)
}

// RowsChanged is a statement that found no rows to change, and then one. Nothing of it was done.
func RowsChanged() *Error {
	return newf(CodeRecordChanged, "HY000", "Rows have changed since the statement looked for them; try again")
}

// Fenced is a statement on an instance that has to stop while it has no lease. Nothing of it was done.
func Fenced(db string) *Error {
	return newf(CodeOptionPrevents, "HY000", "Heddle is running with instance.offline=fence and has lost its lease, so it cannot execute statements on database '%s'", db)
}

// TLSRequired is a login in clear where TLS is required.
func TLSRequired() *Error {
	return newf(CodeSecureTransport, "HY000", "Connections using insecure transport are prohibited while --require_secure_transport=ON")
}

// TableAccessDenied is a statement on a table of a database that the account does not list.
func TableAccessDenied(command, user, host, table string) *Error {
	return newf(CodeTableAccessDenied, "42000", "%s command denied to user '%s'@'%s' for table '%s'", command, user, host, table)
}

// DatabaseExists is CREATE DATABASE of one that is there.
func DatabaseExists(db string) *Error {
	return newf(CodeDatabaseExists, "HY000", "Can't create database '%s'; database exists", db)
}

// NoDatabaseToDrop is DROP DATABASE of one that is not there.
func NoDatabaseToDrop(db string) *Error {
	return newf(CodeNoDatabaseToDrop, "HY000", "Can't drop database '%s'; database doesn't exist", db)
}

// PrivilegeNeeded is a statement that takes a privilege on the server.
func PrivilegeNeeded(privileges string) *Error {
	return newf(CodePrivilegeNeeded, "42000", "Access denied; you need (at least one of) the %s privilege(s) for this operation", privileges)
}

// RoutineAccessDenied is a routine of a database that the account does not list.
func RoutineAccessDenied(command, user, host, routine string) *Error {
	return newf(CodeRoutineAccessDenied, "42000", "%s command denied to user '%s'@'%s' for routine '%s'", command, user, host, routine)
}

// StatementTime is a statement that has run for longer than MariaDB's max_statement_time.
func StatementTime() *Error {
	return newf(CodeStatementTimeout, "70100", "Query execution was interrupted (max_statement_time exceeded)")
}

// ExecutionTime is a query that has run for longer than MySQL's max_execution_time.
func ExecutionTime() *Error {
	return newf(CodeQueryTimeout, "HY000", "Query execution was interrupted, maximum statement execution time exceeded")
}
