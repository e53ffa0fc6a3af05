package rpc

import (
	"cmp"
	"net/http"
	"time"

	"github.com/heddle-mesh/heddle/sidecar/rpc/bolt"
	"github.com/heddle-mesh/heddle/sidecar/rpc/dubbo"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
)

// framing is a protocol of frames with numbers, by which calls of many clients share a few connections to each server. What is the same for
// all of them is in framedConn, framedLink and framedCall.
type framing interface {
	method() []byte // what routes and logs have for a method
	// split takes a frame from the front of b, as mux.Split. A frame is changed only by what belongs to its call.
	split(b []byte, limit int) (f []byte, size int, err error)
	sort(f []byte) frameSort
	kind(f []byte) uint16                        // what has to be alike for frames to share a connection
	number(f []byte) (n uint32, ok bool)         // of an answer; false: no question had it
	call() *framedCall                           // an empty one
	address(f []byte, n uint32)                  // gives a frame that is sent its number
	appendHeartbeat(out []byte, n uint32) []byte // a question of whether the other end is there
	appendBeat(out, f []byte) []byte             // answers it
	appendNobody(out, f []byte) []byte           // answers a call that a server makes; nothing: it wants no answer
	appendParting(out []byte) []byte             // tells a client to send no more calls; nothing: the protocol cannot
}

type frameSort int

const (
	isOther frameSort = iota // nobody waits for it
	isCall
	isAnswer
	isHeartbeat // that wants an answer
	isParting   // of a server, which takes no more calls on the connection
)

// speaker is what a protocol knows of a call, and has beside a framedCall.
type speaker interface {
	route.Call
	// open notes what the head of the call's frame says.
	open(f []byte)
	// read notes what is called, and what the frame says under names.
	read(f []byte) *failure
	// moved notes that the frame is another's bytes now, which are the same.
	moved(f []byte)
	// opaque is the failure of a call whose names cannot be read, where something depends on what they say; nil: nothing does.
	opaque() *failure
	// outgoing is the frame as the server gets it, but for its number, told that its caller waits so long. room is for a frame that has to be written anew.
	outgoing(f []byte, left time.Duration, room *[]byte) ([]byte, *failure)
	// appendFailure answers that there is no answer.
	appendFailure(out []byte, f *failure) []byte
	// returns gives a server's answer the number of its question, and says what it is counted as.
	returns(f []byte) (status int)
	// unexecuted says whether a server's answer is that nothing of the call has been done.
	unexecuted(f []byte) bool
	// recycle gives the call back.
	recycle()
}

// statuses are by which a protocol says how calls have ended.
type statuses[S comparable] struct {
	ok, failed S
	tell       map[int]S // what a client is told for a status of HTTP; for others failed
	count      map[S]int // the status of HTTP as which a server's is counted; others are 500
}

func (s *statuses[S]) told(status int) S {
	if v, ok := s.tell[status]; ok {
		return v
	}
	return s.failed
}

func (s *statuses[S]) counted(of S) int {
	if of == s.ok {
		return http.StatusOK
	}
	return cmp.Or(s.count[of], http.StatusInternalServerError)
}

// framingOf is the protocol whose frames begin so; nil: none's do. more is that what comes next may tell, of one that is accepted.
func framingOf(b []byte, described []*describedFraming, a *accepts) (speaks framing, more bool) {
	for _, p := range described {
		is, may := p.Begins(b)
		if is {
			return p, false
		}
		more = more || may && a.has(p.Name)
	}
	if more {
		return nil, true
	}
	switch b[0] {
	case bolt.V1, bolt.V2:
		return boltFraming{}, false
	case dubbo.Magic0:
		return dubboFraming{}, false
	}
	return nil, false
}
