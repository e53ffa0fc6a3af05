package router

import (
	"bytes"
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
)

// keyShape is how the values of an expression are compared outside of a server.
type keyShape struct {
	// wrap holds what stands around the expression in the hidden column that is compared, with the expression between
	// each two; nil: the value itself.
	wrap   []string
	weight bool   // what wrap gives is compared by its bytes: a WEIGHT_STRING, a binary form
	pad    bool   // PAD SPACE, one level: the shorter weight goes on with space
	space  []byte // the weight of a space
	nul    int    // bytes of a weight where NUL at the end may not count, see plan.Key
	bytes  int    // a weight can be that long, so that max_sort_length matters; 0: never
	member bool   // ENUM or SET, compared by number
	apart  bool   // a server sorts the values otherwise than by what wrap gives
	refuse string // why the values cannot be compared at all
}

// sortedBytes is the default of max_sort_length: what a server's ORDER BY looks at.
const sortedBytes = 1024

// maxSortLength is the longest sort key that a statement is made to look at; longer ones are hashed.
const maxSortLength = 1 << 16

// charWeights is the most weights that a character has in a collation. AS CHAR(n) of WEIGHT_STRING means n weights, to
// which each level is cut as well as padded: all of a text's weights are there if n is that many for each character.
const charWeights = 8

// levelBytes is how many bytes of a sort key all levels of a character may fill.
const levelBytes = 2 * charWeights * 3

// shapeOf decides by the definition that a server gave (with character_set_results NULL) how its values are
// compared. order is set for ORDER BY, where a server looks at the first max_sort_length bytes only.
func (p *planning) shapeOf(c *sqltypes.Column, order bool) (keyShape, error) {
	field, err := p.fieldOf(c)
	if err != nil {
		return keyShape{}, err
	}
	switch specialType(c, field) {
	case "uuid":
		if order {
			return keyShape{refuse: "ordering by a UUID over several shards"}, nil
		}
		return keyShape{wrap: []string{"CAST(", " AS BINARY(16))"}, weight: true, apart: true}, nil // they do not sort by these bytes, nor as they print
	case "inet6":
		return keyShape{wrap: []string{"CAST(", " AS BINARY(16))"}, weight: true}, nil
	case "inet4":
		return keyShape{wrap: []string{"CAST(", " AS BINARY(4))"}, weight: true}, nil
	}
	switch {
	case c.Flags&(sqltypes.FlagEnum|sqltypes.FlagSet) != 0 || c.Type == sqltypes.Enum || c.Type == sqltypes.Set:
		return keyShape{wrap: []string{"(", ")+0"}, member: true}, nil
	case c.Type == sqltypes.Float:
		return keyShape{wrap: []string{"(", ")+0E0"}}, nil
	case c.Type == sqltypes.Geometry, c.Type == sqltypes.JSON:
		return keyShape{refuse: "ordering or grouping by a geometry or by MySQL's JSON over several shards"}, nil
	case !isText(c.Type):
		return keyShape{}, nil
	case !order && field == nil && p.givenBytes():
		// MariaDB holds a BLOB parameter's value apart from no other in a group, and shows any of them.
		p.whole = true
		return keyShape{refuse: "DISTINCT or grouping by text that may be made of a BLOB parameter over several shards"}, nil
	case c.Collation == sqltypes.CollationBinary:
		return binaryShape(c, order), nil
	}
	return p.textShape(c, field, order), nil
}

// specialType names MariaDB's types that are sent as text and do not sort as text. A server that sends no extended
// metadata gives them away by a flag that no character type has.
func specialType(c *sqltypes.Column, field *catalog.Column) string {
	if field != nil {
		return field.DataType
	}
	for _, name := range []string{"uuid", "inet6", "inet4"} {
		if bytes.Contains(c.Extended, []byte(name)) {
			return name
		}
	}
	if c.Type == sqltypes.String && c.Unsigned() {
		return map[uint32]string{36: "uuid", 39: "inet6", 15: "inet4"}[c.Length]
	}
	return ""
}

// fieldOf finds the stored column that a definition describes, nil for expressions. It may ask for the schema.
func (p *planning) fieldOf(c *sqltypes.Column) (*catalog.Column, error) {
	if c.OrgName == "" || c.OrgTable == "" || p.at == nil {
		return nil, nil
	}
	for _, t := range p.tables {
		if t.system || p.at.Names[t.index] != c.OrgTable || c.Schema != "" && p.at.Schemas[t.index] != c.Schema {
			continue
		}
		if err := p.requireSchema(t); err != nil {
			return nil, err
		}
		if i := t.column(c.OrgName); i >= 0 {
			return &t.schema.Columns[i], nil
		}
	}
	return nil, nil
}

func isText(t sqltypes.Type) bool {
	switch t {
	case sqltypes.Varchar, sqltypes.VarString, sqltypes.String, sqltypes.TinyBlob, sqltypes.MediumBlob,
		sqltypes.LongBlob, sqltypes.Blob, sqltypes.JSON:
		return true
	}
	return false
}

// binaryShape: byte strings compare by their bytes; of long ones ORDER BY sees the beginning.
func binaryShape(c *sqltypes.Column, order bool) keyShape {
	if c.Length <= sortedBytes {
		return keyShape{}
	}
	if order {
		return keyShape{wrap: []string{"LEFT(", ", @@max_sort_length)"}, weight: true}
	}
	return keyShape{bytes: clampLength(uint64(c.Length))}
}

// textShape: character strings compare by their weights.
func (p *planning) textShape(c *sqltypes.Column, field *catalog.Column, order bool) keyShape {
	name, ok := p.facts.Collations[c.Collation]
	if !ok {
		return keyShape{refuse: "ordering or grouping by text of an unknown collation over several shards"}
	}
	k := collationOf(name)
	chars := uint64(c.Length) / k.maxLen
	ambiguous := p.env.Mode.Flavour.MariaDB && standsForUCA14(name)
	if field != nil && field.Collation != "" {
		k, ambiguous = collationOf(field.Collation), false
	}
	if ambiguous {
		k.maxWeight = 64
	}
	if k.refuse || k.sorts && !order {
		return keyShape{refuse: "ordering or grouping by text of the collation " + name + " over several shards"}
	}
	levels := k.space == nil && (k.pad || p.env.Mode.Flavour.MariaDB) || k.filled && order
	if field == nil && (ambiguous || levels) && p.definingParams() {
		return keyShape{refuse: "ordering or grouping by text of the collation " + name + " that may be made of a parameter, whose length is not known, over several shards"}
	}
	if field == nil && order && k.filler && p.env.Mode.Flavour.MariaDB {
		return keyShape{refuse: "ordering by an expression of the NO PAD collation " + name + ", which a server fills up with spaces, over several shards"}
	}
	shape := keyShape{wrap: []string{"WEIGHT_STRING(", ")"}, weight: true, bytes: clampLength(chars * k.maxWeight)}
	width := decimal(max(chars, 1) * charWeights)
	switch {
	case !ambiguous && !levels:
		switch {
		case k.pad:
			shape.pad, shape.space = true, k.space
		case order && p.env.Mode.Flavour.MariaDB:
			shape.nul = len(k.space)
		}
	case chars > sortedBytes:
		return keyShape{refuse: "ordering or grouping by long text of the collation " + name + " over several shards"}
	default:
		// Servers that know UCA 14.0.0 describe all of its collations by the id of the language's old one, PAD SPACE or
		// not, of one level or three: the server itself fills each level up, with spaces or with what its NO PAD comparison takes for
		// them. So does MariaDB's ORDER BY, to as many weights, before it looks at the first max_sort_length bytes.
		shape.wrap = []string{"WEIGHT_STRING(", " AS CHAR(" + width + "))"}
	}
	filled := ambiguous || levels
	if order && filled && p.limited() && chars*levelBytes > sortedBytes && (k.levels() || ambiguous && p.meetsLevels()) {
		p.whole = true // how a server sorts hangs on how many rows it expects of a table
		return keyShape{refuse: "ordering with LIMIT by text of " + decimal(chars) + " characters of a collation of several levels, of which a server may or may not cut off the last ones, over several shards"}
	}
	if order && filled && !p.limited() {
		// Packed, as MariaDB makes them of long columns where it keeps all rows, sort keys are not filled up, so that no
		// level is cut off; kept to be the first ones, they are.
		shape.bytes = 0
	} else if shape.bytes > sortedBytes && order {
		shape.wrap = cutWeight(shape.wrap, chars)
		shape.bytes = 0
	} else if shape.bytes <= sortedBytes {
		shape.bytes = 0
	}
	return shape
}

// meetsLevels reports whether an expression may be of a collation of several levels.
func (p *planning) meetsLevels() bool {
	for _, t := range p.tables {
		if t.schema == nil {
			continue
		}
		for i := range t.schema.Columns {
			if c := &t.schema.Columns[i]; c.Collation != "" && levelled(c.Collation) {
				return true
			}
		}
	}
	return strings.Contains(strings.ToLower(p.stmt.Text), "_uca1400_")
}

func levelled(collation string) bool {
	k := collationOf(collation)
	return k.levels()
}

// limited reports whether the statement keeps the first rows of an order.
func (p *planning) limited() bool { return p.stmt.Clauses == nil || p.stmt.Clauses.Limit != nil }

// definingParams reports whether what the statement's expressions give may be made of parameters.
func (p *planning) definingParams() bool {
	for _, i := range p.stmt.Defining() {
		if p.stmt.Args[i].Kind == parser.ArgParam {
			return true
		}
	}
	return false
}

// givenBytes reports whether a parameter is a byte string.
func (p *planning) givenBytes() bool {
	return slices.ContainsFunc(p.given, func(s string) bool { return strings.HasPrefix(s, GivenBytes) })
}

// cutWeight limits a weight to what ORDER BY looks at. Of very long text only the beginning is weighed: a weight of
// a whole LONGTEXT may exceed max_allowed_packet.
func cutWeight(wrap []string, chars uint64) []string {
	if chars > 1<<14 {
		return []string{"LEFT(WEIGHT_STRING(LEFT(", ", 8192)), @@max_sort_length)"}
	}
	out := append([]string(nil), wrap...)
	out[0] = "LEFT(" + out[0]
	out[len(out)-1] += ", @@max_sort_length)"
	return out
}

func clampLength(n uint64) int { return int(min(n, 1<<30)) }

// key makes the plan's key of a column at index.
func (s *keyShape) key(index int, desc bool, label string) plan.Key {
	k := plan.Key{Column: index, Weight: -1, Desc: desc, Label: label}
	if s.weight {
		k.Weight, k.Pad, k.Space, k.Nul = index, s.pad, s.space, s.nul
	}
	return k
}

// keyOf is key where the value itself is a column too (at value, -1: it is not): what weighs nothing although it has a
// value is then noticed.
func (s *keyShape) keyOf(value, hidden int, desc bool, label string) plan.Key {
	k := s.key(hidden, desc, label)
	if s.weight && value >= 0 {
		k.Column = value
	}
	return k
}

// apply puts the wrapping around an expression.
func (s *keyShape) apply(expr []rewrite.Piece) []rewrite.Piece {
	if s.wrap == nil {
		return expr
	}
	out := []rewrite.Piece{text(s.wrap[0])}
	for _, part := range s.wrap[1:] {
		out = append(append(out, expr...), text(part))
	}
	return out
}
