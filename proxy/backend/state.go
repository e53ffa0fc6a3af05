package backend

import (
	"iter"
	"maps"
	"strings"
)

// Need says which parts of a State a statement depends on beside the schema and the session variables, which are
// always handed over.
type Need uint8

// The parts.
const (
	NeedUserVars     Need = 1 << iota // the statement reads or writes @variables
	NeedLastInsertID                  // the statement reads LAST_INSERT_ID()
	// NeedDistinctID: the statement may store ids that came with their rows. Its answer tells of such an id as of a generated one,
	// and the server is asked which it was: so its LAST_INSERT_ID() before must be the session's own, or none of those.
	NeedDistinctID
	KeepsLastInsertID // the statement leaves the server's LAST_INSERT_ID() as it is; what may not be known is not
)

// Gives are the ids that a statement may give to its rows, see NeedDistinctID.
type Gives interface{ MayGive(id uint64) bool }

// State is what a client's session has set and what a connection must therefore have while it works for that session.
// A session owns one for its life and changes it as its SET and USE statements succeed; it belongs to one goroutine.
//
// Values are SQL text, as it can stand on the right side of a SET: a quoted string, a number, a name such as utf8mb4
// or ON. Every text must read the same under any sql_mode and client charset: strings with anything but printable
// ASCII, or with a quote or backslash in them, are written as _charset 0x… or _charset X'…'. Then the order in which
// charset, sql_mode and the others are set does not matter.
type State struct {
	id      *byte // identity, comparable after the State itself is gone
	version uint64

	schema string
	bare   bool // without a schema: see SetNoSchema
	vars   map[string]string
	user   map[string]string
	held   int64 // bytes of user
	lastID uint64

	gives Gives // of the statement under way; nil: it may give any id
}

// NewState returns the state of a session that has set nothing.
func NewState() *State {
	return &State{id: new(byte), vars: map[string]string{}, user: map[string]string{}}
}

// Version changes with every change of a variable, but not of the schema. It is never 0.
func (s *State) Version() uint64 { return s.version + 1 }

// Schema is the physical schema that unqualified names mean; "": none.
func (s *State) Schema() string { return s.schema }

// SetSchema sets the schema. With "" a connection keeps the schema that it happens to be in.
//
// It does not count as a change of the State: a session whose shards are schemas of different names sets it for each
// statement, and each of its connections stays in its own.
func (s *State) SetSchema(schema string) { s.schema, s.bare = schema, false }

// SetNoSchema has the pool lend a connection that is in no schema. A server cannot be told to leave one, so a connection
// that is lent already stays where it is.
func (s *State) SetNoSchema() { s.schema, s.bare = "", true }

// fits reports whether a connection that is in have, "": none, is where s wants to be.
func (s *State) fits(have string) bool {
	if s.bare {
		return have == ""
	}
	return s.schema == "" || s.schema == have
}

// Var is the value of a session variable and whether the session has set it.
func (s *State) Var(name string) (literal string, ok bool) {
	literal, ok = s.vars[newName(lower(name))]
	return literal, ok
}

// SetVar records that the session variable name (without @@) is to be literal.
//
// SET NAMES and SET CHARACTER SET are recorded as what they set: character_set_client, character_set_results,
// character_set_connection and collation_connection. Variables are set in the order of their names, which puts
// character_set_connection before the collation_connection that refines it.
func (s *State) SetVar(name, literal string) { s.set(s.vars, newName(lower(name)), literal) }

// UnsetVar records that the variable has its initial value again, as after SET name = DEFAULT.
func (s *State) UnsetVar(name string) { s.unset(s.vars, newName(lower(name))) }

// Vars ranges over the session variables that are set, in no order.
func (s *State) Vars() iter.Seq2[string, string] { return maps.All(s.vars) }

// UserVar is the value of a user variable and whether the session has set it.
func (s *State) UserVar(name string) (expr string, ok bool) {
	expr, ok = s.user[lower(name)]
	return expr, ok
}

// SetUserVar records that the user variable name (without @) is to be expr.
func (s *State) SetUserVar(name, expr string) {
	s.held += s.UserVarGrowth(name, expr)
	s.set(s.user, lower(name), expr)
}

// UserVarGrowth is how many bytes more the user variables hold when name is expr.
func (s *State) UserVarGrowth(name, expr string) int64 {
	name = lower(name)
	if old, ok := s.user[name]; ok {
		return int64(len(expr) - len(old))
	}
	return userVarWeight(name, expr)
}

// userVarWeight is about what a user variable holds.
func userVarWeight(name, expr string) int64 { return int64(len(name) + len(expr) + 64) }

// UserVarBytes is about what the user variables hold.
func (s *State) UserVarBytes() int64 { return s.held }

// UnsetUserVar records that the variable is NULL, as one never set is.
func (s *State) UnsetUserVar(name string) {
	name = lower(name)
	if old, ok := s.user[name]; ok {
		s.held -= userVarWeight(name, old)
	}
	s.unset(s.user, name)
}

// UserVars ranges over the user variables that are set, in no order.
func (s *State) UserVars() iter.Seq2[string, string] { return maps.All(s.user) }

// LastInsertID is what LAST_INSERT_ID() is to answer.
func (s *State) LastInsertID() uint64 { return s.lastID }

// SetLastInsertID records it. It does not count as a change: it is handed over only on NeedLastInsertID, and then
// always.
func (s *State) SetLastInsertID(id uint64) { s.lastID = id }

// SetGives says which ids the statement under way may give to its rows.
func (s *State) SetGives(g Gives) { s.gives = g }

// Reset forgets everything, as COM_RESET_CONNECTION does, but keeps the schema.
func (s *State) Reset() {
	clear(s.vars)
	clear(s.user)
	s.lastID, s.held = 0, 0
	s.version++
}

func (s *State) set(m map[string]string, name, value string) {
	if old, ok := m[name]; !ok || old != value {
		m[name] = value
		s.version++
	}
}

func (s *State) unset(m map[string]string, name string) {
	if _, ok := m[name]; ok {
		delete(m, name)
		s.version++
	}
}

// lower folds a variable's name: servers compare them without regard to case.
func lower(name string) string {
	for i := range len(name) {
		if c := name[i]; 'A' <= c && c <= 'Z' || c >= 0x80 {
			return strings.ToLower(name)
		}
	}
	return name
}
