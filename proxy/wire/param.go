package wire

import (
	"math"
	"strconv"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// ParamType is how a client declares one parameter.
type ParamType struct {
	Type     sqltypes.Type
	Unsigned bool
	Name     string // of a query attribute; of a parameter usually empty
}

// Param is one parameter or query attribute: its value and the type in which it came.
type Param struct {
	ParamType
	Value sqltypes.Value
}

// unsignedParam is the flag in a parameter's second type byte.
const unsignedParam = 0x80

// ParamTypeOf is the declaration under which any value of v's kind can be sent.
func ParamTypeOf(v sqltypes.Value) ParamType {
	switch v.Kind {
	case sqltypes.KindNull:
		return ParamType{Type: sqltypes.Null}
	case sqltypes.KindInt:
		return ParamType{Type: sqltypes.LongLong}
	case sqltypes.KindUint:
		return ParamType{Type: sqltypes.LongLong, Unsigned: true}
	case sqltypes.KindDecimal:
		return ParamType{Type: sqltypes.NewDecimal}
	case sqltypes.KindDouble:
		return ParamType{Type: sqltypes.Double}
	case sqltypes.KindBinary:
		return ParamType{Type: sqltypes.LongBlob}
	case sqltypes.KindDate:
		return ParamType{Type: sqltypes.Date}
	case sqltypes.KindDatetime:
		return ParamType{Type: sqltypes.Datetime}
	case sqltypes.KindTime:
		return ParamType{Type: sqltypes.Time}
	}
	return ParamType{Type: sqltypes.VarString}
}

// fits reports whether a value of kind k can be sent as t; whether its text can, appendParamValue says.
func (t ParamType) fits(v sqltypes.Value) bool {
	switch {
	case t.Type.IsInteger():
		return v.Kind == sqltypes.KindInt && (!t.Unsigned || v.Int >= 0) || v.Kind == sqltypes.KindUint && t.Unsigned
	case t.Type.IsFloat():
		return v.Kind == sqltypes.KindDouble
	case t.Type == sqltypes.Time:
		return v.Kind == sqltypes.KindTime
	case t.Type == sqltypes.Date || t.Type == sqltypes.NewDate:
		return v.Kind == sqltypes.KindDate
	case t.Type.IsTemporal():
		return v.Kind == sqltypes.KindDatetime
	case t.Type.IsDecimal():
		return v.Kind == sqltypes.KindDecimal
	case isBlob(t.Type):
		return v.Kind == sqltypes.KindBinary
	case t.Type == sqltypes.Null:
		return false
	}
	return v.Kind == sqltypes.KindString
}

// isBlob reports whether parameters of type t are byte strings; other strings are in the client's charset.
func isBlob(t sqltypes.Type) bool {
	switch t {
	case sqltypes.TinyBlob, sqltypes.Blob, sqltypes.MediumBlob, sqltypes.LongBlob, sqltypes.Bit, sqltypes.Geometry:
		return true
	}
	return false
}

// paramValue decodes a parameter that is not NULL. Strings alias the packet; times and decimals are new.
func paramValue(c *cursor, t ParamType) sqltypes.Value {
	switch {
	case t.Type.IsInteger():
		v := readInt(c, t.Type)
		if t.Unsigned {
			return sqltypes.UintValue(v)
		}
		return sqltypes.IntValue(signed(v, t.Type))
	case t.Type == sqltypes.Float:
		// The server computes with it as a double: 0.1 sent as FLOAT is 0.10000000149011612.
		return doubleValue(float64(math.Float32frombits(c.u32())))
	case t.Type == sqltypes.Double:
		return doubleValue(math.Float64frombits(c.u64()))
	case t.Type.IsTemporal():
		return momentValue(c, t.Type)
	case t.Type.IsDecimal():
		return sqltypes.Value{Kind: sqltypes.KindDecimal, Bytes: c.lenencBytes()}
	case t.Type == sqltypes.Null:
		return sqltypes.NullValue
	case isBlob(t.Type):
		return sqltypes.BinaryValue(c.lenencBytes())
	}
	return sqltypes.Value{Kind: sqltypes.KindString, Bytes: c.lenencBytes()}
}

func doubleValue(v float64) sqltypes.Value {
	return sqltypes.Value{Kind: sqltypes.KindDouble, Bytes: appendFloat(nil, v, 64, notFixed)}
}

// momentValue decodes a time. One that is out of range is zero, as servers take it.
func momentValue(c *cursor, t sqltypes.Type) sqltypes.Value {
	if t == sqltypes.Time {
		m := readTime(c)
		if m.minutes > 59 || m.seconds > 59 {
			m = moment{}
		}
		return sqltypes.Value{Kind: sqltypes.KindTime, Bytes: m.appendTime(nil, notFixed)}
	}
	m := readDatetime(c)
	if m.year > 9999 || m.month > 12 || m.day > 31 || m.hours > 23 || m.minutes > 59 || m.seconds > 59 {
		m = moment{}
	}
	if t == sqltypes.Date || t == sqltypes.NewDate {
		m = moment{year: m.year, month: m.month, day: m.day}
		return sqltypes.Value{Kind: sqltypes.KindDate, Bytes: m.appendDate(nil)}
	}
	return sqltypes.Value{Kind: sqltypes.KindDatetime, Bytes: m.appendDatetime(nil, notFixed)}
}

// appendParamValue encodes v, which is not NULL, as t; ok is false, and b unchanged, if it cannot.
func appendParamValue(b []byte, t ParamType, v sqltypes.Value) (_ []byte, ok bool) {
	if !t.fits(v) {
		return b, false
	}
	col := sqltypes.Column{Type: t.Type}
	if t.Unsigned {
		col.Flags = sqltypes.FlagUnsigned
	}
	cell := v.Bytes
	var digits [24]byte
	switch v.Kind {
	case sqltypes.KindInt:
		cell = strconv.AppendInt(digits[:0], v.Int, 10)
	case sqltypes.KindUint:
		cell = strconv.AppendUint(digits[:0], uint64(v.Int), 10)
	}
	if out, ok := appendBinaryCell(b, &col, cell); ok {
		return out, true
	}
	return b, false
}
