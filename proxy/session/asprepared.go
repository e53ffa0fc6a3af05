package session

import (
	"bytes"
	"slices"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
)

// A server reads a statement once, when it is prepared: names are those of the default database of then, and what sql_mode says
// of how texts read is of then, whatever it is when the statement is executed. What it says of values is of the execution. Shards
// read the text at executions too, so that the session is as it was at the preparation for as long as one takes.

// asPrepared makes the session read what it did when stmt was prepared, until restore.
func (s *Session) asPrepared(stmt *prepared) (restore func(), err error) {
	if err := s.readsAlike(stmt); err != nil {
		return nil, err
	}
	reading := (stmt.mode.SQLMode ^ s.mode.SQLMode).Reading()
	if reading == 0 && stmt.db == s.db {
		return func() {}, nil
	}
	if stmt.st.plan == nil {
		return s.asPreparedOwn(stmt, reading)
	}
	if reading != 0 && (reading.Has(parser.EmptyStringIsNull) || bytes.Contains(bytes.ToLower(stmt.text), []byte("sql_mode"))) {
		return nil, otherMode() // of values too; or asked for
	}
	db, mode := s.db, s.mode
	restoreMode := func() {}
	if reading != 0 {
		names := parser.WithReading(s.sqlMode(), stmt.mode.SQLMode)
		restoreMode = s.override("sql_mode", "'"+names+"'")
		s.mode.SQLMode = parser.ParseSQLMode(names)
	}
	s.db = stmt.db
	s.rekey()
	return func() {
		restoreMode()
		s.db, s.mode = db, mode
		s.rekey()
	}, nil
}

// asPreparedOwn is asPrepared of what the session answers itself, which may change what would be put back: that has to read the same
// now.
func (s *Session) asPreparedOwn(stmt *prepared, reading parser.SQLMode) (restore func(), err error) {
	st := stmt.st.parsed
	if stmt.db != s.db && slices.ContainsFunc(st.Tables, func(t parser.TableRef) bool { return t.Schema == "" && !t.CTE }) {
		return nil, sqlerr.NotSupported("EXECUTE, in another default database, of a statement that names tables and asks what the session answers")
	}
	telling := "\"\\|" // what reads otherwise by these modes
	if reading&^(parser.ANSIQuotes|parser.NoBackslashEscapes|parser.PipesAsConcat) != 0 {
		telling += "'(! "
	}
	if reading != 0 && bytes.ContainsAny(stmt.text, telling) {
		return nil, otherMode()
	}
	return func() {}, nil
}

func otherMode() error {
	return sqlerr.NotSupported("EXECUTE of a statement that was prepared under a sql_mode by which its text may read otherwise")
}

// sqlMode is the session's sql_mode.
func (s *Session) sqlMode() string {
	if v, ok := s.state.Var("sql_mode"); ok {
		return plainText(v)
	}
	return s.srv.Initial.SQLMode
}

// readsAlike refuses a prepared statement whose texts are of another charset or collation now: a server keeps those that
// they had when it was prepared, and a shard reads them anew.
func (s *Session) readsAlike(stmt *prepared) error {
	if bytes.Equal(stmt.key, s.keyPrefix) || bytes.Equal(charsetOf(stmt.key), charsetOf(s.keyPrefix)) {
		return nil
	}
	texts := slices.ContainsFunc(stmt.text, func(c byte) bool { return c >= 0x80 }) ||
		slices.ContainsFunc(stmt.scan.Args, func(a parser.Arg) bool { return a.Kind == parser.ArgString })
	if !texts {
		return nil
	}
	return sqlerr.NotSupported("EXECUTE of a statement with texts in it that was prepared under another charset or collation of the connection")
}

// charsetOf is what follows the schema and the mode in what rekey writes.
func charsetOf(key []byte) []byte {
	_, key, _ = bytes.Cut(key, []byte{0})
	_, key, _ = bytes.Cut(key, []byte{0})
	return key
}
