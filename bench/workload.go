package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// work is what a client does again and again: a workload in one form, on a table of so many rows.
type work struct {
	workload string
	form     form
	rows     int
	do       func(w *work, c *client) (queries int, err error)
}

// step does it once and counts its statements.
func (w *work) step(c *client) (queries int, err error) { return w.do(w, c) }

// workloads are sysbench's, and the two fan-outs that have to be merged.
var workloads = []struct {
	name, says string
	do         func(w *work, c *client) (int, error)
}{
	{"point", "one row by its primary key", (*work).point},
	{"read_only", "a transaction of ten point selects and four ranges of 100 rows", (*work).readOnly},
	{"read_write", "the same with two updates, a delete and an insert", (*work).readWrite},
	{"insert", "one row in autocommit", (*work).insert},
	{"order_limit", "the first ten of a range of 1,000 rows by another column", (*work).orderLimit},
	{"order_all", "the first ten of all rows by a column without an index", (*work).orderAll},
	{"group_by", "count and sum of all rows in ten groups", (*work).groupBy},
}

// newWork finds a workload by its name.
func newWork(name string, f form, rows int) (*work, error) {
	var names []string
	for _, w := range workloads {
		if w.name == name {
			return &work{workload: name, form: f, rows: rows, do: w.do}, nil
		}
		names = append(names, w.name)
	}
	return nil, fmt.Errorf("-workloads: %q is none of %s", name, strings.Join(names, ", "))
}

var (
	pointSelect   = newStatement("SELECT c FROM sbtest1 WHERE id=?")
	simpleRange   = newStatement("SELECT c FROM sbtest1 WHERE id BETWEEN ? AND ?")
	sumRange      = newStatement("SELECT SUM(k) FROM sbtest1 WHERE id BETWEEN ? AND ?")
	orderRange    = newStatement("SELECT c FROM sbtest1 WHERE id BETWEEN ? AND ? ORDER BY c")
	distinctRange = newStatement("SELECT DISTINCT c FROM sbtest1 WHERE id BETWEEN ? AND ? ORDER BY c")
	indexUpdate   = newStatement("UPDATE sbtest1 SET k=k+1 WHERE id=?")
	otherUpdate   = newStatement("UPDATE sbtest1 SET c=? WHERE id=?")
	deleteRow     = newStatement("DELETE FROM sbtest1 WHERE id=?")
	insertRow     = newStatement("INSERT INTO sbtest1 (id, k, c, pad) VALUES (?, ?, ?, ?)")
	insertNew     = newStatement("INSERT INTO sbinsert (id, k, c, pad) VALUES (?, ?, ?, ?)")
	orderLimit    = newStatement("SELECT id, k, c FROM sbtest1 WHERE id BETWEEN ? AND ? ORDER BY k, id LIMIT 10")
	orderAll      = newStatement("SELECT id, c FROM sbtest1 ORDER BY c, id LIMIT 10")
	groupBy       = newStatement("SELECT k % 10 AS g, COUNT(*), SUM(k) FROM sbtest1 GROUP BY g ORDER BY g")
	begin         = newStatement("BEGIN")
	commit        = newStatement("COMMIT")
	rollback      = newStatement("ROLLBACK")
)

const rangeSize = 100

func integer(n int64) sqltypes.Value { return sqltypes.IntValue(n) }

func (w *work) anyID() int64 { return 1 + rand.Int64N(int64(w.rows)) }

// expect runs a statement that must give so many rows.
func (w *work) expect(c *client, rows int, st *statement, args ...sqltypes.Value) error {
	got, err := c.run(w.form, st, args...)
	if err == nil && got != rows {
		err = fmt.Errorf("%d rows and not %d of %q", got, rows, strings.Join(st.pieces, "?"))
	}
	return err
}

func (w *work) point(c *client) (int, error) {
	return 1, w.expect(c, 1, pointSelect, integer(w.anyID()))
}

// reads are the statements of sysbench's read-only transaction.
func (w *work) reads(c *client) (int, error) {
	const points = 10
	for range points {
		if _, err := w.point(c); err != nil {
			return 0, err
		}
	}
	ranges := []struct {
		st   *statement
		rows int
	}{{simpleRange, rangeSize}, {sumRange, 1}, {orderRange, rangeSize}, {distinctRange, rangeSize}}
	for _, r := range ranges {
		first := 1 + rand.Int64N(int64(max(1, w.rows-rangeSize)))
		err := w.expect(c, r.rows, r.st, integer(first), integer(first+rangeSize-1))
		if err != nil {
			return 0, err
		}
	}
	return points + len(ranges), nil
}

func (w *work) readOnly(c *client) (int, error) { return w.transaction(c, w.reads) }

func (w *work) readWrite(c *client) (int, error) {
	return w.transaction(c, func(c *client) (int, error) {
		n, err := w.reads(c)
		if err != nil {
			return 0, err
		}
		if err := w.expect(c, 0, indexUpdate, integer(w.anyID())); err != nil {
			return 0, err
		}
		id := w.anyID()
		text := filler(id+int64(w.rows)*rand.Int64N(1000), 119) // no two rows have the same
		if err := w.expect(c, 0, otherUpdate, text, integer(id)); err != nil {
			return 0, err
		}
		id = w.anyID()
		if err := w.expect(c, 0, deleteRow, integer(id)); err != nil {
			return 0, err
		}
		return n + 4, w.expect(c, 0, insertRow, w.row(id)...)
	})
}

// transaction runs BEGIN, the statements and COMMIT. One that is a deadlock's victim counts for nothing and is not tried
// again: the next step is as good.
func (w *work) transaction(c *client, statements func(*client) (int, error)) (int, error) {
	if err := w.expect(c, 0, begin); err != nil {
		return 0, err
	}
	n, err := statements(c)
	if err == nil {
		return n + 2, w.expect(c, 0, commit)
	}
	const deadlock, lockWaitTimeout = 1213, 1205
	var answer *sqlerr.Error
	if errors.As(err, &answer) && (answer.Code == deadlock || answer.Code == lockWaitTimeout) {
		return 0, w.expect(c, 0, rollback)
	}
	return 0, err
}

// inserted numbers the new rows of all targets alike.
var inserted atomic.Int64

func (w *work) insert(c *client) (int, error) {
	return 1, w.expect(c, 0, insertNew, w.row(inserted.Add(1))...)
}

func (w *work) row(id int64) []sqltypes.Value {
	return []sqltypes.Value{integer(id), integer(w.anyID()), filler(id, 119), filler(id, 59)}
}

// filler is a text of so many letters that tells its number.
func filler(n int64, letters int) sqltypes.Value {
	return sqltypes.StringValue(fmt.Sprintf("%0*d", letters, n))
}

func (w *work) orderLimit(c *client) (int, error) {
	const size = 1000
	first := 1 + rand.Int64N(int64(max(1, w.rows-size)))
	return 1, w.expect(c, min(10, w.rows), orderLimit, integer(first), integer(first+size-1))
}

func (w *work) orderAll(c *client) (int, error) { return 1, w.expect(c, min(10, w.rows), orderAll) }

func (w *work) groupBy(c *client) (int, error) { return 1, w.expect(c, min(10, w.rows), groupBy) }
