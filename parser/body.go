package parser

import (
	"strings"
)

// Body is what a stored program's text says that decides where it can run. It is read from tokens alone, and errs on
// one side: it may name more than the program uses, never less.
type Body struct {
	Names   []BodyName
	Changes []TableRef // tables of the statements in it that change something
	Uses    Uses
	Vars    []string // user variables, as written without @

	Dynamic []string // texts of PREPARE and EXECUTE IMMEDIATE that are literals
	Opaque  bool     // dynamic SQL of another text

	Begins      bool     // START TRANSACTION
	Ends        bool     // COMMIT, ROLLBACK, or a statement that commits
	Locks       bool     // a query with FOR UPDATE or its kin
	Keeps       bool     // leaves something behind in its connection: a temporary table, a prepared statement
	SetsSystem  string   // a system variable that it sets
	AssignedNew []string // columns of NEW that it assigns
	Limits      bool     // LIMIT, or FETCH FIRST
	Writes      bool     // a statement in it changes something
	LoadsFile   bool     // LOAD_FILE()
	XA          bool     // XA START and its kin
	Kills       bool     // KILL

	Statements []*Statement // those in it that are more than queries, as far as they can be told
}

// BodyName is an identifier that may be the name of a table, view or routine.
type BodyName struct {
	Schema string // what stands before it and a point; "" if nothing does
	Name   string
	Call   bool // a parenthesis follows
	Called bool // CALL stands before
	Table  bool // it stands where tables are named
}

// ParseBody reads the body of a stored program as a server keeps it.
func ParseBody(text string, mode Mode) (*Body, error) {
	const head = "CREATE PROCEDURE p() "
	st, err := tokenize(head+text, mode, false, nil)
	if err != nil {
		return nil, err
	}
	if st.Text != head+text && strings.TrimRight(text, "; \t\r\n") != strings.TrimRight(strings.TrimPrefix(st.Text, head), "; \t\r\n") {
		return nil, &TextError{len(st.Text) - len(head), "several statements"}
	}
	r := &reader{st: st, t: st.Tokens}
	r.uses(0)
	return r.body(5), nil
}

// Body reads the body of CREATE PROCEDURE and its kin, and of a compound statement; nil for all others.
func (st *Statement) Body() *Body {
	r := &reader{st: st, t: st.Tokens}
	if !r.programBody() {
		return nil
	}
	from := 0
	if st.DDL != nil {
		for from < len(r.t) && r.t[from].Start < st.DDL.NameSpan.End {
			from++
		}
		for k := from; k < len(r.t); k++ {
			if st.DDL.Object == "trigger" && r.is(k, "FOR", "EACH", "ROW") {
				if from = k + 3; r.any(from, "FOLLOWS", "PRECEDES") {
					from += 2
				}
				break
			}
			if st.DDL.Object == "event" && r.is(k, "DO") {
				from = k + 1
				break
			}
		}
	}
	return r.body(from)
}

// body reads from token i on.
func (r *reader) body(from int) *Body {
	b := &Body{}
	vars := map[string]bool{}
	for _, at := range r.st.Uses.At {
		if at.Tok >= from {
			b.LoadsFile = b.LoadsFile || at.Name == "LOAD_FILE"
			b.Uses.add(at.Use, at.Name, at.Tok)
		}
	}
	for i := from; i < len(r.t); i++ {
		t := r.t[i]
		switch {
		case t.Kind == UserVar:
			if r.at(i-1).Kind == String || r.at(i-1).Ident() && r.at(i-1).End == t.Start {
				continue // user@host
			}
			if name := r.varName(i); !vars[strings.ToLower(name)] {
				vars[strings.ToLower(name)] = true
				b.Vars = append(b.Vars, name)
			}
		case t.Kind == SysVar:
			if r.any(i-1, "SET", ",") && (r.is(i+2, "=") || r.is(i+2, ":=") || r.is(i+3, ".")) && !r.is(i+1, ".") || r.is(i+2, ".") && r.any(i-1, "SET", ",") {
				b.SetsSystem = lower(r.name(i + 1))
			}
		case t.Ident() && r.at(i-1).Kind != SysVar:
			r.bodyName(b, i)
			r.bodyWord(b, i)
		}
	}
	return b
}

// quoted reports whether token i is a text, as XA's names are.
func (r *reader) quoted(i int) bool {
	switch r.at(i).Kind {
	case String, NString, Hex, HexStr, Bit, BitStr:
		return true
	}
	return false
}

// tableBefore are the words directly after which a table's name can stand.
var tableBefore = map[string]bool{
	"FROM": true, "JOIN": true, "STRAIGHT_JOIN": true, "INTO": true, "UPDATE": true, "TABLE": true, "TABLES": true,
	"IGNORE": true, "LOW_PRIORITY": true, "DELAYED": true, "HIGH_PRIORITY": true, "QUICK": true, "INSERT": true, "REPLACE": true,
	"TRUNCATE": true, "EXISTS": true, "ON": true, "USING": true, "DELETE": true, "TO": true, "LIKE": true, "REFERENCES": true,
	"VIEW": true, "HANDLER": true, "DESCRIBE": true, "DESC": true, "IN": true,
}

// amongTables reports whether the comma or parenthesis at i stands in a list of tables.
func (r *reader) amongTables(i int) bool {
	depth := r.t[i].Depth
	if r.t[i].Is("(") {
		return r.any(i-1, "FROM", "JOIN", "STRAIGHT_JOIN", "UPDATE") || r.any(i-1, ",", "(") && r.amongTables(i-1)
	}
	for k := i - 1; k >= 0; k-- {
		t := r.t[k]
		switch {
		case t.Is("(") && t.Depth < depth:
			return r.amongTables(k)
		case t.Depth > depth || t.Kind != Word && !t.Is(";"):
		case t.Is("FROM"), t.Is("UPDATE"), t.Is("TABLE"), t.Is("TABLES"), t.Is("DELETE"), t.Is("USING"), t.Is("VIEW"):
			return true
		case t.Is("SELECT"), t.Is("SET"), t.Is("WHERE"), t.Is("BY"), t.Is("HAVING"), t.Is("VALUES"), t.Is("LIMIT"), t.Is("INTO"), t.Is("RETURNING"),
			t.Is(";"), t.Is("CALL"), t.Is("DO"), t.Is("BEGIN"), t.Is("THEN"), t.Is("ELSE"):
			return false
		}
	}
	return false
}

func (r *reader) bodyName(b *Body, i int) {
	n := BodyName{Name: r.name(i), Call: r.is(i+1, "(")}
	first := i
	if r.is(i-1, ".") && r.at(i-2).Ident() {
		n.Schema, first = r.name(i-2), i-2
		if r.is(i-3, ".") && r.at(i-4).Ident() {
			return // a.b.c: a column
		}
	}
	before := r.at(first - 1)
	n.Called = before.Is("CALL")
	n.Table = before.Kind == Word && tableBefore[before.Word] || before.Is(",") && r.amongTables(first-1) || before.Is("(") && r.amongTables(first-1)
	b.Names = append(b.Names, n)
}

// bodyWord looks at a word that may begin a statement.
func (r *reader) bodyWord(b *Body, i int) {
	switch w := r.t[i].Word; w {
	case "INSERT", "REPLACE", "UPDATE", "DELETE", "TRUNCATE", "LOAD", "CREATE", "ALTER", "DROP", "RENAME", "OPTIMIZE", "REPAIR", "LOCK",
		"GRANT", "REVOKE", "ANALYZE", "CHECK", "CHECKSUM", "FLUSH", "CACHE":
		r.bodyChange(b, i)
	case "LIMIT":
		b.Limits = true
	case "FETCH":
		b.Limits = b.Limits || r.any(i+1, "FIRST", "NEXT")
	case "COMMIT":
		b.Ends = true
	case "ROLLBACK":
		b.Ends = b.Ends || !r.is(i+1, "TO") && !r.is(i+1, "WORK", "TO")
	case "START":
		b.Begins = b.Begins || r.is(i+1, "TRANSACTION")
	case "PREPARE":
		if r.is(i+2, "FROM") && !r.any(i-1, "DEALLOCATE", "DROP") {
			b.Keeps = true
			r.dynamic(b, i+3)
		}
	case "EXECUTE":
		if r.is(i+1, "IMMEDIATE") {
			r.dynamic(b, i+2)
		}
	case "FOR":
		b.Locks = b.Locks || r.any(i+1, "UPDATE", "SHARE")
	case "SET":
		r.bodySet(b, i)
	case "NEW":
		r.assignsNew(b, i)
	case "XA":
		b.XA = b.XA || r.is(i+1, "RECOVER") || r.any(i+1, "START", "BEGIN", "END", "PREPARE", "COMMIT", "ROLLBACK") && r.quoted(i+2)
		r.bodyStatement(b, i)
	case "KILL":
		st := r.bodyStatement(b, i)
		b.Kills = b.Kills || st != nil && st.Kind == Kill
	case "SHOW", "SHUTDOWN", "INSTALL", "UNINSTALL", "PURGE", "CHANGE", "RESET", "HANDLER", "CALL", "BINLOG", "STOP", "HELP", "BACKUP":
		r.bodyStatement(b, i)
	}
	if r.t[i].Is("SET") || r.t[i].Is("START") {
		r.bodyStatement(b, i)
	}
}

// bodyStatement reads the statement that begins at i, if one does; nil otherwise.
func (r *reader) bodyStatement(b *Body, i int) *Statement {
	end := i
	for end < len(r.t) && !r.t[end].Is(";") {
		end++
	}
	if end == i+1 && !r.any(i, "SHUTDOWN") || r.any(i-1, ".", "@") {
		return nil
	}
	st, err := Parse(r.st.Text[r.t[i].Start:r.t[end-1].End], r.st.Mode)
	if err != nil {
		return nil
	}
	b.Statements = append(b.Statements, st)
	return st
}

// bodyChange reads the statement that begins at i, if one does.
func (r *reader) bodyChange(b *Body, i int) {
	if r.any(i-1, "KEY", "FOR", "ON", ".", "AFTER", "BEFORE", "RETURN") || r.is(i+1, "(") || r.is(i+1, ".") {
		return
	}
	if r.is(i, "LOCK") && r.is(i+1, "IN") {
		b.Locks = true
		return
	}
	st := r.bodyStatement(b, i)
	if st == nil {
		return
	}
	b.Writes = true
	switch st.Kind {
	case Insert, Replace, Update, Delete, LoadData, Unknown, Compound:
	case CreateTemporaryTable, DropTemporaryTable:
		b.Keeps = true
	default:
		b.Ends = true
	}
	for _, t := range st.Tables {
		if t.Role != RoleRead && t.Role != RoleReference && !t.CTE {
			b.Changes = append(b.Changes, t)
		}
	}
}

// dynamic reads the text of dynamic SQL at i.
func (r *reader) dynamic(b *Body, i int) {
	t := r.at(i)
	if t.Kind != String || i+1 < len(r.t) && !r.any(i+1, ";", "USING") {
		b.Opaque = true
		return
	}
	s := t.In(r.st.Text)
	b.Dynamic = append(b.Dynamic, string(unquote([]byte(s[1:len(s)-1]), s[0], r.st.Mode)))
}

// bodySet finds a system variable that SET at i assigns. Local variables may have any name: those that no system
// variable has are taken for local ones.
func (r *reader) bodySet(b *Body, i int) {
	k := i + 1
	if r.any(k, "GLOBAL", "SESSION", "LOCAL", "PERSIST", "PERSIST_ONLY") && r.at(k+1).Ident() || r.any(k, "NAMES", "CHARACTER", "CHARSET", "ROLE", "PASSWORD") && !r.any(k+1, "=", ":=") {
		b.SetsSystem = lower(r.name(k))
		if r.any(k, "GLOBAL", "SESSION", "LOCAL", "PERSIST", "PERSIST_ONLY") {
			b.SetsSystem = lower(r.name(k + 1))
		}
		return
	}
	for k < len(r.t) && !r.t[k].Is(";") {
		if r.at(k).Ident() && r.any(k+1, "=", ":=") && r.any(k-1, "SET", ",") && systemVariable(lower(r.name(k))) {
			b.SetsSystem = lower(r.name(k))
		}
		k = r.after(k)
	}
}

// systemVariable reports whether a name is one of the system variables that programs set.
func systemVariable(name string) bool {
	for _, prefix := range []string{"sql_", "character_set_", "collation_", "tx_", "transaction_", "innodb_", "optimizer_", "binlog_", "wsrep_"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	switch name {
	case "autocommit", "time_zone", "timestamp", "foreign_key_checks", "unique_checks", "group_concat_max_len", "div_precision_increment",
		"last_insert_id", "insert_id", "identity", "rand_seed1", "rand_seed2", "lc_time_names", "default_week_format", "auto_increment_increment",
		"auto_increment_offset", "completion_type", "max_statement_time", "lock_wait_timeout", "default_storage_engine", "check_constraint_checks":
		return true
	}
	return false
}

// assignsNew records the column of NEW at i if the body may assign it.
func (r *reader) assignsNew(b *Body, i int) {
	if !r.is(i+1, ".") || !r.at(i+2).Ident() {
		return
	}
	if r.any(i-1, "SET", ",", "INTO") || r.any(i+3, ":=") || r.at(i-1).Is(":") {
		b.AssignedNew = append(b.AssignedNew, r.name(i+2))
	}
}
