package sysview

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
)

// A plain query over one table of heddle is answered without a server, so that it is answered when there is none:
//
//	SELECT columns FROM heddle.table [WHERE column = literal AND …] [ORDER BY column …] [LIMIT …]
//
// What is not exactly this form, or compares what only a server compares, is left to one.

// plain is such a query.
type plain struct {
	v       *View
	st      *parser.Statement
	at      int // the next token
	columns []sqltypes.Column
	alias   string
	table   string

	list  []picked
	where []demand
	order []sorting
	limit [2]int // offset and count
}

type picked struct {
	column int
	label  string
}

type demand struct {
	column  int
	op      string // as written; IS NULL, IS NOT NULL, IN
	values  []operand
	negated bool // NOT IN
}

type operand struct {
	text   string
	number bool
}

type sorting struct {
	column int
	desc   bool
}

// plainAnswer answers a statement of that form; nil: it is of another.
func (v *View) plainAnswer(ctx context.Context, st *parser.Statement) (*Answer, error) {
	if len(st.Tables) != 1 || !v.own(&st.Tables[0]) || st.Kind != parser.Select || st.Executable || st.Prefix.Present() {
		return nil, nil
	}
	s, err := v.source(st.Tables[0].Name)
	if err != nil {
		return nil, err
	}
	p := &plain{v: v, st: st, columns: s.Columns(), table: st.Tables[0].Name, alias: st.Tables[0].Alias, limit: [2]int{0, -1}}
	if !p.read() {
		return nil, nil
	}
	rows, err := s.Rows(ctx, v.Reader)
	if err != nil {
		return nil, err
	}
	return p.answer(rows), nil
}

func (p *plain) peek() parser.Token {
	if p.at < len(p.st.Tokens) {
		return p.st.Tokens[p.at]
	}
	return parser.Token{}
}

// take passes words over, all or none.
func (p *plain) take(words ...string) bool {
	for i, w := range words {
		if p.at+i >= len(p.st.Tokens) || !p.st.Tokens[p.at+i].Is(w) {
			return false
		}
	}
	p.at += len(words)
	return true
}

// reserved are the words that end a name here.
var reserved = map[string]bool{
	"FROM": true, "WHERE": true, "ORDER": true, "LIMIT": true, "AND": true, "GROUP": true, "HAVING": true, "UNION": true, "SELECT": true,
	"DISTINCT": true, "ALL": true, "ASC": true, "DESC": true, "AS": true, "OFFSET": true, "IN": true, "NOT": true, "IS": true, "NULL": true,
	"FOR": true, "LOCK": true, "INTO": true, "PROCEDURE": true, "WINDOW": true, "JOIN": true, "USE": true, "FORCE": true, "IGNORE": true,
}

func (p *plain) name() (string, bool) {
	t := p.peek()
	if !t.Ident() || t.Kind == parser.Word && reserved[t.Word] {
		return "", false
	}
	p.at++
	return p.st.Name(p.at - 1), true
}

// read reports whether the statement is of the form.
func (p *plain) read() bool {
	if !p.take("SELECT") || !p.selectList() || !p.take("FROM") || !p.from() {
		return false
	}
	if p.take("WHERE") && !p.conditions() {
		return false
	}
	if p.take("ORDER", "BY") && !p.orderBy() {
		return false
	}
	if p.take("LIMIT") && !p.limits() {
		return false
	}
	return p.at == len(p.st.Tokens)
}

func (p *plain) selectList() bool {
	for {
		if p.take("*") {
			if len(p.list) > 0 {
				return false
			}
			for i := range p.columns {
				p.list = append(p.list, picked{i, p.columns[i].Name})
			}
			return p.peek().Is("FROM")
		}
		column, label, ok := p.column()
		if !ok {
			return false
		}
		if p.take("AS") {
			if label, ok = p.name(); !ok {
				return false
			}
		} else if other, aliased := p.name(); aliased {
			label = other
		}
		p.list = append(p.list, picked{column, label})
		if !p.take(",") {
			return true
		}
	}
}

// column reads [[heddle.]table.]column; it returns how it was written.
func (p *plain) column() (column int, label string, ok bool) {
	var path []string
	for {
		name, ok := p.name()
		if !ok {
			return 0, "", false
		}
		path = append(path, name)
		if !p.take(".") {
			break
		}
	}
	label = path[len(path)-1]
	qualifier := p.table
	if p.alias != "" {
		qualifier = p.alias
	}
	switch {
	case len(path) == 2 && path[0] != qualifier, len(path) == 3 && (p.alias != "" || path[1] != p.table || !strings.EqualFold(path[0], Heddle)), len(path) > 3:
		return 0, "", false
	}
	column = slices.IndexFunc(p.columns, func(c sqltypes.Column) bool { return strings.EqualFold(c.Name, label) })
	return column, label, column >= 0
}

func (p *plain) from() bool {
	if _, ok := p.name(); !ok {
		return false
	}
	if p.take(".") {
		if _, ok := p.name(); !ok {
			return false
		}
	}
	if p.alias == "" {
		return true
	}
	p.take("AS")
	alias, ok := p.name()
	return ok && alias == p.alias
}

func (p *plain) conditions() bool {
	for {
		column, _, ok := p.column()
		if !ok {
			return false
		}
		d := demand{column: column}
		switch {
		case p.take("IS", "NULL"):
			d.op = "IS NULL"
		case p.take("IS", "NOT", "NULL"):
			d.op = "IS NOT NULL"
		case p.peek().Is("IN"), p.peek().Is("NOT"):
			d.op, d.negated = "IN", p.take("NOT")
			if !p.take("IN", "(") || !p.inList(&d) {
				return false
			}
		default:
			d.op = p.peek().Word
			if !slices.Contains([]string{"=", "<", ">", "<=", ">=", "<>", "!="}, d.op) {
				return false
			}
			p.at++
			if !p.operand(&d) {
				return false
			}
		}
		p.where = append(p.where, d)
		if !p.take("AND") {
			return true
		}
	}
}

func (p *plain) inList(d *demand) bool {
	for p.operand(d) {
		if p.take(")") {
			return true
		}
		if !p.take(",") {
			return false
		}
	}
	return false
}

// operand reads a literal that compares with its column as it is written: texts with texts, whole numbers with numbers.
func (p *plain) operand(d *demand) bool {
	minus := p.take("-")
	t := p.peek()
	text := t.In(p.st.Text)
	o := operand{text: text}
	switch c := &p.columns[d.column]; {
	case t.Kind == parser.Int && c.Type.IsInteger():
		if minus {
			o.text = "-" + text
		}
		if _, err := strconv.ParseInt(o.text, 10, 64); err != nil {
			return false
		}
		o.number = true
	case t.Kind == parser.String && !minus && !c.Type.IsInteger():
		inner, ok := plainText(p.st.Text, p.st.Tokens[p.at:p.at+1])
		if !ok || strings.HasSuffix(inner, " ") {
			return false
		}
		if _, err := time.Parse(time.DateTime, inner); c.Type == sqltypes.Datetime && err != nil {
			return false
		}
		o.text = inner
	default:
		return false
	}
	if p.at++; p.peek().Is("COLLATE") || p.peek().Kind == parser.String {
		return false
	}
	d.values = append(d.values, o)
	return true
}

func (p *plain) orderBy() bool {
	for {
		column, _, ok := p.column()
		if !ok {
			return false
		}
		for _, l := range p.list { // an alias is meant before a column
			if l.column != column && strings.EqualFold(l.label, p.columns[column].Name) {
				return false
			}
		}
		s := sorting{column: column, desc: p.take("DESC")}
		if !s.desc {
			p.take("ASC")
		}
		p.order = append(p.order, s)
		if !p.take(",") {
			return true
		}
	}
}

func (p *plain) limits() bool {
	first, ok := p.count()
	if !ok {
		return false
	}
	p.limit[1] = first
	switch {
	case p.take(","):
		p.limit[0] = first
		p.limit[1], ok = p.count()
	case p.take("OFFSET"):
		p.limit[0], ok = p.count()
	}
	return ok
}

func (p *plain) count() (int, bool) {
	if p.peek().Kind != parser.Int {
		return 0, false
	}
	n, err := strconv.Atoi(p.peek().In(p.st.Text))
	p.at++
	return n, err == nil
}

// answer evaluates; nil where a value is not one that is compared here.
func (p *plain) answer(rows []sqltypes.Row) *Answer {
	var kept []sqltypes.Row
	for _, row := range rows {
		passes := true
		for i := range p.where {
			holds, sure := p.holds(&p.where[i], row)
			if !sure {
				return nil
			}
			passes = passes && holds
		}
		if passes {
			kept = append(kept, row)
		}
	}
	if !p.sort(kept) {
		return nil
	}
	from := min(p.limit[0], len(kept))
	kept = kept[from:]
	if p.limit[1] >= 0 {
		kept = kept[:min(p.limit[1], len(kept))]
	}
	a := &Answer{Own: true}
	for _, l := range p.list {
		c := p.columns[l.column]
		c.OrgName, c.Name, c.Table, c.OrgTable, c.Schema = c.Name, l.label, cmp.Or(p.alias, p.table), p.table, Heddle
		a.Columns = append(a.Columns, c)
	}
	for _, row := range kept {
		out := make(sqltypes.Row, len(p.list))
		for i, l := range p.list {
			if out[i] = row[l.column]; !p.v.UTF8Results && !ascii(string(out[i])) {
				return nil // a server converts it
			}
		}
		a.Rows = append(a.Rows, out)
	}
	return a
}

// holds reports whether a condition is true of a row.
func (p *plain) holds(d *demand, row sqltypes.Row) (holds, sure bool) {
	cell := row[d.column]
	switch d.op {
	case "IS NULL":
		return cell == nil, true
	case "IS NOT NULL":
		return cell != nil, true
	}
	if cell == nil {
		return false, true
	}
	any := false
	for _, o := range d.values {
		n, sure := p.compare(d.column, cell, []byte(o.text))
		if !sure {
			return false, false
		}
		any = any || told(d.op, n)
	}
	return any != d.negated, true
}

func told(op string, n int) bool {
	switch op {
	case "<":
		return n < 0
	case ">":
		return n > 0
	case "<=":
		return n <= 0
	case ">=":
		return n >= 0
	case "<>", "!=":
		return n != 0
	}
	return n == 0
}

// compare orders two values as utf8mb4_general_ci, numbers or times do; sure is false where only a server knows.
func (p *plain) compare(column int, a, b []byte) (n int, sure bool) {
	switch p.columns[column].Type {
	case sqltypes.LongLong:
		x, err1 := strconv.ParseInt(string(a), 10, 64)
		y, err2 := strconv.ParseInt(string(b), 10, 64)
		return cmp.Compare(x, y), err1 == nil && err2 == nil
	case sqltypes.Datetime:
		return strings.Compare(string(a), string(b)), len(a) == len(b)
	}
	x, y := string(a), string(b)
	return strings.Compare(strings.ToUpper(x), strings.ToUpper(y)), printable(x) && printable(y)
}

// printable reports whether a text is of ASCII's visible characters, with no space at its end.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return !strings.HasSuffix(s, " ")
}

func (p *plain) sort(rows []sqltypes.Row) (sure bool) {
	sure = true
	slices.SortStableFunc(rows, func(a, b sqltypes.Row) int {
		for _, s := range p.order {
			x, y := a[s.column], b[s.column]
			n := 0
			switch {
			case x == nil || y == nil:
				n = cmp.Compare(bit(x != nil), bit(y != nil))
			default:
				var ok bool
				n, ok = p.compare(s.column, x, y)
				sure = sure && ok
			}
			if s.desc {
				n = -n
			}
			if n != 0 {
				return n
			}
		}
		return 0
	})
	return sure
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}
