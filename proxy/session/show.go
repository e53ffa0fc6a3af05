package session

import (
	"context"
	"strconv"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/exec"
	"github.com/heddle-mesh/heddle/proxy/merge"
	"github.com/heddle-mesh/heddle/proxy/sysview"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/router/rule"
)

// asksDiagnostics reports whether a statement asks about the one before it, and must leave that one's diagnostics alone.
func asksDiagnostics(st *parser.Statement) bool {
	switch st.Kind {
	case parser.Show:
		return st.Show != nil && (strings.HasSuffix(st.Show.What, "WARNINGS") || strings.HasSuffix(st.Show.What, "ERRORS"))
	case parser.GetDiagnostics:
		return true
	case parser.Select:
		for _, at := range st.Uses.At {
			if at.Use == parser.UseSysVar && (at.Name == "warning_count" || at.Name == "error_count") {
				return true
			}
		}
	}
	return false
}

// shows are the SHOW statements that the session answers itself, by their words.
func shows() map[string]handler {
	return map[string]handler{
		"WARNINGS":          onShowWarnings,
		"ERRORS":            onShowWarnings,
		"COUNT(*) WARNINGS": onShowCount,
		"COUNT(*) ERRORS":   onShowCount,
		"STATUS":            onShowStatus,
		"VARIABLES":         onShowVariables,
		"PROCESSLIST":       onShowProcesslist,
		"FULL PROCESSLIST":  onShowProcesslist,
		"DATABASES":         onShowDatabases,
		"SCHEMAS":           onShowDatabases,
	}
}

// ownShow finds the handler of a SHOW.
func (s *Session) ownShow(st *parser.Statement) handler {
	if st.Kind != parser.Show || st.Show == nil {
		return nil
	}
	return s.srv.shows[st.Show.What]
}

// Definitions of the answers, as servers give them.

// textColumn is a text of at most chars characters; conversion to the client's charset is described by inCharset.
func textColumn(name string, chars uint32) sqltypes.Column {
	return sqltypes.Column{
		Name: name, Type: sqltypes.VarString, Collation: wire.CollationUTF8MB3GeneralCI, Length: chars,
		Flags: sqltypes.FlagNotNull,
	}
}

// inCharset describes texts as converted to the client's character_set_results, as servers do.
func (s *Session) inCharset(columns []sqltypes.Column) []sqltypes.Column {
	name, _ := s.state.Var("character_set_results")
	c, ok := s.described(plainText(name))
	if strings.EqualFold(name, "NULL") { // no conversion: the names' own charset
		c, ok = wire.CollationByName("utf8mb3_general_ci", wire.MariaDB)
	}
	decimals := byte(31)
	if s.srv.Flavour.MariaDB {
		decimals = 39
	}
	for i := range columns {
		if columns[i].Type != sqltypes.VarString {
			continue
		}
		columns[i].Decimals = decimals
		if ok {
			columns[i].Collation = c.ID
			columns[i].Length *= uint32(c.MaxLen())
		}
	}
	return columns
}

func intColumn(name string, length uint32, flags uint16) sqltypes.Column {
	return sqltypes.Column{
		Name: name, Type: sqltypes.LongLong, Collation: sqltypes.CollationBinary, Length: length,
		Flags: sqltypes.FlagNotNull | sqltypes.FlagBinary | flags,
	}
}

// onShowWarnings is SHOW WARNINGS and SHOW ERRORS.
func onShowWarnings(s *Session, ctx context.Context, x *execution) error {
	errorsOnly := x.st.parsed.Show.What == "ERRORS"
	code := intColumn("Code", 4, sqltypes.FlagUnsigned)
	if !s.srv.Flavour.MariaDB {
		code.Length = 5
	}
	code.Type = sqltypes.Long
	columns := []sqltypes.Column{textColumn("Level", 7), code, textColumn("Message", 512)}
	var rows []sqltypes.Row
	for _, c := range s.diag.conditions {
		if errorsOnly && c.level != "Error" {
			continue
		}
		rows = append(rows, sqltypes.Row{[]byte(c.level), strconv.AppendUint(nil, uint64(c.code), 10), []byte(c.msg)})
	}
	return s.answerList(ctx, columns, s.limited(x, rows), x.form)
}

// answerList is answerRows for what a server takes from lists of its own, and not from a query: FOUND_ROWS() stays.
func (s *Session) answerList(ctx context.Context, columns []sqltypes.Column, rows []sqltypes.Row, form exec.Form) error {
	found, after := s.diag.foundRows, s.diag.foundAfter
	err := s.answerRows(ctx, columns, rows, form)
	s.diag.foundRows, s.diag.foundAfter = found, after
	return err
}

// limited applies the LIMIT of a SHOW.
func (s *Session) limited(x *execution, rows []sqltypes.Row) []sqltypes.Row {
	span := x.st.parsed.Show.Limit
	if !span.Present() {
		return rows
	}
	var numbers []int
	for i := range x.args.Len() {
		arg := x.args.scan.Args[i]
		if v, err := x.args.Value(i); err == nil && int(arg.Start) >= span.Start && int(arg.End) <= span.End {
			numbers = append(numbers, int(v.Int))
		}
	}
	offset, count := 0, len(rows)
	switch len(numbers) {
	case 1:
		count = numbers[0]
	case 2:
		offset, count = numbers[0], numbers[1]
	}
	rows = rows[min(max(offset, 0), len(rows)):]
	return rows[:min(max(count, 0), len(rows))]
}

// onShowCount is SHOW COUNT(*) WARNINGS and SHOW COUNT(*) ERRORS.
func onShowCount(s *Session, ctx context.Context, x *execution) error {
	name, n := "@@session.warning_count", s.diag.total
	if strings.HasSuffix(x.st.parsed.Show.What, "ERRORS") {
		name, n = "@@session.error_count", s.diag.errors()
	}
	column := intColumn(name, 21, sqltypes.FlagUnsigned)
	column.Flags &^= sqltypes.FlagNotNull
	return s.answerRows(ctx, []sqltypes.Column{column}, []sqltypes.Row{{strconv.AppendInt(nil, int64(n), 10)}}, x.form)
}

// onShowProcesslist is SHOW [FULL] PROCESSLIST: the clients of all instances, those of the account unless it may see all.
func onShowProcesslist(s *Session, ctx context.Context, x *execution) error {
	columns := []sqltypes.Column{
		intColumn("Id", 10, 0), textColumn("User", 32), textColumn("Host", 64), textColumn("db", 64),
		textColumn("Command", 16), intColumn("Time", 7, 0), textColumn("State", 64), textColumn("Info", 100),
	}
	progress := s.srv.Flavour.MariaDB
	if progress {
		columns = append(columns, sqltypes.Column{
			Name: "Progress", Type: sqltypes.Double, Collation: sqltypes.CollationBinary, Length: 7, Decimals: 3,
			Flags: sqltypes.FlagNotNull | sqltypes.FlagBinary,
		})
	}
	var rows []sqltypes.Row
	for _, c := range s.clients() {
		row := sqltypes.Row{
			strconv.AppendUint(nil, c.ID, 10), []byte(c.User), []byte(c.Host), orNull(c.Database), []byte(c.Command),
			strconv.AppendInt(nil, int64(c.For.Seconds()), 10), []byte(c.State), orNull(c.Info),
		}
		if !x.st.parsed.Show.Full && len(c.Info) > 100 {
			row[7] = []byte(c.Info[:100])
		}
		if progress {
			row = append(row, []byte("0.000"))
		}
		rows = append(rows, row)
	}
	return s.answerList(ctx, columns, rows, x.form)
}

func orNull(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(s)
}

// onShowDatabases is SHOW DATABASES: the logical ones, and where a server's schemas pass through those too.
func onShowDatabases(s *Session, ctx context.Context, x *execution) error {
	if asks, err := s.asksSystem(x.st.parsed); err == nil && asks && s.allUp() {
		return s.runSystem(ctx, x)
	}
	names := map[string]bool{"information_schema": true}
	for _, layout := range s.srv.Catalogs.Current().Layouts() {
		if layout.Database != "" {
			names[layout.Database] = true
			continue
		}
		found, err := s.schemas(ctx, layout.DefaultDataSource)
		if noConnection(err) { // its schemas are not known while it does not answer
			s.diag.warn(sqlerr.As(err))
			continue
		}
		if err != nil {
			return s.writeError(err)
		}
		for _, name := range found {
			names[name] = !strings.EqualFold(name, rule.OwnSchema)
		}
	}
	var list []string
	for name, shown := range names {
		if shown && s.who.MayUse(name) {
			list = append(list, sqlString(name))
		}
	}
	return s.filtered(ctx, x, "Database", list)
}

// allUp reports whether every data source lets connections in. One whose server has gone since the last question is tried.
func (s *Session) allUp() bool {
	for _, layout := range s.srv.Catalogs.Current().Layouts() {
		for i := range layout.DataSources {
			if !s.srv.Pools.Up(layout.DataSources[i].Name) {
				return false
			}
		}
	}
	return true
}

// schemas lists a server's schemas.
func (s *Session) schemas(ctx context.Context, dataSource string) ([]string, error) {
	h, done, err := s.borrow(ctx, dataSource, "", 0)
	if err != nil {
		return nil, err
	}
	defer done()
	_, rows, err := h.lease.Conn().QueryRows(ctx, "SHOW DATABASES")
	if err != nil {
		return nil, err
	}
	out := make([]string, len(rows))
	for i, row := range rows {
		out[i] = string(row[0])
	}
	return out, nil
}

// everyRow ends a question of the session's own whose rows must all come, whatever sql_select_limit says.
const everyRow = " ORDER BY 1 LIMIT 18446744073709551615"

func sqlString(s string) string { return string(sqltypes.StringValue(s).AppendSQL(nil)) }

// filtered has a server sort a list of names and apply the LIKE or WHERE of a SHOW to it, with its own rules.
func (s *Session) filtered(ctx context.Context, x *execution, column string, names []string) error {
	d := x.st.parsed.Show
	label := column
	text := x.st.parsed.Text
	where := ""
	switch {
	case d.Like.Present():
		like := text[d.Like.Start:d.Like.End]
		label += " (" + strings.Trim(like, "'\"") + ")"
		where = " WHERE " + sysview.Exactly("`"+column+"`", s.srv.Catalogs.Current()) + " LIKE " + like
	case d.Where.Present():
		where = " " + text[d.Where.Start:d.Where.End]
	}
	h, done, err := s.borrowHome(ctx, backend.NeedUserVars)
	if err != nil {
		return s.writeError(err)
	}
	defer done()
	sql := "SELECT `" + column + "` FROM (SELECT " + strings.Join(names, " AS `"+column+"` UNION ALL SELECT ") +
		" AS `" + column + "`) AS `" + column + "s`" + where + everyRow
	if len(names) > 1 {
		sql = "SELECT `" + column + "` FROM (SELECT " + names[0] + " AS `" + column + "` UNION ALL SELECT " +
			strings.Join(names[1:], " UNION ALL SELECT ") + ") AS `" + column + "s`" + where + everyRow
	}
	_, rows, err := h.lease.Conn().QueryRows(ctx, sql)
	if err != nil {
		return s.writeError(err)
	}
	def := textColumn(label, 64)
	def.Schema, def.Table, def.OrgTable, def.OrgName = "information_schema", "SCHEMATA", "SCHEMATA", "SCHEMA_NAME"
	stream := merge.NewRows(s.inCharset([]sqltypes.Column{def}), rows)
	return s.writeRows(ctx, stream, x.form, func() *wire.OK { return &wire.OK{Warnings: s.diag.count()} })
}

// answerRows writes rows that the proxy has made.
func (s *Session) answerRows(ctx context.Context, columns []sqltypes.Column, rows []sqltypes.Row, form exec.Form) error {
	return s.writeRows(ctx, merge.NewRows(s.inCharset(columns), rows), form, func() *wire.OK { return &wire.OK{} })
}
