package session

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/router/plan"
)

// condition is a row of SHOW WARNINGS.
type condition struct {
	level string // Note, Warning, Error
	code  uint16
	msg   string
	row   int // of an INSERT, from 1, where a shard has told it apart from the text; 0: it has not
}

// told is the condition as clients see it.
func (c condition) told() condition {
	c.row = 0
	return c
}

// at is the row that a condition tells of, 0: none.
func (c condition) at() int { return cmp.Or(c.row, rowIn(c.msg)) }

// diagnostics are what the session answers of its last statement: SHOW WARNINGS, ROW_COUNT(), FOUND_ROWS(),
// LAST_INSERT_ID().
type diagnostics struct {
	conditions []condition
	total      int // of conditions, those that are not kept included
	rowCount   int64
	foundRows  uint64
	foundIn    *cursor // whose end will tell foundRows; nil: none
	foundAfter string  // what makes foundRows unknown, "": it is known
	// what foundRows was before the statement under way, and whether that was known
	foundBefore uint64
	knownBefore bool
	finds       bool // the statement under way finds rows, or has found some when it fails
	lastID      uint64

	stale   bool // the conditions are of an earlier statement
	fetched bool // conditions of the statement under way have been read from a shard
	limit   int  // how many are kept
	mixed   bool // the conditions come shard by shard: which are kept is seen when they are in the order of the rows
	// rows is the number that a row has in the statement by the number that it has on the shard that is heard; nil: the same.
	rows  func(n int) int
	heard []*plan.Target

	args   *args // of the statement under way
	parsed *parser.Statement
}

// maxConditions is max_error_count's default.
const maxConditions = 64

// reset begins a statement that has diagnostics of its own.
func (d *diagnostics) reset() {
	d.stale = false
	d.conditions, d.total, d.fetched, d.limit, d.mixed, d.heard = d.conditions[:0], 0, false, maxConditions, false, d.heard[:0]
}

// withoutTables are the statements that may name no table: of those a MariaDB server lets the conditions before stand,
// unless they have some of their own.
var withoutTables = map[parser.Kind]bool{
	parser.Select: true, parser.Set: true, parser.Do: true, parser.Use: true, parser.SetTransaction: true, parser.Begin: true,
	parser.Commit: true, parser.Rollback: true, parser.Savepoint: true, parser.RollbackTo: true, parser.Release: true,
	parser.Prepare: true, parser.Execute: true, parser.Deallocate: true, parser.UnlockTables: true, parser.Help: true,
	parser.Explain: true, parser.Analyze: true,
}

// letsStand reports whether a MariaDB server lets the conditions before a statement stand: those that open no table, a derived
// one or one of information_schema included.
func letsStand(st *parser.Statement) bool {
	tokens := st.Tokens
	if st.Kind == parser.Show {
		return len(tokens) > 1 && (tokens[1].Is("GRANTS") || tokens[1].Is("PRIVILEGES") || tokens[len(tokens)-1].Is("PROCESSLIST"))
	}
	if len(st.Tables) > 0 || !withoutTables[st.Kind] {
		return false
	}
	for i := range tokens {
		if tokens[i].Is("FROM") && i+2 < len(tokens) && tokens[i+1].In(st.Text) == "(" && tokens[i+2].Is("SELECT") {
			return false
		}
	}
	return true
}

// begin begins a statement, prepared or run: its conditions replace those of the one before, unless it asks for them or,
// as MariaDB has it, reads no table and has none.
func (d *diagnostics) begin(st *parser.Statement, mariaDB bool) {
	d.finds = findsRows(st)
	d.foundBefore, d.knownBefore = d.foundRows, d.foundAfter == ""
	switch {
	case asksDiagnostics(st):
	case mariaDB && letsStand(st):
		d.stale = true
	default:
		d.reset()
	}
}

// succeeded takes note of an OK.
func (d *diagnostics) succeeded(ok *wire.OK) {
	d.rowCount = int64(ok.AffectedRows)
	if ok.LastInsertID != 0 {
		d.lastID = ok.LastInsertID
	}
}

// rowsSent takes note of a result set.
func (d *diagnostics) rowsSent(n uint64) {
	d.rowCount = -1
	d.found(n)
}

// found takes note of what FOUND_ROWS() is.
func (d *diagnostics) found(n uint64) { d.foundRows, d.foundAfter, d.foundIn = n, "", nil }

// unfound takes note that FOUND_ROWS() is not known, and after what.
func (d *diagnostics) unfound(after string) { d.foundAfter, d.foundIn = after, nil }

// foundByCursor are cursors of which FOUND_ROWS() is not known; of those without tables servers have numbers of their own.
const foundByCursor = "a cursor that has not been read to its end, or is without tables, or with an OFFSET or UNION"

// opened takes note of a cursor: its server has found all of its rows by then, and has not said how many.
func (d *diagnostics) opened(c *cursor) {
	d.rowCount = -1
	d.foundAfter, d.foundIn = foundByCursor, c
}

// ended takes note of a cursor's last row.
func (d *diagnostics) ended(c *cursor) {
	if d.foundIn == c && c.sent {
		d.found(c.rows)
	}
}

// failed takes note of the error that the client is sent.
func (d *diagnostics) failed(e *sqlerr.Error) {
	d.rowCount = -1
	if d.finds && !beforeRows[e.Code] {
		d.unfound("a query that failed")
	}
	for _, c := range d.conditions {
		if !d.stale && c.level == "Error" && c.code == e.Code {
			return
		}
	}
	d.add(condition{level: "Error", code: e.Code, msg: e.Msg})
}

// warn adds a warning of the proxy's own.
func (d *diagnostics) warn(e *sqlerr.Error) {
	d.add(condition{level: "Warning", code: e.Code, msg: e.Msg})
}

// note adds a note of the proxy's own.
func (d *diagnostics) note(e *sqlerr.Error) {
	d.add(condition{level: "Note", code: e.Code, msg: e.Msg})
}

func (d *diagnostics) add(c condition) {
	if d.stale {
		d.reset()
	}
	d.total++
	if d.mixed || len(d.conditions) < max(d.limit, 0) {
		d.conditions = append(d.conditions, c)
	}
}

// gives reports whether an INSERT has a value for the column that a condition names: then each row with DEFAULT is told of.
func (d *diagnostics) gives(msg string) bool {
	if d.parsed == nil {
		return false
	}
	c := d.parsed.Clauses
	if c == nil || len(c.Rows) == 0 || len(c.Rows[0].Values) == 0 {
		return false
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(msg, "Field '"), "' ")
	return !c.ColumnsSpan.Present() || slices.ContainsFunc(c.Columns, func(n parser.Name) bool { return strings.EqualFold(n.Name, name) })
}

// names reports whether a value, as a condition quotes it, is a constant of the statement's text or one of its parameters.
func (d *diagnostics) names(value string, text []byte) bool {
	if bytes.Contains(text, []byte(value)) {
		return true
	}
	value = strings.Trim(value, "'")
	value, begins := strings.CutSuffix(value, "...") // of a long one the server tells the beginning
	if value != "" && bytes.Contains(text, fmt.Appendf(nil, "%x", value)) {
		return true
	}
	if d.args == nil {
		return false
	}
	return d.args.holds(value, begins) || d.args.holds(string(fromLatin1(value)), begins)
}

// fromLatin1 is a text of that charset, in which messages come where it is the results'.
func fromLatin1(text string) []byte {
	var out []byte
	for i := range len(text) {
		out = utf8.AppendRune(out, rune(text[i]))
	}
	return out
}

// The conditions that tell of the statement and not of its rows.
const (
	codeAmbiguous      = 1052 // ER_NON_UNIQ_ERROR
	codeTruncatedValue = 1292 // ER_TRUNCATED_WRONG_VALUE
	codeNoDefault      = 1364 // ER_NO_DEFAULT_FOR_FIELD
	codeDivision       = 1365 // ER_DIVISION_BY_ZERO
	codeRecursion      = 1931 // ER_QUERY_EXCEEDED_ROWS_EXAMINED_LIMIT, by which MariaDB tells of max_recursive_iterations too

	codeDeprecated          = 1287 // ER_WARN_DEPRECATED_SYNTAX
	codeDeprecatedAlone     = 1681 // ER_WARN_DEPRECATED_SYNTAX_NO_REPLACEMENT
	codeAliasOfCharset      = 3719 // ER_DEPRECATED_UTF8_ALIAS
	codeDeprecatedCollation = 3778 // ER_WARN_DEPRECATED_COLLATION
)

// count is the number of conditions as packets carry it.
func (d *diagnostics) count() uint16 {
	if d.stale {
		return 0
	}
	return uint16(min(d.total, 0xffff))
}

// errors counts the conditions that are errors.
func (d *diagnostics) errors() int {
	n := 0
	for _, c := range d.conditions {
		if c.level == "Error" {
			n++
		}
	}
	return n
}

// oneCopy keeps one of each condition: of a statement that each shard has run.
func (d *diagnostics) oneCopy() {
	var kept []condition
	for _, c := range d.conditions {
		if !slices.Contains(kept, c) {
			kept = append(kept, c)
		}
	}
	d.conditions, d.total = kept, len(kept)
}

// mark is where the conditions end, for cut.
func (d *diagnostics) mark() (kept, total int) { return len(d.conditions), d.total }

// dropTruncated drops what is said behind a mark of texts that are no numbers.
func (d *diagnostics) dropTruncated(kept int) {
	before := len(d.conditions)
	rest := slices.DeleteFunc(d.conditions[min(kept, before):], func(c condition) bool {
		return c.code == codeTruncatedValue && strings.HasPrefix(c.msg, "Truncated incorrect DOUBLE value")
	})
	d.conditions = d.conditions[:min(kept, before)+len(rest)]
	d.total -= before - len(d.conditions)
}

// barred reports whether conditions behind a mark tell of a row that is not stored for another reason than a duplicate.
func (d *diagnostics) barred(kept int) bool {
	behind := d.conditions[min(kept, len(d.conditions)):]
	return len(behind) > 0 && !slices.ContainsFunc(behind, func(c condition) bool { return c.code == sqlerr.CodeDupEntry })
}

// oneOf keeps one of each condition of a code.
func (d *diagnostics) oneOf(code uint16) {
	before := len(d.conditions)
	var kept []condition
	for _, c := range d.conditions {
		if c.code != code || !slices.Contains(kept, c) {
			kept = append(kept, c)
		}
	}
	d.conditions, d.total = kept, d.total-before+len(kept)
}

// cut drops the conditions behind a mark: those of a table's other copies.
func (d *diagnostics) cut(kept, total int) { d.conditions, d.total = d.conditions[:kept], total }

// warnings reads the n conditions of the statement that h has just run. What is in the packets for the client leaves
// first, so that it does not wait for a question that only SHOW WARNINGS needs the answer of.
func (s *Session) warnings(ctx context.Context, h *held, route *plan.Route, t *plan.Target, n uint16) error {
	told, err := s.hearFrom(ctx, h, route, t, n)
	if err == nil && n > 0 {
		s.diag.take([]toldBy{told}, s.shown)
	}
	return err
}

// withoutResidual is a message without the column of the temporary table that holds the merged rows: to one server it is an
// aggregate, which has no name.
func withoutResidual(message string) string {
	at := strings.Index(message, ".`"+residualTable+"`.")
	if at < 0 {
		return message
	}
	if from := strings.LastIndex(message[:at], " for column `"); from >= 0 {
		return message[:from]
	}
	return message
}

// convertMessages brings messages that a server has sent unconverted into the client's charset, by that server.
func (s *Session) convertMessages(ctx context.Context, h *held, rows []sqltypes.Row) error {
	if s.shownIn == "" {
		return nil
	}
	for _, row := range rows {
		if !slices.ContainsFunc(row[2], func(c byte) bool { return c >= utf8.RuneSelf }) {
			continue
		}
		_, converted, err := oneRow(ctx, h, "CONVERT(_utf8mb4 "+string(sqltypes.BinaryValue(row[2]).AppendSQL(nil))+" USING "+s.shownIn+")")
		if err != nil {
			return err
		}
		row[2] = append([]byte(nil), converted[0]...)
	}
	return nil
}

// shownError is an error in the client's charset. That of a server is, unless it sends texts unconverted.
func (s *Session) shownError(ctx context.Context, h *held, e *sqlerr.Error) *sqlerr.Error {
	row := sqltypes.Row{nil, nil, []byte(e.Msg)}
	if err := s.convertMessages(ctx, h, []sqltypes.Row{row}); err != nil {
		return e
	}
	return sqlerr.New(e.Code, e.State, string(row[2]))
}

// rowMark stands before the number of the row that a condition tells of.
const rowMark = " at row "

// rowIn is the row that a condition's text names, 0: none.
func rowIn(msg string) int {
	at := strings.LastIndex(msg, rowMark)
	if at < 0 {
		return 0
	}
	n, err := strconv.Atoi(msg[at+len(rowMark):])
	if err != nil {
		return 0
	}
	return n
}

// inRowOrder puts what shards have said of an INSERT's rows into the order in which one server comes to them, and keeps as many as one
// server would. What names no row, and of which no shard could tell it, stays behind what its shard has said before.
func (d *diagnostics) inRowOrder() {
	slices.SortStableFunc(d.conditions, func(a, b condition) int { return cmp.Compare(a.at(), b.at()) })
	d.mixed = false
	d.conditions = d.conditions[:min(len(d.conditions), max(d.limit, 0))]
}

// upTo drops what was said of rows behind a row.
func (d *diagnostics) upTo(row int) {
	kept := d.conditions[:0]
	for _, c := range d.conditions {
		if c.at() <= row {
			kept = append(kept, c)
		}
	}
	d.total -= len(d.conditions) - len(kept)
	d.conditions = kept
}

// without drops the conditions of a code.
func (d *diagnostics) without(code uint16) {
	n := len(d.conditions)
	d.conditions = slices.DeleteFunc(d.conditions, func(c condition) bool { return c.code == code })
	d.total -= n - len(d.conditions)
}

// numbered is a condition's text with the number that its row has in the statement.
func (d *diagnostics) numbered(msg string) string {
	n := rowIn(msg)
	if d.rows == nil || n == 0 {
		return msg
	}
	return msg[:strings.LastIndex(msg, rowMark)+len(rowMark)] + strconv.Itoa(d.rows(n))
}

// controlWarnings takes over what the server has warned of at the end of a transaction or of a part of it. Over shards
// temporary tables of the proxy's own may be what cannot be rolled back: there a server is heard, once, if the client has
// changed what cannot be.
func (s *Session) controlWarnings() {
	layout, ok := s.srv.Catalogs.Current().Database(s.db)
	for _, h := range s.held {
		for _, row := range h.warned {
			code, err := strconv.ParseUint(string(row[1]), 10, 16)
			c := condition{level: string(row[0]), code: uint16(code), msg: string(row[2])}
			if err == nil && ok && (layout.Database == "" || s.indelible && !slices.Contains(s.diag.conditions, c)) {
				s.diag.add(c)
			}
		}
		h.warned = nil
	}
}

// errorDiagnostics reads what stands beside the error e of the statement that h has just run.
func (s *Session) errorDiagnostics(ctx context.Context, h *held, route *plan.Route, t *plan.Target, e *sqlerr.Error) {
	if s.diag.fetched || e.Code == sqlerr.CodeSyntax || e.Code == sqlerr.CodeNoSuchTable {
		return
	}
	if err := s.warnings(ctx, h, route, t, 1); err != nil {
		s.diag.reset() // the connection is gone; the error itself is recorded when it is written
	}
}
