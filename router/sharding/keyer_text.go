package sharding

import (
	"bytes"
	"context"
	"fmt"
	"unicode/utf8"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// compareString compares with character strings only: everything else makes the server compare as DOUBLE, as dates
// or as bytes.
func (k Keyer) compareString(ctx context.Context, v sqltypes.Value, t KeyType) (Key, Verdict) {
	c, ok := collationOf(t.Collation)
	if !ok || v.Kind != sqltypes.KindString {
		return Key{}, Unknown
	}
	if t.Fixed && !c.padded && bytes.HasSuffix(v.Bytes, []byte(" ")) {
		return Key{}, Unknown // CHAR under NO PAD: which spaces count is the engine's secret
	}
	charset, ok := k.charsetOf(v)
	if !ok {
		return Key{}, Unknown
	}
	key, err := k.weigh(ctx, c, charset, v.Bytes, t.Family)
	if err != nil || t.Family == FamilyEnum && len(key.Canon) == 0 {
		return Key{}, Unknown // the empty label also finds rows whose value was not valid
	}
	return key, Exact
}

// charsetOf names the charset of a string's bytes; false for byte strings. Empty: unknown, ASCII at best.
func (k Keyer) charsetOf(v sqltypes.Value) (string, bool) {
	if v.Collation == 0 {
		return k.Charset, k.Charset != "binary"
	}
	charset, known := charsetOfID(v.Collation)
	if !known {
		return "", true
	}
	return charset, charset != "binary"
}

// weigh makes the key of a text: its weights, without those of trailing spaces under PAD SPACE.
func (k Keyer) weigh(ctx context.Context, c collation, charset string, text []byte, f Family) (Key, error) {
	key := Key{Family: f, Text: text}
	if c.padded {
		key.Text = bytes.TrimRight(text, " ")
	}
	w, ok := []byte(nil), false
	if !wide(charset) {
		w, ok = c.weighASCII(make([]byte, 0, 3*len(text)), text)
	}
	var space []byte
	if c.ascii != nil {
		space = c.ascii[' ']
	}
	if !ok {
		var err error
		if w, err = k.ask(ctx, c, charset, text); err != nil {
			return Key{}, err
		}
		if c.padded && space == nil {
			if space, err = k.ask(ctx, c, "ascii", []byte(" ")); err != nil {
				return Key{}, err
			}
			space = bytes.Clone(space)
		}
		w = append(make([]byte, 0, len(w)), w...)
	}
	if c.padded {
		w, key.pad = trimWeight(w, space), space
	}
	key.Canon = w
	return key, nil
}

func (k Keyer) ask(ctx context.Context, c collation, charset string, text []byte) ([]byte, error) {
	if k.Weigher == nil || charset == "" {
		return nil, fmt.Errorf("no weights of %s are known for this text", c.name)
	}
	w, err := k.Weigher.Weight(ctx, c.name, charset, text)
	if err != nil {
		return nil, fmt.Errorf("weigh under %s: %w", c.name, err)
	}
	return w, nil
}

// wide reports whether ASCII characters take more than a byte, or another one, in charset.
func wide(charset string) bool {
	switch charset {
	case "ucs2", "utf16", "utf16le", "utf32", "swe7":
		return true
	}
	return false
}

// storeString: text, and integers as their digits.
func (k Keyer) storeString(ctx context.Context, v sqltypes.Value, t KeyType) (Key, error) {
	c, ok := collationOf(t.Collation)
	if !ok {
		return Key{}, doubtful("the collation " + t.Collation + " cannot be that of a sharding key")
	}
	text, charset, err := k.storedText(v, c)
	if err != nil {
		return Key{}, err
	}
	if t.Fixed {
		text = bytes.TrimRight(text, " ")
	}
	if t.Length > 0 && tooLong(text, charset, t.Length, c.padded) {
		if !tooLong(text, charset, t.Length, true) {
			return Key{}, doubtful("spaces beyond the column's end are cut off")
		}
		return Key{}, rejected(fmt.Sprintf("it is longer than the column's %d characters", t.Length))
	}
	key, err := k.weigh(ctx, c, charset, text, FamilyString)
	if err != nil {
		return Key{}, doubtful(err.Error())
	}
	return key, nil
}

// storedText is the text that v becomes in a character column, and the charset it is in.
func (k Keyer) storedText(v sqltypes.Value, c collation) ([]byte, string, error) {
	switch v.Kind {
	case sqltypes.KindInt, sqltypes.KindUint:
		return v.AppendText(nil), "ascii", nil
	case sqltypes.KindString:
		charset, ok := k.charsetOf(v)
		if !ok {
			charset = c.charset // bytes go in as they are
		}
		return v.Bytes, charset, nil
	case sqltypes.KindBinary:
		return v.Bytes, c.charset, nil
	}
	return nil, "", doubtful("it is not text")
}

// tooLong reports whether text may exceed the column. Spaces beyond the end are cut off without a word, which
// changes nothing under PAD SPACE.
func tooLong(text []byte, charset string, limit int, padded bool) bool {
	if padded {
		text = bytes.TrimRight(text, " ")
	}
	n := len(text)
	if n > limit && (charset == "utf8mb4" || charset == "utf8mb3") {
		n = utf8.RuneCount(text)
	}
	return n > limit
}

// storeEnum: a member's label, exactly as declared but for ASCII case.
func (k Keyer) storeEnum(ctx context.Context, v sqltypes.Value, t KeyType) (Key, error) {
	c, ok := collationOf(t.Collation)
	if !ok {
		return Key{}, doubtful("the collation " + t.Collation + " cannot be that of a sharding key")
	}
	if v.Kind != sqltypes.KindString {
		return Key{}, doubtful("it is not a label of the ENUM")
	}
	charset, ok := k.charsetOf(v)
	if !ok {
		return Key{}, doubtful("it is not a label of the ENUM")
	}
	key, err := k.weigh(ctx, c, charset, v.Bytes, FamilyEnum)
	if err != nil {
		return Key{}, doubtful(err.Error())
	}
	for _, m := range t.Members {
		label, err := k.weigh(ctx, c, "utf8mb4", []byte(m), FamilyEnum)
		if err != nil {
			return Key{}, doubtful(err.Error())
		}
		if label.Equal(key) {
			return label, nil
		}
	}
	return Key{}, doubtful("it is not a label of the ENUM")
}

func compareBinary(v sqltypes.Value) (Key, Verdict) {
	switch v.Kind {
	case sqltypes.KindString, sqltypes.KindBinary:
		return Key{Family: FamilyBinary, Canon: nonNil(v.Bytes), Text: v.Bytes}, Exact
	}
	return Key{}, Unknown
}

// storeBinary: bytes as they are, filled up with zeros in BINARY(n).
func storeBinary(v sqltypes.Value, t KeyType) (Key, error) {
	b := v.Bytes
	switch v.Kind {
	case sqltypes.KindString, sqltypes.KindBinary:
	case sqltypes.KindInt, sqltypes.KindUint:
		b = v.AppendText(nil)
	default:
		return Key{}, doubtful("it is not a byte string")
	}
	if t.Length > 0 && len(b) > t.Length {
		return Key{}, rejected(fmt.Sprintf("it is longer than the column's %d bytes", t.Length))
	}
	if t.Fixed && len(b) < t.Length {
		b = append(bytes.Clone(b), make([]byte, t.Length-len(b))...)
	}
	return Key{Family: FamilyBinary, Canon: nonNil(b), Text: b}, nil
}

func nonNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
