package session

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/exec"
	"github.com/heddle-mesh/heddle/proxy/merge"
	"github.com/heddle-mesh/heddle/proxy/wire"
)

// Drivers begin each connection with the same few statements: SET NAMES, SET sql_mode=CONCAT(@@sql_mode, …), a SELECT of
// twenty variables. What those do or answer depends on their text and on what the session has set, and on nothing else.
// So a server is asked once, and what it did is remembered for all sessions: a login needs no connection to a server, and
// is not refused where the pools are empty. Rejected: knowing the rules of each variable, which would be a server's again.

// settings are the session variables of which a SET is remembered and whose values are. What a server takes from elsewhere
// than from a SET (timestamp, last_insert_id) is not among them.
var settings = wordSet(`autocommit auto_increment_increment auto_increment_offset character_set_client character_set_connection
	character_set_results collation_connection foreign_key_checks group_concat_max_len innodb_lock_wait_timeout
	interactive_timeout lock_wait_timeout max_execution_time max_statement_time net_read_timeout net_write_timeout
	session_track_schema session_track_state_change session_track_system_variables session_track_transaction_info
	sql_auto_is_null sql_mode sql_notes sql_safe_updates sql_select_limit time_zone transaction_isolation
	transaction_read_only tx_isolation tx_read_only unique_checks wait_timeout`)

// constants are variables that only a server's operator changes, whose values are remembered too.
var constants = wordSet(`character_set_server collation_server init_connect license lower_case_table_names max_allowed_packet
	performance_schema query_cache_size query_cache_type system_time_zone version version_comment`)

// settledCalls are the functions that may be called beside them.
var settledCalls = wordSet(`COALESCE CONCAT CONCAT_WS FIND_IN_SET IF IFNULL INSTR LOCATE LOWER NULLIF REPLACE TRIM UPPER
	CURRENT_USER DATABASE SCHEMA SESSION_USER SYSTEM_USER USER VERSION`)

func wordSet(words string) map[string]bool {
	out := map[string]bool{}
	for word := range strings.FieldsSeq(words) {
		out[word] = true
	}
	return out
}

const (
	// maxSettled bounds how many statements are remembered, maxSettledText their length in bytes.
	maxSettled     = 1024
	maxSettledText = 2048
	// settledFor is how long what is remembered is used before one session asks a server again: an operator may have
	// changed what servers start their sessions with.
	settledFor = time.Minute
)

// effect is what a server did.
type effect struct {
	columns []sqltypes.Column // of a SELECT
	rows    []sqltypes.Row
	vars    map[string]string // after a SET: all that the session has set
	asIs    bool              // it has warnings: it is run each time
}

// settled is what is remembered.
type settled struct {
	mu   sync.Mutex // guards what follows
	outs map[string]*datedEffect
}

type datedEffect struct {
	effect
	asked time.Time
}

// recall finds an effect. due: the caller is to ask a server again, and nobody else meanwhile.
func (m *settled) recall(key string) (out *effect, due bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o := m.outs[key]
	if o == nil {
		return nil, true
	}
	if time.Since(o.asked) < settledFor {
		return &o.effect, false
	}
	o.asked = time.Now()
	return &o.effect, true
}

func (m *settled) remember(key string, o effect) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.outs == nil {
		m.outs = map[string]*datedEffect{}
	}
	for old := range m.outs {
		if len(m.outs) < maxSettled || m.outs[key] != nil {
			break
		}
		delete(m.outs, old)
	}
	m.outs[key] = &datedEffect{effect: o, asked: time.Now()}
}

// forget is for whoever changes what servers start their sessions with.
func (m *settled) forget() {
	m.mu.Lock()
	clear(m.outs)
	m.mu.Unlock()
}

// settles reports whether a statement reads and sets nothing but settings.
func settles(st *parser.Statement) bool {
	const reads = parser.UseSysVar | parser.UseDatabase | parser.UseCurrentUser | parser.UseVersion
	if len(st.Text) > maxSettledText || len(st.Tables) > 0 || st.Params > 0 || st.Uses.Bits&^reads != 0 {
		return false
	}
	switch st.Kind {
	case parser.Select:
		if st.Uses.Bits == 0 {
			return false
		}
	case parser.Set:
		for i := range st.Set {
			if !settling(&st.Set[i]) {
				return false
			}
		}
	case parser.SetTransaction:
	default:
		return false
	}
	for _, at := range st.Uses.At {
		if at.Use == parser.UseSysVar && !settings[at.Name] && !(constants[at.Name] && st.Kind == parser.Select) {
			return false
		}
	}
	for i, t := range st.Tokens {
		if t.Is("GLOBAL") || t.Is("INTO") || t.Is("PROCEDURE") || t.Is("DEFAULT") || t.Is("(") && (i == 0 || !settledCalls[st.Tokens[i-1].Word]) {
			return false
		}
	}
	return true
}

func settling(a *parser.Assignment) bool {
	switch a.Scope {
	case parser.ScopeNames:
		return true
	case parser.ScopeSession, parser.ScopeLocal:
		return settings[a.Name]
	case parser.ScopeOnce:
		return settings[a.Name] && !keptOut[a.Name] || a.Name == "autocommit" // the others are the next transaction's
	}
	return false
}

// settledKey is all that the effect of a text depends on; "" where it is not to be remembered.
func (s *Session) settledKey(st *parser.Statement, text, dataSource string) string {
	// A connection that the session holds, and one on which a program has run, may differ from what the session has set.
	if !settles(st) || len(s.held) > 0 || s.txn != nil || s.strayed || s.asksTracked(st) {
		return ""
	}
	var b strings.Builder
	b.WriteString(strconv.Itoa(int(s.flags)))
	b.WriteByte(0)
	b.WriteString(dataSource)
	for _, part := range [...]string{s.db, s.who.Client()} {
		b.WriteByte(0)
		if st.Uses.Has(parser.UseDatabase | parser.UseCurrentUser) {
			b.WriteString(part)
		}
	}
	if st.Uses.Has(parser.UseSysVar) {
		b.WriteString(s.settingsKey())
	}
	vars := maps.Collect(s.state.Vars())
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		b.WriteByte(0)
		b.WriteString(name)
		b.WriteByte('=')
		b.WriteString(vars[name])
	}
	b.WriteByte(0)
	b.WriteString(text)
	return b.String()
}

// runSettled answers a SELECT of settings; done is false where it is to be run as any other.
func (s *Session) runSettled(ctx context.Context, x *execution) (done bool, err error) {
	if x.form != exec.TextRows || x.labels != nil || x.using != "" || s.wide != nil {
		return false, nil
	}
	dataSource, _, err := s.home()
	if err != nil {
		return false, nil
	}
	for _, at := range x.st.parsed.Uses.At {
		if at.Use == parser.UseDatabase && !s.substituted(x.st.parsed, at) { // its server knows
			return false, nil
		}
	}
	key := s.settledKey(x.st.parsed, string(x.args.text), dataSource)
	if key == "" {
		return false, nil
	}
	out, due := s.srv.settled.recall(key)
	if due {
		fresh, err := s.askSettled(ctx, x)
		switch {
		case err == nil:
			out = &fresh
			s.srv.settled.remember(key, fresh)
		case out == nil || !noConnection(err):
			return false, nil // whoever runs it will say why
		}
	}
	if out.asIs {
		return false, nil
	}
	return true, s.writeRows(ctx, merge.NewRows(out.columns, out.rows), x.form, func() *wire.OK { return &wire.OK{} })
}

// noConnection reports whether a data source could not lend a connection.
func noConnection(err error) bool {
	e := sqlerr.As(err)
	return e != nil && e.Code == sqlerr.CodeConnectToForeign
}

// askSettled has a server answer a SELECT of settings.
func (s *Session) askSettled(ctx context.Context, x *execution) (effect, error) {
	text := x.args.text
	if s.substitutes(x.st.parsed) {
		inner, err := s.answered(ctx, x)
		if err != nil {
			return effect{}, err
		}
		text = inner.args.text
	}
	h, done, err := s.borrowHome(ctx, 0)
	if err != nil {
		return effect{}, err
	}
	defer done()
	answer, err := exec.Start(ctx, h.lease.Conn(), &exec.Unit{SQL: text})
	if err == nil {
		_, err = answer.Begin()
	}
	var out effect
	if err == nil {
		out.columns, err = answer.ReadColumns()
	}
	for err == nil {
		var row sqltypes.Row
		if row, err = answer.Next(ctx); err == nil {
			out.rows = append(out.rows, copied(row))
		}
	}
	if !isEOF(err) {
		return effect{}, err
	}
	out.asIs = answer.OK.Warnings > 0
	return out, nil
}

// copied is a row that stays.
func copied(row sqltypes.Row) sqltypes.Row {
	out := make(sqltypes.Row, len(row))
	for i, cell := range row {
		out[i] = bytes.Clone(cell)
	}
	return out
}

// resettle does again what a SET has done before.
func (s *Session) resettle(ctx context.Context, st *parser.Statement, out *effect) error {
	for name := range maps.Collect(s.state.Vars()) {
		if _, kept := out.vars[name]; !kept {
			s.state.UnsetVar(name)
		}
	}
	for name, literal := range out.vars {
		s.state.SetVar(name, literal)
	}
	_, off := out.vars["autocommit"]
	s.autocommit = !off
	s.modeChanged()
	return s.respond(s.trackSet(ctx, nil, st))
}
