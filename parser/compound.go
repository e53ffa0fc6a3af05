package parser

// body follows the nesting of a stored program's body, so that the ';' inside are not taken for the end of the
// statement. It knows just enough of the grammar for that: what opens a block, and END.
type body struct {
	maybe  bool // the first words are not yet decided on
	active bool
	n      int    // words and operators seen
	first  uint8  // which start: see the constants
	skip   bool   // the next word is a name (DEFINER = name)
	stack  uint64 // one bit per open block: 1 = a CASE expression
	depth  int
	decl   uint64 // one bit per open block: 1 = before its BEGIN, in Oracle's declarations
	paren  int    // open parentheses
	header bool   // between the parameters of a procedure or function and its body, which may be a bare IF or LOOP
	params bool   // the header's parameters are to come
	naming bool   // in Oracle's PROCEDURE or FUNCTION name …, which AS or IS gives a body
	angle  bool   // in Oracle's <<label>>
	stmt   bool   // at the start of a statement inside
	ended  bool   // the word before was END
	xa     bool   // the word before was XA
	char   bool   // the word before was CHARACTER or CHAR: no statement begins with the SET behind it
	mode   Mode
}

const (
	startNone uint8 = iota
	startCreate
	startAlter
	startBegin
	startSet
	startSetStatement
	startLabel // a word that a ':' may follow
)

func (b *body) start(mode Mode) { *b = body{maybe: true, stmt: true, mode: mode} }

func (b *body) open() bool { return b.active && b.depth > 0 }

// word takes one word, never one after a point.
func (b *body) word(w []byte) {
	b.n++
	if b.maybe {
		b.decide(w)
		if !b.active {
			return
		}
	}
	b.nest(w)
}

// decide finds out from the first words whether a body follows.
func (b *body) decide(w []byte) {
	if b.n == 1 {
		b.decideFirst(w)
		return
	}
	switch b.first {
	case startBegin:
		b.maybe = false
		if is(w, "NOT") {
			b.active, b.depth = true, 1
		}
	case startSet:
		b.first = startSetStatement
		b.maybe = is(w, "STATEMENT")
	case startSetStatement:
		if b.paren == 0 && is(w, "FOR") {
			b.n, b.first = 0, startNone // the statement itself follows
		}
	case startCreate, startAlter:
		if b.skip {
			b.skip = false
			return
		}
		for _, k := range programs {
			if is(w, k) {
				b.active, b.maybe = b.first == startCreate || k == "EVENT", false
				b.params = k == "PROCEDURE" || k == "FUNCTION"
				b.naming = b.oracle() && (b.params || k == "PACKAGE")
				return
			}
		}
		for _, k := range createWords {
			if is(w, k) {
				return
			}
		}
		b.maybe = false
	default:
		b.maybe = false
	}
}

func (b *body) decideFirst(w []byte) {
	maria := b.mode.Flavour.MariaDB
	oracle := b.oracle()
	switch {
	case is(w, "CREATE"):
		b.first = startCreate
	case is(w, "ALTER"):
		b.first = startAlter
	case is(w, "SET"):
		b.first = startSet
	case is(w, "BEGIN") && oracle, is(w, "DECLARE") && oracle:
		b.active, b.maybe = true, false
	case is(w, "BEGIN"):
		b.first = startBegin
	case maria && (is(w, "IF") || is(w, "CASE") || is(w, "LOOP") || is(w, "WHILE") || is(w, "REPEAT") || is(w, "FOR")):
		b.active, b.maybe = true, false
	default:
		b.first = startLabel
	}
}

func (b *body) oracle() bool { return b.mode.Flavour.MariaDB && b.mode.SQLMode.Has(Oracle) }

var programs = []string{"PROCEDURE", "FUNCTION", "TRIGGER", "EVENT", "PACKAGE"}

// createWords may stand between CREATE and the kind of object, when that is a stored program.
var createWords = []string{"OR", "REPLACE", "DEFINER", "AGGREGATE", "IF", "NOT", "EXISTS", "CURRENT_USER", "CURRENT_ROLE", "EDITIONABLE"}

// other takes a token that is neither word nor operator: no label and no BEGIN NOT.
func (b *body) other() {
	if b.maybe && b.first != startCreate && b.first != startAlter && b.first != startSetStatement {
		b.maybe = false
	}
	b.stmt, b.ended, b.skip, b.char = b.header, false, false, false
}

// op takes one operator; label says that it may be the ':' of a label.
func (b *body) op(c byte, label bool) {
	b.n++
	switch c {
	case '(':
		b.paren++
	case ')':
		b.paren--
	}
	if b.maybe {
		switch {
		case b.first == startSetStatement:
		case b.first == startSet:
			b.maybe = false
		case b.first == startLabel:
			b.maybe = false
			b.active = c == ':' && b.n == 2 && label && b.mode.Flavour.MariaDB
			b.stmt = true
		case b.first == startBegin:
			b.maybe = false
		case c == '=':
			b.skip = true
		}
		return
	}
	if c == ')' && b.params && b.paren == 0 {
		b.params, b.header = false, true
	}
	switch {
	case c == '<' && b.oracle():
		b.angle = b.stmt || b.angle
		b.stmt = b.angle
	case c == '>' && b.angle:
		b.stmt = true
	default:
		b.stmt = c == ';' || c == ':' && label || c == ')' && b.stmt || b.header && b.paren == 0
		b.angle = false
	}
	if c == ';' {
		b.naming = false
	}
	b.ended, b.char = false, false
}

// nest takes one word of the body.
func (b *body) nest(w []byte) {
	stmt, ended, xa, char := b.stmt, b.ended, b.xa, b.char
	b.stmt, b.ended, b.xa = b.angle, false, is(w, "XA")
	b.char = is(w, "CHARACTER") || is(w, "CHAR")
	if b.header {
		b.stmt, b.header = !begins(w, char), !begins(w, char)
	}
	switch {
	case b.oracle() && b.declares(w, stmt):
	case is(w, "END"):
		if !xa && b.depth > 0 {
			b.depth--
		}
		b.ended = !xa
	case ended && endWord(w):
		// END IF, END CASE: the END closed it
	case is(w, "BEGIN"):
		if !xa {
			b.push(false)
			b.stmt = true
		}
	case is(w, "ATOMIC"):
		b.stmt = true
	case is(w, "CASE"):
		b.push(!stmt)
	case stmt && (is(w, "IF") || is(w, "WHILE") || is(w, "FOR")):
		b.push(false)
	case stmt && (is(w, "LOOP") || is(w, "REPEAT")):
		b.push(false)
		b.stmt = true
	case is(w, "THEN"), is(w, "ELSE"):
		b.stmt = !b.inExpr()
	case is(w, "DO"), is(w, "ROW"), is(w, "LOOP"):
		b.stmt = true
	}
}

// declares takes a word that in Oracle's mode opens declarations, or ends them.
func (b *body) declares(w []byte, stmt bool) bool {
	switch {
	case stmt && is(w, "DECLARE"):
	case stmt && (is(w, "PROCEDURE") || is(w, "FUNCTION")) && b.declaring():
		b.naming = true
		return true
	case b.naming && b.paren == 0 && (is(w, "AS") || is(w, "IS")):
		b.naming, b.params, b.header = false, false, false
	case is(w, "BEGIN") && b.declaring():
		b.decl &^= 1 << (b.depth - 1)
		b.stmt = true
		return true
	default:
		return false
	}
	b.push(false)
	b.decl |= 1 << min(b.depth-1, 63)
	b.stmt = true
	return true
}

func (b *body) declaring() bool {
	return b.depth > 0 && b.depth <= 64 && b.decl>>(b.depth-1)&1 != 0
}

// statements are the words that begin the body of a procedure or function, where that is one plain statement: an IF
// behind them is not the beginning of the body.
var statements = []string{
	"SELECT", "SET", "RETURN", "INSERT", "UPDATE", "DELETE", "REPLACE", "CALL", "DO", "WITH", "VALUES", "CREATE", "DROP", "ALTER",
	"TRUNCATE", "PREPARE", "EXECUTE", "DEALLOCATE", "SHOW", "EXPLAIN", "DESCRIBE", "DESC", "ANALYZE", "FLUSH", "SIGNAL",
	"RESIGNAL", "GET", "HANDLER", "GRANT", "REVOKE", "RENAME", "OPTIMIZE", "CHECK", "REPAIR", "START", "COMMIT", "ROLLBACK",
	"SAVEPOINT", "RELEASE", "XA", "KILL", "USE", "LOCK", "UNLOCK", "LOAD", "CHECKSUM", "CACHE", "INSTALL", "UNINSTALL", "RESET",
	"PURGE", "BACKUP", "BINLOG", "CHANGE", "STOP", "BEGIN", "IF", "CASE", "LOOP", "WHILE", "REPEAT", "FOR", "DECLARE", "AS", "IS",
}

// begins reports whether a word of a header is the first of the body.
func begins(w []byte, char bool) bool {
	if char && is(w, "SET") {
		return false
	}
	for _, k := range statements {
		if is(w, k) {
			return true
		}
	}
	return false
}

func endWord(w []byte) bool {
	return is(w, "IF") || is(w, "CASE") || is(w, "LOOP") || is(w, "WHILE") || is(w, "REPEAT") || is(w, "FOR")
}

func (b *body) push(expr bool) {
	if b.depth < 64 {
		b.stack &^= 1 << b.depth
		b.decl &^= 1 << b.depth
		if expr {
			b.stack |= 1 << b.depth
		}
	}
	b.depth++
}

func (b *body) inExpr() bool {
	return b.depth > 0 && b.depth <= 64 && b.stack>>(b.depth-1)&1 != 0
}
