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
const answered = parser.UseFoundRows | parser.UseRowCount | parser.UseConnectionID | parser.UseCurrentUser | parser.UseDatabase

// answeredVars are the system variables whose values only the session knows.
var answeredVars = map[string]bool{
	"warning_count": true, "error_count": true, "pseudo_thread_id": true, "last_insert_id": true, "identity": true,
}

// substitutes reports whether a statement asks for something that only the session knows.
func (s *Session) substitutes(st *parser.Statement) bool {
	if st.Uses.Has(answered) {
		return true
	}
	if !st.Uses.Has(parser.UseSysVar) {
		return false
	}
	for _, at := range st.Uses.At {
		if at.Use == parser.UseSysVar && answeredVars[at.Name] {
			return true
		}
	}
	return false
}

// runSubstituted runs a statement after its questions to the session have been answered in its text.
func (s *Session) runSubstituted(ctx context.Context, x *execution) error {
	text, err := s.interpolated(x)
	if err != nil {
		return s.writeError(err)
	}
	parsed, err := parser.Parse(text, s.mode)
	if err != nil {
		return s.writeError(syntaxError(err))
	}
	replaced := s.substitute(parsed)
	again, err := parser.Parse(replaced, s.mode)
	if err != nil {
		return s.writeError(syntaxError(err))
	}
	st, err := s.planStatement(ctx, again)
	if err != nil {
		s.settle(ctx)
		return s.writeError(err)
	}
	var scan parser.Scan
	body := []byte(replaced)
	if err := scan.Scan(body, s.mode); err != nil {
		return s.writeError(syntaxError(err))
	}
	return s.run(ctx, &execution{st: st, plan: st.plan, args: &args{scan: &scan, text: body}, form: x.form})
}

// substitute replaces each question by its answer. A select item without an alias keeps the label that its text gave it.
func (s *Session) substitute(st *parser.Statement) string {
	var edits []edit
	for _, use := range st.Uses.At {
		if answer, ok := s.answer(use); ok {
			start, end := s.call(st, use)
			edits = append(edits, edit{start, end, answer})
		}
	}
	edits = append(edits, labels(st, edits)...)
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
		return nil
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

// answer is what the session knows, as SQL of the type that the function has.
func (s *Session) answer(use parser.UseAt) (string, bool) {
	switch use.Use {
	case parser.UseFoundRows:
		return "CAST(" + strconv.FormatUint(s.diag.foundRows, 10) + " AS SIGNED)", true
	case parser.UseRowCount:
		return "CAST(" + strconv.FormatInt(s.diag.rowCount, 10) + " AS SIGNED)", true
	case parser.UseConnectionID:
		return "CAST(" + strconv.FormatUint(uint64(s.id), 10) + " AS UNSIGNED)", true
	case parser.UseCurrentUser:
		if use.Name == "CURRENT_USER" {
			return s.systemText(s.who.Account()), true
		}
		return s.systemText(s.who.Client()), true
	case parser.UseDatabase:
		if s.db == "" {
			return "NULL", true
		}
		return s.systemText(s.db), true
	case parser.UseSysVar:
		return s.answerVariable(use.Name)
	}
	return "", false
}

func (s *Session) answerVariable(name string) (string, bool) {
	switch name {
	case "warning_count":
		return strconv.Itoa(s.diag.total), true
	case "error_count":
		return strconv.Itoa(s.diag.errors()), true
	case "pseudo_thread_id":
		return strconv.FormatUint(uint64(s.id), 10), true
	case "last_insert_id", "identity":
		return strconv.FormatUint(s.diag.lastID, 10), true
	}
	return "", false
}

// systemText writes a text in the charset of identifiers.
func (s *Session) systemText(text string) string {
	charset := "utf8mb3"
	if !s.srv.Flavour.MariaDB && s.srv.Flavour.Version < 80024 || s.srv.Flavour.MariaDB && s.srv.Flavour.Version < 100600 {
		charset = "utf8"
	}
	return "_" + charset + " " + string(sqltypes.StringValue(text).AppendSQL(nil)) + " COLLATE " + charset + "_general_ci"
}

// call is the span of a use: a name with its parentheses, or @@ with its name.
func (s *Session) call(st *parser.Statement, use parser.UseAt) (start, end int) {
	first := st.Tokens[use.Tok]
	start, end = first.Start, first.End
	if use.Use == parser.UseSysVar {
		return start, end
	}
	if use.Tok+2 < len(st.Tokens) && st.Tokens[use.Tok+1].Word == "(" && st.Tokens[use.Tok+2].Word == ")" {
		end = st.Tokens[use.Tok+2].End
	}
	return start, end
}
