package topology

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/internal/gtid"
)

// Judge concludes from the newest observation of each server, in any order, what is so now. prev is what was concluded before;
// its zero value is nothing. It is not changed, and nothing of it is shared with the result but what never changes.
func Judge(prev View, servers []Server, seen []Observation, policy Policy, now time.Time) View {
	j := judge{prev: &prev, policy: policy.WithDefaults(), now: now}
	j.next = View{DataSource: prev.DataSource, At: now, Since: prev.Since, last: prev.last, trail: prev.trail}
	j.next.Members = make([]Member, len(servers))
	for i, s := range servers {
		m := &j.next.Members[i]
		if was := prev.Member(s.Address); was != nil {
			*m = *was
		} else {
			m.Since = now
		}
		m.Server = s
		for k := range seen {
			if seen[k].Address == s.Address {
				j.observe(m, &seen[k])
			}
		}
	}
	j.elect()
	j.walk()
	for i := range j.next.Members {
		j.conclude(&j.next.Members[i])
	}
	return j.next
}

type judge struct {
	prev   *View
	next   View
	policy Policy
	now    time.Time
	alarms []string
}

// observe takes one observation into what is known of a server.
func (j *judge) observe(m *Member, o *Observation) {
	if o.At.Equal(m.last) {
		return // it was judged before
	}
	m.last = o.At
	m.denied = o.Denied
	switch {
	case o.Err != "":
		if m.failing.IsZero() {
			m.failing = o.Began
		}
		m.why, m.good = o.Err, 0
		m.refused = o.Refused
		m.gone = m.gone || o.Refused || o.At.Sub(m.failing) >= j.policy.DownAfter
	default:
		m.failing, m.gone, m.refused, m.why = time.Time{}, false, false, ""
		m.good++
		if o.Denied == "" {
			m.seen = *o
			m.ServerID, m.ReadOnly, m.SemiSync = o.ServerID, o.ReadOnly, o.SemiSync
		}
	}
}

// alive reports whether a server has answered, as far as is known, and said who it is.
func (m *Member) alive() bool { return !m.gone && m.denied == "" && !m.seen.At.IsZero() }

// silent: it does not answer, and that may be over in a moment.
func (m *Member) silent() bool { return !m.failing.IsZero() && !m.gone }

// source is the member that a server follows; nil: none, or none of the data source.
func (j *judge) source(m *Member) *Member {
	if !m.seen.Follows {
		return nil
	}
	for i := range j.next.Members {
		s := &j.next.Members[i]
		known := m.seen.SourceID != 0 && s.ServerID != 0 // else one of them was never reached
		if s != m && (known && s.ServerID == m.seen.SourceID || !known && s.Address == m.seen.Source) {
			return s
		}
	}
	return nil
}

// root is the member at the head of the chain in which a server follows; nil: it follows nobody, or a circle.
func (j *judge) root(m *Member) *Member {
	at := j.source(m)
	for range j.next.Members {
		if at == nil {
			return nil
		}
		above := j.source(at)
		if above == nil || at.Address == j.next.Primary {
			return at
		}
		at = above
	}
	return nil
}

// followers are the servers that answer and are set up to follow m.
func (j *judge) followers(m *Member) (n int) {
	for i := range j.next.Members {
		if f := &j.next.Members[i]; f.alive() && j.source(f) == m {
			n++
		}
	}
	return n
}

// elect decides who gets writes.
func (j *judge) elect() {
	v := &j.next
	if len(v.Members) == 0 {
		return
	}
	incumbent := v.Member(j.incumbent())
	if incumbent == nil {
		incumbent = &v.Members[0]
	}
	if incumbent.denied != "" { // nothing is known: as if nobody asked
		j.alarm("%s cannot be asked about replication: %s", incumbent.Address, incumbent.denied)
		j.install(incumbent)
		return
	}
	if incumbent.silent() || incumbent.seen.At.IsZero() && !incumbent.gone {
		j.keep(incumbent) // it may answer in a moment
		return
	}
	contenders := j.contenders(incumbent)
	switch len(contenders) {
	case 0:
		j.refuse(j.absence(incumbent), false)
	case 1:
		j.single(contenders[0], incumbent)
	default:
		j.several(contenders, incumbent)
	}
}

// keep leaves everything as it is until more is known.
func (j *judge) keep(incumbent *Member) {
	if j.prev.Primary != "" || len(j.prev.Members) == 0 {
		j.install(incumbent)
	} else {
		j.refuse(j.prev.Why, j.prev.Refused)
	}
}

// incumbent is who had the writes last.
func (j *judge) incumbent() string {
	if j.prev.Primary != "" {
		return j.prev.Primary
	}
	return j.prev.last
}

// contenders are the servers that take writes and follow nobody of the data source. One that was primary before the incumbent
// lacks, if it is let back, what was written since: unless it is shown to have all that, it is none. One that has never
// seen a transaction is being set up.
func (j *judge) contenders(incumbent *Member) (out []*Member) {
	for i := range j.next.Members {
		m := &j.next.Members[i]
		if !m.alive() || m.silent() || m.ReadOnly || m.Barred {
			continue
		}
		if s := j.source(m); s != nil && (m.seen.Fetches || m.seen.Applies || !s.gone && !s.ReadOnly || j.followers(m) == 0) {
			continue
		}
		if m.left && (incumbent.alive() || !m.has(j.latest())) {
			continue
		}
		if m.seen.Written.IsZero() && m.seen.Applied.IsZero() && m != incumbent && !j.latest().pos.IsZero() {
			continue
		}
		out = append(out, m)
	}
	return out
}

func (j *judge) latest() step {
	if n := len(j.next.trail); n > 0 {
		return j.next.trail[n-1]
	}
	return step{}
}

// has reports whether a server has all of a position, by what it wrote or what it applied. Where its history knows who wrote a
// transaction, that is decisive; else it is taken to have what stands before what it has applied. A set says it itself.
func (m *Member) has(s step) bool {
	return m.seen.Logged.Covers(s.pos.Set) &&
		!slices.ContainsFunc(s.pos.Domains, func(g gtid.GTID) bool { return !m.hasOne(g) })
}

func (m *Member) hasOne(g gtid.GTID) bool {
	for _, a := range m.seen.Applied.Domains {
		if a.Domain == g.Domain && a.Server == g.Server && a.Seq >= g.Seq {
			return true
		}
	}
	for _, h := range m.seen.History {
		if h.Domain == g.Domain && h.Server == g.Server {
			return h.Seq >= g.Seq
		}
	}
	return m.seen.Applied.Domains.Covers(gtid.Domains{g})
}

// absence says why there is no contender.
func (j *judge) absence(incumbent *Member) string {
	switch {
	case incumbent.gone:
		return fmt.Sprintf("the primary %s is down (%s), and no other server takes writes", incumbent.Address, incumbent.why)
	case incumbent.ReadOnly:
		return fmt.Sprintf("the primary %s is read-only, and no other server takes writes", incumbent.Address)
	case incumbent.left:
		return fmt.Sprintf("%s takes writes, but lacks what its successor had", incumbent.Address)
	}
	return fmt.Sprintf("%s follows %s, and no other server takes writes", incumbent.Address, incumbent.seen.Source)
}

// single decides where one server alone would be the primary.
func (j *judge) single(m, incumbent *Member) {
	if m != incumbent {
		for i := range j.next.Members {
			other := &j.next.Members[i]
			follows := j.root(other) == m
			if other == m || other == incumbent || !other.alive() || !other.seen.Follows || follows && !m.seen.Began.After(other.seen.At) {
				continue
			}
			if !m.has(step{pos: other.seen.Received}) {
				j.alarm("%s takes writes but lacks transactions that %s has: promoting it would lose them", m.Address, other.Address)
				j.refuse(fmt.Sprintf("%s lacks transactions that %s has", m.Address, other.Address), true)
				return
			}
		}
		j.install(m)
		return
	}
	if to := j.deserted(m); to != "" {
		j.alarm("the replicas of %s have left it for %s", m.Address, to)
		j.refuse(fmt.Sprintf("the replicas of %s have left it for %s", m.Address, to), true)
		return
	}
	if j.lacks(m); m.behind {
		j.alarm("%s lacks transactions that its replica %s has", m.Address, m.behindWho)
		j.refuse(fmt.Sprintf("%s lacks transactions that its replica %s has", m.Address, m.behindWho), true)
		return
	}
	j.install(m)
}

// deserted says whom the replicas of m follow now, if none follows m any more and at least one another; "" else. Those that have
// yet to leave the one that was primary before m have not left m.
func (j *judge) deserted(m *Member) string {
	to := ""
	for i := range j.next.Members {
		f := &j.next.Members[i]
		if f == m || !f.alive() || !f.seen.Follows || !f.seen.Connected {
			continue
		}
		root := j.root(f)
		if root == m {
			return ""
		}
		if root != nil && (root.left || root.Barred) {
			continue
		}
		if to = f.seen.Source; root != nil {
			to = root.Address
		}
	}
	return to
}

// lacks notes whether a primary is behind a server that follows it, which must not be: it was restored, or has lost what it
// had not flushed. Only what it said after the other can tell.
func (j *judge) lacks(m *Member) {
	for i := range j.next.Members {
		f := &j.next.Members[i]
		if f == m || !f.alive() || !f.seen.Follows || j.root(f) != m || !m.seen.Began.After(f.seen.At) {
			continue
		}
		switch covers := m.has(step{pos: f.seen.Received}); {
		case !covers:
			m.behind, m.behindWho = true, f.Address
		case m.behindWho == f.Address:
			m.behind, m.behindWho = false, ""
		}
	}
}

// several decides between servers that all take writes and do not follow each other. Whom others follow counts first, then who
// has all that the rest has. Where neither tells, none gets any.
func (j *judge) several(contenders []*Member, incumbent *Member) {
	winner := j.followed(contenders)
	if winner == nil {
		winner = j.ahead(contenders, incumbent)
	}
	if winner != nil && winner != incumbent && incumbent.alive() && !incumbent.ReadOnly && !winner.has(step{pos: incumbent.seen.Written}) {
		winner = nil // what the incumbent has alone would be lost
	}
	if winner != nil && winner != incumbent && incumbent.alive() && !incumbent.ReadOnly && !incumbent.seen.Began.After(winner.seen.At) {
		if len(j.prev.Members) == 0 { // nobody has had the writes here yet: being declared is no ground to begin with one that others have left
			j.refuse(fmt.Sprintf("%s take writes, and what %s has written is not known yet", addresses(contenders), incumbent.Address), true)
		} else {
			j.keep(incumbent) // what it has written since it was asked is not known
		}
		j.next.open = j.next.Primary == ""
		return
	}
	if winner == nil {
		names := addresses(contenders)
		j.alarm("two primaries: %s all take writes, and none has all that the others have", names)
		j.refuse("two primaries: "+names, true)
		for _, c := range contenders {
			j.state(c, Fenced, "another server takes writes too")
		}
		return
	}
	for _, c := range contenders {
		if c != winner {
			j.alarm("%s takes writes beside the primary %s", c.Address, winner.Address)
		}
	}
	j.install(winner)
}

// followed is the one contender that others follow; nil: none, or several.
func (j *judge) followed(contenders []*Member) (one *Member) {
	for _, c := range contenders {
		if j.followers(c) > 0 {
			if one != nil {
				return nil
			}
			one = c
		}
	}
	return one
}

// ahead is the contender that has all that the others have; of equals the incumbent. Nil: there is none, or the incumbent is
// no contender, so that nobody knows who was meant.
func (j *judge) ahead(contenders []*Member, incumbent *Member) (one *Member) {
	if !slices.Contains(contenders, incumbent) {
		return nil
	}
	for _, c := range contenders {
		all := true
		for _, other := range contenders {
			all = all && c.has(step{pos: other.seen.Written})
		}
		if all && (one == nil || c == incumbent) {
			one = c
		}
	}
	return one
}

func addresses(members []*Member) string {
	names := make([]string, len(members))
	for i, m := range members {
		names[i] = m.Address
	}
	return strings.Join(names, " and ")
}

func (j *judge) alarm(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(j.alarms, text) {
		j.alarms = append(j.alarms, text)
	}
	j.next.Alarm = strings.Join(j.alarms, "; ")
}

// install makes a server the primary.
func (j *judge) install(m *Member) {
	v := &j.next
	if j.prev.Primary != m.Address {
		v.Since = j.now
	}
	if was := v.Member(j.incumbent()); was != nil && was != m {
		was.left = true
		v.trail = nil // another's positions say nothing of what this one has yet to write
	}
	v.Primary, v.Why, v.Refused, v.last = m.Address, "", false, ""
	m.left = false
}

// refuse leaves the data source without a primary.
func (j *judge) refuse(why string, refused bool) {
	v := &j.next
	if j.prev.Primary != "" || j.prev.Why == "" {
		v.Since = j.now
	}
	v.Primary, v.Why, v.Refused, v.last = "", why, refused, j.incumbent()
	if v.last == "" {
		v.last = v.Members[0].Address
	}
}
