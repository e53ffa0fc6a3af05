package txnlog

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/txn/xa"
)

// Readers that must see no half of a transaction ask which branches a server has that their snapshot may lack (Prepared, Recent),
// and, in the snapshot, which of them it shows (Shown).

// Recent lists this data source's marks since a moment, and from some time before it, as anybody sees them who looks now. Where the server's clock was put forward of late, those
// from before it look older than they are, and are among it. The server comes to a question late that has to wait for a connection, or on its way: then it is asked again, from as much earlier.
func (s *Server) Recent(ctx context.Context, since time.Time, before time.Duration) (map[xa.GTRID]bool, error) {
	for more := time.Duration(0); ; {
		out, forward, err := s.recent(ctx, before+time.Since(since)+more)
		if err != nil || forward <= unnoticed+more {
			return out, err
		}
		more = forward
	}
}

const unnoticed = time.Second // by which a clock may be put forward, or a server come late to a question; before has room for it

// recent reports also how far the server's clock was put forward, and that by no less than the answer took.
func (s *Server) recent(ctx context.Context, within time.Duration) (out map[xa.GTRID]bool, forward time.Duration, err error) {
	asked := time.Now()
	rows, err := s.DB.QueryContext(ctx, "SELECT '', "+serverNow+" UNION ALL SELECT gtrid, 0 FROM "+Schema+".txn_mark WHERE at > NOW(3) - INTERVAL ? MICROSECOND AND branch = ?",
		within.Microseconds(), s.Log.String())
	if err != nil {
		return nil, 0, fmt.Errorf("list recent marks: %w", err)
	}
	defer func() { _ = rows.Close() }()
	out = map[xa.GTRID]bool{}
	for rows.Next() {
		var name string
		var micros int64
		if err := rows.Scan(&name, &micros); err != nil {
			return nil, 0, fmt.Errorf("list recent marks: %w", err)
		}
		if name == "" {
			forward = s.time().see(asked, micros)
		} else if g, err := xa.ParseGTRID(name); err == nil {
			out[g] = true
		}
	}
	return out, forward, rows.Err()
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
