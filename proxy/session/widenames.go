package session

import (
	"encoding/binary"
	"unicode/utf16"

	"github.com/heddle-mesh/heddle/proxy/wire"
)

// wideCharset is a character_set_results in which names are not what they are in ASCII.
type wideCharset struct {
	unit  int // bytes
	order binary.ByteOrder
}

var wideCharsets = map[string]*wideCharset{
	"ucs2": {2, binary.BigEndian}, "utf16": {2, binary.BigEndian}, "utf16le": {2, binary.LittleEndian}, "utf32": {4, binary.BigEndian},
}

// wideResults is the charset of the session's results if it is a wide one, else nil.
func (s *Session) wideResults() *wideCharset {
	name, _ := s.state.Var("character_set_results")
	return wideCharsets[plainText(name)]
}

// narrow reads a text. A nil receiver's is UTF-8 as it is.
func (w *wideCharset) narrow(b []byte) []byte {
	if w == nil {
		return b
	}
	var runes []rune
	var units []uint16
	for ; len(b) >= w.unit; b = b[w.unit:] {
		if w.unit == 4 {
			runes = append(runes, rune(w.order.Uint32(b)))
		} else {
			units = append(units, w.order.Uint16(b))
		}
	}
	return []byte(string(append(runes, utf16.Decode(units)...)))
}

// widen writes a text.
func (w *wideCharset) widen(b []byte) []byte {
	if w == nil {
		return b
	}
	out := []byte{}
	for _, r := range string(b) {
		if w.unit == 4 {
			out = append(out, 0, 0, 0, 0)
			w.order.PutUint32(out[len(out)-4:], uint32(r))
			continue
		}
		for _, u := range utf16.Encode([]rune{r}) {
			out = append(out, 0, 0)
			w.order.PutUint16(out[len(out)-2:], u)
		}
	}
	return out
}

// renaming applies rename to definitions whose names are wide.
func (w *wideCharset) renaming(rename func(*wire.ColumnView)) func(*wire.ColumnView) {
	return func(v *wire.ColumnView) {
		v.Schema, v.Table, v.OrgTable = w.narrow(v.Schema), w.narrow(v.Table), w.narrow(v.OrgTable)
		rename(v)
		v.Schema, v.Table, v.OrgTable = w.widen(v.Schema), w.widen(v.Table), w.widen(v.OrgTable)
	}
}
