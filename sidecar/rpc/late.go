package rpc

import (
	"errors"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// intake is how a client's body comes that a goroutine sends on meanwhile.
type intake struct {
	waits  atomic.Bool // for more of it: the server has been sent all that has come
	broken atomic.Bool // no more will come, and the answer is not worth waiting for
}

// late is the failure of a call that got no answer in time. lacks says that the server still waited for the client's body: then nothing speaks against it.
func (x *call) late(lacks bool) *failure {
	if lacks {
		return bodyLate()
	}
	early := x.tryBy.Before(x.deadline)
	return &failure{status: http.StatusGatewayTimeout, why: "the server did not answer in time", fault: early || !x.hurried(), cause: cause{timeout: early}}
}

// bodyLate is the failure of a call whose body did not come in time.
func bodyLate() *failure {
	return &failure{status: http.StatusRequestTimeout, why: "the body did not come in time"}
}

// goesOn says whether a try whose time is over by err goes on until the call's is, as the server still waits for the body: without that it can be sent to no other.
func (x *call) goesOn(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) && x.intake.waits.Load() && !x.intake.broken.Load() && x.extend()
}

// extend has a try whose time is over go on until the call's is; false: it is not over, or both are.
func (x *call) extend() bool {
	if time.Now().Before(x.tryBy) || !x.tryBy.Before(x.deadline) {
		return false
	}
	x.tryBy = x.deadline
	return true
}

// expiring says whether a call's time is over, or will be in a moment.
func (x *call) expiring() bool {
	return !x.deadline.IsZero() && time.Until(x.deadline) < x.deadline.Sub(x.done.Began)/10
}

// took is how long a server took to answer that was asked when it began, by which balancers choose: what lasts behind the answer's head says nothing of that.
func (x *call) took(began time.Time) time.Duration {
	if answer := x.place.answer; !answer.IsZero() {
		return answer.Sub(began)
	}
	return time.Since(began)
}
