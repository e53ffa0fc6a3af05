// Package journal keeps what became of DDL over several shards. DDL commits by itself and on each shard alone, so it can
// be done on some and not on others; an entry says where, and holds all that is needed to finish it.
//
// It runs no statement and knows no server: proxy/session writes entries, sidecar/ops resumes them. Its level: governance,
// above store, layout and durable.
package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"
)

// Status is what is known of a statement on one target.
type Status string

// The statuses. Pending is also what an entry says whose writer died: whether it was sent is then not known.
const (
	Pending Status = "pending" // not answered, as far as the journal knows
	Done    Status = "done"
	Failed  Status = "failed"  // the server refused it, or it was never sent: it has had no effect there
	Unknown Status = "unknown" // the connection was lost before the answer: it may have had its effect
)

// Text is a statement as its client sent it, in the client's charset. JSON holds it as a string where it is UTF-8.
type Text string

// MarshalJSON implements json.Marshaler.
func (t Text) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(t)) {
		return marshal(string(t))
	}
	return marshal(struct {
		Base64 []byte `json:"base64"`
	}{[]byte(t)})
}

// UnmarshalJSON implements json.Unmarshaler.
func (t *Text) UnmarshalJSON(data []byte) error {
	var plain string
	if err := json.Unmarshal(data, &plain); err == nil {
		*t = Text(plain)
		return nil
	}
	var coded struct {
		Base64 []byte `json:"base64"`
	}
	if err := json.Unmarshal(data, &coded); err != nil {
		return err
	}
	*t = Text(coded.Base64)
	return nil
}

// Name is a logical table.
type Name struct {
	Database string `json:"database"`
	Table    string `json:"table"`
}

// Outcome is what is known of one target.
type Outcome struct {
	Status  Status    `json:"status"`
	Code    uint16    `json:"code,omitempty"` // of Failed and Unknown
	State   string    `json:"state,omitempty"`
	Message string    `json:"message,omitempty"`
	Time    time.Time `json:"time,omitzero"`
}

// Target is one place where the statement runs.
type Target struct {
	Shard      string `json:"shard,omitempty"`
	DataSource string `json:"data_source"`
	Schema     string `json:"schema"` // that the connection is in
	Tables     []Name `json:"tables"` // the actual ones, in the order of Entry.Tables
	Text       int    `json:"text"`   // index in Entry.Texts
	Before     string `json:"before,omitempty"`
	Outcome
}

// Where names the target to people.
func (t *Target) Where() string {
	if t.Shard != "" {
		return t.Shard
	}
	return t.DataSource
}

// Entry is one statement.
type Entry struct {
	ID        string    `json:"id"`
	Database  string    `json:"database"` // the client's, logical
	Tables    []Name    `json:"tables"`   // that the statement changes
	Statement Text      `json:"statement"`
	Account   string    `json:"account"`
	Instance  string    `json:"instance"`
	Started   time.Time `json:"started"`
	Ended     time.Time `json:"ended,omitzero"` // when its client was answered; zero: not yet, or its instance died
	Settled   *Settled  `json:"settled,omitempty"`

	// Destroys says that the statement takes rows away and leaves the definition as it is, as TRUNCATE does: by looking
	// nobody can tell whether it was done, and to run it again takes away what was written since.
	Destroys bool `json:"destroys,omitempty"`

	// What the statement was run with, as SQL that sets it.
	Vars     map[string]string `json:"vars,omitempty"`
	UserVars map[string]string `json:"user_vars,omitempty"`
	Texts    []Text            `json:"texts"` // as the servers get it
	Targets  []Target          `json:"targets"`

	// Damaged says why the record cannot be read; all but ID is empty then.
	Damaged string `json:"damaged,omitempty"`
}

// Settled says that somebody has taken an entry off the list by hand.
type Settled struct {
	By   string    `json:"by"`
	Why  string    `json:"why,omitempty"`
	Time time.Time `json:"time"`
}

// The states of an entry.
const (
	StateRunning    = "running"    // not answered: it runs, or its instance died
	StateUnfinished = "unfinished" // done on some targets, or perhaps, and not on all
	StateDone       = "done"
	StateFailed     = "failed" // on every target: nothing was changed
	StateSettled    = "settled"
	StateDamaged    = "damaged" // nobody can say what it was
)

// State is what the targets come to.
func (e *Entry) State() string {
	count := map[Status]int{}
	for i := range e.Targets {
		count[e.Targets[i].Status]++
	}
	switch {
	case e.Damaged != "":
		return StateDamaged
	case e.Settled != nil:
		return StateSettled
	case count[Done] == len(e.Targets):
		return StateDone
	case e.Ended.IsZero():
		return StateRunning
	case count[Failed] == len(e.Targets):
		return StateFailed
	}
	return StateUnfinished
}

// Finished reports whether nothing is left to do.
func (e *Entry) Finished() bool {
	s := e.State()
	return s == StateDone || s == StateFailed || s == StateSettled
}

// Concerns reports whether the entry changes a logical table.
func (e *Entry) Concerns(n Name) bool { return slices.Contains(e.Tables, n) }

// Count is how many targets have a status.
func (e *Entry) Count(s Status) int {
	n := 0
	for i := range e.Targets {
		if e.Targets[i].Status == s {
			n++
		}
	}
	return n
}

// apply takes note of outcomes by target. What is done stays done.
func (e *Entry) apply(outcomes map[int]Outcome) error {
	for i, o := range outcomes {
		if i < 0 || i >= len(e.Targets) {
			return fmt.Errorf("the entry has no target %d", i)
		}
		if e.Targets[i].Status != Done {
			e.Targets[i].Outcome = o
		}
	}
	return nil
}

// Decode reads a record.
func Decode(data []byte) (Entry, error) {
	var e Entry
	if err := json.Unmarshal(data, &e); err != nil {
		return e, fmt.Errorf("DDL journal: %w", err)
	}
	if e.ID == "" || len(e.Targets) == 0 {
		return e, errors.New("DDL journal: an entry without id or targets")
	}
	for i := range e.Targets {
		if n := e.Targets[i].Text; n < 0 || n >= len(e.Texts) {
			return e, fmt.Errorf("DDL journal: entry %s has no text %d", e.ID, n)
		}
	}
	return e, nil
}
