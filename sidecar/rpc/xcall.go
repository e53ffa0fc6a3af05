package rpc

import (
	"bytes"
	"math"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
	"github.com/heddle-mesh/heddle/sidecar/rpc/xprotocol"
)

// describedFraming is a protocol that the document of routes describes.
type describedFraming struct {
	*xprotocol.Protocol
	called []byte // what routes have for a method
}

// described are the protocols of a table. Those that the table before it had too are the same, so that calls go on sharing connections to servers. One that is
// described anew is another: clients that began with the old one go on with it, on connections to servers of their own.
func described(t *route.Table, before *routed) []*describedFraming {
	var all []*describedFraming
	for _, p := range t.Described {
		made := &describedFraming{p, []byte(route.FramedMethod(p.Name))}
		if before != nil {
			if i := slices.IndexFunc(before.described, func(old *describedFraming) bool { return old.Same(p) }); i >= 0 {
				made = before.described[i]
			}
		}
		all = append(all, made)
	}
	return all
}

func (p *describedFraming) method() []byte { return p.called }

func (p *describedFraming) split(b []byte, limit int) ([]byte, int, error) { return p.Split(b, limit) }

func (p *describedFraming) sort(f []byte) frameSort {
	switch p.Kind(f) {
	case xprotocol.Request, xprotocol.Oneway:
		return isCall
	case xprotocol.Answer:
		return isAnswer
	case xprotocol.Heartbeat:
		return isHeartbeat
	case xprotocol.Parting:
		return isParting
	}
	return isOther
}

func (p *describedFraming) kind([]byte) uint16 { return 0 }

func (p *describedFraming) number(f []byte) (uint32, bool) {
	id := p.ID(f)
	return uint32(id), id <= math.MaxUint32
}

func (p *describedFraming) appendHeartbeat(out []byte, n uint32) []byte {
	return p.AppendHeartbeat(out, uint64(n))
}

func (p *describedFraming) appendBeat(out, f []byte) []byte { return p.AppendBeat(out, p.ID(f)) }

func (p *describedFraming) appendNobody(out, f []byte) []byte {
	if p.Kind(f) == xprotocol.Oneway {
		return out
	}
	return p.AppendFailure(out, p.ID(f), http.StatusNotFound)
}

func (p *describedFraming) appendParting(out []byte) []byte { return p.AppendParting(out) }

func (p *describedFraming) call() *framedCall {
	x := describedCalls.Get().(*describedCall)
	x.p = p
	return &x.framedCall
}

var describedCalls = sync.Pool{New: func() any {
	x := &describedCall{}
	x.speaks = x
	return x
}}

// describedCall is a call that came by a protocol that is described.
type describedCall struct {
	framedCall
	p    *describedFraming
	id   uint64
	told []byte // room for metadata
}

func (x *describedCall) recycle() {
	if x.p = nil; cap(x.told) > mostRoom {
		x.told = nil
	}
	describedCalls.Put(x)
}

// Header is framedCall's, but for the trace's, which has a key of the protocol's own.
func (x *describedCall) Header(name string) ([]byte, bool) {
	if name == parentHeader && x.parent != "" {
		name = x.parent
	}
	return x.framedCall.Header(name)
}

func (x *describedCall) open(f []byte) {
	keys := x.p.Keys()
	x.protocol, x.id, x.oneway = x.p.Name, x.p.ID(f), x.p.Kind(f) == xprotocol.Oneway
	x.parent, x.caller, x.pairs = keys.Traceparent, keys.Caller, x.pairs[:0]
	x.legible, x.tells = true, x.p.Tells()
	x.limit = x.p.Deadline(f)
}

func (x *describedCall) read(f []byte) *failure {
	var err error
	if x.pairs, err = x.p.AppendPairs(x.pairs[:0], f); err != nil {
		return &failure{status: http.StatusBadRequest, why: err.Error()}
	}
	keys := x.p.Keys()
	service, known, failed := x.only(keys.Service, "services")
	if failed != nil {
		return failed
	}
	method, _, failed := x.only(keys.Method, "methods")
	if failed != nil {
		return failed
	}
	left, timed, failed := x.only(keys.Deadline, "times")
	if failed != nil {
		return failed
	}
	switch {
	case keys.Service == "":
		service = []byte(x.p.Service())
	case !known || len(bytes.TrimSpace(service)) == 0:
		return &failure{status: http.StatusBadRequest, why: "the request names no service"}
	}
	if ms, err := strconv.ParseInt(string(left), 10, 32); timed && err == nil {
		if d := max(time.Duration(ms)*time.Millisecond, 1); x.limit == 0 || d < x.limit { // 0 and less: its caller is late already
			x.limit = d
		}
	}
	return x.named(service, method)
}

// only is what the request says under a name, in just this case, if it says one thing: which of several its server takes is not known.
func (x *describedCall) only(key, what string) (value []byte, ok bool, failed *failure) {
	if key == "" {
		return nil, false, nil
	}
	for i := range x.pairs {
		p := &x.pairs[i]
		if string(p.Key) != key {
			continue
		}
		if ok && !bytes.Equal(value, p.Value) {
			return nil, false, &failure{status: http.StatusBadRequest, why: "the metadata names two " + what}
		}
		value, ok = p.Value, true
	}
	return value, ok, nil
}

func (x *describedCall) moved(f []byte) {
	x.pairs, _ = x.p.AppendPairs(x.pairs[:0], f) // it has been read
}

func (x *describedCall) opaque() *failure { return nil }

func (x *describedCall) outgoing(f []byte, left time.Duration, room *[]byte) ([]byte, *failure) {
	changed, failed := x.changed("the metadata cannot be read")
	if failed != nil {
		return nil, failed
	}
	timed := !x.oneway || x.limit > 0
	key := x.p.Keys().Deadline
	if changed || timed && key != "" {
		w := x.p.Write(x.told)
		for i := range x.pairs {
			if p := &x.pairs[i]; !x.drops(p) && !(timed && key != "" && string(p.Key) == key) {
				w.Add(p.Key, p.Value)
			}
		}
		if timed && key != "" {
			w.Add([]byte(key), strconv.AppendInt(nil, max(left.Milliseconds(), 1), 10))
		}
		_ = x.appendOwn(nil, func(out []byte, key, value string) []byte {
			w.Add([]byte(key), []byte(value))
			return out
		})
		out, err := w.AppendTo((*room)[:0], f)
		x.told = w.Room()
		if err != nil {
			return nil, &failure{status: http.StatusBadRequest, why: err.Error()}
		}
		*room, f = out, out
	}
	if timed {
		x.p.SetDeadline(f, left)
	}
	return f, nil
}

func (p *describedFraming) address(f []byte, n uint32) {
	p.SetID(f, uint64(n))
	p.Seal(f)
}

func (x *describedCall) appendFailure(out []byte, f *failure) []byte {
	return x.p.AppendFailure(out, x.id, f.status)
}

func (x *describedCall) returns(f []byte) (status int) {
	x.p.SetID(f, x.id)
	x.p.Seal(f)
	return x.p.Counts(f)
}

func (x *describedCall) unexecuted(f []byte) bool { return x.p.Unexecuted(f) }
