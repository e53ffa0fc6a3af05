package sqltypes

import (
	"bytes"
	"strconv"
)

// Kind says what a Value is.
type Kind uint8

// The kinds of values. A literal's and a parameter's kind decide how MySQL compares it with a column.
const (
	KindNull     Kind = iota
	KindInt           // Int holds it
	KindUint          // uint64(Int) holds it
	KindDecimal       // Bytes: decimal text without exponent
	KindDouble        // Bytes: decimal text, an exponent allowed
	KindString        // Bytes: the characters, unescaped, in the charset of Collation
	KindBinary        // Bytes: hex or bit literal, _binary string, BLOB parameter
	KindDate          // Bytes: 2006-01-02
	KindDatetime      // Bytes: 2006-01-02 15:04:05[.ffffff]
	KindTime          // Bytes: [-]hh:mm:ss[.ffffff]
)

// Value is one SQL value outside a result: a literal, a bound parameter, a sharding key.
type Value struct {
	Kind      Kind
	Collation uint16 // of KindString; 0: the connection's
	Int       int64
	Bytes     []byte
}

// NullValue is SQL's NULL.
var NullValue = Value{Kind: KindNull}

// IntValue returns a signed integer value.
func IntValue(i int64) Value { return Value{Kind: KindInt, Int: i} }

// UintValue returns an unsigned integer value.
func UintValue(u uint64) Value { return Value{Kind: KindUint, Int: int64(u)} }

// StringValue returns a character string in the connection's collation.
func StringValue(s string) Value { return Value{Kind: KindString, Bytes: []byte(s)} }

// BinaryValue returns a byte string.
func BinaryValue(b []byte) Value { return Value{Kind: KindBinary, Bytes: b} }

// IsNull reports whether v is NULL.
func (v Value) IsNull() bool { return v.Kind == KindNull }

// AppendText appends v as the server would print it, unquoted; nothing for NULL.
func (v Value) AppendText(b []byte) []byte {
	switch v.Kind {
	case KindNull:
		return b
	case KindInt:
		return strconv.AppendInt(b, v.Int, 10)
	case KindUint:
		return strconv.AppendUint(b, uint64(v.Int), 10)
	}
	return append(b, v.Bytes...)
}

// AppendSQL appends v as a literal that every sql_mode and client charset reads alike: strings that hold
// anything but plain ASCII without quote and backslash are written in hexadecimal.
func (v Value) AppendSQL(b []byte) []byte {
	switch v.Kind {
	case KindNull:
		return append(b, "NULL"...)
	case KindDouble:
		b = append(b, v.Bytes...)
		if !bytes.ContainsAny(v.Bytes, "eE") {
			b = append(b, "e0"...) // else it would be a decimal
		}
		return b
	case KindInt, KindUint, KindDecimal:
		return v.AppendText(b)
	case KindDate:
		return append(append(append(b, "DATE'"...), v.Bytes...), '\'')
	case KindDatetime:
		return append(append(append(b, "TIMESTAMP'"...), v.Bytes...), '\'')
	case KindTime:
		return append(append(append(b, "TIME'"...), v.Bytes...), '\'')
	case KindString:
		if plain(v.Bytes) {
			b = append(b, '\'')
			b = append(b, v.Bytes...)
			return append(b, '\'')
		}
		if v.Collation == CollationUTF8MB4 {
			b = append(b, "_utf8mb4 "...)
		}
	}
	b = append(b, "x'"...)
	const digits = "0123456789abcdef"
	for _, c := range v.Bytes {
		b = append(b, digits[c>>4], digits[c&15])
	}
	return append(b, '\'')
}

// plain reports whether p reads as itself between single quotes in every sql_mode and charset.
func plain(p []byte) bool {
	for _, c := range p {
		if c < 0x20 || c > 0x7e || c == '\'' || c == '\\' {
			return false
		}
	}
	return true
}
