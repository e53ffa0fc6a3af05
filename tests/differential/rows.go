package differential

import (
	"fmt"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// rows compares the rows of one result as the statement's clauses and its exceptions ask.
func (c *Comparer) rows(d *differences, step *Step, plain, heddle, all *Result) {
	if len(plain.Rows) != len(heddle.Rows) {
		d.add("number of rows", fmt.Sprintf("%d\n%s", len(plain.Rows), showRows(plain)), fmt.Sprintf("%d\n%s", len(heddle.Rows), showRows(heddle)))
		return
	}
	ordered := clausesOf(step.SQL).ordered
	m := matcher{c: c, e: step.Expect, cols: plain.Columns}
	var ok bool
	switch {
	case step.Expect.Limit && all != nil:
		ok = m.subset(all.Rows, heddle.Rows) && (!ordered || m.keysEqual(plain.Rows, heddle.Rows))
	case !ordered:
		ok = m.subset(plain.Rows, heddle.Rows)
	case step.Expect.Ties != nil:
		ok = m.subset(plain.Rows, heddle.Rows) && m.keysEqual(plain.Rows, heddle.Rows)
	default:
		ok = m.sequence(plain.Rows, heddle.Rows)
	}
	if !ok {
		d.list = append(d.list, Difference{"rows", "\n" + showRows(plain), "\n" + showRows(heddle)})
	}
}

type matcher struct {
	c    *Comparer
	e    Expect
	cols []sqltypes.Column
}

func (m *matcher) rowEqual(plain, heddle *Row) bool {
	if m.e.exactCells() {
		return plain.Raw == heddle.Raw
	}
	for _, generated := range []bool{false, true} { // an id is learnt only if the rest of the row is equal
		for i := range m.cols {
			kind := m.e.cellKind(i)
			if (kind == "genid") == generated && !m.c.cellsEqual(kind, &m.e, &m.cols[i], plain.Cells[i], heddle.Cells[i]) {
				return false
			}
		}
	}
	return true
}

func (m *matcher) sequence(plain, heddle []Row) bool {
	for i := range plain {
		if !m.rowEqual(&plain[i], &heddle[i]) {
			return false
		}
	}
	return true
}

// keysEqual compares the ORDER BY keys row by row: the order itself is no exception, only that within equal keys is.
func (m *matcher) keysEqual(plain, heddle []Row) bool {
	for i := range plain {
		for _, k := range m.e.Ties {
			kind := m.e.cellKind(k)
			if kind == "" {
				kind = "rep" // 'a' and 'A' tie
			}
			if k >= len(m.cols) || !m.c.cellsEqual(kind, &m.e, &m.cols[k], plain[i].Cells[k], heddle[i].Cells[k]) {
				return false
			}
		}
	}
	return true
}

// subset reports whether each of heddle's rows has a row of its own among the plain server's. Equal packets are
// paired first; what is left is paired under the exceptions.
func (m *matcher) subset(plain, heddle []Row) bool {
	same := map[string][]int{}
	for i := range plain {
		same[plain[i].Raw] = append(same[plain[i].Raw], i)
	}
	taken := make([]bool, len(plain))
	var left []*Row
	for i := range heddle {
		raw := heddle[i].Raw
		if list := same[raw]; len(list) > 0 && len(m.e.GenID) == 0 {
			taken[list[0]], same[raw] = true, list[1:]
			continue
		}
		left = append(left, &heddle[i])
	}
	if len(left) > 0 && m.e.exactCells() {
		return false
	}
	for _, row := range left {
		if !m.take(plain, taken, row) {
			return false
		}
	}
	return true
}

func (m *matcher) take(plain []Row, taken []bool, row *Row) bool {
	for i := range plain {
		if !taken[i] && m.rowEqual(&plain[i], row) {
			taken[i] = true
			return true
		}
	}
	return false
}
