package session

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// Session tracking: a client that asks for it is told in OK packets what has changed in its session. What it is told are the
// session's own database and variables. What servers tell Heddle of their sessions is never passed on: their schemas are not
// the client's, and settings are set on them at other times than the client sets them. Nor are the client's session_track_*
// variables given to them (backend.Tracks).

// tracking is what a client wants to be told, and what it has not been told yet. Statements that change nothing leave it alone.
type tracking struct {
	all, schema, state bool              // variables "*", session_track_schema, session_track_state_change
	names              map[string]string // variables in lower case, and as they are told of

	// changed: the statement under way has changed something. The OK of such a statement tells all there is to tell, and no
	// other does, as on servers: what an ERR or an EOF could not say waits for the next change.
	changed  bool
	database bool
	anything bool // of the session's state
	began    bool // or ended, a transaction: tx has changed
	tx       string
	vars     []trackedVar
	buf      []byte
}

// trackedVar is a variable's value as SHOW VARIABLES prints it.
type trackedVar struct{ name, value string }

// trackingSwitches are those of the client's session_track_* variables that are on or off.
var trackingSwitches = wordSet("session_track_schema session_track_state_change")

const trackedVariables = "session_track_system_variables"

// plainVars are variables whose text is the same in @@name and SHOW VARIABLES, so that the session has it from what it knows.
var plainVars = wordSet(`character_set_client character_set_connection character_set_results collation_connection sql_mode
	time_zone transaction_isolation tx_isolation`)

// switchText is a value of one of them as SQL: a variable of the same type that has it on connections, where there is one.
func (s *Session) switchText(value, written string) string {
	for name := range trackingSwitches {
		if s.srv.Initial.Tracking[name] == value {
			return "IF(TRUE, @@" + name + ", NULL)"
		}
	}
	if value == "ON" {
		return "IF(TRUE, 1, " + written + ")"
	}
	return "IF(TRUE, 0, " + written + ")"
}

// LoginTrack is what the OK of a login into a database tells; "": none.
func (i *Initial) LoginTrack(database string) []byte {
	if database == "" || i.Tracking["session_track_schema"] != "ON" {
		return nil
	}
	return wire.AppendSessionChange(nil, wire.SessionChange{Kind: wire.ChangeSchema, Value: []byte(database)})
}

func onOff(on bool) string {
	if on {
		return "ON"
	}
	return "OFF"
}

func (s *Session) tracks() bool { return s.client.Caps.Has(wire.CapSessionTrack) }

// trackingSetting is a session_track_* variable as SHOW VARIABLES prints it, if the servers have it.
func (s *Session) trackingSetting(name string) (value string, ok bool) {
	value, ok = s.srv.Initial.Tracking[name]
	if literal, set := s.state.Var(name); ok && set {
		if value = plainText(literal); trackingSwitches[name] {
			value = onOff(value == "1")
		}
	}
	return value, ok
}

// wishes reads what the client wants to be told.
func (s *Session) wishes(name string) {
	if !s.tracks() {
		return
	}
	t := &s.tracking
	value, _ := s.trackingSetting(name)
	switch name {
	case "session_track_schema":
		t.schema = value == "ON"
	case "session_track_state_change":
		t.state = value == "ON"
	case trackedVariables:
		t.names, t.all = map[string]string{}, false
		for name := range strings.SplitSeq(value, ",") {
			name = strings.TrimSpace(name)
			t.names[strings.ToLower(name)] = name // which MySQL has as it was written
			t.all = t.all || name == "*"
		}
	}
}

// untold forgets what is to be told and reads anew what the client wants to be told.
func (s *Session) untold() {
	s.tracking = tracking{buf: s.tracking.buf}
	for _, name := range []string{"session_track_schema", "session_track_state_change", trackedVariables} {
		s.wishes(name)
	}
}

func (t *tracking) wants(variable string) bool { return t.all || t.names[variable] != "" }

// set notes a variable's value.
func (t *tracking) set(name, value string) {
	for i := range t.vars {
		if t.vars[i].name == name {
			t.vars[i].value = value
			return
		}
	}
	t.vars = append(t.vars, trackedVar{name, value})
}

// trackState notes that something of the session has changed.
func (s *Session) trackState() {
	if s.tracking.state {
		s.tracking.anything, s.tracking.changed = true, true
	}
}

// trackDatabase notes that the default database has been chosen, or lost.
func (s *Session) trackDatabase() {
	if s.tracking.schema {
		s.tracking.database, s.tracking.changed = true, true
	}
}

// The states of transactions that MySQL tells of whatever session_track_transaction_info says. What a transaction has read and written
// is told only to who asks for it.
const (
	txNone     = "________"
	txBegun    = "T_______"
	txSnapshot = "T_R_____"
)

// trackTransaction notes that a transaction has been begun in so many words, or that one has ended, since the client was last told.
func (s *Session) trackTransaction() {
	if s.srv.Flavour.MariaDB || !s.tracks() {
		return
	}
	state := txNone
	if s.txn != nil && !s.unseen && (s.xa == nil || s.xa.state == xa.ClientActive || s.xa.state == xa.ClientIdle) {
		switch o := s.txn.Options(); {
		case o.Snapshot:
			state = txSnapshot
		case !o.Implicit:
			state = txBegun
		}
	}
	if t := &s.tracking; state != cmp.Or(t.tx, txNone) {
		t.tx, t.began, t.changed = state, true, true
	}
}

// told is OK.Track of the statement under way, valid until the next.
func (s *Session) told() []byte {
	t := &s.tracking
	b := t.buf[:0]
	for _, v := range t.vars {
		if t.wants(v.name) {
			name := cmp.Or(t.names[v.name], v.name)
			b = wire.AppendSessionChange(b, wire.SessionChange{Kind: wire.ChangeVariable, Name: []byte(name), Value: []byte(v.value)})
		}
	}
	if t.database {
		b = wire.AppendSessionChange(b, wire.SessionChange{Kind: wire.ChangeSchema, Value: []byte(s.db)})
	}
	if t.anything {
		b = wire.AppendSessionChange(b, wire.SessionChange{Kind: wire.ChangeState, Value: []byte("1")})
	}
	if t.began {
		b = wire.AppendSessionChange(b, wire.SessionChange{Kind: wire.ChangeTxState, Value: []byte(t.tx)})
	}
	t.buf, t.vars = b, t.vars[:0]
	t.changed, t.database, t.anything, t.began = false, false, false, false
	return b
}

// trackSet notes what a SET has set, in its order: an assignment may change what is told of those behind it. h is the
// connection that has run it; nil where the session knows all values.
func (s *Session) trackSet(ctx context.Context, h *held, st *parser.Statement) error {
	if !s.tracks() {
		return nil
	}
	var names []string
	note := func(name string) {
		if s.tracking.wants(name) {
			names = append(names, name)
		}
	}
	for i := range st.Set {
		switch a := &st.Set[i]; a.Scope {
		case parser.ScopeUser:
			s.trackState()
		case parser.ScopeNames, parser.ScopeCharacterSet:
			s.trackState()
			for _, name := range []string{"character_set_client", "character_set_connection", "character_set_results"} {
				note(name)
			}
		case parser.ScopeSession, parser.ScopeLocal, parser.ScopeOnce:
			if s.wishes(a.Name); s.srv.Flavour.MariaDB || a.Name != "session_track_state_change" {
				s.trackState()
			}
			note(a.Name)
		}
	}
	if d := st.Txn; st.Kind == parser.SetTransaction && d != nil && d.Explicit {
		s.trackState()
		vars := transactionVars(s.srv.Flavour)
		if d.Isolation != "" {
			note(vars[0][2:])
		}
		if d.ReadOnly || d.ReadWrite {
			note(vars[1][2:])
		}
	}
	return s.trackVars(ctx, h, names)
}

// trackVars notes the values of variables.
func (s *Session) trackVars(ctx context.Context, h *held, names []string) error {
	var asked []string
	for _, name := range names {
		s.tracking.changed = true
		if value, ok := s.shownValue(name); ok {
			s.tracking.set(name, value)
		} else {
			asked = append(asked, name)
		}
	}
	if len(asked) == 0 {
		return nil
	}
	if h == nil {
		return sqlerr.Internal("a variable was set whose value the session does not know: " + strings.Join(asked, ", "))
	}
	values, err := s.shownValues(ctx, h, "", asked)
	for i, value := range values {
		s.tracking.set(asked[i], value)
	}
	return err
}

// shownValue is a variable's value as SHOW VARIABLES prints it, where the session knows it.
func (s *Session) shownValue(name string) (value string, ok bool) {
	if name == "autocommit" {
		return onOff(s.autocommit), true
	}
	if value, ok = s.ownVariable(name, false); ok {
		return value, true
	}
	literal, ok := s.state.Var(name)
	if !ok || !plainVars[name] {
		return "", false
	}
	if literal == "NULL" {
		return "", true
	}
	return plainText(literal), true
}

// shownValues has a server say the values of variables; prefix is that of a SET STATEMENT.
func (s *Session) shownValues(ctx context.Context, h *held, prefix string, names []string) ([]string, error) {
	table := "information_schema.SESSION_VARIABLES"
	if !s.srv.Flavour.MariaDB {
		table = "performance_schema.session_variables"
	}
	ask := prefix + "SELECT "
	for i, name := range names {
		if i > 0 {
			ask += ", "
		}
		ask += "(SELECT VARIABLE_VALUE FROM " + table + " WHERE VARIABLE_NAME = " + sqlString(name) + ")"
	}
	columns, rows, err := h.lease.Conn().QueryRows(ctx, ask+" LIMIT 1")
	if err != nil {
		return nil, err
	}
	if len(rows) != 1 || len(rows[0]) != len(names) {
		return nil, sqlerr.Internal("a question for the values of variables was not answered with one row of them")
	}
	values := make([]string, len(names))
	for i, cell := range rows[0] {
		if charset, _, ok := s.srv.collation(columns[i].Collation); ok {
			cell = wideCharsets[charset].narrow(cell)
		}
		values[i] = string(cell)
	}
	return values, nil
}

// trackStated notes the variables of a SET STATEMENT, for its own OK, until over: then they have their values of before again,
// which servers tell with the next change.
func (s *Session) trackStated(ctx context.Context, x *execution) (over func()) {
	over = func() {}
	if !s.tracks() {
		return over
	}
	text, err := s.interpolated(x)
	if err != nil {
		return over
	}
	st, err := parser.Parse(text, x.st.parsed.Mode)
	if err != nil {
		return over
	}
	s.trackState()
	var names []string
	for i := range st.PrefixSet {
		if name := st.PrefixSet[i].Name; s.tracking.wants(name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return over
	}
	stated, before, err := s.statedValues(ctx, text[:st.Prefix.End]+" ", names)
	if err != nil {
		return over // the statement fails by it too, and says why
	}
	for i, name := range names {
		s.tracking.set(name, stated[i])
	}
	s.tracking.changed = true
	return func() {
		for i, name := range names {
			s.tracking.set(name, before[i])
		}
	}
}

func (s *Session) statedValues(ctx context.Context, prefix string, names []string) (stated, before []string, err error) {
	h, done, err := s.borrowHome(ctx, backend.NeedUserVars)
	if err != nil {
		return nil, nil, err
	}
	defer done()
	if before, err = s.shownValues(ctx, h, "", names); err != nil {
		return nil, nil, err
	}
	for i, name := range names {
		if own, ok := s.shownValue(name); ok {
			before[i] = own
		}
	}
	defer h.lease.Conn().Passing()()
	stated, err = s.shownValues(ctx, h, prefix, names)
	return stated, before, err
}

// trackKind notes, of statements beside SET and USE, those by which servers say that a session's state has changed. It is not
// told of statements that fail.
func (s *Session) trackKind(x *execution) {
	st := x.st.parsed
	switch st.Kind {
	case parser.Prepare, parser.Deallocate, parser.DropTemporaryTable:
	case parser.CreateTemporaryTable:
		if slices.ContainsFunc(st.Tokens, func(t parser.Token) bool { return t.Is("SELECT") || t.Is("VALUES") }) {
			return
		}
	case parser.AlterTable, parser.CreateIndex, parser.DropIndex:
		if s.temporaryOf(st) == "" {
			return
		}
	default:
		if x.plan == nil || x.plan.Program == nil || len(x.plan.Program.Vars) == 0 {
			return
		}
	}
	s.trackState()
}

// mayTrack refuses what a client cannot be told.
func (s *Session) mayTrack(a *parser.Assignment, x *execution) error {
	if !s.tracks() || !backend.Tracks(a.Name) || a.Scope == parser.ScopeUser || a.Default {
		return nil
	}
	word := a.Word
	if a.Arg >= 0 {
		if v, err := x.args.Value(a.Arg); err == nil {
			word = string(v.AppendText(nil))
		}
	}
	switch {
	case a.Name == "session_track_transaction_info" || a.Name == "session_track_gtids":
		if word != "0" && !strings.EqualFold(word, "OFF") {
			return sqlerr.NotSupported("SET " + a.Name + " to anything but OFF")
		}
	case a.Name != trackedVariables:
	case strings.Contains(strings.ToLower(word), "last_gtid"):
		return sqlerr.NotSupported("session tracking of last_gtid, which each server has its own of")
	case s.srv.Flavour.MariaDB && s.srv.Initial.LogsBinary && strings.Contains(word, "*"):
		return sqlerr.NotSupported("session tracking of all variables, of which last_gtid is one that each server has its own of, where servers keep a binary log")
	case !s.srv.Flavour.MariaDB && (strings.Contains(word, "*") || strings.Contains(strings.ToLower(word), "statement_id")):
		return sqlerr.NotSupported("session tracking of statement_id, by which MySQL numbers statements, or of all variables, of which it is one")
	case !s.srv.Flavour.MariaDB && strings.EqualFold(word, "NULL"):
		return sqlerr.NotSupported("SET session_track_system_variables to NULL")
	}
	return nil
}

// asksTracked reports whether a SET sets variables of which a server has to be asked what the client is to be told.
func (s *Session) asksTracked(st *parser.Statement) bool {
	if !s.tracks() {
		return false
	}
	relists := false
	for i := range st.Set {
		relists = relists || st.Set[i].Name == trackedVariables
	}
	unknown := func(name string) bool {
		_, own := s.ownVariable(name, false)
		return !own && name != "autocommit" && !plainVars[name] && (relists || s.tracking.wants(name))
	}
	for i := range st.Set {
		if a := &st.Set[i]; a.Scope != parser.ScopeUser && a.Scope != parser.ScopeNames && a.Scope != parser.ScopeCharacterSet && unknown(a.Name) {
			return true
		}
	}
	return st.Kind == parser.SetTransaction && unknown(transactionVars(s.srv.Flavour)[1][2:])
}
