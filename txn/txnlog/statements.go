// Package txnlog is the SQL of distributed transactions: the statements of an owner, which are texts for others to send, and
// what recoverers ask of a server over connections of their own. It decides nothing: the machines do that (package xa).
// Level: above xa, below txn.
//
// Four tables in a schema of their own on each server hold all there is to know:
//
//	txn_log       which log a data source's decisions are in
//	txn_decision  what is decided, in the log of the transaction's first branch
//	txn_mark      a row that each prepared branch writes: where it is to be seen, the branch is committed
//	txn_client    the name that a client has given to a transaction which it prepares and ends itself, until that is decided
//
// A fifth, txn_statement, has what branches did, for people and to be run again, where it is to be kept.
package txnlog

import (
	"strconv"
	"strings"

	"github.com/heddle-mesh/heddle/txn/xa"
)

// Schema is where Heddle's own tables are, on each server.
const Schema = "heddle_mesh"

// Start begins a branch.
func Start(x xa.XID) string { return "XA START " + x.String() }

// End ends the work of a branch; what it has locked stays locked.
func End(x xa.XID) string { return "XA END " + x.String() }

// Prepare marks, ends and prepares a branch: one packet, which stops at the first error. The mark makes the branch one that has
// written, which a server keeps when the connection ends.
func Prepare(x xa.XID) []string {
	return []string{
		"INSERT INTO " + Schema + ".txn_mark (gtrid, branch) VALUES (" + literal(x.GTRID.String()) + "," + literal(x.Branch.Log.String()) + ")",
		End(x), "XA PREPARE " + x.String(),
	}
}

// Decide writes the decision and commits with it: one packet, which stops at the first error. parts are the branches that
// are prepared; home is the connection's number; kept is what they did, as far as it is kept.
func Decide(g xa.GTRID, parts []xa.Log, home uint32, kept ...Statement) []string {
	packet := []string{insertDecision + "(" + literal(g.String()) + "," + literal("C") + "," + literal(joined(parts)) + "," +
		strconv.FormatUint(uint64(home), 10) + ")"}
	if len(kept) > 0 {
		packet = append(packet, keep(g, kept))
	}
	return append(packet, "COMMIT")
}

func joined(parts []xa.Log) string {
	names := make([]string, len(parts))
	for i, p := range parts {
		names[i] = p.String()
	}
	return strings.Join(names, ",")
}

// literal is a name as SQL. Without the introducer a client's collation_connection of UCS-2 would have each character stored as two bytes.
func literal(name string) string { return "_binary'" + name + "'" }

const insertDecision = "INSERT INTO " + Schema + ".txn_decision (gtrid, verdict, parts, home) VALUES "

// Commit commits a prepared branch.
func Commit(x xa.XID) string { return "XA COMMIT " + x.String() }

// CommitOnePhase commits a branch that has ended and is not prepared.
func CommitOnePhase(x xa.XID) string { return Commit(x) + " ONE PHASE" }

// Rollback rolls a branch back.
func Rollback(x xa.XID) string { return "XA ROLLBACK " + x.String() }

// Snapshot takes the read view of a branch now: XA START knows no WITH CONSISTENT SNAPSHOT.
const Snapshot = "SELECT 1 FROM " + Schema + ".txn_log LIMIT 1"
