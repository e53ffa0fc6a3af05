package txnlog

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/txn/xa"
)

// Readers that must see no half of a transaction ask which branches a server has that their snapshot may lack (Prepared, Recent),
// and, in the snapshot, which of them it shows (Shown).

// Recent lists this data source's marks of the last while, as anybody sees them who looks now.
func (s *Server) Recent(ctx context.Context, within time.Duration) (map[xa.GTRID]bool, error) {
	return s.found(ctx, "SELECT gtrid FROM "+Schema+".txn_mark WHERE at > NOW(3) - INTERVAL ? MICROSECOND AND branch = ?",
		[]any{within.Microseconds(), s.Log.String()}, 1)
}

// Shown is the query that finds which of several transactions are committed on a data source, as whoever asks sees it: by the branch's mark,
// or by the decision that its home has committed. It is for a client's connection, whatever it is set to.
func Shown(log xa.Log, of []xa.GTRID) string {
	var b strings.Builder
	b.WriteString("SELECT gtrid FROM " + Schema + ".txn_mark WHERE gtrid IN (")
	var here []xa.GTRID
	for i, g := range of {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(literal(g.String()))
		if g.Log == log {
			here = append(here, g)
		}
	}
	b.WriteString(") AND branch = " + literal(log.String()))
	if len(here) > 0 {
		b.WriteString(" UNION SELECT gtrid FROM " + Schema + ".txn_decision WHERE gtrid IN (")
		for i, g := range here {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(literal(g.String()))
		}
		b.WriteString(") AND verdict = " + literal("C"))
	}
	b.WriteString(" LIMIT " + strconv.Itoa(len(of))) // which sql_select_limit leaves alone
	return b.String()
}
