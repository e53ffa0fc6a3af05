package cli

import (
	"errors"

	"github.com/heddle-mesh/heddle/governance/admin"
	"github.com/heddle-mesh/heddle/governance/reload/barrier"
	"github.com/heddle-mesh/heddle/governance/switchover"
	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/sidecar"
	"github.com/heddle-mesh/heddle/sidecar/ops"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
	"github.com/heddle-mesh/heddle/txn"
)

// The exit codes.
const (
	exitError    = 1
	exitConflict = 2 // somebody else changed the document first, or is changing it; a transaction is not decided so
	exitInvalid  = 3 // the document is wrong
	exitPartial  = 4 // DDL, or a transaction, is still not done on every shard
	exitOrphans  = 5 // rows would be looked for where they are not
	exitBehind   = 6 // an instance does not run what is in force
	exitDegraded = 7 // a data source has no primary, or its replication needs an operator
	exitUndone   = 8 // a planned switch failed and was undone
)

// exitCode is what a command's error means to a script.
func exitCode(err error) int {
	var conflict *admin.Conflict
	var not *barrier.NotActivated
	var invalid *admin.Invalid
	var problems rule.Problems
	var problem route.Problem
	switch {
	case errors.Is(err, errOrphans), errors.Is(err, admin.ErrPlacement):
		return exitOrphans
	case errors.Is(err, errBehind):
		return exitBehind
	case errors.Is(err, ops.ErrBusy), errors.Is(err, txn.ErrDecided), errors.Is(err, txn.ErrUndecided), errors.Is(err, txn.ErrNotLost), errors.Is(err, txn.ErrPartLost), errors.Is(err, txn.ErrNotRedone), errors.Is(err, sidecar.ErrPrimary),
		errors.Is(err, switchover.ErrBusy):
		return exitConflict
	case errors.Is(err, errDegraded):
		return exitDegraded
	case errors.Is(err, switchover.ErrOpen):
		return exitPartial
	case errors.Is(err, switchover.ErrUndone):
		return exitUndone
	case errors.Is(err, errUnfinished), errors.Is(err, txn.ErrUnfinished):
		return exitPartial
	case errors.As(err, &conflict), errors.As(err, &not) && (not.Outcome == barrier.Busy || not.Outcome == barrier.Conflict):
		return exitConflict
	case errors.As(err, &invalid), errors.As(err, &problems), errors.As(err, &problem):
		return exitInvalid
	}
	return exitError
}
