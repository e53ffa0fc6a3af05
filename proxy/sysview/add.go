package sysview

import (
	"bytes"
	"strconv"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// add adds a further shard's row to the one that is shown.
func (g *gathering) add(row, more sqltypes.Row) {
	for i, column := range g.q.wanted {
		switch name := g.q.columns[column].Name; {
		case has(g.q.about.sum, name):
			row[i] = sum(row[i], more[i])
		case has(g.q.about.max, name):
			row[i] = greater(row[i], more[i])
		}
	}
}

// averages computes what is a quotient of sums.
func (g *gathering) averages() {
	avg, length, rows := g.q.at("AVG_ROW_LENGTH"), g.q.at("DATA_LENGTH"), g.q.at("TABLE_ROWS")
	if avg < 0 || length < 0 || rows < 0 {
		return
	}
	for _, a := range g.more {
		row := g.found[a.key]
		if row == nil || row[avg] == nil {
			continue
		}
		n, err := strconv.ParseUint(string(row[rows]), 10, 64)
		bytes, err2 := strconv.ParseUint(string(row[length]), 10, 64)
		switch {
		case err != nil || err2 != nil:
			row[avg] = nil
		case n == 0:
			row[avg] = []byte("0")
		default:
			row[avg] = strconv.AppendUint(nil, bytes/n, 10)
		}
	}
}

// sum adds two numbers, NULL being nothing.
func sum(a, b []byte) []byte {
	if a == nil {
		return b
	}
	x, err := strconv.ParseUint(string(a), 10, 64)
	y, err2 := strconv.ParseUint(string(b), 10, 64)
	if b == nil || err != nil || err2 != nil {
		return a
	}
	return strconv.AppendUint(nil, x+y, 10)
}

// greater is the greater of two numbers, or the later of two times as text.
func greater(a, b []byte) []byte {
	if len(a) != len(b) {
		if len(a) < len(b) {
			return b
		}
		return a
	}
	if bytes.Compare(a, b) < 0 {
		return b
	}
	return a
}
