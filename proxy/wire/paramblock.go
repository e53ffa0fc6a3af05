package wire

import (
	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// maxParams is the most parameters that a statement has.
// Source: MySQL error 1390, ER_PS_MANY_PARAM.
const maxParams = 1<<16 - 1

// paramBlock is what COM_STMT_EXECUTE and COM_QUERY share: NULL bitmap, types, values.
type paramBlock struct {
	count    int
	named    bool        // names follow the types
	bound    []ParamType // the types of an earlier call, in case none are sent
	longData func(i int) ([]byte, bool)
	what     string
}

// parse reads the block. types are the ones in force afterwards, given is true if they were sent.
func (k *paramBlock) parse(c *cursor) (params []Param, types []ParamType, given bool, err error) {
	if k.count > maxParams {
		return nil, nil, false, malformed(k.what)
	}
	nulls := c.take((k.count + 7) / 8)
	flag := c.u8()
	if c.bad || flag > 1 {
		return nil, nil, false, malformed(k.what)
	}
	types = k.bound
	if given = flag == 1; given {
		if types, err = k.parseTypes(c); err != nil {
			return nil, nil, false, err
		}
	}
	if len(types) != k.count {
		return nil, nil, false, sqlerr.WrongArguments(k.what)
	}
	params = make([]Param, k.count)
	for i := range params {
		params[i].ParamType = types[i]
		params[i].Value = k.value(c, i, nulls[i/8]&(1<<(i%8)) != 0, types[i])
	}
	return params, types, given, c.err(k.what)
}

// sameTypes reports whether p begins with the types that are in force already.
func (k *paramBlock) sameTypes(p []byte) bool {
	if k.named || len(k.bound) != k.count {
		return false
	}
	for i := range k.bound {
		t := ParamType{Type: sqltypes.Type(p[2*i]), Unsigned: p[2*i+1]&unsignedParam != 0}
		if t != k.bound[i] {
			return false
		}
	}
	return true
}

func (k *paramBlock) parseTypes(c *cursor) ([]ParamType, error) {
	if len(c.p) < 2*k.count {
		return nil, malformed(k.what)
	}
	if k.sameTypes(c.p) { // as drivers send them again and again
		c.take(2 * k.count)
		return k.bound, nil
	}
	types := make([]ParamType, k.count)
	for i := range types {
		types[i] = ParamType{Type: sqltypes.Type(c.u8()), Unsigned: c.u8()&unsignedParam != 0}
		if k.named {
			types[i].Name = string(c.lenencBytes())
		}
	}
	return types, c.err(k.what)
}

// value decodes the i-th value. What was sent by COM_STMT_SEND_LONG_DATA is not in the packet.
func (k *paramBlock) value(c *cursor, i int, null bool, t ParamType) sqltypes.Value {
	if k.longData != nil {
		if data, ok := k.longData(i); ok {
			if isBlob(t.Type) {
				return sqltypes.BinaryValue(data)
			}
			return sqltypes.Value{Kind: sqltypes.KindString, Bytes: data}
		}
	}
	if null {
		return sqltypes.NullValue
	}
	return paramValue(c, t)
}

// appendParamBlock builds the block. A value that its declared type cannot carry is sent under ParamTypeOf instead,
// and, should its text be none of that type either, as a string. skip tells the parameters that went ahead by
// COM_STMT_SEND_LONG_DATA.
func appendParamBlock(b []byte, params []Param, named bool, skip func(i int) bool) []byte {
	nulls := len(b)
	for range (len(params) + 7) / 8 {
		b = append(b, 0)
	}
	b = append(b, 1)
	types := len(b)
	for _, p := range params {
		b = append(b, 0, 0)
		if named {
			b = AppendLenencString(b, p.Name)
		}
	}
	for i, p := range params {
		t := p.ParamType
		switch {
		case skip != nil && skip(i):
		case p.Value.IsNull():
			b[nulls+i/8] |= 1 << (i % 8)
		default:
			b, t = appendAnyParam(b, t, p.Value)
		}
		b[types], b[types+1] = byte(t.Type), 0
		if t.Unsigned {
			b[types+1] = unsignedParam
		}
		if types += 2; named {
			types += lenencSize(len(p.Name)) + len(p.Name)
		}
	}
	return b
}

func appendAnyParam(b []byte, t ParamType, v sqltypes.Value) ([]byte, ParamType) {
	if out, ok := appendParamValue(b, t, v); ok {
		return out, t
	}
	t = ParamTypeOf(v)
	if out, ok := appendParamValue(b, t, v); ok {
		return out, t
	}
	return AppendLenencString(b, v.Bytes), ParamType{Type: sqltypes.VarString}
}
