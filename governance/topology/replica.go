package topology

import (
	"fmt"
	"time"

	"github.com/heddle-mesh/heddle/internal/gtid"
)

// maxTrail bounds the primary's positions that are kept.
const maxTrail = 512

// walk notes how far the primary has come.
func (j *judge) walk() {
	v := &j.next
	m := v.Member(v.Primary)
	if m == nil || !m.alive() {
		return
	}
	if n := len(v.trail); n > 0 && v.trail[n-1].pos.Covers(m.seen.Written) {
		return
	}
	from := 0
	if len(v.trail) == maxTrail {
		from = 1
	}
	trail := make([]step, 0, len(v.trail)-from+1)
	v.trail = append(append(trail, v.trail[from:]...), step{m.seen.Began, m.seen.Written})
}

// lag is how long ago the first transaction was written that a replica lacks, at least; what servers say themselves of
// transactions that have come to them counts if it is more. The primary's positions are known at moments only.
func (j *judge) lag(m *Member) (lag time.Duration, known bool) {
	for _, s := range j.next.trail {
		if !m.seen.Applied.Covers(s.pos) {
			lag = m.seen.At.Sub(s.at)
			break
		}
	}
	if m.seen.BehindKnown {
		lag = max(lag, m.seen.Behind)
	}
	return max(lag, 0), len(j.next.trail) > 0 || m.seen.BehindKnown
}

// conclude says what a server may be used for.
func (j *judge) conclude(m *Member) {
	v := &j.next
	m.Primary = m.Address == v.Primary
	m.GTID = m.seen.Written
	if m.seen.Follows {
		m.GTID = m.seen.Applied
	}
	m.Lag, m.LagKnown = 0, false
	head := v.Primary
	if head == "" {
		head = v.last
	}
	root := j.root(m)
	switch {
	case m.Primary:
		j.state(m, Up, "")
		if o := m.Order; o.State != Unknown { // whoever has made it the primary did not know
			j.alarm("the primary %s is to be %s: %s", m.Address, o.State, o.Reason)
		}
	case m.Order.State != Unknown:
		j.ordered(m, root != nil && root.Address == head)
	case m.gone:
		j.state(m, Down, m.why)
	case m.denied != "":
		j.state(m, Down, "cannot be asked about replication: "+m.denied)
	case m.seen.At.IsZero():
		j.state(m, Unknown, "not asked yet")
	case m.Address == head:
		if v.Refused {
			j.state(m, Fenced, v.Why)
		} else {
			j.state(m, Down, v.Why)
		}
	case root == nil && !m.ReadOnly:
		if m.left && v.Primary != "" {
			j.alarm("%s takes writes beside the primary %s", m.Address, v.Primary)
		}
		if m.State != Fenced || m.Reason == "" {
			j.state(m, Fenced, "takes writes and does not follow the primary")
		}
	case root == nil:
		j.state(m, Down, "follows no server of the data source")
	case root.Address != head:
		j.state(m, Down, "follows "+root.Address+", which is not the primary")
	default:
		m.left = false
		j.replica(m)
	}
}

// ordered does as an operator has said. What would keep the server from being read anyway is told too.
func (j *judge) ordered(m *Member, follows bool) {
	reason := m.Order.Reason
	switch {
	case m.gone:
		reason += "; it does not answer: " + m.why
	case !m.seen.At.IsZero() && m.denied == "" && !follows:
		reason += "; it does not follow the primary"
	case follows:
		m.Lag, m.LagKnown = j.lag(m)
	}
	j.state(m, m.Order.State, reason)
	m.Since = m.Order.Since
}

// replica says whether a server that follows the primary may be read.
func (j *judge) replica(m *Member) {
	m.Lag, m.LagKnown = j.lag(m)
	limit := j.policy.MaxLag
	if m.State == Lagging { // it has to come well within before it is read again
		limit /= 2
	}
	j.strays(m)
	switch {
	case !m.errant.IsZero():
		j.alarm("%s has transactions that the primary lacks: %s", m.Address, m.errant)
		j.state(m, Fenced, "has transactions that the primary lacks: "+m.errant.String())
	case m.seen.Filter != "":
		j.state(m, Down, "replicates a part only: "+m.seen.Filter)
	case !m.seen.Applies:
		j.state(m, Lagging, "does not apply what it gets"+because(m.seen.ReplicaError))
	case !m.seen.Fetches:
		j.state(m, Lagging, "does not fetch from its primary"+because(m.seen.ReplicaError))
	case j.policy.MaxLag > 0 && m.Lag > limit:
		m.good = 0
		if m.Lag > j.policy.MaxLag || m.Reason == "" { // else it stays for what it was
			j.state(m, Lagging, fmt.Sprintf("is more than %v behind", j.policy.MaxLag))
		}
	case m.State == Up || m.State == Unknown || m.State == Drained || m.State == Disabled, m.good >= j.policy.Returns:
		j.state(m, Up, "")
	}
}

// strays notes what a server has written although it follows the primary, or as a primary whose replicas did not have it all when it was
// succeeded: who reads it sees what is nowhere else. MySQL replicates to it all the same, and so does MariaDB, unless it is strict. What the
// primary said before can tell only who begins to look.
func (j *judge) strays(m *Member) {
	primary := j.next.Member(j.next.Primary)
	if primary == nil || !primary.alive() || len(j.prev.Members) > 0 && !primary.seen.Began.After(m.seen.At) {
		if len(m.seen.Own) == 0 {
			m.errant.Set = nil
		}
		return
	}
	m.errant = gtid.Position{Set: m.seen.Own.Minus(primary.seen.Logged)}
	for _, g := range m.seen.History {
		if g.Server == m.ServerID && primary.neverHad(g) {
			m.errant.Domains = m.errant.Domains.With(g)
		}
	}
}

// neverHad reports whether a server of MariaDB's is known not to have a transaction: it has an earlier one of the same writer. One whose history
// does not name the writer, for it was made from a copy, may have it.
func (m *Member) neverHad(g gtid.GTID) bool {
	for _, h := range m.seen.History {
		if h.Domain == g.Domain && h.Server == g.Server {
			return h.Seq < g.Seq
		}
	}
	return false
}

func because(err string) string {
	if err == "" {
		return ""
	}
	return ": " + err
}

// state sets a member's state; Since is that of the state, not of the reason.
func (j *judge) state(m *Member, s State, reason string) {
	if m.State != s {
		m.Since = j.now
	}
	if s == Lagging && m.State != Lagging || s == Down {
		m.good = 0
	}
	m.State, m.Reason = s, reason
}
