package session

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
)

// Some functions answer for the client's own connection, which no backend is: their values are put into the text in
// their places, under the label that the call would have had.

// answered are the functions whose values only the session knows.
const answered = parser.UseFoundRows | parser.UseRowCount | parser.UseConnectionID | parser.UseCurrentUser | parser.UseDatabase | parser.UseVersion

// answeredVars are the system variables whose values only the session knows.
var answeredVars = map[string]bool{
	"warning_count": true, "error_count": true, shardValueVar: true, transactionTypeVar: true, readVar: true,
}

// substitutes reports whether a statement asks for something that only the session knows.
func (s *Session) substitutes(st *parser.Statement) bool {
	if st.Show == nil && slices.ContainsFunc(st.Tables, func(t parser.TableRef) bool { return s.isStatusTable(&t) }) {
		return true
	}
	if !st.Uses.Has(answered | parser.UseSysVar) {
		return false
	}
	from := asksFrom(st)
	for _, at := range st.Uses.At {
		if at.Tok >= from && s.substituted(st, at) {
			return true
		}
	}
	return false
}

// asksFrom is the token from which on functions are evaluated when the statement runs: what a definition says is
// evaluated later, and its names may be those of functions.
func asksFrom(st *parser.Statement) int {
	switch st.Kind {
	case parser.CreateView, parser.OtherDDL, parser.AlterTable, parser.Account, parser.CreateIndex:
		return len(st.Tokens)
	case parser.CreateTable, parser.CreateTemporaryTable:
		for i, t := range st.Tokens {
			if t.Is("SELECT") || t.Is("VALUES") || t.Is("WITH") {
				return i
			}
		}
		return len(st.Tokens)
	}
	return 0
}

// substituted reports whether the session answers a use.
func (s *Session) substituted(st *parser.Statement, use parser.UseAt) bool {
	kind := st.Kind
	switch use.Use {
	case parser.UseFoundRows, parser.UseRowCount:
		return kind != parser.Compound // which asks about its own statements
	case parser.UseDatabase:
		layout, ok := s.srv.Catalogs.Current().Database(s.db)
		// A server whose schemas pass through knows itself, but user locks may be taken on another.
		return !ok || layout.Database != "" || st.Uses.Has(parser.UseLock)
	case parser.UseConnectionID, parser.UseCurrentUser:
		return true
	case parser.UseVersion:
		return s.srv.OwnVersion != ""
	case parser.UseSysVar:
		if kind == parser.Set && assigned(st, use.Tok) {
			return false
		}
		if use.Name == "version" {
			return s.srv.OwnVersion != ""
		}
		return kind != parser.Compound && (answeredVars[use.Name] || s.answersVariable(use.Name))
	}
	return false
}

// assigned reports whether the variable at a token is what a SET gives a value to.
func assigned(st *parser.Statement, tok int) bool {
	return tok > 0 && (st.Tokens[tok-1].Is("SET") || st.Tokens[tok-1].In(st.Text) == ",") && st.Tokens[tok-1].Depth == st.Tokens[0].Depth
}

// runSubstituted runs a statement after its questions to the session have been answered in its text.
func (s *Session) runSubstituted(ctx context.Context, x *execution) error {
	inner, err := s.answered(ctx, x)
	if err != nil {
		s.settle(ctx)
		return s.writeError(err)
	}
	return s.run(ctx, inner)
}

// answered plans a statement whose questions to the session have been answered in its text.
func (s *Session) answered(ctx context.Context, x *execution) (*execution, error) {
	text, err := s.interpolated(x)
	if err != nil {
		return nil, err
	}
	parsed, err := parser.Parse(text, s.mode)
	if err != nil {
		return nil, syntaxError(err)
	}
	if err := s.answerable(parsed); err != nil {
		return nil, err
	}
	replaced, err := s.replaced(ctx, x.st, parsed)
	if err != nil {
		return nil, err
	}
	again, err := parser.Parse(replaced, s.mode)
	if err != nil {
		return nil, syntaxError(err)
	}
	st, err := s.planStatement(ctx, again)
	if err != nil {
		return nil, err
	}
	var scan parser.Scan
	body := []byte(replaced)
	if err := scan.Scan(body, s.mode); err != nil {
		return nil, syntaxError(err)
	}
	return &execution{st: st, plan: st.plan, args: &args{scan: &scan, text: body}, form: x.form}, nil
}

// replaced is the text that is run in the place of a statement which is not planned as it is.
func (s *Session) replaced(ctx context.Context, st *Statement, parsed *parser.Statement) (string, error) {
	if st.like {
		return s.definedLike(ctx, parsed)
	}
	return s.substitute(parsed), nil
}

// substitute replaces each question by its answer. A select item without an alias keeps the label that its text gave it.
func (s *Session) substitute(st *parser.Statement) string {
	var edits []edit
	from := asksFrom(st)
	for _, use := range st.Uses.At {
		if use.Tok < from || !s.substituted(st, use) {
			continue
		}
		start, end := s.call(st, use)
		if answer, ok := s.answer(use, st.Text[start:end]); ok {
			edits = append(edits, edit{start, end, answer})
		}
	}
	edits = append(edits, labels(st, edits)...)
	edits = append(edits, s.statusTables(st)...)
	slices.SortStableFunc(edits, func(a, b edit) int { return a.start - b.start })
	var out strings.Builder
	at := 0
	for _, e := range edits {
		if e.start < at {
			continue
		}
		out.WriteString(st.Text[at:e.start])
		out.WriteString(e.text)
		at = e.end
	}
	out.WriteString(st.Text[at:])
	return out.String()
}

// edit replaces a part of a text.
type edit struct {
	start, end int
	text       string
}

// labels are the aliases that edited select items need.
func labels(st *parser.Statement, edits []edit) []edit {
	if st.Clauses == nil {
		return bareLabels(st, edits)
	}
	var out []edit
	for i := range st.Clauses.List {
		item := &st.Clauses.List[i]
		touched := slices.ContainsFunc(edits, func(e edit) bool { return e.start >= item.Expr.Start && e.end <= item.Expr.End })
		if touched && item.Alias == "" {
			label := st.Text[item.Expr.Start:item.Expr.End]
			out = append(out, edit{item.Expr.End, item.Expr.End, " AS `" + strings.ReplaceAll(label, "`", "``") + "`"})
		}
	}
	return out
}

// bareLabels are the aliases of functions that are whole select items, where the clauses have not been read.
func bareLabels(st *parser.Statement, edits []edit) []edit {
	if st.Kind != parser.CreateTable && st.Kind != parser.CreateTemporaryTable {
		return nil
	}
	var out []edit
	for _, e := range edits {
		first := slices.IndexFunc(st.Tokens, func(t parser.Token) bool { return t.Start == e.start })
		last := slices.IndexFunc(st.Tokens, func(t parser.Token) bool { return t.End == e.end })
		if first < 1 || last < 0 {
			continue
		}
		begins := st.Tokens[first-1].Word == "SELECT" || st.Tokens[first-1].Word == "," && st.Tokens[first].Depth == st.Tokens[0].Depth
		ends := last+1 == len(st.Tokens) || st.Tokens[last+1].Word == "," || st.Tokens[last+1].Word == "FROM"
		if begins && ends {
			label := strings.ReplaceAll(st.Text[e.start:e.end], "`", "``")
			out = append(out, edit{e.end, e.end, " AS `" + label + "`"})
		}
	}
	return out
}

// answer is what the session knows, as SQL. The function itself, or the variable as written, stands beside it, never evaluated, for
// its type.
func (s *Session) answer(use parser.UseAt, written string) (string, bool) {
	switch use.Use {
	case parser.UseFoundRows:
		return "IFNULL(" + strconv.FormatUint(s.diag.foundRows, 10) + ", FOUND_ROWS())", true
	case parser.UseRowCount:
		if use.Name == parser.SQLRowCount {
			return "IFNULL(" + s.diag.sqlRowCount() + ", ROW_COUNT())", true
		}
		return "IFNULL(" + strconv.FormatInt(s.diag.rowCount, 10) + ", ROW_COUNT())", true
	case parser.UseConnectionID:
		return "IFNULL(CAST(" + strconv.FormatUint(uint64(s.id), 10) + " AS UNSIGNED), CONNECTION_ID())", true
	case parser.UseCurrentUser:
		if use.Name == "CURRENT_USER" {
			return "IF(TRUE, " + systemText(s.who.Account()) + ", CURRENT_USER())", true
		}
		return "IF(TRUE, " + systemText(s.who.Client()) + ", USER())", true
	case parser.UseDatabase:
		if s.db == "" {
			return "IF(TRUE, NULL, DATABASE())", true
		}
		return "IF(TRUE, " + systemText(s.db) + ", DATABASE())", true
	case parser.UseVersion:
		return "IF(TRUE, " + systemText(s.srv.OwnVersion) + ", VERSION())", true
	case parser.UseSysVar:
		return s.answerVariable(use.Name, written)
	}
	return "", false
}

func (s *Session) answerVariable(name, written string) (string, bool) {
	switch name {
	case "warning_count":
		return "IF(TRUE, CAST(" + strconv.Itoa(s.diag.total) + " AS UNSIGNED), @@warning_count)", true
	case "error_count":
		return "IF(TRUE, CAST(" + strconv.Itoa(s.diag.errors()) + " AS UNSIGNED), @@error_count)", true
	case shardValueVar:
		return s.shardValueText(), true
	case transactionTypeVar:
		return systemText(s.transactionType.String()), true
	case readVar:
		return systemText(s.readText()), true
	}
	return s.variableText(name, written), s.answersVariable(name)
}

// systemText writes a text that has the least say in what an expression compares and collates by.
func systemText(text string) string {
	return "_utf8mb4 " + string(sqltypes.StringValue(text).AppendSQL(nil))
}

// call is the span of a use: a name with its parentheses, or @@ with its name.
func (s *Session) call(st *parser.Statement, use parser.UseAt) (start, end int) {
	first := st.Tokens[use.Tok]
	start, end = first.Start, first.End
	if use.Use == parser.UseSysVar {
		for i := use.Tok + 1; i < len(st.Tokens) && st.Tokens[i].Start == end && end < len(st.Text); i++ {
			if word := st.Text[st.Tokens[i].Start:st.Tokens[i].End]; word != "." && st.Tokens[i].Kind == parser.Op {
				break
			}
			end = st.Tokens[i].End
		}
		return start, end
	}
	if use.Name == parser.SQLRowCount {
		return start, st.Tokens[use.Tok+2].End
	}
	if use.Tok+2 < len(st.Tokens) && st.Tokens[use.Tok+1].Word == "(" && st.Tokens[use.Tok+2].Word == ")" {
		end = st.Tokens[use.Tok+2].End
	}
	return start, end
}
