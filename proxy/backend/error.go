package backend

import (
	"errors"
	"fmt"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
)

// Causes that an Error may wrap.
var (
	// ErrInterrupted: the context of the operation was cancelled, or Interrupt was called, while it ran.
	ErrInterrupted = errors.New("interrupted")
	// ErrBroken: the connection had already failed, or was closed, before the operation began.
	ErrBroken = errors.New("the connection is broken")
	// ErrUnknownDataSource: no data source of that name is configured (any more).
	ErrUnknownDataSource = errors.New("no such data source")
	// ErrClosed: Pools has been closed.
	ErrClosed = errors.New("the pools are closed")
)

// Error is a failure of a connection or of a pool, as opposed to an ERR packet, which is a *sqlerr.Error alone.
//
// For a client it reads as BackendLost if Sent, else as BackendUnavailable, unless Err says something of its own:
// errors.As with a **sqlerr.Error target finds one in every Error.
type Error struct {
	DataSource string
	Op         string // "dial", "login", "acquire", "send", "read", "apply", "kill", …
	Sent       bool   // bytes of the statement had left: whether it took effect is unknown
	Err        error
}

// Error implements error.
func (e *Error) Error() string {
	return fmt.Sprintf("data source %s: %s: %v", e.DataSource, e.Op, e.Err)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// SafeToRetry reports whether the statement may be sent again, on another connection: nothing of it was sent.
func (e *Error) SafeToRetry() bool { return !e.Sent }

// As lets errors.As find the error that a client is to see where no *sqlerr.Error stands further down.
func (e *Error) As(target any) bool {
	t, ok := target.(**sqlerr.Error)
	if !ok || sqlerr.As(e.Err) != nil {
		return false
	}
	switch {
	case errors.Is(e.Err, ErrInterrupted):
		*t = sqlerr.Interrupted()
	case e.Sent:
		*t = sqlerr.BackendLost(e.DataSource, e.Err.Error())
	default:
		*t = sqlerr.BackendUnavailable(e.DataSource, e.Err.Error())
	}
	return true
}

// SafeToRetry reports whether err is an Error of whose statement nothing was sent.
func SafeToRetry(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.SafeToRetry()
}
