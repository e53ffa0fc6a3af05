package wire

import (
	"bytes"
	"cmp"
	"encoding/binary"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// columnFixed is the length of a definition's fixed part as every server writes it, bytes.
const columnFixed = 0x0c

// ColumnCount is the packet that begins a result set.
// Source: MySQL "Text Resultset"; MariaDB "Result Set Packets".
type ColumnCount struct {
	Columns int
	// SkipMetadata says that the column definitions do not follow. It can be set only under CapOptionalMetadata or
	// CapMariaDBCacheMetadata.
	SkipMetadata bool
}

func (*ColumnCount) fromServer() {}

// AppendPayload appends the packet. MySQL puts the metadata flag in front of the count, MariaDB behind it.
func (n *ColumnCount) AppendPayload(b []byte, caps Capability) []byte {
	flag := byte(1)
	if n.SkipMetadata {
		flag = 0
	}
	if caps.Has(CapOptionalMetadata) {
		b = append(b, flag)
	}
	b = AppendLenenc(b, uint64(n.Columns))
	if caps.Has(CapMariaDBCacheMetadata) {
		b = append(b, flag)
	}
	return b
}

// maxColumns is more than servers have in a table; a query may ask for more.
const maxColumns = 1 << 16

// noCount is more than can be a number of columns: the packet is something else.
const noCount = 1 << 24

// ParseColumnCount decodes the first packet of a result set.
func ParseColumnCount(p []byte, caps Capability) (ColumnCount, error) {
	c := cursor{p: p}
	flag := byte(1)
	if caps.Has(CapOptionalMetadata) {
		flag = c.u8()
	}
	n := c.lenenc()
	if caps.Has(CapMariaDBCacheMetadata) {
		flag = c.u8()
	}
	if n == 0 || n > noCount || !c.empty() {
		c.fail()
	}
	if !c.bad && n > maxColumns {
		return ColumnCount{}, sqlerr.TooManyColumns(n, maxColumns)
	}
	return ColumnCount{Columns: int(n), SkipMetadata: flag == 0}, c.err("column count")
}

// ColumnDef is a column definition packet. Source: MySQL "Column Definition".
type ColumnDef struct {
	sqltypes.Column
	// Default is the column's default value as text; it exists in answers to COM_FIELD_LIST only.
	Default   []byte
	FieldList bool // the packet answers COM_FIELD_LIST: Default is sent, as NULL if nil
}

func (*ColumnDef) fromServer() {}

// AppendPayload appends the packet.
func (d *ColumnDef) AppendPayload(b []byte, caps Capability) []byte {
	b = AppendColumn(b, &d.Column, caps)
	switch {
	case !d.FieldList:
		return b
	case d.Default == nil:
		return append(b, 0xfb)
	}
	return AppendLenencString(b, d.Default)
}

// AppendColumn appends a column definition as it stands in a result set.
func AppendColumn(b []byte, col *sqltypes.Column, caps Capability) []byte {
	b = append(b, 3, 'd', 'e', 'f')
	b = AppendLenencString(b, col.Schema)
	b = AppendLenencString(b, col.Table)
	b = AppendLenencString(b, col.OrgTable)
	b = AppendLenencString(b, col.Name)
	b = AppendLenencString(b, col.OrgName)
	if caps.Has(CapMariaDBExtendedMetadata) {
		b = AppendLenencString(b, col.Extended)
	}
	b = append(b, columnFixed)
	b = appendU16(b, col.Collation)
	b = appendU32(b, col.Length)
	b = append(b, byte(col.Type))
	b = appendU16(b, col.Flags)
	return append(b, col.Decimals, 0, 0)
}

// ParseColumn decodes a column definition into col. It copies what it keeps.
func ParseColumn(p []byte, caps Capability, col *sqltypes.Column) error {
	c := cursor{p: p}
	c.column(caps, col)
	return c.err("column definition")
}

// ParseListed decodes a column definition of an answer to COM_FIELD_LIST. It copies what it keeps.
func ParseListed(p []byte, caps Capability) (ColumnDef, error) {
	c := cursor{p: p}
	d := ColumnDef{FieldList: true}
	c.column(caps, &d.Column)
	c.u16()
	if rest := c.rest(); len(rest) > 0 && rest[0] != 0xfb {
		c.p = rest
		d.Default = append([]byte{}, c.lenencBytes()...)
	}
	return d, c.err("column definition")
}

func (c *cursor) column(caps Capability, col *sqltypes.Column) {
	c.lenencBytes() // catalog: always "def"
	*col = sqltypes.Column{
		Schema:   string(c.lenencBytes()),
		Table:    string(c.lenencBytes()),
		OrgTable: string(c.lenencBytes()),
		Name:     string(c.lenencBytes()),
		OrgName:  string(c.lenencBytes()),
	}
	if caps.Has(CapMariaDBExtendedMetadata) {
		if ext := c.lenencBytes(); len(ext) > 0 {
			col.Extended = append([]byte(nil), ext...)
		}
	}
	if c.lenenc() < columnFixed-2 {
		c.fail()
	}
	col.Collation, col.Length = c.u16(), c.u32()
	col.Type, col.Flags, col.Decimals = sqltypes.Type(c.u8()), c.u16(), c.u8()
}

// ColumnView is a column definition that is passed on with other names: the fields in front, which are replaced, and
// the rest as it came. All alias the packet.
type ColumnView struct {
	Schema   []byte
	Table    []byte
	OrgTable []byte
	Tail     []byte // from the label on, untouched
}

// ViewColumn decodes the front of a column definition, which does not depend on capabilities. It allocates nothing.
func ViewColumn(p []byte) (ColumnView, error) {
	c := cursor{p: p}
	c.lenencBytes()
	v := ColumnView{Schema: c.lenencBytes(), Table: c.lenencBytes(), OrgTable: c.lenencBytes()}
	v.Tail = c.rest()
	return v, c.err("column definition")
}

// Label is the column's label, and the column's own name, empty for an expression.
func (v *ColumnView) Label() (name, orgName []byte, err error) {
	c := cursor{p: v.Tail}
	name, orgName = c.lenencBytes(), c.lenencBytes()
	return name, orgName, c.err("column definition")
}

// Instead is what a definition says otherwise: the flags it does not have and, where they are not 0, its type, its length, and how many
// times its own the length is.
type Instead struct {
	Without uint16
	Type    sqltypes.Type
	Length  uint32
	Wider   uint32
}

// LengthOf is what a length becomes.
func (i *Instead) LengthOf(length uint32) uint32 {
	return cmp.Or(i.Length, length*cmp.Or(i.Wider, 1))
}

// Relabel gives the definition another label, also as the column's own name where that is its label (of what goes through a temporary
// table), and has it say something else. That stands in its fixed part, which is its end:
// collation (2 bytes), length (4), type (1), flags (2), decimals (1), unused (2).
func (v *ColumnView) Relabel(label string, instead Instead) error {
	c := cursor{p: v.Tail}
	was, own := c.lenencBytes(), c.lenencBytes()
	rest := c.rest()
	if err := c.err("column definition"); err != nil {
		return err
	}
	if len(rest) < columnFixed {
		return malformed("column definition")
	}
	name := string(own)
	if bytes.Equal(was, own) {
		name = label
	}
	v.Tail = append(AppendLenencString(AppendLenencString(nil, label), name), rest...)
	fixed := v.Tail[len(v.Tail)-10:] // from the length on
	binary.LittleEndian.PutUint32(fixed, instead.LengthOf(binary.LittleEndian.Uint32(fixed)))
	if instead.Type != 0 {
		fixed[4] = byte(instead.Type)
	}
	binary.LittleEndian.PutUint16(fixed[5:], binary.LittleEndian.Uint16(fixed[5:])&^instead.Without)
	return nil
}

// Append appends the definition with the names that v now holds.
func (v *ColumnView) Append(b []byte) []byte {
	b = append(b, 3, 'd', 'e', 'f')
	b = AppendLenencString(b, v.Schema)
	b = AppendLenencString(b, v.Table)
	b = AppendLenencString(b, v.OrgTable)
	return append(b, v.Tail...)
}
