package router

import (
	"bytes"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/router/rewrite"
)

// keepJSON writes definitions in front of the query that a temporary table is made of, for the columns that hold JSON on
// MariaDB: there it is text that a condition says to be JSON, which a table made of a query alone loses, and the JSON
// functions would take its values for strings.
func (p *planning) keepJSON(shape *rewrite.Template, cols []sqltypes.Column, name func(int) string) *rewrite.Template {
	var defs []string
	for i := range cols {
		if !holdsJSON(&cols[i]) {
			continue
		}
		collation := p.facts.Collations[cols[i].Collation]
		if collation == "" {
			collation = "utf8mb4_bin"
		}
		charset, _, _ := strings.Cut(collation, "_")
		n := name(i)
		defs = append(defs, n+" LONGTEXT CHARACTER SET "+charset+" COLLATE "+collation+" CHECK (JSON_VALID("+n+"))")
	}
	if defs == nil {
		return shape
	}
	out := *shape
	out.Pieces = append([]rewrite.Piece{text("(" + strings.Join(defs, ", ") + ") ")}, shape.Pieces...)
	return &out
}

// holdsJSON reports whether MariaDB's extended metadata says that the column's format is JSON: a byte for the kind of
// what is said, its length, and it.
func holdsJSON(c *sqltypes.Column) bool { return bytes.Contains(c.Extended, []byte("\x01\x04json")) }
