package merge

import (
	"bytes"
	"fmt"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// Key is one sort, group or distinct key of a stream.
type Key struct {
	Column int  // index of the column whose value is the key
	Desc   bool // descending: NULL last
	// Weight is the index of a hidden column that orders in the key's stead, -1 for none. It is compared by its own
	// type: WEIGHT_STRING by memcmp, col+0 as a number. It is NULL exactly where the key's column is.
	Weight int
	// Pad is the collation's weight of a space, where the collation pads (PAD SPACE) and the weights come unpadded:
	// of two weights the shorter is padded with it. nil compares as they are. It is one to four bytes long and its
	// length divides every weight's, as in collations of one level; weights of several levels come padded
	// (WEIGHT_STRING(col AS CHAR(n))).
	Pad []byte
	// Nul is the length of the weights of a NO PAD collation whose text is put into an order, 0 for any other key. A MariaDB server fills
	// up such weights with those of NUL, or not, as it chooses to sort: a text that ends with NUL is refused.
	Nul int
}

// Asc is an ascending key on a column that orders by itself.
func Asc(column int) Key { return Key{Column: column, Weight: -1} }

// Desc is a descending key on a column that orders by itself.
func Desc(column int) Key { return Key{Column: column, Desc: true, Weight: -1} }

// maxPad is the longest weight that a space has in a collation of one level; a longer one is of several levels, which
// padding at the end would mix.
const maxPad = 4

// keyPart is a Key compiled against column definitions.
type keyPart struct {
	class  class
	column int
	source int // the column that is encoded: the weight's, or the key's own
	desc   bool
	pad    []byte
	nul    int
	name   string
}

// keySet encodes the keys of a row.
type keySet []keyPart

// purpose is what keys are encoded for.
type purpose uint8

const (
	ordering purpose = iota // to put rows into the server's order
	equality                // to find equal rows
)

// compileKeys chooses each key's encoding from the definitions. It refuses keys whose cells do not show what the
// purpose needs.
func compileKeys(cols []sqltypes.Column, keys []Key, purpose purpose) (keySet, error) {
	set := make(keySet, 0, len(keys))
	for _, k := range keys {
		p, err := compileKey(cols, k, purpose)
		if err != nil {
			return nil, err
		}
		if p.class == classFloat {
			return nil, sqlerr.Internal(fmt.Sprintf("key '%s' is a FLOAT without its value as DOUBLE beside it", p.name))
		}
		set = append(set, p)
	}
	return set, nil
}

// compileKey is compileKeys for one key, FLOAT allowed: MIN and MAX print what they compare.
func compileKey(cols []sqltypes.Column, k Key, purpose purpose) (keyPart, error) {
	if k.Column < 0 || k.Column >= len(cols) || k.Weight >= len(cols) {
		return keyPart{}, sqlerr.Internal(fmt.Sprintf("key column %d, weight %d of %d columns", k.Column, k.Weight, len(cols)))
	}
	p := keyPart{column: k.Column, source: k.Column, desc: k.Desc, pad: k.Pad, nul: k.Nul, name: cols[k.Column].Name}
	if k.Weight >= 0 {
		p.source = k.Weight
	}
	p.class = classOf(&cols[p.source])
	if purpose == equality && canonical(cols[p.source].Extended) {
		p.class = classBytes
	}
	switch {
	case p.class == classText || p.class == classOpaque:
		return keyPart{}, sqlerr.NotSupported("ordering or grouping over several shards by what was planned as a number and is a text")
	case p.pad != nil && (p.class != classBytes || k.Weight < 0):
		return keyPart{}, sqlerr.Internal(fmt.Sprintf("key '%s' has a pad but no weight", p.name))
	case p.pad != nil && (len(p.pad) == 0 || len(p.pad) > maxPad):
		return keyPart{}, sqlerr.Internal(fmt.Sprintf("key '%s' has a pad of %d bytes", p.name, len(p.pad)))
	}
	return p, nil
}

// append appends the row's keys to dst, encoded so that bytes.Compare is the server's order.
func (s keySet) append(dst []byte, row sqltypes.Row) ([]byte, error) {
	var err error
	for i := range s {
		if dst, err = s[i].append(dst, row); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// The first byte of an encoded key.
const (
	keyNull  = 0x00
	keyValue = 0x01
)

func (p *keyPart) append(dst []byte, row sqltypes.Row) ([]byte, error) {
	start := len(dst)
	cell := row[p.source]
	switch {
	case row[p.column] == nil:
		dst = append(dst, keyNull)
	case cell == nil:
		return dst, sqlerr.Internal(fmt.Sprintf("the weight of key '%s' is NULL where its value is not", p.name))
	default:
		var err error
		if dst, err = p.value(append(dst, keyValue), cell); err != nil {
			return dst, err
		}
	}
	if p.desc {
		for i := start; i < len(dst); i++ {
			dst[i] = ^dst[i]
		}
	}
	return dst, nil
}

// value appends a cell that is not NULL.
func (p *keyPart) value(dst, cell []byte) ([]byte, error) {
	ok := true
	switch p.class {
	case classInt, classBitText:
		dst, ok = encodeInt(dst, cell)
	case classBit:
		dst, ok = encodeBit(dst, cell)
	case classDecimal:
		dst, ok = encodeDecimal(dst, cell)
	case classFloat, classDouble:
		dst, ok = encodeDouble(dst, cell)
	case classDatetime:
		dst, ok = encodeDatetime(dst, cell)
	case classTime:
		dst, ok = encodeTime(dst, cell)
	case classBytes:
		if p.nul > 0 && endsWithNul(cell, p.nul) {
			return dst, sqlerr.NotSupported("ORDER BY of text of a NO PAD collation that ends with NUL, over several shards")
		}
		if len(p.pad) > 0 {
			dst, ok = encodePadded(dst, cell, p.pad)
		} else {
			dst = encodeBytes(dst, cell)
		}
	default:
		ok = false
	}
	if !ok {
		return dst, sqlerr.Internal(fmt.Sprintf("a value of '%s' does not read as %s: %.40q", p.name, p.class, cell))
	}
	return dst, nil
}

// endsWithNul reports whether the last weight of a text is nothing.
func endsWithNul(weights []byte, size int) bool {
	return len(weights) >= size && bytes.Count(weights[len(weights)-size:], []byte{0}) == size
}
