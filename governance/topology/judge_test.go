package topology

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/internal/gtid"
)

// The servers of the tests are a, b and c, with the server_ids 1, 2 and 3. A step is what all of them say, each as words:
// rw or ro; gtid=… written; of=b: follows b; has=…: applied; io=no, sql=no, io=connecting; late=5s; or gone, silent, denied.
var three = []Server{{Address: "a"}, {Address: "b"}, {Address: "c"}}

const gap = 250 * time.Millisecond

// story runs steps from nothing, one gap apart.
type story struct {
	t    *testing.T
	sets bool // the servers are MySQL's
	view View
	now  time.Time
	seen []Observation
}

func newStory(t *testing.T) *story {
	return &story{t: t, now: time.Unix(1_000_000, 0)}
}

func (s *story) observe(address, text string, began time.Time) (o Observation) {
	ids := map[string]uint32{"a": 1, "b": 2, "c": 3}
	o = Observation{Address: address, Began: began, At: began.Add(time.Millisecond), ServerID: ids[address]}
	if s.sets {
		defer s.asMySQL(&o)
	}
	position := func(v string) gtid.Position {
		p, err := gtid.Parse(v)
		if err != nil {
			s.t.Fatal(err)
		}
		return p
	}
	for word := range strings.FieldsSeq(text) {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "rw":
		case "ro":
			o.ReadOnly = true
		case "gtid":
			o.Written = position(value)
		case "has":
			o.Applied = position(value)
		case "wrote": // more than is the last of a domain
			for one := range strings.SplitSeq(value, ",") {
				g, _ := gtid.ParseOne(one)
				o.History = append(o.History, g)
			}
		case "begun": // by a primary of MySQL's, and not committed yet: a's number 10, for one
			var n uint64
			_, _ = fmt.Sscan(value, &n)
			o.Logged = gtid.Set{{UUID: uuid(o.ServerID), Intervals: []gtid.Interval{{From: n, To: n}}}}
		case "of":
			o.Follows, o.Source, o.SourceID, o.Connected, o.Fetches, o.Applies = true, value, ids[value], true, true, true
			o.BehindKnown = true
		case "io":
			o.Connected, o.Fetches = false, value != "no"
			o.BehindKnown = false
		case "sql":
			o.Applies, o.BehindKnown = false, false
		case "filter":
			o.Filter = "Replicate_Do_DB=" + value
		case "late":
			o.Behind, _ = time.ParseDuration(value)
		case "gone":
			o.Err, o.Refused, o.ServerID = "connection refused", true, 0
		case "silent":
			o.Err = "no answer"
		case "denied":
			o.Denied = "access denied"
		default:
			s.t.Fatalf("what is %q", word)
		}
	}
	o.History = append(append(o.History, o.Written.Domains...), o.Applied.Domains...)
	o.receivedOfDomains()
	return o
}

// asMySQL makes of what a server of MariaDB's says what one of MySQL's would say that has been through the same: its set has all
// transactions before those that are told, of which the first nine are a's.
func (s *story) asMySQL(o *Observation) {
	var executed gtid.Set
	for _, g := range o.History {
		first := uint64(1)
		if g.Server != 1 && g.Domain == 0 {
			executed = executed.Merge(gtid.Set{{UUID: uuid(1), Intervals: []gtid.Interval{{From: 1, To: 9}}}})
			first = 10
		}
		tag := []string{"", "other"}[g.Domain]
		executed = executed.Merge(gtid.Set{{UUID: uuid(g.Server), Tag: tag, Intervals: []gtid.Interval{{From: first, To: max(first, g.Seq)}}}})
	}
	o.Written, o.Applied, o.Received, o.History = gtid.Position{}, gtid.Position{}, gtid.Position{}, nil
	o.UUID = uuid(o.ServerID)
	o.setOf(executed, o.Logged)
}

func uuid(server uint32) (u gtid.UUID) {
	u[15] = byte(server)
	return u
}

// step has the servers say what lines tell, one after the other.
func (s *story) step(lines ...string) {
	first := s.seen == nil
	if first {
		s.seen = make([]Observation, len(lines))
	}
	for i, line := range lines {
		s.seen[i] = s.observe(three[i].Address, line, s.now.Add(time.Duration(10*i)*time.Millisecond))
		if !first || i == len(lines)-1 {
			s.view = Judge(s.view, three[:len(lines)], s.seen, Policy{MaxLag: 4 * time.Second}, s.seen[i].At)
		}
	}
	s.now = s.now.Add(gap)
}

func (s *story) summary() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:", s.view.Primary)
	for _, m := range s.view.Members {
		fmt.Fprintf(&b, " %s", m.State)
	}
	if s.view.Refused {
		b.WriteString(" refused")
	}
	if s.view.Alarm != "" {
		b.WriteString(" alarm")
	}
	if s.view.open {
		b.WriteString(" open")
	}
	return b.String()
}

// expect compares "primary: states [refused] [alarm] [open]".
func (s *story) expect(want string) {
	s.t.Helper()
	if got := s.summary(); got != want {
		s.t.Errorf("got  %s\nwant %s\nwhy %q, alarm %q, members %v", got, want, s.view.Why, s.view.Alarm, reasons(s.view))
	}
}

func reasons(v View) (out []string) {
	for _, m := range v.Members {
		out = append(out, m.Address+": "+m.Reason)
	}
	return out
}

// TestJudge: each line of a case is a step; "=> …" is what is expected after the steps before it.
func TestJudge(t *testing.T) {
	const well = "rw gtid=0-1-9 | ro gtid=0-1-9 of=a has=0-1-9 | ro of=a has=0-1-9"
	for name, text := range map[string]string{
		"as declared": well + `
			=> a: up up up`,
		"another than declared": `ro of=b has=0-2-9 | rw gtid=0-2-9 | ro of=b has=0-2-9
			=> b: up up up`,
		"who begins to look beside two that take writes takes neither before it knows": `rw gtid=0-1-9 | rw gtid=0-2-12 wrote=0-1-9 | ro of=b has=0-2-12
			=> : fenced fenced down refused open
			rw gtid=0-1-9 | rw gtid=0-2-12 wrote=0-1-9 | ro of=b has=0-2-12
			=> b: fenced up down alarm`,
		"replicas that take writes are replicas": `rw gtid=0-1-9 | rw of=a has=0-1-9 | rw of=a has=0-1-9
			=> a: up up up`,
		"a replica dies and comes back": well + `
			rw gtid=0-1-9 | gone | ro of=a has=0-1-9
			=> a: up down up
			rw gtid=0-1-9 | ro of=a has=0-1-9 | ro of=a has=0-1-9
			rw gtid=0-1-9 | ro of=a has=0-1-9 | ro of=a has=0-1-9
			=> a: up down up
			rw gtid=0-1-9 | ro of=a has=0-1-9 | ro of=a has=0-1-9
			=> a: up up up`,
		"silence is not the end at once": well + `
			rw gtid=0-1-9 | silent | ro of=a has=0-1-9
			=> a: up up up
			rw gtid=0-1-9 | silent | ro of=a has=0-1-9
			rw gtid=0-1-9 | silent | ro of=a has=0-1-9
			rw gtid=0-1-9 | silent | ro of=a has=0-1-9
			rw gtid=0-1-9 | silent | ro of=a has=0-1-9
			=> a: up down up`,
		"a silent primary keeps the writes for a moment": well + `
			silent | ro of=a has=0-1-9 | ro of=a has=0-1-9
			=> a: up up up
			rw gtid=0-1-9 | ro of=a has=0-1-9 | ro of=a has=0-1-9
			=> a: up up up`,
		"a dead primary, nobody promoted: replicas are read": well + `
			gone | ro of=a has=0-1-9 io=connecting | ro of=a has=0-1-9 io=connecting
			=> : down up up
			rw gtid=0-1-9 | ro of=a has=0-1-9 | ro of=a has=0-1-9
			=> a: up up up`,
		"begun while the primary is dead": `gone | ro of=a has=0-1-9 io=connecting | ro of=a has=0-1-9 io=connecting
			=> : down up up`,
		"a dead primary, one promoted, the other re-pointed later": well + `
			gone | ro of=a has=0-1-9 io=connecting | ro of=a has=0-1-9 io=connecting
			gone | rw gtid=0-1-9 has=0-1-9 | ro of=a has=0-1-9 io=connecting
			=> b: down up down
			gone | rw gtid=0-2-10 | ro of=b has=0-2-10
			gone | rw gtid=0-2-10 | ro of=b has=0-2-10
			gone | rw gtid=0-2-10 | ro of=b has=0-2-10
			=> b: down up up`,
		"promoted without RESET SLAVE, the other follows": well + `
			gone | rw gtid=0-1-9 of=a has=0-1-9 io=no sql=no | ro of=b has=0-1-9
			=> b: down up up`,
		"stopped threads alone promote nobody": well + `
			gone | rw gtid=0-1-9 of=a has=0-1-9 io=no sql=no | ro of=a has=0-1-9 io=connecting
			=> : down lagging up`,
		"one is promoted that lacks what the other has": well + `
			gone | rw gtid=0-1-8 has=0-1-8 | ro of=a has=0-1-9 io=connecting
			=> : down fenced up refused alarm`,
		"a switch that was planned": well + `
			ro gtid=0-1-9 | ro of=a has=0-1-9 | ro of=a has=0-1-9
			=> : down up up
			ro gtid=0-1-9 | rw gtid=0-1-9 has=0-1-9 | ro of=a has=0-1-9
			=> b: down up down
			ro of=b has=0-1-9 | rw gtid=0-2-10 has=0-1-9 | ro of=b has=0-2-10
			ro of=b has=0-2-10 | rw gtid=0-2-10 has=0-1-9 | ro of=b has=0-2-10
			ro of=b has=0-2-10 | rw gtid=0-2-10 has=0-1-9 | ro of=b has=0-2-10
			=> b: up up up`,
		"the dead primary comes back as if nothing was": well + `
			gone | ro of=a has=0-1-9 io=connecting | ro of=a has=0-1-9 io=connecting
			gone | rw gtid=0-1-9 has=0-1-9 | ro of=b has=0-1-9
			rw gtid=0-1-9 | rw gtid=0-2-10 has=0-1-9 | ro of=b has=0-2-10
			=> b: fenced up down alarm
			rw gtid=0-1-12 | rw gtid=0-2-10 has=0-1-9 | ro of=b has=0-2-10
			=> b: fenced up up alarm
			rw gtid=0-1-12 | gone | ro of=b has=0-2-10 io=connecting
			=> : fenced down up
			rw gtid=0-1-9 | gone | ro of=b has=0-2-10 io=connecting
			=> : fenced down up`,
		"left by its replicas, which follow one that takes writes": well + `
			rw gtid=0-1-9 | rw gtid=0-1-9 has=0-1-9 | ro of=b has=0-1-9
			rw gtid=0-1-9 | rw gtid=0-1-9 has=0-1-9 | ro of=b has=0-1-9
			=> b: fenced up down alarm`,
		"left by its replicas with what they do not have": well + `
			rw gtid=0-1-11 | rw gtid=0-2-12 wrote=0-1-9 has=0-1-9 | ro of=b has=0-2-12
			=> : fenced fenced down refused alarm`,
		"left by its replicas for one that takes no writes": well + `
			rw gtid=0-1-9 | ro gtid=0-1-9 has=0-1-9 | ro of=b has=0-1-9
			=> : fenced down down refused alarm`,
		"a replica that was let go is no rival": well + `
			rw gtid=0-1-10 | rw gtid=0-1-9 has=0-1-9 | ro of=a has=0-1-10
			=> a: up fenced up alarm`,
		"a server that is being set up is no rival": `rw gtid=0-1-9 | rw | ro of=a has=0-1-9
			rw gtid=0-1-9 | rw | ro of=a has=0-1-9
			=> a: up fenced up`,
		"two servers, the replica let go": `rw gtid=0-1-9 | ro of=a has=0-1-9
			rw gtid=0-1-9 | rw gtid=0-1-9 has=0-1-9
			=> a: up fenced alarm`,
		"two servers, the other goes on": `rw gtid=0-1-9 | ro of=a has=0-1-9
			rw gtid=0-1-9 | rw gtid=0-2-10 has=0-1-9
			=> a: up fenced
			rw gtid=0-1-9 | rw gtid=0-2-10 has=0-1-9
			=> b: fenced up alarm`,
		"two servers, both go on": `rw gtid=0-1-9 | ro of=a has=0-1-9
			rw gtid=0-1-10,1-1-1 | rw gtid=0-2-11 has=0-1-9
			=> : fenced fenced refused alarm`,
		"two promoted at once": well + `
			gone | rw gtid=0-1-9 has=0-1-9 | rw gtid=0-1-9 has=0-1-9
			=> b: down up fenced alarm
			gone | rw gtid=0-2-10 has=0-1-9 | rw gtid=0-3-10 has=0-1-9
			=> : down fenced fenced refused alarm`,
		"a primary that has lost what its replica has": well + `
			gone | ro of=a has=0-1-9 io=connecting | ro of=a has=0-1-9 io=connecting
			rw gtid=0-1-7 | ro of=a has=0-1-9 | ro of=a has=0-1-9
			rw gtid=0-1-7 | ro of=a has=0-1-9 | ro of=a has=0-1-9
			=> : fenced up up refused alarm`,
		"behind Seconds_Behind_Master, and back": well + `
			rw gtid=0-1-9 | ro of=a has=0-1-9 late=5s | ro of=a has=0-1-9
			=> a: up lagging up
			rw gtid=0-1-9 | ro of=a has=0-1-9 late=3s | ro of=a has=0-1-9
			rw gtid=0-1-9 | ro of=a has=0-1-9 late=3s | ro of=a has=0-1-9
			rw gtid=0-1-9 | ro of=a has=0-1-9 late=3s | ro of=a has=0-1-9
			rw gtid=0-1-9 | ro of=a has=0-1-9 late=3s | ro of=a has=0-1-9
			=> a: up lagging up
			rw gtid=0-1-9 | ro of=a has=0-1-9 late=2s | ro of=a has=0-1-9
			rw gtid=0-1-9 | ro of=a has=0-1-9 late=2s | ro of=a has=0-1-9
			rw gtid=0-1-9 | ro of=a has=0-1-9 late=2s | ro of=a has=0-1-9
			=> a: up up up`,
		"stopped, started": well + `
			rw gtid=0-1-9 | ro of=a has=0-1-9 sql=no | ro of=a has=0-1-9 io=no
			=> a: up lagging lagging`,
		"a replica that leaves out a part": `rw gtid=0-1-9 | ro of=a has=0-1-9 filter=x | ro of=a has=0-1-9
			=> a: up down up`,
		"nothing may be asked": `denied | denied | denied
			=> a: up down down alarm`,
		"a replica may not be asked": `rw gtid=0-1-9 | denied | ro of=a has=0-1-9
			=> a: up down up`,
	} {
		for family, sets := range map[string]bool{"MariaDB": false, "MySQL": true} {
			t.Run(family+"/"+name, func(t *testing.T) { newStory(t).tell(text, sets) })
		}
	}
}

// tell runs the steps of a case.
func (s *story) tell(text string, sets bool) {
	s.t.Helper()
	s.sets = sets
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(line)
		if want, ok := strings.CutPrefix(line, "=> "); ok {
			s.expect(want)
			continue
		}
		parts := strings.Split(line, "|")
		for i := range parts {
			parts[i] = strings.TrimSpace(parts[i])
		}
		s.step(parts...)
	}
}

// TestWroteAlone: what a server of MariaDB's wrote and its primary never had is shown by nobody, and says nothing against the primary.
func TestWroteAlone(t *testing.T) {
	const after = `rw gtid=0-1-9 | ro of=a has=0-1-9 | ro of=a has=0-1-9
		gone | ro of=a has=0-1-9 io=connecting | ro of=a has=0-1-9 io=connecting
		gone | rw gtid=0-1-9 has=0-1-9 | ro of=b has=0-1-9
		gone | rw gtid=0-2-10 wrote=0-1-9 has=0-1-9 | ro of=b has=0-2-10
		`
	for name, text := range map[string]string{
		"begins to follow behind it": after + `
			ro gtid=0-1-12 of=b has=0-1-12 io=no | rw gtid=0-2-10 wrote=0-1-9 has=0-1-9 | ro of=b has=0-2-10
			ro gtid=0-1-12 of=b has=0-1-12 io=no | rw gtid=0-2-10 wrote=0-1-9 has=0-1-9 | ro of=b has=0-2-10
			=> b: fenced up up alarm`,
		"goes on without strict mode": after + `
			ro of=b gtid=0-2-10 has=0-2-10 wrote=0-1-12 | rw gtid=0-2-10 wrote=0-1-9 | ro of=b has=0-2-10
			ro of=b gtid=0-2-10 has=0-2-10 wrote=0-1-12 | rw gtid=0-2-10 wrote=0-1-9 | ro of=b has=0-2-10
			=> b: fenced up up alarm`,
		"and has been made anew": after + `
			ro of=b gtid=0-2-10 has=0-2-10 wrote=0-1-12 | rw gtid=0-2-10 wrote=0-1-9 | ro of=b has=0-2-10
			ro of=b gtid=0-2-10 has=0-2-10 | rw gtid=0-2-10 wrote=0-1-9 | ro of=b has=0-2-10
			ro of=b gtid=0-2-10 has=0-2-10 | rw gtid=0-2-10 wrote=0-1-9 | ro of=b has=0-2-10
			ro of=b gtid=0-2-10 has=0-2-10 | rw gtid=0-2-10 wrote=0-1-9 | ro of=b has=0-2-10
			=> b: up up up`,
		"what the primary has of it": after + `
			ro of=b gtid=0-2-10 has=0-2-10 wrote=0-1-9 | rw gtid=0-2-10 wrote=0-1-9 | ro of=b has=0-2-10
			ro of=b gtid=0-2-10 has=0-2-10 wrote=0-1-9 | rw gtid=0-2-10 wrote=0-1-9 | ro of=b has=0-2-10
			ro of=b gtid=0-2-10 has=0-2-10 wrote=0-1-9 | rw gtid=0-2-10 wrote=0-1-9 | ro of=b has=0-2-10
			=> b: up up up`,
		"of a primary that has no history nothing is known": after + `
			ro of=b gtid=0-2-10 has=0-2-10 wrote=0-1-12 | rw gtid=0-2-10 | ro of=b has=0-2-10
			ro of=b gtid=0-2-10 has=0-2-10 wrote=0-1-12 | rw gtid=0-2-10 | ro of=b has=0-2-10
			ro of=b gtid=0-2-10 has=0-2-10 wrote=0-1-12 | rw gtid=0-2-10 | ro of=b has=0-2-10
			=> b: up up up`,
	} {
		t.Run(name, func(t *testing.T) { newStory(t).tell(text, false) })
	}
}

// TestJudgeOfMySQL: what MySQL's replication lets happen, and MariaDB's does not.
func TestJudgeOfMySQL(t *testing.T) {
	const well = "rw gtid=0-1-9 | ro of=a has=0-1-9 | ro of=a has=0-1-9"
	for name, text := range map[string]string{
		"a replica has written, until the primary has that too": well + `
			rw gtid=0-1-9 | ro of=a has=0-1-9 wrote=0-2-10 | ro of=a has=0-1-9
			=> a: up up up
			rw gtid=0-1-9 | ro of=a has=0-1-9 wrote=0-2-10 | ro of=a has=0-1-9
			=> a: up fenced up alarm
			rw gtid=0-1-9 wrote=0-2-10 | ro of=a has=0-1-9 wrote=0-2-10 | ro of=a has=0-1-9
			rw gtid=0-1-9 wrote=0-2-10 | ro of=a has=0-1-9 wrote=0-2-10 | ro of=a has=0-1-9
			=> a: up up up`,
		"who begins to look sees at once that a replica has written": `rw gtid=0-1-9 | ro of=a has=0-1-9 wrote=0-2-10 | ro of=a has=0-1-9
			=> a: up fenced up alarm`,
		"a replica that has written stays fenced while its primary is dead": well + `
			rw gtid=0-1-9 | ro of=a has=0-1-9 wrote=0-2-10 | ro of=a has=0-1-9
			rw gtid=0-1-9 | ro of=a has=0-1-9 wrote=0-2-10 | ro of=a has=0-1-9
			gone | ro of=a has=0-1-9 wrote=0-2-10 io=connecting | ro of=a has=0-1-9 io=connecting
			=> : down fenced up alarm`,
		"a primary that was killed follows its successor, which has not all it had": well + `
			gone | ro of=a has=0-1-9 io=connecting | ro of=a has=0-1-9 io=connecting
			gone | rw has=0-1-9 | ro of=b has=0-1-9
			ro of=b has=0-2-10 wrote=0-1-12 | rw gtid=0-2-10 | ro of=b has=0-2-10
			ro of=b has=0-2-10 wrote=0-1-12 | rw gtid=0-2-10 | ro of=b has=0-2-10
			=> b: fenced up up alarm`,
		"a primary that was killed follows its successor, which has all": well + `
			gone | ro of=a has=0-1-9 io=connecting | ro of=a has=0-1-9 io=connecting
			gone | rw has=0-1-9 | ro of=b has=0-1-9
			ro of=b has=0-2-10 | rw gtid=0-2-10 | ro of=b has=0-2-10
			ro of=b has=0-2-10 | rw gtid=0-2-10 | ro of=b has=0-2-10
			ro of=b has=0-2-10 | rw gtid=0-2-10 | ro of=b has=0-2-10
			=> b: up up up`,
		"a replica has what its primary is still committing": well + `
			rw gtid=0-1-9 begun=10 | ro of=a has=0-1-10 | ro of=a has=0-1-10
			rw gtid=0-1-9 begun=10 | ro of=a has=0-1-10 | ro of=a has=0-1-10
			=> a: up up up`,
		"a replica lacks one in the middle": well + `
			rw gtid=0-1-12 | ro of=a has=0-1-9 | ro of=a has=0-1-12
			gone | rw has=0-1-9 | ro of=a has=0-1-12 io=connecting
			=> : down fenced up refused alarm`,
	} {
		t.Run(name, func(t *testing.T) { newStory(t).tell(text, true) })
	}
}

// TestReadsWhatMySQLSays: @@gtid_owned says who owns what.
func TestReadsWhatMySQLSays(t *testing.T) {
	var o Observation
	const a, b = "3e11fa47-71ca-11e1-9e33-c80aa9429562", "4e11fa47-71ca-11e1-9e33-c80aa9429562"
	if err := o.bySet(a, a+":6#12:8#7,\n"+b+":t:1#3", a+":1-5,\n"+b+":1-3"); err != nil {
		t.Fatal(err)
	}
	for got, want := range map[string]string{
		o.Written.String(): a + ":1-5," + b + ":1-3", o.Logged.String(): a + ":1-6:8," + b + ":1-3:t:1", o.Own.String(): a + ":1-5", o.Received.String(): b + ":1-3",
	} {
		if got != want {
			t.Errorf("read as %s, want %s", got, want)
		}
	}
}

func TestOlderThan(t *testing.T) {
	for version, older := range map[string]bool{"5.7.44": true, "8.0.25-0ubuntu": true, "8.0.26": false, "8.0.100": false, "8.4.3": false, "9.7.4": false, "10.1": false} {
		if olderThan(version, oldest) != older {
			t.Errorf("%s is older than %s: %v", version, oldest, !older)
		}
	}
}

// TestLagByGTID: the IO thread hangs, so that the server says that it is not late at all.
func TestLagByGTID(t *testing.T) {
	s := newStory(t)
	s.step("rw gtid=0-1-9", "ro of=a has=0-1-9")
	for i := range 20 {
		s.step(fmt.Sprintf("rw gtid=0-1-%d", 10+i), "ro of=a has=0-1-9")
	}
	s.expect("a: up lagging")
	if lag := s.view.Members[1].Lag; lag < 4*time.Second || lag > 5*time.Second {
		t.Errorf("it is %v behind", lag)
	}
	if s.view.Members[1].Reason != "is more than 4s behind" {
		t.Errorf("reason %q", s.view.Members[1].Reason)
	}
	since := s.view.Members[1].Since
	s.view.Members[1].Reason = "does not apply what it gets" // and now it does, too late
	s.step("rw gtid=0-1-29", "ro of=a has=0-1-9")
	if s.view.Members[1].Reason != "is more than 4s behind" {
		t.Errorf("reason %q", s.view.Members[1].Reason)
	}
	s.step("rw gtid=0-1-29", "ro of=a has=0-1-29")
	s.step("rw gtid=0-1-29", "ro of=a has=0-1-29")
	s.expect("a: up lagging")
	if !s.view.Members[1].Since.Equal(since) {
		t.Error("the state began anew")
	}
	s.step("rw gtid=0-1-29", "ro of=a has=0-1-29")
	s.expect("a: up up")
}

// TestJudgeChangesNothing: the View before is as it was.
func TestJudgeChangesNothing(t *testing.T) {
	s := newStory(t)
	s.step("rw gtid=0-1-9", "ro of=a has=0-1-9")
	before := s.view
	text := fmt.Sprintf("%+v", before)
	for i := range 5 {
		s.step(fmt.Sprintf("rw gtid=0-1-%d", 10+i), "gone")
	}
	if now := fmt.Sprintf("%+v", before); now != text {
		t.Errorf("was %s\nis  %s", text, now)
	}
}

// TestOrder: what an operator says of a server goes over what is seen, but for who gets writes.
func TestOrder(t *testing.T) {
	s := newStory(t)
	s.step("rw gtid=0-1-9", "ro gtid=0-1-9 of=a has=0-1-9", "ro of=a has=0-1-9")
	since := s.now
	servers := []Server{{Address: "a"}, {Address: "b", Order: Order{State: Drained, Reason: "by ann", Since: since}}, {Address: "c"}}
	judge := func(want string) {
		t.Helper()
		s.view = Judge(s.view, servers, s.seen, Policy{}, s.now)
		s.expect(want)
	}
	judge("a: up drained up")
	if m := s.view.Member("b"); m.Reason != "by ann" || !m.Since.Equal(since) {
		t.Errorf("b is %+v", m)
	}
	s.seen[1] = s.observe("b", "gone", s.now)
	judge("a: up drained up")
	if m := s.view.Member("b"); !strings.Contains(m.Reason, "by ann; it does not answer") {
		t.Errorf("the reason is %q", m.Reason)
	}
	s.seen[1] = s.observe("b", "ro gtid=0-1-9 of=a has=0-1-9", s.now.Add(gap))
	servers[1].Order = Order{}
	judge("a: up up up")
	servers[0].Order.State = Disabled
	judge("a: up up up alarm")
}
