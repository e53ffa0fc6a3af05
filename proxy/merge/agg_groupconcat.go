package merge

import (
	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// groupConcat is GROUP_CONCAT: the texts that are not NULL with the separator between them, cut to MaxLen at a
// character's boundary, the separator's bytes included. It warns once per group.
type groupConcat struct {
	agg      *Agg
	text     cellBuffer
	measured int // length so far as the server measures it
	parts    int
	cut      bool
	warn     func(*sqlerr.Error)
}

// longest is the most bytes that a byte of one charset becomes in another.
const longest = 4

func (g *groupConcat) reset() {
	g.text.bytes, g.measured, g.parts, g.cut = g.text.bytes[:0], 0, 0, false
}

func (g *groupConcat) add(row sqltypes.Row) error {
	cell := row[g.agg.Column]
	if cell == nil {
		return nil
	}
	g.parts++
	if g.parts > 1 {
		if err := g.append(g.agg.Separator); err != nil {
			return err
		}
	}
	return g.append(cell)
}

func (g *groupConcat) append(p []byte) error {
	if g.cut {
		return nil
	}
	if g.agg.MaxLen > 0 && g.agg.Charset == CharsetUnknown {
		if g.measured += longest * len(p); g.measured > g.agg.MaxLen {
			return sqlerr.NotSupported("GROUP_CONCAT over several shards near group_concat_max_len in another character set than the client's")
		}
	} else if g.agg.MaxLen > 0 {
		n, measured := g.agg.Charset.fits(p, g.agg.MaxLen-g.measured)
		g.measured += measured
		if n < len(p) {
			g.cut = true
			p = p[:n]
			if g.warn != nil {
				g.warn(sqlerr.CutByGroupConcat(g.parts))
			}
		}
	}
	return g.text.add(p)
}

func (g *groupConcat) result(dst []byte) ([]byte, bool, error) {
	return append(dst, g.text.bytes...), g.parts == 0, nil
}
