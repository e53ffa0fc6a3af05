package session

import (
	"bytes"
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/exec"
	"github.com/heddle-mesh/heddle/proxy/merge"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/router/plan"
)

// residualTable is the temporary table that holds the merged rows while a shard finishes a statement. Its
// connection is closed when the statement ends without having dropped it.
const residualTable = "heddle residual"

// residualBatch is how many bytes of rows go into one INSERT.
const residualBatch = 512 << 10

// residual has a shard finish a statement over the merged rows of n.Input.
func (t *tree) residual(ctx context.Context, n *plan.Residual) ([]merge.RowStream, error) {
	rows, err := t.finished(ctx, n)
	return rows, t.standing(n, err)
}

// standing puts what the client has written into the places of the temporary table's columns, in an error and in what the
// server has said beside it.
func (t *tree) standing(n *plan.Residual, err error) error {
	e := sqlerr.As(err)
	if e == nil || !strings.Contains(e.Msg, residualTable) {
		return err
	}
	for i := range t.s.diag.conditions {
		c := &t.s.diag.conditions[i]
		c.msg = standingText(c.msg, n.Stands)
	}
	return sqlerr.New(e.Code, e.State, standingText(e.Msg, n.Stands))
}

// residualColumns are one of the temporary table's columns, or the quotient of two, as servers print them.
var residualColumns = func() *regexp.Regexp {
	column := "(?:[`\"][^`\"]*[`\"]\\.)?[`\"]" + residualTable + "[`\"]\\.[`\"](c\\d+)[`\"]"
	return regexp.MustCompile(column + "(?: / " + column + ")?")
}()

func standingText(msg string, stands []plan.Stand) string {
	text := func(columns string) (string, bool) {
		i := slices.IndexFunc(stands, func(s plan.Stand) bool { return s.Columns == columns })
		if i < 0 {
			return columns, false
		}
		return stands[i].Text, true
	}
	return residualColumns.ReplaceAllStringFunc(msg, func(found string) string {
		names := residualColumns.FindStringSubmatch(found)
		if names[2] == "" {
			out, _ := text(names[1])
			return out
		}
		if out, ok := text(names[1] + "/" + names[2]); ok {
			return out
		}
		first, _ := text(names[1])
		second, _ := text(names[2])
		return first + " / " + second
	})
}

func (t *tree) finished(ctx context.Context, n *plan.Residual) ([]merge.RowStream, error) {
	if err := t.fillResidual(ctx, n); err != nil {
		return nil, err
	}
	sql, params, err := t.residualSQL(n)
	if err != nil {
		return nil, err
	}
	h, err := t.s.hold(ctx, n.Target.DataSource, n.Target.Schema, t.x.need)
	if err != nil {
		return nil, err
	}
	answer, err := exec.Start(ctx, h.lease.Conn(), &exec.Unit{SQL: sql, Form: t.x.form, Params: params, Anew: readsUserVars(t.x)})
	if err != nil {
		return nil, err
	}
	final := &shardRows{Answer: answer, s: t.s, h: h, route: &plan.Route{}, target: &n.Target}
	t.streams = append(t.streams, final)
	if err := final.buffer(ctx, t.budget); err != nil {
		return nil, err
	}
	kept, _ := t.s.diag.mark()
	t.heard(ctx)
	if t.x.st.parsed.Uses.Has(parser.UseCalcFoundRows) {
		if t.found, err = foundRows(ctx, h); err != nil {
			return nil, err
		}
		t.counted = true
	}
	if n.Untold {
		t.s.diag.dropTruncated(kept)
	}
	return []merge.RowStream{final}, t.dropResidual(ctx, h)
}

// fillResidual puts the merged rows of n.Input into the temporary table.
func (t *tree) fillResidual(ctx context.Context, n *plan.Residual) error {
	defer t.s.unconverted()()
	rows, err := t.collect(ctx, n.Input)
	if err != nil {
		return err
	}
	t.heard(ctx)
	// The inputs are read to their end: their connections are free, one of them perhaps for what follows.
	h, err := t.createResidual(ctx, n)
	if err != nil {
		return err
	}
	return t.fill(ctx, h, residualTable, rows)
}

// collected are the rows of a part of a statement, and how they read.
type collected struct {
	columns []sqltypes.Column
	rows    []sqltypes.Row
}

// collect reads a node's rows into memory, within the statement's budget.
func (t *tree) collect(ctx context.Context, node plan.Node) (*collected, error) {
	opts := t.options()
	opts.WholeDoubles = true // the rows are computed with, not shown
	in, err := merge.Build(node, t.leavesOf(ctx), opts)
	if err != nil {
		return nil, err
	}
	defer func() { _ = in.Close() }() // it is at its end, or the error that stopped it is reported
	var rows []sqltypes.Row
	for {
		row, err := in.Next(ctx)
		if isEOF(err) {
			return &collected{in.Columns(), rows}, nil
		}
		if err != nil {
			return nil, err
		}
		kept, size := copyRow(row)
		if err := t.budget.Reserve("the rows of a statement that a shard finishes", size); err != nil {
			return nil, err
		}
		rows = append(rows, kept)
	}
}

// createResidual makes the temporary table, with the exact types that the shards' parts have.
func (t *tree) createResidual(ctx context.Context, n *plan.Residual) (*held, error) {
	unit := plan.RouteUnit{Target: &n.Target}
	inlined := *t.x
	inlined.form, inlined.args = exec.TextRows, t.x.args.inlined(t.s.clientCharset())
	shape, _, err := t.s.sql(&inlined, n.Shape, &unit)
	if err != nil {
		return nil, err
	}
	create := "CREATE TEMPORARY TABLE `" + residualTable + "` " + string(shape)
	mode := "@@sql_mode"
	if t.s.srv.Flavour.MariaDB { // the client's statement is no write, and what its constants warn of is no error
		mode = "REPLACE(REPLACE(" + mode + ",'STRICT_TRANS_TABLES',''),'STRICT_ALL_TABLES','')"
	}
	if n.FreeGroups {
		mode = "REPLACE(" + mode + ",'ONLY_FULL_GROUP_BY','')"
	}
	if mode != "@@sql_mode" {
		create = "SET STATEMENT sql_mode=" + mode + " FOR " + create
	}
	h, err := t.s.hold(ctx, n.Target.DataSource, n.Target.Schema, t.x.need)
	if err != nil {
		return nil, err
	}
	h.lease.Taint("a temporary table")
	if err := h.Exec(ctx, create); err != nil {
		if e := sqlerr.As(err); e != nil && e.Code == sqlerr.CodeReadOnlyTxn {
			return nil, inReadOnly()
		}
		return nil, t.s.failed(ctx, h, plan.Leaf(n.Input), &n.Target, err)
	}
	return h, nil
}

// fill inserts rows into a temporary table, in pieces.
func (t *tree) fill(ctx context.Context, h *held, table string, from *collected) error {
	head := "INSERT INTO `" + table + "` VALUES "
	columns, _, err := h.lease.Conn().QueryRows(ctx, "SELECT * FROM `"+table+"` LIMIT 0")
	if err != nil {
		return err
	}
	for i := range min(len(columns), len(from.columns)) {
		if columns[i].Type == sqltypes.Bit && (from.columns[i].Type != sqltypes.Bit || from.columns[i].Flags&sqltypes.FlagBinary != 0) {
			columns[i].Type = sqltypes.LongLong // an expression of BITs reads as a number
		}
	}
	if err := tellsMembers(ctx, h, table, columns, from.rows); err != nil {
		return err
	}
	sql := []byte(head)
	for i, row := range from.rows {
		if err := tellsJSON(columns, row); err != nil {
			return err
		}
		if tooLong(columns, row) {
			return merge.TooLong()
		}
		if len(sql) > len(head) {
			sql = append(sql, ',')
		}
		sql = t.appendRow(sql, columns, row)
		if len(sql) < residualBatch && i < len(from.rows)-1 {
			continue
		}
		if err := h.Exec(ctx, t.asStored(columns, from.rows)+string(sql)); err != nil {
			return err
		}
		sql = append(sql[:0], head...)
	}
	return nil
}

// asStored has a server take values that the session's sql_mode would refuse in new rows: they are in tables. To ENUM's ” that is no
// member strictness always objects.
func (t *tree) asStored(columns []sqltypes.Column, rows []sqltypes.Row) string {
	if !t.s.srv.Flavour.MariaDB {
		return ""
	}
	mode := "STRICT_ALL_TABLES,ALLOW_INVALID_DATES"
	if len(emptyMembers(columns, rows)) > 0 {
		mode = "ALLOW_INVALID_DATES"
	}
	return "SET STATEMENT sql_mode='" + mode + "' FOR "
}

// emptyMembers are the columns of ENUM in which a row has ”: a member of that text, or the value 0 that is no member.
func emptyMembers(columns []sqltypes.Column, rows []sqltypes.Row) []int {
	var out []int
	for i := range columns {
		if columns[i].Flags&sqltypes.FlagEnum != 0 && slices.ContainsFunc(rows, func(row sqltypes.Row) bool { return row[i] != nil && len(row[i]) == 0 }) {
			out = append(out, i)
		}
	}
	return out
}

// tellsMembers refuses rows in which an ENUM's text leaves open which of its values is meant: ” where that is a member too.
func tellsMembers(ctx context.Context, h *held, table string, columns []sqltypes.Column, rows []sqltypes.Row) error {
	empty := emptyMembers(columns, rows)
	if len(empty) == 0 {
		return nil
	}
	_, types, err := h.lease.Conn().QueryRows(ctx, "SHOW COLUMNS FROM `"+table+"`")
	if err != nil {
		return err
	}
	for _, i := range empty {
		if i < len(types) && hasEmptyMember(string(types[i][1])) {
			return sqlerr.NotSupported("an ENUM's '' in what a shard finishes, where '' is a member: it may be the value that is no member as well")
		}
	}
	return nil
}

// hasEmptyMember reads an ENUM's type as a server writes it, in which a quote within a member stands twice.
func hasEmptyMember(columnType string) bool {
	rest, ok := strings.CutPrefix(columnType, "enum(")
	for ok {
		member := ""
		if rest, ok = strings.CutPrefix(rest, "'"); !ok {
			return false
		}
		for {
			before, after, closed := strings.Cut(rest, "'")
			if !closed {
				return false
			}
			member += before
			if rest, ok = strings.CutPrefix(after, "'"); !ok {
				break
			}
			member += "'"
		}
		if member == "" {
			return true
		}
		rest, ok = strings.CutPrefix(rest, ",")
	}
	return false
}

// tooLong reports whether a sum has more digits than a column of DECIMAL, which a server would cut, in some modes without a word.
func tooLong(columns []sqltypes.Column, row sqltypes.Row) bool {
	for i, cell := range row {
		if i >= len(columns) || !columns[i].Type.IsDecimal() || len(cell) <= merge.DecimalDigits/2 {
			continue
		}
		whole, _, _ := bytes.Cut(bytes.TrimPrefix(cell, []byte("-")), []byte("."))
		if len(whole)+int(columns[i].Decimals) > merge.DecimalDigits {
			return true
		}
	}
	return false
}

func (t *tree) appendRow(sql []byte, columns []sqltypes.Column, row sqltypes.Row) []byte {
	sql = append(sql, '(')
	for i, cell := range row {
		if i > 0 {
			sql = append(sql, ',')
		}
		switch {
		case cell == nil:
			sql = append(sql, "NULL"...)
		default:
			text, _ := t.s.introduced(cell, &columns[i]) // the column has the collation
			sql = append(sql, text...)
		}
	}
	return append(sql, ')')
}

// residualSQL renders the final statement, whose table 0 is the temporary one.
func (t *tree) residualSQL(n *plan.Residual) ([]byte, []wire.Param, error) {
	target := n.Target
	target.Names = append([]string{residualTable}, target.Names...)
	target.Schemas = append([]string{target.Schema}, target.Schemas...)
	return t.s.sql(t.x, n.Final, &plan.RouteUnit{Target: &target})
}

// dropResidual drops the table; the connection is then as good as before.
func (t *tree) dropResidual(ctx context.Context, h *held) error {
	if err := h.Exec(ctx, "DROP TEMPORARY TABLE `"+residualTable+"`"); err != nil {
		return err
	}
	h.lease.Taint("")
	return nil
}

// residualShape is what a shard says of the final statement over an empty table.
func (t *tree) residualShape(ctx context.Context, n *plan.Residual) ([]sqltypes.Column, error) {
	t.anyArguments()
	h, err := t.createResidual(ctx, n)
	if err != nil {
		return nil, err
	}
	sql, _, err := t.residualSQL(n)
	if err != nil {
		return nil, err
	}
	stmt, err := h.lease.Conn().Prepare(ctx, string(sql))
	if err != nil {
		return nil, t.standing(n, err)
	}
	return stmt.Columns, t.dropResidual(ctx, h)
}
