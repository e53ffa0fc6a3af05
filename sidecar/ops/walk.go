package ops

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/router/sharding"
)

type tableSchema = catalog.TableSchema

// walk goes through one actual table, piece by piece.
type walk struct {
	*Look
	conn  *backend.Conn
	node  rule.Node
	judge *judge
	out   *Misplaced
	pages []catalog.Column // the primary key's; nil: there is none to go by
	guess int64
}

func (w *walk) table() string { return quoted(w.node.Schema) + "." + quoted(w.node.Table) }

func (w *walk) run(ctx context.Context) error {
	if w.judge.wrong == noWrong && w.Sample == 0 && !w.First {
		return w.count(ctx)
	}
	if w.judge.wrong == noWrong {
		return nil
	}
	if w.First && w.judge.wrong == allWrong {
		rows, err := w.rows(ctx, "SELECT 1 FROM "+w.table()+" LIMIT 1")
		w.out.Rows, w.out.Wrong = int64(len(rows)), int64(len(rows))
		return err
	}
	if err := w.size(ctx); err != nil {
		return err
	}
	if w.pages == nil {
		return w.whole(ctx)
	}
	if w.Sample > 0 {
		return w.sample(ctx)
	}
	return w.pieces(ctx, nil, "", 0)
}

func (w *walk) rows(ctx context.Context, sql string) ([]sqltypes.Row, error) {
	_, rows, err := w.conn.QueryRows(ctx, sql)
	return rows, err
}

func (w *walk) count(ctx context.Context) error {
	rows, err := w.rows(ctx, "SELECT COUNT(*) FROM "+w.table())
	if err == nil {
		w.out.Rows, err = strconv.ParseInt(string(rows[0][0]), 10, 64)
	}
	return err
}

// size asks how many rows the server thinks that there are.
func (w *walk) size(ctx context.Context) error {
	rows, err := w.rows(ctx, "SELECT TABLE_ROWS FROM information_schema.TABLES WHERE TABLE_SCHEMA = "+text(w.node.Schema)+" AND TABLE_NAME = "+text(w.node.Table))
	if err == nil && len(rows) > 0 && rows[0][0] != nil {
		w.guess, err = strconv.ParseInt(string(rows[0][0]), 10, 64)
	}
	return err
}

// whole looks at a table that cannot be parted.
func (w *walk) whole(ctx context.Context) error {
	limit := wholeRows
	if w.Sample > 0 {
		limit = w.Sample
	}
	if w.judge.wrong == "" && w.Sample == 0 {
		if err := w.count(ctx); err != nil {
			return err
		}
		if w.out.Rows > wholeRows {
			return fmt.Errorf("it has %d rows and no primary key to go by, so that their keys cannot be read in pieces", w.out.Rows)
		}
		w.out.Rows = 0
	}
	if w.judge.wrong != "" && w.Sample == 0 {
		limit = 0
	}
	_, _, err := w.piece(ctx, "", limit)
	return err
}

// pieces looks at what is above a key, up to an end and so many rows; 0 is all.
func (w *walk) pieces(ctx context.Context, above []string, end string, rows int) error {
	for left := rows; ; {
		n := pieceRows
		if rows > 0 {
			n = min(n, left)
		}
		began := time.Now()
		looked, last, err := w.piece(ctx, conditions(beyond(w.pages, above), end), n)
		if err != nil || w.First && w.out.Wrong > 0 {
			return err
		}
		if w.Progress != nil {
			w.Progress(Progress{Table: w.out.Table, DataSource: w.node.DataSource, Rows: w.out.Rows, Of: max(w.guess, w.out.Rows)})
		}
		left -= looked
		if looked < n || rows > 0 && left <= 0 {
			return nil
		}
		above = last
		if err := rest(ctx, time.Duration(float64(time.Since(began))*w.Pace)); err != nil {
			return err
		}
	}
}

// sampleRuns is at how many places of a table a sample is taken.
const sampleRuns = 10

// sample looks at rows from all over the primary key, where that begins with a number, and else at the first ones.
func (w *walk) sample(ctx context.Context) error {
	first := w.pages[0]
	if first.Key.Family != sharding.FamilyInteger {
		return w.pieces(ctx, nil, "", w.Sample)
	}
	rows, err := w.rows(ctx, fmt.Sprintf("SELECT MIN(%[1]s), MAX(%[1]s) FROM %[2]s", quoted(first.Name), w.table()))
	if err != nil || rows[0][0] == nil {
		return err
	}
	low, err1 := strconv.ParseFloat(string(rows[0][0]), 64)
	high, err2 := strconv.ParseFloat(string(rows[0][1]), 64)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	runs := min(sampleRuns, w.Sample)
	bound := func(i int) string { return strconv.FormatFloat(low+(high-low)*float64(i)/float64(runs), 'f', 0, 64) }
	for i := range runs {
		span := quoted(first.Name) + " >= " + bound(i)
		if i+1 < runs {
			span += " AND " + quoted(first.Name) + " < " + bound(i+1)
		}
		if err := w.pieces(ctx, nil, span, (w.Sample*(i+1))/runs-(w.Sample*i)/runs); err != nil {
			return err
		}
	}
	return nil
}

// piece looks at the first rows that meet a condition, and returns how many there were and the primary key of the last.
func (w *walk) piece(ctx context.Context, cond string, limit int) (looked int, last []string, err error) {
	order := ""
	if w.pages != nil {
		order = " ORDER BY " + joined(names(w.pages), ", ")
	}
	if limit > 0 {
		order += fmt.Sprintf(" LIMIT %d", limit)
	}
	if w.judge.wrong == "" {
		return w.byKeys(ctx, cond+order)
	}
	rows, err := w.rows(ctx, fmt.Sprintf("SELECT COUNT(*), COALESCE(SUM(w), 0) FROM (SELECT (%s) AS w FROM %s%s%s) AS piece", w.judge.wrong, w.table(), cond, order))
	if err != nil {
		return 0, nil, err
	}
	n, err1 := strconv.ParseInt(string(rows[0][0]), 10, 64)
	wrong, err2 := strconv.ParseInt(string(rows[0][1]), 10, 64)
	if err := errors.Join(err1, err2); err != nil {
		return 0, nil, err
	}
	w.out.Rows, w.out.Wrong = w.out.Rows+n, w.out.Wrong+wrong
	if wrong > 0 {
		if err := w.examples(ctx, cond); err != nil {
			return 0, nil, err
		}
	}
	if w.pages == nil || int(n) < limit {
		return int(n), nil, nil
	}
	rows, err = w.rows(ctx, fmt.Sprintf("SELECT %s FROM %s%s ORDER BY %[1]s LIMIT 1 OFFSET %[4]d", joined(names(w.pages), ", "), w.table(), cond, limit-1))
	if err != nil || len(rows) == 0 {
		return int(n), nil, err
	}
	return int(n), literals(rows[0], w.pages), nil
}

// shownExamples bounds the keys that are shown of one actual table.
const shownExamples = 3

// examples reads a few of the keys that are misplaced.
func (w *walk) examples(ctx context.Context, cond string) error {
	if len(w.out.Examples) >= shownExamples || len(w.judge.keys) == 0 {
		return nil
	}
	rows, err := w.rows(ctx, fmt.Sprintf("SELECT %s FROM %s%s LIMIT %d", joined(quotedAll(w.judge.keys), ", "), w.table(), conditions(strings.TrimPrefix(cond, " WHERE "), w.judge.wrong), shownExamples))
	for _, r := range rows {
		node, err := w.judge.where(ctx, r)
		if err != nil {
			return err
		}
		w.example(r, node)
	}
	return err
}

func (w *walk) example(key [][]byte, node int) {
	if len(w.out.Examples) >= shownExamples {
		return
	}
	parts := make([]string, len(key))
	for i, v := range key {
		parts[i] = w.judge.keys[i] + " = NULL"
		if v != nil {
			parts[i] = fmt.Sprintf("%s = %.64q", w.judge.keys[i], v)
		}
	}
	to := "no shard takes it"
	if node >= 0 {
		to = "would be looked for on " + w.judge.targets[node].DataSource + "." + w.judge.targets[node].Table
	}
	w.out.Examples = append(w.out.Examples, strings.Join(parts, ", ")+": "+to)
}

// byKeys reads the keys of rows and finds their nodes by the algorithm itself.
func (w *walk) byKeys(ctx context.Context, rest string) (looked int, last []string, err error) {
	list := append(names(w.pages), quotedAll(w.judge.keys)...)
	rows, err := w.rows(ctx, "SELECT "+joined(list, ", ")+" FROM "+w.table()+rest)
	if err != nil {
		return 0, nil, err
	}
	var before [][]byte
	node := 0
	for _, r := range rows {
		key := r[len(w.pages):]
		if before == nil || !equalKeys(before, key) {
			if node, err = w.judge.where(ctx, key); err != nil {
				return 0, nil, err
			}
			before = key
		}
		w.out.Rows++
		if node != w.judge.here {
			w.out.Wrong++
			w.example(key, node)
			if w.First {
				return len(rows), nil, nil
			}
		}
	}
	if len(rows) == 0 || w.pages == nil {
		return len(rows), nil, nil
	}
	return len(rows), literals(rows[len(rows)-1], w.pages), nil
}

func equalKeys(a, b [][]byte) bool {
	for i := range a {
		if (a[i] == nil) != (b[i] == nil) || !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

// rest waits.
func rest(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// neutral lends a connection that no client's settings are on, in UTC.
func neutral(ctx context.Context, pools *backend.Pools, dataSource string) (*backend.Lease, error) {
	lease, err := pools.Acquire(ctx, dataSource, 0, nil)
	if err != nil {
		return nil, err
	}
	if err = lease.Apply(ctx, backend.NewState(), 0); err == nil {
		_, err = lease.Conn().Exec(ctx, "SET time_zone = '+00:00'")
	}
	if err != nil {
		lease.Destroy()
		return nil, err
	}
	return lease, nil
}

// What servers say of a table that they do not have.
const (
	noSuchDatabase = 1049
	noSuchTable    = 1146
)

// schemaOf reads columns and keys of an actual table.
func schemaOf(ctx context.Context, conn *backend.Conn, n rule.Node) (*tableSchema, bool, error) {
	var answers [2][]catalog.Row
	for i, query := range []string{catalog.ColumnsQuery, catalog.IndexesQuery} {
		for range strings.Count(query, "?") / 2 {
			query = strings.Replace(strings.Replace(query, "?", text(n.Schema), 1), "?", text(n.Table), 1)
		}
		_, rows, err := conn.QueryRows(ctx, query)
		if e := sqlerr.As(err); e != nil && (e.Code == noSuchTable || e.Code == noSuchDatabase) {
			return nil, false, nil
		}
		if err != nil {
			return nil, false, err
		}
		if i == 0 && len(rows) == 0 {
			return nil, false, nil
		}
		for _, r := range rows {
			answers[i] = append(answers[i], catalog.Row(r))
		}
	}
	s, err := catalog.FromRows("", n.Table, answers[0], answers[1], nil)
	return &s, err == nil, err
}
