package parser

// ArgKind is the type of a literal as the key keeps it.
type ArgKind uint8

// The kinds of arguments. They start at one: in the key a kind follows the marker byte, and zero stands for
// the marker byte itself.
const (
	ArgInt ArgKind = iota + 1
	ArgDecimal
	ArgFloat
	ArgString
	ArgHex // 0x1F and x'1F'
	ArgBit // 0b01 and b'01'
	ArgDate
	ArgTime
	ArgTimestamp
	ArgParam
)

// Arg is a literal or a parameter. Its span covers all of the literal: introducer, DATE word, adjacent strings.
type Arg struct {
	Start, End int32
	Kind       ArgKind
	National   bool  // N'x'
	Introducer uint8 // length in bytes of _charset at Start, 0 if none
	Parts      bool  // several adjacent strings
	Ordinal    int32 // of a parameter: which one, from 0; else -1
}

// Span gives the argument's place.
func (a Arg) Span() Span { return Span{int(a.Start), int(a.End)} }
