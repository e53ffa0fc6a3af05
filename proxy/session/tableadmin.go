package session

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/proxy/merge"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/router/plan"
)

// namedRows puts logical names into the first column of rows that name their table there: the answers of ANALYZE,
// CHECK, CHECKSUM, OPTIMIZE and REPAIR TABLE.
type namedRows struct {
	merge.RowStream
	route  *plan.Route
	target *plan.Target
	row    sqltypes.Row
}

// Next returns the next row.
func (r *namedRows) Next(ctx context.Context) (sqltypes.Row, error) {
	row, err := r.RowStream.Next(ctx)
	if err != nil || len(row) == 0 {
		return row, err
	}
	for i := range r.target.Names {
		if i < len(r.route.Databases) && string(row[0]) == r.target.Schemas[i]+"."+r.target.Names[i] {
			r.row = append(r.row[:0], row...)
			r.row[0] = []byte(r.route.Databases[i] + "." + r.route.Tables[i])
			if last := len(row) - 1; last > 1 {
				r.row[last] = []byte(logicalText(string(row[last]), r.route, r.target))
			}
			return r.row, nil
		}
	}
	return row, nil
}

// runTableAdmin has every shard look after its part of a table. Where all say the same, that is the answer, as one server
// gives it; else each that says something else is named. Checksums are sums over rows.
func (s *Session) runTableAdmin(ctx context.Context, x *execution, node *plan.TableAdmin) error {
	t := &tree{s: s, x: x}
	defer t.release()
	streams, err := t.open(ctx, node.Route)
	if err != nil {
		return err
	}
	var answers []adminAnswer
	for i, stream := range streams {
		a := adminAnswer{where: whereOf(t.streams[i].target)}
		rows := &namedRows{RowStream: stream, route: node.Route, target: t.streams[i].target}
		for {
			row, err := rows.Next(ctx)
			if isEOF(err) {
				break
			}
			if err != nil {
				return err
			}
			kept, _ := copyRow(row) // a few rows
			a.rows = append(a.rows, kept)
		}
		answers = append(answers, a)
	}
	merged := agreed
	if node.Checksum && !node.Copies {
		merged = checksum
	}
	rows := merged(answers)
	return s.writeRows(ctx, merge.NewRows(streams[0].Columns(), rows), x.form, func() *wire.OK {
		ok := t.end(ctx)
		s.diag.oneCopy() // one server looks at one table
		ok.Warnings = s.diag.count()
		return ok
	})
}

// adminAnswer is what one shard says.
type adminAnswer struct {
	where string
	rows  []sqltypes.Row
}

// agreed is the answer of shards that say the same; where they do not, what each says, with its name.
func agreed(answers []adminAnswer) []sqltypes.Row {
	same := func(a adminAnswer) bool {
		return slices.EqualFunc(a.rows, answers[0].rows, func(x, y sqltypes.Row) bool {
			return slices.EqualFunc(x, y, func(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) })
		})
	}
	if !slices.ContainsFunc(answers, func(a adminAnswer) bool { return !same(a) }) {
		return answers[0].rows
	}
	var out []sqltypes.Row
	for _, a := range answers {
		for _, row := range a.rows {
			named := slices.Clone(row)
			last := len(row) - 1
			named[last] = fmt.Appendf(nil, "%s (%s)", row[last], a.where)
			out = append(out, named)
		}
	}
	return out
}

// checksum adds up the checksums of the shards' rows, as a server adds those of its rows, in 32 bits. A shard without the
// table has none, and then there is none of the table.
func checksum(answers []adminAnswer) []sqltypes.Row {
	var sum uint32
	row := answers[0].rows[0]
	for _, a := range answers {
		cell := a.rows[0][1]
		n, err := strconv.ParseUint(string(cell), 10, 32)
		if cell == nil || err != nil {
			return []sqltypes.Row{{row[0], nil}}
		}
		sum += uint32(n)
	}
	return []sqltypes.Row{{row[0], strconv.AppendUint(nil, uint64(sum), 10)}}
}
