// Package sqlerr is the one error type that reaches a client: MySQL's number, SQLSTATE and a sentence.
// Constructors are named for what went wrong; nowhere else does an error number stand in the code.
// It does not decide who sees an error: that is Session.writeError.
package sqlerr

import (
	"errors"
	"fmt"
)

// Error is an error as a MySQL server sends it.
type Error struct {
	Code  uint16
	State string // five characters
	Msg   string
}

// Error implements error in the form the command-line clients print.
func (e *Error) Error() string { return fmt.Sprintf("ERROR %d (%s): %s", e.Code, e.State, e.Msg) }

// As returns the Error inside err, or nil.
func As(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// New returns an error of any number; for ERR packets that come from a backend. Heddle's own errors have
// constructors.
func New(code uint16, state, msg string) *Error { return &Error{Code: code, State: state, Msg: msg} }

func newf(code uint16, state, format string, args ...any) *Error {
	return &Error{Code: code, State: state, Msg: fmt.Sprintf(format, args...)}
}
