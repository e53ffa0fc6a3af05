package rpc

import (
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/heddle-mesh/heddle/sidecar/rpc/dubbo"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
)

// dubboFraming is Dubbo 2.
type dubboFraming struct{}

var dubboMethod = []byte("DUBBO")

func (dubboFraming) method() []byte { return dubboMethod }

func (dubboFraming) split(b []byte, limit int) ([]byte, int, error) {
	f, size, err := dubbo.Split(b, limit)
	return f, size, err
}

func (dubboFraming) sort(frame []byte) frameSort {
	switch f := dubbo.Frame(frame); {
	case f.ReadOnly():
		return isParting
	case f.Event() && f.Request() && f.TwoWay():
		return isHeartbeat
	case f.Event():
		return isOther
	case f.Request():
		return isCall
	}
	return isAnswer
}

func (dubboFraming) kind([]byte) uint16 { return 0 }

func (dubboFraming) number(f []byte) (uint32, bool) {
	id := dubbo.Frame(f).ID()
	return uint32(id), id <= math.MaxUint32
}

func (dubboFraming) appendHeartbeat(out []byte, n uint32) []byte {
	return dubbo.AppendHeartbeat(out, uint64(n))
}

func (dubboFraming) appendBeat(out, f []byte) []byte { return dubbo.Frame(f).AppendBeat(out) }

func (dubboFraming) appendNobody(out, frame []byte) []byte {
	f := dubbo.Frame(frame)
	if !f.TwoWay() {
		return out
	}
	return dubbo.AppendFailure(out, f.ID(), dubbo.ServiceNotFound, "clients are not called through Heddle")
}

func (dubboFraming) appendParting(out []byte) []byte { return dubbo.AppendReadOnly(out) }

func (dubboFraming) call() *framedCall { return &dubboCalls.Get().(*dubboCall).framedCall }

var dubboCalls = sync.Pool{New: func() any {
	x := &dubboCall{}
	x.speaks = x
	return x
}}

// dubboCall is a call that came by Dubbo.
type dubboCall struct {
	framedCall
	id      uint64
	says    dubbo.Call
	version []byte // of the service; nil: none
	group   []byte // likewise
	own     []byte // room for attachments
}

func (x *dubboCall) recycle() {
	x.version, x.group = nil, nil
	dubboCalls.Put(x)
}

// Header is framedCall's, but for what a server finds a service by.
func (x *dubboCall) Header(name string) ([]byte, bool) {
	switch name {
	case dubbo.VersionKey:
		return x.version, len(x.version) > 0
	case dubbo.GroupKey:
		return x.group, len(x.group) > 0
	}
	return x.framedCall.Header(name)
}

func (x *dubboCall) open(frame []byte) {
	f := dubbo.Frame(frame)
	x.parent, x.caller = parentHeader, identityHeader
	x.protocol, x.id, x.oneway, x.pairs, x.legible, x.tells = route.Dubbo, f.ID(), !f.TwoWay(), nil, false, false
}

// The attachments by which a caller says how many milliseconds it waits: the first is what Dubbo's consumers send, the others are what its providers
// reckon with for calls of their own.
const (
	timeoutKey        = "timeout"
	countdownKey      = "_TO"
	countdownKeyLower = "_to"
)

func isTimeout(key []byte) bool {
	return string(key) == timeoutKey || string(key) == countdownKey || string(key) == countdownKeyLower
}

func (x *dubboCall) read(f []byte) *failure {
	if err := x.says.Read(f); err != nil {
		return &failure{status: http.StatusBadRequest, why: err.Error()}
	}
	x.pairs, x.legible, x.tells = x.says.Pairs, x.says.Known, x.says.Known
	path, version, group, err := x.says.Target()
	if err != nil {
		return &failure{status: http.StatusBadRequest, why: err.Error()}
	}
	x.version, x.group = version, group
	for i := range x.pairs {
		p := &x.pairs[i]
		if !isTimeout(p.Key) {
			continue
		}
		if ms, err := strconv.ParseInt(string(p.Value), 10, 32); err == nil && ms > 0 && (x.limit == 0 || ms < x.limit.Milliseconds()) {
			x.limit = time.Duration(ms) * time.Millisecond
		}
	}
	switch {
	case len(path) == 0:
		return &failure{status: http.StatusBadRequest, why: "the request names no service"}
	case len(x.says.Method) == 0:
		return &failure{status: http.StatusBadRequest, why: "the request names no method"}
	}
	return x.named(path, x.says.Method)
}

func (x *dubboCall) moved(f []byte) {
	_ = x.says.Read(f) // it has been read
	x.pairs = x.says.Pairs
	_, x.version, x.group, _ = x.says.Target()
}

const unreadAttachments = "the attachments behind the arguments cannot be read"

// opaque is the failure of a call whose attachments cannot be read: a server that can may find another service by them.
func (x *dubboCall) opaque() *failure {
	if !x.legible && x.table.guarded {
		return &failure{status: http.StatusBadRequest, why: unreadAttachments + ", and there are routes that are for some clients only"}
	}
	return x.illegible(unreadAttachments)
}

func (x *dubboCall) outgoing(frame []byte, left time.Duration, room *[]byte) ([]byte, *failure) {
	f := dubbo.Frame(frame)
	if _, failed := x.changed(unreadAttachments); failed != nil || !x.legible {
		return f, failed
	}
	timed := !x.oneway || x.limit > 0
	ms := int32((left + time.Millisecond - 1) / time.Millisecond) // a provider that has run out of time by its own count may answer with nothing
	ms = max(ms, 1)
	x.own = x.own[:0]
	countdown, given := countdownKey, false
	for i := range x.pairs {
		p := &x.pairs[i]
		isTime := timed && isTimeout(p.Key)
		if !isTime && !x.drops(p) {
			continue
		}
		if err := x.says.Drop(i); err != nil {
			return nil, &failure{status: http.StatusBadRequest, why: err.Error()}
		}
		if isTime && string(p.Key) != timeoutKey {
			countdown, given = string(p.Key), x.says.Int(i)
		}
	}
	if timed {
		text := strconv.Itoa(int(ms))
		x.own = dubbo.AppendPair(x.own, timeoutKey, text)
		if given {
			x.own = dubbo.AppendIntPair(x.own, countdown, ms)
		} else {
			x.own = dubbo.AppendPair(x.own, countdown, text)
		}
	}
	x.own = x.appendOwn(x.own, dubbo.AppendPair)
	*room = x.says.AppendWith((*room)[:0], f, x.own)
	return *room, nil
}

func (dubboFraming) address(f []byte, n uint32) { dubbo.Frame(f).SetID(uint64(n)) }

func (x *dubboCall) appendFailure(out []byte, f *failure) []byte {
	return dubbo.AppendFailure(out, x.id, dubboStatuses.told(f.status), "heddle: "+f.why)
}

func (x *dubboCall) returns(frame []byte) (status int) {
	f := dubbo.Frame(frame)
	f.SetID(x.id)
	return dubboStatuses.counted(f.Status())
}

func (x *dubboCall) unexecuted(f []byte) bool {
	return dubbo.Frame(f).Status() == dubbo.ThreadpoolExhausted
}

var dubboStatuses = statuses[dubbo.Status]{
	ok: dubbo.OK, failed: dubbo.ServiceError,
	tell: map[int]dubbo.Status{
		http.StatusNotFound: dubbo.ServiceNotFound, http.StatusBadRequest: dubbo.BadRequest, http.StatusTooManyRequests: dubbo.ThreadpoolExhausted, http.StatusBadGateway: dubbo.ChannelInactive,
		http.StatusServiceUnavailable: dubbo.ServerError, http.StatusGatewayTimeout: dubbo.ServerTimeout,
	},
	count: map[dubbo.Status]int{
		dubbo.ServiceNotFound: http.StatusNotFound, dubbo.BadRequest: http.StatusBadRequest, dubbo.ClientError: http.StatusBadRequest, dubbo.ThreadpoolExhausted: http.StatusServiceUnavailable,
		dubbo.ChannelInactive: http.StatusBadGateway, dubbo.ClientTimeout: http.StatusGatewayTimeout, dubbo.ServerTimeout: http.StatusGatewayTimeout,
	},
}
