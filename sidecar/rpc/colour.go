package rpc

import "github.com/heddle-mesh/heddle/sidecar/rpc/route"

// colour is of which sort a call is: it sticks to the calls that are made for its sake.
type colour struct {
	field string // that tells it, in lower case; "": calls have none
	is    string // "": none is known
	dyed  bool   // its caller has not said so
	trace string // the call is of; "": that is not known
}

// coloured is a call that has the field which its caller has left out.
type coloured struct {
	route.Call
	colour *colour
}

// Header implements route.Call.
func (c coloured) Header(name string) ([]byte, bool) {
	if name == c.colour.field {
		return []byte(c.colour.is), true
	}
	return c.Call.Header(name)
}

// dye finds a call's colour: that which it tells, or that of the one call of its trace that the service beside the process has under way. It returns
// what routes are to see. parent is the caller's traceparent.
func (x *call) dye(fields route.Call, parent string) route.Call {
	x.colour = colour{field: x.server.settings.Load().Colour}
	if x.colour.field == "" {
		return fields
	}
	x.colour.trace = x.traceID(parent)
	if v, ok := fields.Header(x.colour.field); ok {
		if route.IsColour(string(v)) {
			x.colour.is = string(v)
		}
		return fields
	}
	if x.colour.is = x.server.ties.colour(x.colour.trace); x.colour.is == "" {
		return fields
	}
	x.colour.dyed = true
	return coloured{fields, &x.colour}
}

// dyeByRoute gives a call that has none the colour that its route has for it, by chance.
func (x *call) dyeByRoute() {
	if c := &x.colour; c.field != "" && c.is == "" && x.route.Dyed() {
		if _, told := x.fields.Header(c.field); !told {
			c.is, c.dyed = x.route.Colour.Name, true
		}
	}
}

// tellsColour says whether the server has to be told the colour beside what the client has said.
func (x *call) tellsColour() bool {
	return x.colour.dyed && !editedName(&x.route.Request, x.colour.field)
}

// traceColour is the colour of the calls of a trace that are under way in a service.
type traceColour struct {
	is    string
	calls int
	mixed bool // they are not alike
}

// colour is that of the calls of a trace, if they are of one.
func (t *ties) colour(trace string) string {
	if trace == "" {
		return ""
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.colours[trace]; c != nil && !c.mixed {
		return c.is
	}
	return ""
}

// beginColour notes the colour of a call that a service gets. mu is held.
func (t *ties) beginColour(c *colour) {
	if c.trace == "" {
		return
	}
	if t.colours == nil {
		t.colours = map[string]*traceColour{}
	}
	known := t.colours[c.trace]
	if known == nil {
		known = &traceColour{is: c.is}
		t.colours[c.trace] = known
	}
	known.calls++
	known.mixed = known.mixed || known.is != c.is
}

// endColour notes that the call is over. mu is held.
func (t *ties) endColour(c *colour) {
	if known := t.colours[c.trace]; known != nil {
		if known.calls--; known.calls == 0 {
			delete(t.colours, c.trace)
		}
	}
}
