package session

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/txn"
	"github.com/heddle-mesh/heddle/txn/txnlog"
	"github.com/heddle-mesh/heddle/txn/xa"
)

var update = flag.Bool("update", false, "write the golden of what clients are told of transactions")

const (
	textsGolden = "testdata/transactions.golden"
	textsSource = "../../internal/sqlerr/transactions.go"
	aGTRID      = "h1-0001-00000001-000000000001-0000000001"
)

// told is a text and what gives it.
type told struct {
	when string
	err  error
}

// fatesOf is a COMMIT in mode LOCAL that a server has refused, and of which another one has not answered.
func fatesOf() *txn.PartialError {
	return &txn.PartialError{Outcomes: []txn.Outcome{
		{Branch: named("ds_0")},
		{Branch: named("ds_1"), Err: sqlerr.New(1205, "HY000", "Lock wait timeout exceeded; try restarting transaction"), Fate: txn.RolledBack},
		{Branch: named("ds_2"), Err: sqlerr.BackendLost("ds_2", "EOF"), Fate: txn.Unknown},
	}}
}

// named is a branch that is only asked for its data source.
type named string

func (n named) DataSource() string                  { return string(n) }
func (named) ConnectionID() uint32                  { return 0 }
func (named) Exec(context.Context, ...string) error { return errors.New("it is not there") }
func (named) Addr() string                          { return "" }
func (named) Alive() bool                           { return false }
func (named) Discard()                              {}

// commits are what COMMIT, and a write over several shards in autocommit, are answered with: what the driver has come to goes through the session's own translation.
func commits() []told {
	server := func(code uint16, state, msg string) error { return sqlerr.New(code, state, msg) }
	aborted := func(err error, lost bool) error {
		return commitError(&txn.AbortedError{DataSource: "ds_1", Err: err, Lost: lost})
	}
	hidden := server(1142, "42000", "INSERT command denied to user 'app'@'%' for table `"+txnlog.Schema+"`.`txn_mark`")
	return []told{
		{"XA: decided to commit, and a branch has not carried it out within 5 s: OK, with this warning", sqlerr.CommitUndelivered("ds_1")},
		{"... and the session comes to that shard before it is there", sqlerr.DeliveryAwaited("ds_1")},
		{"... and the branch is lost, or a zombie", sqlerr.DeliveryTroubled("ds_1", xa.Missing.String())},
		{"XA: a branch's server has refused its part: its own error, and all is rolled back", aborted(server(1213, "40001", "Deadlock found when trying to get lock; try restarting transaction"), false)},
		{"XA: ... in words about what clients do not see", aborted(hidden, false)},
		{"XA: a branch's connection was lost before the decision", aborted(sqlerr.BackendLost("ds_1", "EOF"), true)},
		{"XA: the first branch's transaction had ended unnoticed", aborted(server(1305, "42000", "SAVEPOINT "+strings.Trim(txn.GuardPoint, "`")+" does not exist"), false)},
		{"XA: others have rolled it back, for its process stood still", aborted(txn.ErrFenced, false)},
		{"XA: the data source that has the decision does not answer for 20 s", decidedError(&txn.InDoubtError{GTRID: aGTRID, DataSource: "ds_0", Err: errors.New("dial tcp 10.0.0.1:3306: refused")})},
		{"XA: an operator has forced it to commit meanwhile", decidedError(&txn.ForcedError{GTRID: aGTRID, Without: []string{"ds_0", "ds_2"}})},
		{"XA: an operator has rolled it back meanwhile", aborted(txn.ErrResolved, false)},
		{"XA: a data source can have no part in it, by its settings", commitError(&txn.UnfitError{DataSource: "ds_1", Why: errors.New("sync_binlog is 0: only with 1 does the binary log, which decides at a restart, know of each transaction")})},
		{"XA: ... for its account lacks a privilege", commitError(&txn.UnfitError{DataSource: "ds_1", Why: fmt.Errorf("the account cannot keep the log: %w", fmt.Errorf("write to schema heddle_mesh: %w", hidden))})},
		{"XA: ... for it was not reached yet", commitError(&txn.UnfitError{DataSource: "ds_1", Why: errors.New("dial tcp 10.0.0.1:3306: refused"), Away: true})},
		{"LOCAL: some have committed and others not, or not known to", decidedError(fatesOf())},
		{"LOCAL: ... a warning beside it, of one that has", sqlerr.ShardCommit("ds_0", txn.Committed.String(), nil)},
		{"LOCAL: ... of one that has not", sqlerr.ShardCommit("ds_1", txn.RolledBack.String(), fatesOf().Outcomes[1].Err)},
		{"LOCAL: ... of one that was lost in it", sqlerr.ShardCommit("ds_2", txn.Unknown.String(), fatesOf().Outcomes[2].Err)},
		{"a branch's connection is found lost: at COMMIT before anything is sent, or with the next statement", commitError(txn.ErrLost)},
	}
}

// statements are what other statements are answered with.
func statements() []told {
	silent := &Session{srv: &Server{Log: zap.NewNop()}}
	return []told{
		{"a transaction with locks on two servers has waited for transactions.lock_patience", sqlerr.DeadlockSuspected()},
		{"an atomic read by locks has", sqlerr.ReadUnsettled()},
		{"a write in a READ ONLY transaction that the session itself refuses", sqlerr.ReadOnlyTransaction()},
		{"SET TRANSACTION, SET @@tx_isolation or SET heddle_read in a transaction", sqlerr.TransactionInProgress()},
		{"SET GLOBAL TRANSACTION", sqlerr.TransactionOfAll()},
		{"SET @@tx_read_only = (an expression)", sqlerr.NextAccess("tx_read_only")},
		{"SET @@tx_isolation = (an expression)", sqlerr.NextLevel("tx_isolation")},
		{"SAVEPOINT `heddle txn`", sqlerr.OwnSavepoint("heddle txn")},
		{"ROLLBACK TO, RELEASE SAVEPOINT of one that is not set", sqlerr.NoSuchSavepoint("a")},
		{"SET heddle_transaction_type = 'both'", sqlerr.WrongValueForVariable(transactionTypeVar, "both")},
		{"SET GLOBAL heddle_transaction_type, or beside other assignments", sqlerr.AloneInSet(transactionTypeVar)},
		{"SET heddle_transaction_type = 'xa' where transactions.type is local", sqlerr.TransactionsAreLocal("SET " + transactionTypeVar + " to xa")},
		{"SET heddle_read = 'half'", sqlerr.WrongValueForVariable(readVar, "half")},
		{"SET GLOBAL heddle_read, or beside other assignments", sqlerr.AloneInSet(readVar)},
		{"SET heddle_read = 'atomic' where transactions.type is local", sqlerr.TransactionsAreLocal("SET " + readVar + " to atomic")},
		{"a hint transaction=all", sqlerr.HintUnread()},
		{"a hint transaction=xa where transactions.type is local", sqlerr.TransactionsAreLocal("the hint transaction=xa")},
		{"a hint after XA START", sqlerr.HintInXA("local")},
		{"SET SESSION xa_detach_on_prepare, over MySQL", sqlerr.DetachingIsKept("xa_detach_on_prepare")},
		{"a hint after the first statement", sqlerr.HintLate("local")},
		{"type xa where transactions.type is local: the second data source", sqlerr.TransactionsAreLocal("a transaction of type XA over several data sources")},
		{"type xa under LOCK TABLES: the second data source", sqlerr.SpreadUnderLocks()},
		{"CALL of an unknown program in a transaction of several data sources", sqlerr.ProgramInSpread()},
		{"SET TRANSACTION, and then a statement in autocommit that locks or calls a program, over several shards", sqlerr.NextInParts()},
		{"a query that runs in parts, in a READ ONLY transaction", sqlerr.PartsReadOnly()},
		{"a write over several shards after one to a table of an engine without savepoints", sqlerr.EngineInSpread()},
		{"CALL of a program that commits, in a transaction of several data sources", sqlerr.ProgramEnds()},
		{"MySQL: a temporary table in a distributed transaction", sqlerr.XATemporary()},
		{"heddle_read is atomic: a data source was not reached yet", (&Session{}).atomicError(&txn.UnfitError{DataSource: "ds_1", Why: errors.New("dial tcp 10.0.0.1:3306: refused"), Away: true})},
		{"heddle_read is atomic: a data source does not answer, or not so", silent.atomicError(&txn.UnansweredError{DataSource: "ds_1", Err: errors.New("XA RECOVER: dial tcp 10.0.0.3:3306: refused")})},
		{"heddle_read is atomic: under LOCK TABLES", sqlerr.AtomicUnderLocks("a read of several shards")},
		{"heddle_read is atomic: START TRANSACTION READ ONLY under LOCK TABLES", sqlerr.AtomicUnderLocks("a READ ONLY transaction")},
		{"heddle_read is atomic: in a transaction that may write", sqlerr.AtomicInWriting()},
		{"heddle_read is atomic: with a stored function", sqlerr.AtomicProgram()},
		{"heddle_read is atomic: a READ ONLY transaction comes to another database's data source", sqlerr.AtomicElsewhere("ds_5")},
		{"heddle_read is atomic: a READ ONLY transaction of READ COMMITTED", sqlerr.AtomicLevel("READ COMMITTED")},
	}
}

// clients are what XA statements are answered with.
func clients() []told {
	return []told{
		{"XA with one data source", sqlerr.XAAlone()},
		{"XA START in a READ ONLY session", sqlerr.XAReadOnly()},
		{"XA START over MySQL with a format that cannot be kept", sqlerr.XAFormat()},
		{"XA START of a name that is there, and XA PREPARE where another instance has come first", xaError(txn.ErrDuplicate)},
		{"XA START, COMMIT, ROLLBACK, RECOVER while a data source does not answer", sqlerr.XAUnanswered()},
		{"XA START in a transaction", sqlerr.XAOutside()},
		{"XA START 'a' RESUME, an empty name", sqlerr.XAInvalid()},
		{"what the state does not allow", sqlerr.XARMFail(xa.ClientActive.String())},
		{"XA COMMIT of what nobody has prepared, has ended, or has its owner still", xaError(txn.ErrUnknown)},
		{"XA COMMIT of what a server has lost its part of", xaError(txn.ErrVoid)},
		{"XA PREPARE: a connection was lost", xaError(&txn.AbortedError{DataSource: "ds_1", Err: sqlerr.BackendLost("ds_1", "EOF"), Lost: true})},
		{"XA PREPARE: others have rolled it back", xaError(&txn.AbortedError{DataSource: "ds_0", Err: txn.ErrFenced, Lost: true})},
		{"XA PREPARE: a server has refused it in words about what clients do not see", xaError(&txn.AbortedError{DataSource: "ds_1", Err: sqlerr.New(1114, "HY000", "The table '"+txnlog.Schema+"/txn_mark' is full")})},
		{"XA PREPARE: the data source that keeps the name does not answer for 20 s", sqlerr.PrepareInDoubt("c1-0001-00000001-000000000001-0000000001", "ds_0")},
		{"XA END, PREPARE of a deadlock's victim", sqlerr.XADeadlock()},
	}
}

// TestTransactionTexts freezes what clients are told of transactions. Each constructor for them has its place in the golden, and none of the texts says how
// Heddle is made: its own tables, its packages, its servers' addresses.
func TestTransactionTexts(t *testing.T) {
	var b strings.Builder
	all := append(append(commits(), statements()...), clients()...)
	secret := regexp.MustCompile(`txn_|txn: |` + txnlog.Schema + `\.|\d+\.\d+\.\d+\.\d+|dial tcp|0x|%!`)
	for _, of := range all {
		e := sqlerr.As(of.err)
		if e == nil {
			t.Fatalf("%s: %v is no answer", of.when, of.err)
		}
		if found := secret.FindString(e.Msg); found != "" {
			t.Errorf("%s: the client is told %q in %q", of.when, found, e.Msg)
		}
		fmt.Fprintf(&b, "%s\n    %d (%s) %s\n\n", of.when, e.Code, e.State, e.Msg)
	}
	if *update {
		if err := os.WriteFile(textsGolden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(textsGolden)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != b.String() {
		t.Errorf("what clients are told has changed (go test ./proxy/session -run TestTransactionTexts -update):\n%s", b.String())
	}
	shown := map[string]bool{}
	for file, within := range map[string][]string{"transactiontexts_test.go": nil, "spread.go": {"decidedError", "commitError"}, "clientxa.go": {"xaError"}, "atomicread.go": {"atomicError"}} {
		for _, name := range made(t, file, within) {
			shown[name] = true
		}
	}
	for _, fn := range functions(t, textsSource) {
		if name := fn.Name.Name; !shown[name] {
			t.Errorf("sqlerr.%s is not among what is frozen", name)
		}
	}
}

// functions are those of a file.
func functions(t *testing.T, path string) (out []*ast.FuncDecl) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range file.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok {
			out = append(out, fn)
		}
	}
	return out
}

// made are the constructors of package sqlerr that functions of a file call; within: of all its functions, if none is named.
func made(t *testing.T, path string, within []string) (names []string) {
	for _, fn := range functions(t, path) {
		if within != nil && !slices.Contains(within, fn.Name.Name) {
			continue
		}
		ast.Inspect(fn, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				if of, ok := sel.X.(*ast.Ident); ok && of.Name == "sqlerr" {
					names = append(names, sel.Sel.Name)
				}
			}
			return true
		})
	}
	return names
}
