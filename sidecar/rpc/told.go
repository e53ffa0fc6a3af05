package rpc

import (
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
)

// maxTold is how many bytes of a value are told.
const maxTold = 256

// tellOf notes what is to be told of a call, whose caller's traceparent is parent.
func (x *call) tellOf(fields route.Call, parent string) {
	for _, name := range x.server.settings.Load().Tell {
		value := ""
		switch kind, field, _ := strings.Cut(name, ":"); kind {
		case "trace":
			value = x.traceID(parent)
		case "protocol":
			value = x.protocol
		case "colour":
			value = x.colour.is
		case "query":
			value = string(x.query)
		case "header":
			v, _ := fields.Header(field)
			value = string(v)
		}
		if value != "" {
			x.done.Told = append(x.done.Told, Told{name, strings.ToValidUTF8(value[:min(len(value), maxTold)], "?")})
		}
	}
}

// traceID is the trace that the call is of; "": it is of none.
func (x *call) traceID(parent string) string {
	if x.trace != nil {
		parent = x.trace.Parent()
	}
	const id = 32
	if len(parent) < len("00-")+id {
		return ""
	}
	return parent[len("00-"):][:id]
}

// asksTrace says whether somebody asks for the trace of calls, where nobody makes traces.
func (x *call) asksTrace() bool {
	s := x.server.settings.Load()
	return s.Colour != "" || slices.Contains(s.Tell, "trace")
}
