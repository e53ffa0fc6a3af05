package wire

// Query is COM_QUERY.
// Source: MySQL "COM_QUERY".
type Query struct {
	SQL   []byte  // parsed: aliases the packet
	Attrs []Param // query attributes; sent under CapQueryAttributes only
}

func (*Query) fromClient() {}

// Command is COM_QUERY.
func (*Query) Command() Command { return ComQuery }

// AppendPayload appends the packet, the command byte included.
func (q *Query) AppendPayload(b []byte, caps Capability) []byte {
	b = append(b, byte(ComQuery))
	if caps.Has(CapQueryAttributes) {
		b = AppendLenenc(b, uint64(len(q.Attrs)))
		b = append(b, 1) // sets of parameters
		if len(q.Attrs) > 0 {
			b = appendParamBlock(b, q.Attrs, true, nil)
		}
	}
	return append(b, q.SQL...)
}

// ParseQuery decodes what follows the command byte. Without query attributes it allocates nothing.
func ParseQuery(p []byte, caps Capability) (Query, error) {
	if !caps.Has(CapQueryAttributes) {
		return Query{SQL: p}, nil
	}
	c := cursor{p: p}
	n := c.lenenc()
	sets := c.lenenc()
	if c.bad || sets != 1 || n > maxParams {
		return Query{}, malformed("COM_QUERY")
	}
	var q Query
	if n > 0 {
		block := paramBlock{count: int(n), named: true, what: "COM_QUERY"}
		var err error
		if q.Attrs, _, _, err = block.parse(&c); err != nil {
			return Query{}, err
		}
	}
	q.SQL = c.rest()
	return q, nil
}
