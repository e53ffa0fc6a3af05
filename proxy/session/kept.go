package session

import (
	"strconv"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/exec"
	"github.com/heddle-mesh/heddle/txn"
)

// keepsOf reports whether what is sent to a connection is kept with the transaction's decision, should a failover lose the branch.
func (s *Session) keepsOf(h *held) bool {
	return s.txn != nil && h != nil && h.branch && s.txn.KeepsStatements()
}

// keepStatement tells the transaction what is about to be sent to a branch and may write, where that is kept with the decision.
func (s *Session) keepStatement(x *execution, h *held, u *exec.Unit) {
	if !s.keepsOf(h) || changesNothing(x) {
		return
	}
	kept := txn.Statement{Schema: h.lease.Schema(), Settings: s.settingsOf(h), Once: s.settingsOnce(x), Unsafe: s.unrepeatable(x, h)}
	var whole bool
	if kept.Text, whole = s.inlined(u); !whole {
		kept.Unsafe = "its parameters cannot be written into its text"
	}
	s.txn.Sending(h, kept)
}

// inlined is a unit's text with its parameters as literals.
func (s *Session) inlined(u *exec.Unit) (string, bool) {
	if len(u.Params) == 0 {
		return string(u.SQL), true
	}
	var scan parser.Scan
	if err := scan.Scan(u.SQL, s.mode); err != nil || scan.Params != len(u.Params) {
		return string(u.SQL), false
	}
	values := make([]sqltypes.Value, len(u.Params))
	for i := range u.Params {
		values[i] = u.Params[i].Value
	}
	text, err := s.interpolate(&args{scan: &scan, text: u.SQL, params: values}, nil, nil)
	if err != nil {
		return string(u.SQL), false
	}
	return string(text), true
}

// stated is what a connection was last found to have, for as long as its session changes nothing.
type stated struct {
	conn     *backend.Conn
	version  uint64
	settings string
	set      map[string]bool // names of all that it has had
}

func (s *Session) settingsOf(h *held) string {
	k := h.stated
	if k == nil || k.conn != h.lease.Conn() {
		k = &stated{conn: h.lease.Conn(), set: map[string]bool{}}
		h.stated = k
	}
	if version := s.state.Version(); k.version != version {
		k.version, k.settings = version, h.lease.Settings(k.set)
	}
	return k.settings
}

// settingsOnce are the variables that a statement reads and that hold for it alone: its time, by the clock of this process, LAST_INSERT_ID() and user variables.
func (s *Session) settingsOnce(x *execution) string {
	var out []string
	if _, set := s.state.Var("timestamp"); !set {
		now := time.Now()
		out = append(out, "timestamp="+strconv.FormatInt(now.Unix(), 10)+"."+strconv.Itoa(1_000_000 + now.Nanosecond()/1000)[1:])
	}
	if x.need&backend.NeedLastInsertID != 0 {
		out = append(out, "last_insert_id="+strconv.FormatUint(s.diag.lastID, 10))
	}
	for _, at := range x.st.parsed.Uses.At {
		if at.Use != parser.UseUserVarRead && at.Use != parser.UseUserVarWrite {
			continue
		}
		value, set := s.state.UserVar(at.Name)
		if !set {
			value = "NULL"
		}
		out = append(out, "@`"+strings.ReplaceAll(at.Name, "`", "``")+"`="+value)
	}
	return strings.Join(out, ",")
}

// repeatable are the kinds of statements that can be run again: what runs a program may do anything.
var repeatable = map[parser.Kind]bool{parser.Insert: true, parser.Replace: true, parser.Update: true, parser.Delete: true}

// unsafeUses are what has another outcome each time, by the words that say so. They are, but for what the session has answered in the text, and for times, ids
// and user variables, which are kept, those that servers call unsafe for a binary log of statements.
var unsafeUses = []struct {
	use  parser.Feature
	says string
}{
	{parser.UseRand, "RAND()"}, {parser.UseUUID, "UUID()"}, {parser.UseSysdate, "SYSDATE()"}, {parser.UseSequence, "a sequence"},
	{parser.UseNonDeterministic, "a function that answers otherwise each time"}, {parser.UseLock, "a user lock"},
	{parser.UseUnknownFunction | parser.UseWordCall, "a stored function"}, {parser.UseSysVar, "a system variable"}, {parser.UseRowNum, "ROWNUM()"},
	{parser.UseSystemTime, "FOR SYSTEM_TIME"},
}

// unrepeatable is why a statement that is run again need not do the same; "": nothing is known that speaks against it.
func (s *Session) unrepeatable(x *execution, h *held) string {
	st := x.st.parsed
	if !repeatable[st.Kind] || st.Clauses == nil {
		return "only INSERT, REPLACE, UPDATE and DELETE are run again"
	}
	for _, u := range unsafeUses {
		if st.Uses.Has(u.use) {
			return "it uses " + u.says
		}
	}
	switch {
	case st.Uses.Has(parser.UseVersion) && s.srv.OwnVersion == "":
		return "it uses VERSION()"
	case st.Clauses.Returning.Present():
		return "it has RETURNING"
	case chooses(st):
		return "it has LIMIT, and which rows that leaves is not said"
	case len(h.temporary.names) > 0:
		return "its session had temporary tables"
	}
	return ""
}

// chooses reports whether a LIMIT or FETCH chooses among rows.
func chooses(st *parser.Statement) bool {
	for _, t := range st.Tokens {
		if t.Is("LIMIT") || t.Is("FETCH") {
			return true
		}
	}
	return false
}

// ran tells what the statement has done.
func (s *Session) ran(x *execution, h *held, a *exec.Answer) {
	if !s.keepsOf(h) {
		return
	}
	o := txn.Effect{Rows: int64(a.OK.AffectedRows), FirstID: a.OK.LastInsertID}
	st := x.st.parsed
	if st.Clauses != nil && st.Clauses.Source != nil && o.FirstID != 0 && o.Rows > 1 {
		o.Unsafe = "its AUTO_INCREMENT ids went to rows in an order that is not known"
	}
	if h.lease.Conn().Info().Flags&backend.FlagFoundRows != 0 { // the client wants to know how many were found, and what has changed is said beside it
		var info infoSum
		info.add(a.OK.Info)
		switch {
		case st.Kind == parser.Update && len(info.values) > 1 && info.names[0] == "Rows matched":
			o.Rows = int64(info.values[1])
		case st.Kind == parser.Update, st.Clauses != nil && st.Clauses.OnDup.Present():
			o.Rows = -1
		}
	}
	s.txn.Ran(h, o)
}

// refused tells of an error by which a server has undone a statement. Of a program it undoes the last statement only.
func (s *Session) refused(x *execution, h *held, err error) {
	if s.keepsOf(h) && sqlerr.As(err) != nil && repeatable[x.st.parsed.Kind] && !h.lease.Conn().Broken() {
		s.txn.Refused(h)
	}
}
