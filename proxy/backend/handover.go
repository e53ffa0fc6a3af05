package backend

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/heddle-mesh/heddle/proxy/wire"
)

// Apply makes the connection what st wants: at most one COM_INIT_DB and one SET, and neither if nothing differs. need
// says what the statement depends on beside schema and session variables.
//
// An ERR (*sqlerr.Error) means that the server refuses the schema or a value; what the connection then has is not
// known, and it is not lent again. An *Error of Apply is always SafeToRetry: the statement itself was not sent.
func (l *Lease) Apply(ctx context.Context, st *State, need Need) error {
	c := l.conn
	if need&NeedDistinctID != 0 && (!c.lastKnown || st.gives == nil || st.gives.MayGive(c.lastID)) {
		need |= NeedLastInsertID
	}
	if c.lastKnown && c.lastID == st.lastID {
		need &^= NeedLastInsertID
	}
	defer c.statement(need)
	if c.applied.has(st, need) {
		return nil
	}
	if err := c.hand(ctx, st, need); err != nil {
		c.applied.forget()
		c.taint = "a state that could not be handed over"
		var e *Error
		if errors.As(err, &e) {
			return &Error{DataSource: e.DataSource, Op: "apply", Err: e.Err}
		}
		return err
	}
	return nil
}

func (c *Conn) hand(ctx context.Context, st *State, need Need) error {
	c.applying = true
	defer func() { c.applying = false }()
	if st.schema != "" && st.schema != c.applied.schema {
		if err := c.InitDB(ctx, st.schema); err != nil {
			return err
		}
	}
	var small [256]byte
	set := c.applied.difference(small[:0], st, need)
	if need&NeedLastInsertID != 0 {
		set = assign(set, "last_insert_id", strconv.FormatUint(st.lastID, 10))
	}
	if len(set) > 0 {
		if err := c.Send(ctx, wire.ComQuery, []byte("SET "), set); err != nil {
			return err
		}
		if _, err := c.drain(nil); err != nil {
			return err
		}
	}
	c.adopt(st, need)
	if need&NeedLastInsertID != 0 {
		c.lastID, c.lastKnown = st.lastID, true
	}
	return nil
}

// statement has the connection forget what its server's LAST_INSERT_ID() is, unless the statement to come keeps it.
func (c *Conn) statement(need Need) {
	c.lastWas = c.lastKnown
	c.lastKnown = c.lastKnown && need&KeepsLastInsertID != 0
}

// Generated records what the server's LAST_INSERT_ID() is after the last statement.
func (l *Lease) Generated(id uint64) { l.conn.lastID, l.conn.lastKnown = id, true }

// LastInsertIDBefore is what the server's LAST_INSERT_ID() was before the last statement, if that was known.
func (l *Lease) LastInsertIDBefore() (id uint64, known bool) { return l.conn.lastID, l.conn.lastWas }

// GeneratedNone records that the last statement has left the server's LAST_INSERT_ID() as it was.
func (l *Lease) GeneratedNone() { l.conn.lastKnown = l.conn.lastWas }

func (c *Conn) adopt(st *State, need Need) {
	c.applied.adopt(st, need)
	for name := range stickyVars {
		if _, ok := st.vars[name]; ok {
			c.taint = "the variable " + name + ", which cannot be set back"
		}
	}
}

// Has reports whether the connection has a value of its own for a session variable, other than it had at its login.
func (l *Lease) Has(name string) bool {
	_, has := l.conn.applied.vars[newName(lower(name))]
	return has
}

// Adopt records that the connection has come to have what st says through a statement of the session itself, such as
// a SET that was sent to it: without this the next hand-over would undo or repeat it. The user variables are meant
// only if need says so.
func (l *Lease) Adopt(st *State, need Need) { l.conn.adopt(st, need) }

// Doubt records that the connection may have any values of session variables and user variables: the next hand-over sets what its
// State says.
func (l *Lease) Doubt(vars, user []string) {
	a := &l.conn.applied
	for _, name := range vars {
		a.vars[newName(lower(name))] = doubtful
	}
	for _, name := range user {
		a.user[lower(name)] = doubtful
	}
	a.dialect = dialectOf(a.vars)
	a.forget()
}

// doubtful is no value: it differs from all.
const doubtful = "\x00"

// noteVar records a session variable's value as the server reports it. If that is news, the next hand-over compares
// everything and sets it to what the next session wants.
func (a *applied) noteVar(name, value string) {
	name = newName(name)
	if have, ok := a.vars[name]; ok && sameValue(have, value) {
		return
	}
	literal := "'" + strings.ReplaceAll(strings.ReplaceAll(value, `\`, `\\`), "'", "''") + "'"
	if value == "" && name == "character_set_results" {
		literal = "NULL"
	}
	a.vars[name] = literal
	a.dialect = dialectOf(a.vars)
	a.forget()
}

// sameValue compares the text of a SET with a value that the server reports.
func sameValue(literal, value string) bool {
	if n := len(literal); n >= 2 && literal[0] == '\'' && literal[n-1] == '\'' {
		literal = literal[1 : n-1]
	}
	if strings.EqualFold(literal, value) {
		return true
	}
	on := literal == "1" || strings.EqualFold(literal, "TRUE")
	off := literal == "0" || strings.EqualFold(literal, "FALSE")
	return on && value == "ON" || off && value == "OFF"
}
