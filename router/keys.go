package router

import (
	"bytes"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
)

// keyShape is how the values of an expression are compared outside of a server.
type keyShape struct {
	// wrap holds what stands around the expression in the hidden column that is compared; nil: the value itself.
	wrap   *[2]string
	weight bool   // what wrap gives is compared by its bytes: a WEIGHT_STRING, a binary form
	pad    bool   // PAD SPACE, one level: the shorter weight goes on with space
	space  []byte // the weight of a space
	bytes  int    // a weight can be that long, so that max_sort_length matters; 0: never
	refuse string // why the values cannot be compared at all
}

// sortedBytes is the default of max_sort_length: what a server's ORDER BY looks at.
const sortedBytes = 1024

// maxSortLength is the longest sort key that a statement is made to look at; longer ones are hashed.
const maxSortLength = 1 << 16

// shapeOf decides by the definition that a server gave (with character_set_results NULL) how its values are
// compared. order is set for ORDER BY, where a server looks at the first max_sort_length bytes only.
func (p *planning) shapeOf(c *sqltypes.Column, order bool) keyShape {
	switch extended := string(c.Extended); {
	case bytes.Contains(c.Extended, []byte("uuid")):
		if order {
			return keyShape{refuse: "ordering by a UUID over several shards"}
		}
		return keyShape{}
	case strings.Contains(extended, "inet6"):
		return keyShape{wrap: &[2]string{"CAST(", " AS BINARY(16))"}, weight: true}
	case strings.Contains(extended, "inet4"):
		return keyShape{wrap: &[2]string{"CAST(", " AS BINARY(4))"}, weight: true}
	}
	switch {
	case c.Flags&(sqltypes.FlagEnum|sqltypes.FlagSet) != 0 || c.Type == sqltypes.Enum || c.Type == sqltypes.Set:
		return keyShape{wrap: &[2]string{"(", ")+0"}}
	case c.Type == sqltypes.Float:
		return keyShape{wrap: &[2]string{"(", ")+0E0"}}
	case c.Type == sqltypes.Geometry:
		return keyShape{refuse: "ordering or grouping by a geometry over several shards"}
	case !isText(c.Type):
		return keyShape{}
	case c.Collation == sqltypes.CollationBinary:
		return binaryShape(c, order)
	}
	return p.textShape(c, order)
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
		return keyShape{wrap: &[2]string{"LEFT(", ", @@max_sort_length)"}, weight: true}
	}
	return keyShape{bytes: clampLength(uint64(c.Length))}
}

// textShape: character strings compare by their weights.
func (p *planning) textShape(c *sqltypes.Column, order bool) keyShape {
	name, ok := p.facts.Collations[c.Collation]
	if !ok {
		return keyShape{refuse: "ordering or grouping by text of an unknown collation over several shards"}
	}
	k := collationOf(name)
	chars := uint64(c.Length) / k.maxLen
	shape := keyShape{wrap: &[2]string{"WEIGHT_STRING(", ")"}, weight: true, bytes: clampLength(chars * k.maxWeight)}
	switch {
	case !k.pad:
	case k.space != nil:
		shape.pad, shape.space = true, k.space
	case chars > sortedBytes:
		return keyShape{refuse: "ordering or grouping by long text of the collation " + name + " over several shards"}
	default:
		shape.wrap = &[2]string{"WEIGHT_STRING(", " AS CHAR(" + decimal(max(chars, 1)) + "))"}
	}
	if shape.bytes > sortedBytes && order {
		shape.wrap = cutWeight(shape.wrap, chars)
		shape.bytes = 0
	} else if shape.bytes <= sortedBytes {
		shape.bytes = 0
	}
	return shape
}

// cutWeight limits a weight to what ORDER BY looks at. Of very long text only the beginning is weighed: a weight of
// a whole LONGTEXT may exceed max_allowed_packet.
func cutWeight(wrap *[2]string, chars uint64) *[2]string {
	if chars > 1<<14 {
		return &[2]string{"LEFT(WEIGHT_STRING(LEFT(", ", 8192)), @@max_sort_length)"}
	}
	return &[2]string{"LEFT(" + wrap[0], wrap[1] + ", @@max_sort_length)"}
}

func clampLength(n uint64) int { return int(min(n, 1<<30)) }

// key makes the plan's key of a column at index.
func (s *keyShape) key(index int, desc bool, label string) plan.Key {
	k := plan.Key{Column: index, Weight: -1, Desc: desc, Label: label}
	if s.weight {
		k.Weight, k.Pad, k.Space = index, s.pad, s.space
	}
	return k
}

// apply puts the wrapping around an expression.
func (s *keyShape) apply(expr []rewrite.Piece) []rewrite.Piece {
	if s.wrap == nil {
		return expr
	}
	out := append([]rewrite.Piece{text(s.wrap[0])}, expr...)
	return append(out, text(s.wrap[1]))
}
