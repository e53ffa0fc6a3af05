package parser

import "strings"

// Kind is what a statement does. The set is closed.
type Kind uint8

// The kinds of statements.
const (
	Unknown Kind = iota
	Select       // UNION, WITH, VALUES, TABLE and parenthesised queries included
	Insert
	Replace
	Update
	Delete
	Truncate
	Call
	Do
	Set
	Use
	Show
	Describe // DESCRIBE table
	Explain  // EXPLAIN statement; Inner holds the statement
	Analyze  // MariaDB's ANALYZE statement, and EXPLAIN ANALYZE; Inner holds the statement
	Begin
	Commit
	Rollback
	Savepoint
	RollbackTo
	Release
	SetTransaction
	XA
	CreateTable
	CreateTemporaryTable
	AlterTable
	DropTable
	DropTemporaryTable
	RenameTable
	CreateIndex
	DropIndex
	CreateView
	DropView
	CreateDatabase
	AlterDatabase
	DropDatabase
	OtherDDL
	LockTables
	UnlockTables
	LoadData
	Prepare
	Execute
	ExecuteImmediate
	Deallocate
	Kill
	Flush
	TableAdmin // ANALYZE, CHECK, OPTIMIZE, REPAIR, CHECKSUM TABLE
	Handler
	Account // GRANT, REVOKE, CREATE USER …
	Signal
	GetDiagnostics
	Help
	ReplicationAdmin
	Shutdown
	Compound // BEGIN NOT ATOMIC, IF …: a body outside of a stored program
	DistSQL  // a statement about storage units and rules, which package distsql reads
	Empty    // nothing but comments: the server answers OK
)

var kindNames = [...]string{
	Unknown: "unknown", Select: "select", Insert: "insert", Replace: "replace", Update: "update", Delete: "delete",
	Truncate: "truncate", Call: "call", Do: "do", Set: "set", Use: "use", Show: "show", Describe: "describe",
	Explain: "explain", Analyze: "analyze", Begin: "begin", Commit: "commit", Rollback: "rollback",
	Savepoint: "savepoint", RollbackTo: "rollback-to", Release: "release", SetTransaction: "set-transaction", XA: "xa",
	CreateTable: "create-table", CreateTemporaryTable: "create-temporary-table", AlterTable: "alter-table",
	DropTable: "drop-table", DropTemporaryTable: "drop-temporary-table", RenameTable: "rename-table",
	CreateIndex: "create-index", DropIndex: "drop-index", CreateView: "create-view", DropView: "drop-view",
	CreateDatabase: "create-database", AlterDatabase: "alter-database", DropDatabase: "drop-database",
	OtherDDL: "other-ddl", LockTables: "lock-tables", UnlockTables: "unlock-tables", LoadData: "load-data",
	Prepare: "prepare", Execute: "execute", ExecuteImmediate: "execute-immediate", Deallocate: "deallocate",
	Kill: "kill", Flush: "flush", TableAdmin: "table-admin", Handler: "handler", Account: "account",
	Signal: "signal", GetDiagnostics: "get-diagnostics", Help: "help", ReplicationAdmin: "replication-admin",
	Shutdown: "shutdown", Compound: "compound", DistSQL: "distsql", Empty: "empty",
}

// String is the kind's name in goldens and metrics.
func (k Kind) String() string { return kindNames[k] }

// Verb is how people call the statement, as CREATE VIEW; where its kind is a name for many, how it begins, by its first two words.
func (st *Statement) Verb() string {
	switch st.Kind {
	default:
		return strings.ToUpper(strings.ReplaceAll(st.Kind.String(), "-", " "))
	case OtherDDL, TableAdmin, Account, ReplicationAdmin, Compound, Unknown:
	}
	var words []string
	for i := range st.Tokens {
		if len(words) == 2 || st.Tokens[i].Kind != Word || st.Tokens[i].Word == "" {
			break
		}
		words = append(words, st.Tokens[i].Word)
	}
	return strings.Join(words, " ")
}
