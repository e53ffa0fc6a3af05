package sysview

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
)

// Heddle is the database of the proxy's own tables. A rule document of that name hides it.
const Heddle = "heddle"

// Source is one table of the database heddle.
type Source interface {
	// Columns are the table's, always the same: whole numbers, texts of utf8mb4 or DATETIME.
	Columns() []sqltypes.Column
	// Rows are those that a reader may see, in an order of their own. Numbers and times are written as servers write them.
	Rows(ctx context.Context, by Reader) ([]sqltypes.Row, error)
}

// Reader is who asks for rows of a Source.
type Reader struct {
	User  string
	Admin bool
	Warn  func(error) // tells the reader what rows are missing
}

// OpenToAll is a Source that shows each account its own rows. All others are an administrator's alone.
type OpenToAll interface {
	Source
	// OwnRows tells that Rows keeps to the reader's own.
	OwnRows()
}

// ownHidden reports whether a document has taken the name heddle for itself.
func (v *View) ownHidden() bool {
	l, ok := v.Snapshot.Database(Heddle)
	return len(v.Own) == 0 || ok && l.Database != ""
}

// OwnDatabase reports whether a name is that of the proxy's own tables.
func (v *View) OwnDatabase(db string) bool { return strings.EqualFold(db, Heddle) && !v.ownHidden() }

// own reports whether a table occurrence is one of heddle.
func (v *View) own(t *parser.TableRef) bool {
	if t.CTE || t.DeleteRef {
		return false
	}
	return v.OwnDatabase(t.Schema) || t.Schema == "" && v.OwnDatabase(v.Database) && !strings.EqualFold(t.Name, "dual")
}

// asksOwn reports whether a statement reads a table of heddle, or is a SHOW about one. The error refuses those that do more than read.
func (v *View) asksOwn(st *parser.Statement) (bool, error) {
	if len(v.Own) == 0 {
		return false, nil
	}
	if st.Kind == parser.Show || st.Kind == parser.Describe {
		return v.showsOwn(st), nil
	}
	for i := range st.Tables {
		t := &st.Tables[i]
		if !v.own(t) {
			continue
		}
		switch st.Kind {
		case parser.Select, parser.Do, parser.Set:
			return true, nil
		}
		return false, sqlerr.NotSupported(st.Verb() + " with heddle." + t.Name + ", which can be read and nothing else")
	}
	return false, nil
}

// showsOwn reports whether a SHOW is about the database heddle.
func (v *View) showsOwn(st *parser.Statement) bool {
	d := st.Show
	if d == nil {
		return false
	}
	switch d.What {
	case "TABLES", "TABLE STATUS", "COLUMNS", "FIELDS", "INDEX", "INDEXES", "KEYS", "CREATE TABLE", "CREATE VIEW", "TRIGGERS", "EVENTS":
	default:
		return false
	}
	db := d.DB
	if db == "" && len(st.Tables) == 1 {
		db = st.Tables[0].Schema
	}
	if db == "" {
		db = v.Database
	}
	return v.OwnDatabase(db)
}

// source finds a table that the client may read.
func (v *View) source(name string) (Source, error) {
	s, ok := v.Own[strings.ToLower(name)]
	if !ok {
		return nil, sqlerr.NoSuchTable(Heddle, name)
	}
	if _, open := s.(OpenToAll); !open && !v.Reader.Admin {
		return nil, sqlerr.TableAccessDenied("SELECT", v.User, v.Host, name)
	}
	return s, nil
}

// derivedOwn writes the derived table that stands for a table of heddle. Its first branch, which is empty, gives the columns their types.
func (v *View) derivedOwn(ctx context.Context, st *parser.Statement, t *parser.TableRef) (string, error) {
	s, err := v.source(t.Name)
	if err != nil {
		return "", err
	}
	rows, err := s.Rows(ctx, v.Reader)
	if err != nil {
		return "", err
	}
	q := &question{name: Heddle + "." + strings.ToLower(t.Name), columns: s.Columns(), planned: v.ordinary(st)}
	var b strings.Builder
	b.WriteString("(SELECT ")
	for i := range q.columns {
		q.wanted = append(q.wanted, i)
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(blank(&q.columns[i]) + " AS " + ident(q.columns[i].Name))
	}
	b.WriteString(" FROM DUAL WHERE 1 = 0")
	if err := v.values(&b, q, q.outputs(), rows, v.ownCell); err != nil {
		return "", err
	}
	b.WriteByte(')')
	return b.String(), nil
}

// blank is an expression of a column's type. Texts compare as utf8mb4_general_ci wherever they run.
func blank(c *sqltypes.Column) string {
	switch {
	case c.Type.IsInteger() && c.Unsigned():
		return "CAST(NULL AS UNSIGNED)"
	case c.Type.IsInteger():
		return "CAST(NULL AS SIGNED)"
	case c.Type == sqltypes.Datetime:
		return "CAST(NULL AS DATETIME)"
	}
	return "CONVERT('' USING utf8mb4) COLLATE utf8mb4_general_ci"
}

// ownCell writes a value of heddle.
func (v *View) ownCell(value []byte, c *sqltypes.Column) string {
	if value == nil || c.Type.IsInteger() || c.Type == sqltypes.Datetime {
		return v.cell(value, c)
	}
	return hexText(value)
}

// showOwn answers SHOW and DESCRIBE about the database heddle.
func (v *View) showOwn(st *parser.Statement) (*Answer, error) {
	d := st.Show
	if d.Where.Present() || d.Extended {
		return nil, sqlerr.NotSupported("SHOW … WHERE and SHOW EXTENDED of the database heddle")
	}
	pattern, all, err := likePattern(st)
	if err != nil {
		return nil, err
	}
	switch d.What {
	case "TABLES":
		return v.ownTables(d, pattern, all), nil
	case "COLUMNS", "FIELDS":
		return v.ownColumns(st, pattern, all)
	case "TRIGGERS", "EVENTS":
	}
	return nil, sqlerr.NotSupported("SHOW " + d.What + " of the database heddle, whose tables are not stored")
}

func likePattern(st *parser.Statement) (pattern string, all bool, err error) {
	if !st.Show.Like.Present() {
		return "", true, nil
	}
	text := st.Show.Like.In(st.Text)
	if st.Kind == parser.Describe && !strings.HasPrefix(text, "'") && !strings.HasPrefix(text, `"`) {
		return strings.Trim(text, "`"), false, nil
	}
	if len(text) < 2 || strings.ContainsAny(text[1:len(text)-1], `\'"`) {
		return "", false, sqlerr.NotSupported("a LIKE with escapes, of the database heddle")
	}
	return text[1 : len(text)-1], false, nil
}

func (v *View) ownTables(d *parser.ShowDetail, pattern string, all bool) *Answer {
	label := "Tables_in_" + Heddle
	if !all {
		label += " (" + pattern + ")"
	}
	a := &Answer{Own: true, Columns: []sqltypes.Column{Text(label, 64)}}
	if d.Full {
		a.Columns = append(a.Columns, Text("Table_type", 64))
	}
	for _, name := range slices.Sorted(maps.Keys(v.Own)) {
		if _, err := v.source(name); err != nil || !all && !like(name, pattern) {
			continue
		}
		row := sqltypes.Row{[]byte(name)}
		if d.Full {
			row = append(row, []byte("SYSTEM VIEW"))
		}
		a.Rows = append(a.Rows, row)
	}
	return a
}

func (v *View) ownColumns(st *parser.Statement, pattern string, all bool) (*Answer, error) {
	if len(st.Tables) != 1 {
		return nil, sqlerr.NotSupported("SHOW COLUMNS without a table")
	}
	s, err := v.source(st.Tables[0].Name)
	if err != nil {
		return nil, err
	}
	full := st.Show.Full
	a := &Answer{Own: true}
	for _, name := range []string{"Field", "Type", "Collation", "Null", "Key", "Default", "Extra", "Privileges", "Comment"} {
		if full || name != "Collation" && name != "Privileges" && name != "Comment" {
			a.Columns = append(a.Columns, Text(name, 64))
		}
	}
	columns := s.Columns()
	for i := range columns {
		c := &columns[i]
		if !all && !like(c.Name, pattern) {
			continue
		}
		null := []byte("YES")
		if c.Flags&sqltypes.FlagNotNull != 0 {
			null = []byte("NO")
		}
		row := sqltypes.Row{[]byte(c.Name), []byte(declared(c))}
		var collation []byte
		if c.Type == sqltypes.VarString {
			collation = []byte("utf8mb4_general_ci")
		}
		if full {
			row = append(row, collation)
		}
		row = append(row, null, []byte{}, nil, []byte{})
		if full {
			row = append(row, []byte("select"), []byte{})
		}
		a.Rows = append(a.Rows, row)
	}
	return a, nil
}

// declared is a column's type as DESCRIBE prints it.
func declared(c *sqltypes.Column) string {
	switch {
	case c.Type.IsInteger() && c.Unsigned():
		return "bigint unsigned"
	case c.Type.IsInteger():
		return "bigint"
	case c.Type == sqltypes.Datetime:
		return "datetime"
	}
	return "longtext"
}

// like matches a pattern of LIKE without escapes, whatever the case.
func like(text, pattern string) bool {
	text, pattern = strings.ToLower(text), strings.ToLower(pattern)
	switch {
	case pattern == "":
		return text == ""
	case pattern[0] == '%':
		for i := 0; i <= len(text); i++ {
			if like(text[i:], pattern[1:]) {
				return true
			}
		}
		return false
	case text == "":
		return false
	}
	return (pattern[0] == '_' || pattern[0] == text[0]) && like(text[1:], pattern[1:])
}
