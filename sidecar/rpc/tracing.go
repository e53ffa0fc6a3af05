package rpc

import (
	"github.com/heddle-mesh/heddle/internal/tracecontext"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
)

// The fields that say which trace a call is of: W3C Trace Context's, those of B3 in one and in several, and SkyWalking's.
const (
	parentHeader = "traceparent"
	b3Header     = "b3"
	b3Trace      = "x-b3-traceid"
	b3Span       = "x-b3-spanid"
	b3Above      = "x-b3-parentspanid"
	b3Sampled    = "x-b3-sampled"
	b3Flags      = "x-b3-flags"
	sw8Header    = "sw8"
)

// spelling is how a call's caller has told its trace.
type spelling uint8

const (
	inB3     spelling = 1 << iota // in one field
	inB3More                      // in several
)

// parentOf is what a call's fields say of its trace, as a traceparent, and in which of B3's spellings it is there: a server that understands only that
// is to find its caller's span there too. "": nothing.
func parentOf(fields route.Call) (traceparent string, in spelling) {
	get := func(name string) string {
		v, _ := fields.Header(name)
		return string(v)
	}
	traceparent = get(parentHeader)
	if b3 := get(b3Header); b3 != "" {
		in |= inB3
		if traceparent == "" {
			traceparent = tracecontext.FromB3(b3)
		}
	}
	if trace, sampled := get(b3Trace), get(b3Sampled); trace != "" || sampled != "" {
		in |= inB3More
		if traceparent == "" {
			traceparent = tracecontext.FromB3Fields(trace, get(b3Span), sampled, get(b3Flags))
		}
	}
	if traceparent == "" {
		if sw8 := get(sw8Header); sw8 != "" {
			traceparent = tracecontext.FromSW8(sw8)
		}
	}
	return traceparent, in
}

// tracing says whether a field, in lower case, says of the client's span what the server gets of the call's own. SkyWalking's stays: its agents know
// nothing of the spans that are made here.
func (x *call) tracing(name string) bool {
	if x.trace == nil {
		return false
	}
	switch name {
	case parentHeader:
		return true
	case b3Header:
		return x.spelt&inB3 != 0
	case b3Trace, b3Span, b3Above, b3Sampled, b3Flags:
		return x.spelt&inB3More != 0
	}
	return false
}

// eachTracing has put get the fields by which the server finds the call's span.
func (x *call) eachTracing(put func(name, value string)) {
	if x.trace == nil {
		return
	}
	parent := x.trace.Parent()
	put(parentHeader, parent)
	if x.spelt&inB3 != 0 {
		put(b3Header, tracecontext.B3(parent))
	}
	if x.spelt&inB3More != 0 {
		trace, span, sampled := tracecontext.B3Fields(parent)
		put(b3Trace, trace)
		put(b3Span, span)
		put(b3Sampled, sampled)
	}
}
