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
	stmt   bool // at the start of a statement inside
	ended  bool // the word before was END
	xa     bool // the word before was XA
	mode   Mode
}

const (
	startNone uint8 = iota
	startCreate
	startAlter
	startBegin
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
	case startCreate, startAlter:
		if b.skip {
			b.skip = false
			return
		}
		for _, k := range programs {
			if is(w, k) {
				b.active, b.maybe = b.first == startCreate || k == "EVENT", false
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
	oracle := maria && b.mode.SQLMode.Has(Oracle)
	switch {
	case is(w, "CREATE"):
		b.first = startCreate
	case is(w, "ALTER"):
		b.first = startAlter
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

var programs = []string{"PROCEDURE", "FUNCTION", "TRIGGER", "EVENT", "PACKAGE"}

// createWords may stand between CREATE and the kind of object, when that is a stored program.
var createWords = []string{"OR", "REPLACE", "DEFINER", "AGGREGATE", "IF", "NOT", "EXISTS", "CURRENT_USER", "CURRENT_ROLE", "EDITIONABLE"}

// other takes a token that is neither word nor operator: no label and no BEGIN NOT.
func (b *body) other() {
	if b.maybe && b.first != startCreate && b.first != startAlter {
		b.maybe = false
	}
	b.stmt, b.ended, b.skip = false, false, false
}

// op takes one operator; label says that it may be the ':' of a label.
func (b *body) op(c byte, label bool) {
	b.n++
	if b.maybe {
		switch {
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
	b.stmt = c == ';' || c == ':' || c == ')' && b.stmt
	b.ended = false
}

// nest takes one word of the body.
func (b *body) nest(w []byte) {
	stmt, ended := b.stmt, b.ended
	b.stmt, b.ended = false, false
	xa := b.xa
	b.xa = is(w, "XA")
	switch {
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

func endWord(w []byte) bool {
	return is(w, "IF") || is(w, "CASE") || is(w, "LOOP") || is(w, "WHILE") || is(w, "REPEAT") || is(w, "FOR")
}

func (b *body) push(expr bool) {
	if b.depth < 64 {
		b.stack &^= 1 << b.depth
		if expr {
			b.stack |= 1 << b.depth
		}
	}
	b.depth++
}

func (b *body) inExpr() bool {
	return b.depth > 0 && b.depth <= 64 && b.stack>>(b.depth-1)&1 != 0
}
