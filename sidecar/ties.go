package sidecar

import (
	"time"

	"github.com/heddle-mesh/heddle/proxy/session"
)

// callTies ties statements to calls. It implements session.Ties.
type callTies struct{ process *Process }

// Only implements session.Ties, by the setting that holds now.
func (t callTies) Only() (session.Tie, bool) {
	by, calls := t.process.live.Load().RPC.TieStatements, t.process.calls.Load()
	if by == "none" || calls == nil {
		return session.Tie{}, false
	}
	only, ok := calls.server.Only()
	if by == "trace" {
		only.Until = time.Time{}
	}
	return session.Tie(only), ok
}
