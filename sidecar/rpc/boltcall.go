package rpc

import (
	"bytes"
	"errors"
	"net/http"
	"sync"
	"time"
	"unicode"

	"github.com/heddle-mesh/heddle/sidecar/rpc/bolt"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
)

// boltFraming is SOFA Bolt.
type boltFraming struct{}

var boltMethod = []byte("BOLT")

func (boltFraming) method() []byte { return boltMethod }

func (boltFraming) split(b []byte, limit int) ([]byte, int, error) {
	f, size, err := bolt.Split(b, limit)
	if f != nil && !f.Intact() {
		return nil, 0, errors.New("a frame's checksum is wrong")
	}
	return f, size, err
}

func (boltFraming) sort(f []byte) frameSort {
	switch h := bolt.Frame(f); {
	case h.Type() == bolt.Answer:
		return isAnswer
	case !h.Heartbeat():
		return isCall
	case h.Type() == bolt.Request:
		return isHeartbeat
	}
	return isOther
}

func (boltFraming) kind(f []byte) uint16           { return bolt.Frame(f).Kind() }
func (boltFraming) number(f []byte) (uint32, bool) { return bolt.Frame(f).ID(), true }

func (boltFraming) appendHeartbeat(out []byte, n uint32) []byte {
	return bolt.AppendHeartbeat(out, n)
}

func (boltFraming) appendBeat(out, f []byte) []byte {
	return bolt.Frame(f).AppendAnswer(out, bolt.Success)
}

func (boltFraming) appendNobody(out, f []byte) []byte {
	if bolt.Frame(f).Type() == bolt.Oneway {
		return out
	}
	return bolt.Frame(f).AppendAnswer(out, bolt.NoProcessor)
}

func (boltFraming) appendParting(out []byte) []byte { return out }

func (boltFraming) call() *framedCall { return &boltCalls.Get().(*boltCall).framedCall }

var boltCalls = sync.Pool{New: func() any {
	x := &boltCall{}
	x.speaks = x
	return x
}}

// boltCall is a call that came by Bolt.
type boltCall struct {
	framedCall
	head bolt.Head // as the client sent it
	id   uint32
}

func (x *boltCall) recycle() { boltCalls.Put(x) }

func (x *boltCall) open(frame []byte) {
	f := bolt.Frame(frame)
	x.parent, x.caller = parentHeader, identityHeader
	x.protocol, x.id, x.oneway = route.Bolt, f.ID(), f.Type() == bolt.Oneway
	x.head.Keep(f)
	if ms := f.Timeout(); ms > 0 {
		x.limit = time.Duration(ms) * time.Millisecond
	}
}

func (x *boltCall) read(frame []byte) *failure {
	f := bolt.Frame(frame)
	if x.moved(f); !x.legible {
		if failed := unread(f.Header()); failed != nil {
			return failed
		}
	}
	return x.aim(f)
}

func (x *boltCall) moved(f []byte) {
	x.pairs, x.legible = bolt.AppendPairs(x.pairs[:0], bolt.Frame(f).Header())
	x.tells = len(x.pairs) > 0
}

func (x *boltCall) opaque() *failure { return x.illegible("the header is no map") }

// unread is the failure of a header that is no map, which a server may read otherwise: as a map as far as it goes, or as saying who the client is.
func unread(header []byte) *failure {
	switch {
	case bytes.Contains(bytes.ReplaceAll(bytes.ToLower(header), []byte("_"), []byte("-")), []byte(identityHeader)):
		return &failure{status: http.StatusBadRequest, why: "the header is no map, and says who the client is"}
	case bolt.CutMap(header):
		return &failure{status: http.StatusBadRequest, why: "the header is no whole map"}
	}
	return nil
}

// Keys of the header that say what is called, and the class of SOFARPC's requests.
const (
	serviceKey  = "service"
	targetKey   = "sofa_head_target_service"
	methodKey   = "sofa_head_method_name"
	sofaRequest = "com.alipay.sofa.rpc.core.request.SofaRequest"
)

// exact is Header of just that key, as a server's map has it.
func (x *boltCall) exact(key string) ([]byte, bool) {
	for i := len(x.pairs) - 1; i >= 0; i-- {
		if p := &x.pairs[i]; p.Value != nil && string(p.Key) == key {
			return p.Value, true
		}
	}
	return nil, false
}

// service is what is called as SOFARPC's server finds it: by one key, or else by the other. Where neither says something the server would take what
// stands in the content, which is not read here.
func (x *boltCall) service(f bolt.Frame) (name []byte, why string) {
	name, ok := x.exact(serviceKey)
	target, also := x.exact(targetKey)
	switch {
	case ok && also && !bytes.Equal(name, target):
		return nil, "the header names two services"
	case !ok && also:
		name, ok = target, true
	case !ok && string(f.Class()) == sofaRequest:
		return nil, "the header names no service"
	case !ok:
		return f.Class(), ""
	}
	if len(bytes.TrimFunc(name, func(r rune) bool { return r <= ' ' || unicode.IsSpace(r) })) == 0 {
		return nil, "the name of the service is blank"
	}
	return name, ""
}

// aim makes the path: /SERVICE/METHOD as the header has them, or /CLASS where it has none.
func (x *boltCall) aim(f bolt.Frame) *failure {
	service, why := x.service(f)
	if why != "" {
		return &failure{status: http.StatusBadRequest, why: why}
	}
	method, _ := x.exact(methodKey)
	return x.named(service, method)
}

func (x *boltCall) outgoing(frame []byte, left time.Duration, room *[]byte) ([]byte, *failure) {
	f := bolt.Frame(frame)
	if changed, failed := x.changed("the header is no map"); failed != nil {
		return nil, failed
	} else if changed {
		var header []byte
		for i := range x.pairs {
			if p := &x.pairs[i]; !x.drops(p) {
				header = bolt.AppendAgain(header, p)
			}
		}
		header = x.appendOwn(header, bolt.AppendPair)
		out, err := f.AppendHeader((*room)[:0], header)
		if err != nil {
			return nil, &failure{status: http.StatusBadRequest, why: err.Error()}
		}
		*room, f = out, out
	}
	if !x.oneway || x.limit > 0 {
		f.SetTimeout(int32(max(left.Milliseconds(), 1)))
	}
	return f, nil
}

func (boltFraming) address(frame []byte, n uint32) {
	f := bolt.Frame(frame)
	f.SetID(n)
	f.Seal()
}

func (x *boltCall) appendFailure(out []byte, f *failure) []byte {
	return x.head.AppendAnswer(out, boltStatuses.told(f.status))
}

func (x *boltCall) returns(frame []byte) (status int) {
	boltFraming{}.address(frame, x.id)
	return boltStatuses.counted(bolt.Frame(frame).Status())
}

func (x *boltCall) unexecuted(f []byte) bool {
	s := bolt.Frame(f).Status()
	return s == bolt.Busy || s == bolt.SendFailed
}

var boltStatuses = statuses[bolt.Status]{
	ok: bolt.Success, failed: bolt.Failed,
	tell: map[int]bolt.Status{
		http.StatusNotFound: bolt.NoProcessor, http.StatusBadRequest: bolt.CodecException, http.StatusTooManyRequests: bolt.Busy, http.StatusBadGateway: bolt.ConnectionClosed,
		http.StatusServiceUnavailable: bolt.SendFailed, http.StatusGatewayTimeout: bolt.Timeout,
	},
	count: map[bolt.Status]int{
		bolt.NoProcessor: http.StatusNotFound, bolt.CodecException: http.StatusBadRequest, bolt.DeserializeException: http.StatusBadRequest, bolt.Busy: http.StatusServiceUnavailable,
		bolt.SendFailed: http.StatusServiceUnavailable, bolt.CommunicationFailed: http.StatusBadGateway, bolt.ConnectionClosed: http.StatusBadGateway, bolt.Timeout: http.StatusGatewayTimeout,
	},
}
