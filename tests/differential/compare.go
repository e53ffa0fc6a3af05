package differential

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/proxy/wire"
)

// Difference is one thing in which two answers differ. What is its class ("column type", "rows" …).
type Difference struct{ What, Plain, Heddle string }

// String is the difference in one line or a few.
func (d Difference) String() string {
	return fmt.Sprintf("%s:\n    plain:  %s\n    heddle: %s", d.What, d.Plain, d.Heddle)
}

// Comparer compares the answers of one case. It remembers the ids that stand for each other.
type Comparer struct {
	Collate Collator
	Spread  bool              // the rows of tables lie on several shards
	ids     map[uint64]uint64 // the plain server's generated ids → heddle's
}

// Compare tells in what heddle's answer differs from the plain server's. unlimited is the plain server's answer
// without the LIMIT where the exception limit is claimed, nil otherwise.
func (c *Comparer) Compare(step *Step, plain, heddle, unlimited *Answer) []Difference {
	d := &differences{}
	d.leaks(heddle)
	if (plain.Prepared == nil) != (heddle.Prepared == nil) {
		d.add("protocol", fmt.Sprint(plain.Prepared != nil), fmt.Sprint(heddle.Prepared != nil))
		return d.list
	}
	if plain.Prepared != nil {
		d.prepared(step.Expect, plain.Prepared, heddle.Prepared)
	}
	if len(plain.Results) != len(heddle.Results) {
		d.add("number of results", describe(plain), describe(heddle))
		return d.list
	}
	for i := range plain.Results {
		var all *Result
		if unlimited != nil && i < len(unlimited.Results) {
			all = &unlimited.Results[i]
		}
		c.result(d, step, &plain.Results[i], &heddle.Results[i], all)
	}
	d.warnings(step, c.Spread, plain.Warnings, heddle.Warnings)
	return d.list
}

type differences struct{ list []Difference }

func (d *differences) add(what, plain, heddle string) {
	if plain != heddle {
		d.list = append(d.list, Difference{what, plain, heddle})
	}
}

func (d *differences) prepared(e Expect, plain, heddle *Prepared) {
	d.errors("error of the preparation", e, plain.Err, heddle.Err)
	if plain.Err != nil || heddle.Err != nil {
		return
	}
	d.add("warnings of the preparation", strconv.Itoa(int(plain.Warnings)), strconv.Itoa(int(heddle.Warnings)))
	d.columns("prepared parameter", e, plain.Params, heddle.Params)
	d.columns("prepared column", e, plain.Columns, heddle.Columns)
}

func (c *Comparer) result(d *differences, step *Step, plain, heddle, all *Result) {
	d.errors("error", step.Expect, plain.Err, heddle.Err)
	if plain.Err != nil || heddle.Err != nil {
		return
	}
	if (plain.Columns == nil) != (heddle.Columns == nil) {
		d.add("kind of answer", showResult(plain), showResult(heddle))
		return
	}
	d.end(step.Expect, c, &plain.End, &heddle.End)
	if plain.Columns == nil {
		return
	}
	d.columns("column", step.Expect, plain.Columns, heddle.Columns)
	if len(plain.Columns) == len(heddle.Columns) {
		c.rows(d, step, plain, heddle, all)
	}
}

// comparedStatus are the flags that are the session's; the others tell how a query was run, among them whether the
// server opened the cursor that the client would have liked.
const comparedStatus = wire.StatusInTrans | wire.StatusAutocommit | wire.StatusMoreResults | wire.StatusNoBackslashEscapes |
	wire.StatusInTransReadonly | wire.StatusAnsiQuotes | wire.StatusDBDropped

func (d *differences) end(e Expect, c *Comparer, plain, heddle *wire.OK) {
	d.add("affected rows", fmt.Sprint(plain.AffectedRows), fmt.Sprint(heddle.AffectedRows))
	a, b := fmt.Sprint(plain.LastInsertID), fmt.Sprint(heddle.LastInsertID)
	if !e.GenInsert || !c.sameID(a, b) {
		d.add("insert id", a, b)
	}
	d.add("status flags", showStatus(plain.Status), showStatus(heddle.Status))
	d.add("warning count", fmt.Sprint(plain.Warnings), fmt.Sprint(heddle.Warnings))
	d.add("info", string(plain.Info), string(heddle.Info))
	d.add("session tracking", showTrack(plain.Track), showTrack(heddle.Track))
}

// internalFlags of a column definition are the server's notes to itself on how it runs the query: part of some key
// (16384), field of a group or a number (32768). They change with its plan.
// Source: MariaDB include/mysql_com.h, "Intern".
const internalFlags = 1<<14 | 1<<15

// tableFlags are those that a temporary table does not keep: of which keys a column is a part, and that a number is
// binary.
const tableFlags = sqltypes.FlagPrimaryKey | sqltypes.FlagUniqueKey | sqltypes.FlagMultipleKey | sqltypes.FlagBinary

func (d *differences) columns(what string, e Expect, plain, heddle []sqltypes.Column) {
	if len(plain) != len(heddle) {
		d.add(what+" count", fmt.Sprint(labels(plain)), fmt.Sprint(labels(heddle)))
		return
	}
	ignored := uint16(internalFlags)
	if e.TempTable {
		ignored |= tableFlags
	}
	for i := range plain {
		p, h := &plain[i], &heddle[i]
		field := func(name, a, b string) {
			if a != b {
				d.add(what+" "+name, fmt.Sprintf("%s of %d %q", a, i+1, p.Name), fmt.Sprintf("%s of %d %q", b, i+1, h.Name))
			}
		}
		field("name", p.Name, h.Name)
		if !e.TempTable || p.OrgTable != "" {
			field("org_name", p.OrgName, h.OrgName)
		}
		field("table", p.Table, h.Table)
		field("org_table", p.OrgTable, h.OrgTable)
		field("schema", p.Schema, h.Schema)
		field("type", fmt.Sprintf("%#x", byte(p.Type)), fmt.Sprintf("%#x", byte(h.Type)))
		field("flags", fmt.Sprintf("%#x", p.Flags&^ignored), fmt.Sprintf("%#x", h.Flags&^ignored))
		field("collation", fmt.Sprint(p.Collation), fmt.Sprint(h.Collation))
		field("decimals", fmt.Sprint(p.Decimals), fmt.Sprint(h.Decimals))
		field("extended metadata", fmt.Sprintf("%q", p.Extended), fmt.Sprintf("%q", h.Extended))
		field("length", fmt.Sprint(p.Length), fmt.Sprint(h.Length))
	}
}

// warnings are compared in their order, with their texts. Over several shards the rows of a statement are met in an order of the
// shards' own where the statement gives them none, as on one server its plan decides: what is told of rows comes in any order
// then, and of an UPDATE the number of the row is nobody's promise. The rows that an INSERT gives have an order, which holds for all that
// is told of them; those that it selects have one of those that warnings number.
func (d *differences) warnings(step *Step, spread bool, plain, heddle []Warning) {
	first := clausesOf(step.SQL).first
	givesRows := first == "INSERT" || first == "REPLACE"
	told := func(list []Warning) []Warning {
		if !spread || givesRows && !selects.MatchString(step.SQL) {
			return list
		}
		list = slices.Clone(list)
		row := func(w *Warning) (n int) {
			if at := rowOf.FindString(w.Message); at != "" && first != "UPDATE" {
				n, _ = strconv.Atoi(at[len(" at row "):]) // digits
			}
			return n
		}
		for i := range list {
			if first == "UPDATE" {
				list[i].Message = rowOf.ReplaceAllString(list[i].Message, "")
			}
		}
		slices.SortStableFunc(list, func(a, b Warning) int {
			if givesRows {
				if x, y := row(&a), row(&b); x != 0 || y != 0 {
					return min(x, 1) - min(y, 1) // those with rows stay as they are, behind the others
				}
			}
			return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.Level, b.Level), cmp.Compare(a.Message, b.Message))
		})
		return list
	}
	if !slices.Equal(told(plain), told(heddle)) {
		d.add("warnings", fmt.Sprint(plain), fmt.Sprint(heddle))
	}
}

// selects finds a query inside of an INSERT.
var selects = regexp.MustCompile(`(?i)\b(SELECT|TABLE)\b`)

// rowOf is the place of a row among those that an UPDATE has met.
var rowOf = regexp.MustCompile(` at row \d+$`)

// physicalName matches what only the shards know: their schemas, suffixed tables, and tables that the proxy makes there. The
// rules of the test name them so that nothing else looks like them.
var physicalName = regexp.MustCompile(`hxphys|[a-z]_7[0-3]\b|heddle (residual|gather|part|keys|row)`)

func (d *differences) leaks(heddle *Answer) {
	look := func(where, text string) {
		if !strings.Contains(text, "hxphys") && !strings.Contains(text, "_7") && !strings.Contains(text, "heddle ") { // texts may be long
			return
		}
		if found := physicalName.FindString(text); found != "" {
			d.list = append(d.list, Difference{"physical name in " + where, "(none)", text})
		}
	}
	if e := heddle.Err(); e != nil {
		look("an error", e.Msg)
	}
	for _, w := range heddle.Warnings {
		look("a warning", w.Message)
	}
	for _, r := range heddle.Results {
		look("the info", string(r.End.Info))
		look("session tracking", string(r.End.Track))
		for _, row := range r.Rows {
			for _, cell := range row.Cells {
				look("a row", string(cell))
			}
		}
		for _, col := range r.Columns {
			look("a column definition", strings.Join([]string{col.Schema, col.Table, col.OrgTable, col.Name, col.OrgName}, " "))
		}
	}
}

// errors compares number, SQLSTATE and text.
func (d *differences) errors(what string, e Expect, plain, heddle *sqlerr.Error) {
	switch {
	case showErr(plain) != showErr(heddle):
		d.add(what, showText(plain), showText(heddle))
	case plain != nil && !e.ErrorText:
		d.add("text of the "+what, plain.Msg, heddle.Msg)
	}
}

func showText(e *sqlerr.Error) string {
	if e == nil {
		return "none"
	}
	return showErr(e) + " " + e.Msg
}

func showErr(e *sqlerr.Error) string {
	if e == nil {
		return "none"
	}
	return fmt.Sprintf("%d %s", e.Code, e.State)
}
