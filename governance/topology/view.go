package topology

import (
	"time"

	"github.com/heddle-mesh/heddle/internal/gtid"
)

// Server is one of a data source's servers, as the rules declare it. The first of a list is the primary unless another is
// found to be.
type Server struct {
	Address string
	Zone    string
	Weight  int
	Order   Order
	Barred  bool // it is about to be made the primary, and must not be taken for it before that is told
}

// Order is what an operator has said of a server: Drained or Disabled, with the reason and since when; Unknown: nothing.
type Order struct {
	State  State
	Reason string
	Since  time.Time
}

// Observation is what one question to a server came to.
type Observation struct {
	Address string
	Began   time.Time // when it was asked
	At      time.Time // when the answer, or none, was there

	Err     string // why there was no answer; "": there was
	Refused bool   // nobody listens there: it is gone for certain
	Denied  string // it answers and may not be asked, or is none of those that are understood; why. "": it was

	ServerID uint32
	UUID     gtid.UUID // of MySQL, and of one of MySQL's servers alone
	ReadOnly bool
	SemiSync bool          // it waits for replicas, or tells its primary what it has
	Written  gtid.Position // of MySQL all that it has, whoever wrote it
	Applied  gtid.Position // as a replica: what it has of its primary; of MySQL the same as Written
	// Received is what it got from others, as far as that is known: of MySQL what others have numbered.
	Received gtid.Position
	// Logged and Own are of MySQL: Written with what is being committed, which replicas may have before, and what the server has
	// numbered itself.
	Logged, Own gtid.Set
	// History has, of MariaDB, the last transaction of each server that wrote one in each domain, as far as the binary log tells:
	// sequences of two servers that went on apart say nothing of each other. MySQL's sets say it themselves.
	History []gtid.GTID

	// Follows says that it is set up to replicate; the rest is of that.
	Follows      bool
	SourceID     uint32 // server_id of the other; 0: it was never reached
	Source       string // address of the other, as the server knows it
	Connected    bool   // the IO thread has a connection
	Fetches      bool   // the IO thread runs
	Applies      bool   // the SQL thread runs
	Behind       time.Duration
	BehindKnown  bool
	ReplicaError string
	Filter       string // a setting by which it leaves out a part of what it gets; "": it leaves out nothing
}

func (o *Observation) answered() bool { return o.Err == "" && o.Denied == "" }

// State is what a server may be used for.
type State uint8

// The states.
const (
	Unknown  State = iota // not asked yet
	Up                    // the primary: gets writes; a replica: may be read
	Lagging               // too far behind, or at a standstill
	Down                  // it does not answer, or follows nobody of the data source
	Drained               // by an operator, until what runs has ended
	Disabled              // by an operator
	Fenced                // it could take writes that would be lost, or has some already: it gets none
)

var stateNames = [...]string{"unknown", "up", "lagging", "down", "drained", "disabled", "fenced"}

// String is the state as tables print it.
func (s State) String() string { return stateNames[s] }

// Member is what is concluded of one server.
type Member struct {
	Server
	Primary  bool
	State    State
	Reason   string    // of the state; "" for Up
	Since    time.Time // of the state
	Lag      time.Duration
	LagKnown bool
	GTID     gtid.Position // as a replica what it has applied, else what it has written
	ServerID uint32
	ReadOnly bool
	SemiSync bool

	seen      Observation // the last that was an answer
	last      time.Time   // when the last question ended, with or without an answer
	failing   time.Time   // since when there are none; zero: it answers
	why       string      // there are none
	refused   bool        // nobody listens there
	gone      bool        // for good, as far as can be told
	denied    string
	good      int  // answers in a row by which it might come back
	left      bool // it was the primary, and another has taken its place since
	behind    bool // it lacks what others have: once seen, until the contrary is
	behindWho string
	errant    gtid.Position // what a server has written itself and the primary lacks
}

// View is what is concluded of a data source.
type View struct {
	DataSource string
	At         time.Time
	Primary    string // address; "": no server gets writes now
	Why        string // there is none
	Refused    bool   // there is none though one would take writes: whoever holds connections must let go of them
	Since      time.Time
	Alarm      string // what somebody has to see to; "": nothing
	Members    []Member

	last  string // the primary that was, while there is none
	trail []step // how far the primary has come when, oldest first
	open  bool   // who is to be the primary will be known when one that takes writes has been asked once more
}

// step is the primary's position at a time.
type step struct {
	at  time.Time
	pos gtid.Position
}

// Member finds a server; nil: it is none of the data source.
func (v *View) Member(address string) *Member {
	for i := range v.Members {
		if v.Members[i].Address == address {
			return &v.Members[i]
		}
	}
	return nil
}

// SilentFor is for how long a server has not answered, at the time of the View; 0: it answers, or nobody listens there.
func (m *Member) SilentFor(v *View) time.Duration {
	if m.failing.IsZero() || m.refused {
		return 0
	}
	return v.At.Sub(m.failing)
}

// PrimaryPosition is what the primary had written when it was asked last, and when that question began. Both zero: there is
// no primary that answers.
func (v *View) PrimaryPosition() (gtid.Position, time.Time) {
	m := v.Member(v.Primary)
	if m == nil || !m.failing.IsZero() || m.denied != "" {
		return gtid.Position{}, time.Time{}
	}
	return m.seen.Written, m.seen.Began
}

// Asked is when the last question to a server began that it has answered; zero: none.
func (v *View) Asked(address string) time.Time {
	switch m := v.Member(address); {
	case m == nil:
		return time.Time{}
	case m.denied != "":
		return m.last
	default:
		return m.seen.Began
	}
}

// Policy is what Judge goes by.
type Policy struct {
	MaxLag    time.Duration // beyond which a replica is not read; 0: however late it is
	DownAfter time.Duration // how long a server may be silent
	Returns   int           // answers in a row after which a replica is read again
}

// WithDefaults fills in what is not said.
func (p Policy) WithDefaults() Policy {
	if p.DownAfter <= 0 {
		p.DownAfter = time.Second
	}
	if p.Returns <= 0 {
		p.Returns = 3
	}
	return p
}

// Last is the primary that was, while there is none.
func (v *View) Last() string { return v.last }
