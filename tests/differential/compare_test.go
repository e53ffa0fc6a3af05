package differential

import (
	"slices"
	"strings"
	"testing"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/proxy/wire"
)

// rowsOf makes an answer of text rows; NULL is the word.
func rowsOf(columns int, lines ...string) *Answer {
	r := Result{}
	for range columns {
		r.Columns = append(r.Columns, sqltypes.Column{Name: "c", Type: sqltypes.VarString, Collation: 45})
	}
	for _, line := range lines {
		row := Row{}
		for _, cell := range strings.Split(line, "|") {
			if cell == "NULL" {
				row.Cells = append(row.Cells, nil)
				continue
			}
			row.Cells = append(row.Cells, []byte(cell))
		}
		row.Raw = string(wire.AppendTextRow(nil, row.Cells))
		r.Rows = append(r.Rows, row)
	}
	return &Answer{Results: []Result{r}}
}

// noCase is a collation for tests.
func noCase(_ string, a, b []byte) bool { return strings.EqualFold(string(a), string(b)) }

// what are the classes of the differences.
func what(list []Difference) string {
	var out []string
	for _, d := range list {
		out = append(out, d.What)
	}
	slices.Sort(out)
	return strings.Join(out, ",")
}

func TestExceptions(t *testing.T) {
	const plain, ordered, limited = "SELECT a FROM t", "SELECT a FROM t ORDER BY a", "SELECT a FROM t ORDER BY a LIMIT 2"
	for _, c := range []struct {
		name, sql, codes string
		plain, heddle    []string
		unlimited        []string
		want             string
	}{
		{"no order: any order", plain, "", []string{"1", "2", "2"}, []string{"2", "1", "2"}, nil, ""},
		{"no order: as often", plain, "", []string{"1", "2", "2"}, []string{"1", "1", "2"}, nil, "rows"},
		{"no order: as many", plain, "", []string{"1"}, []string{"1", "1"}, nil, "number of rows"},
		{"order holds", ordered, "", []string{"1", "2"}, []string{"2", "1"}, nil, "rows"},
		{"NULL is not the word nor empty", ordered, "", []string{"NULL"}, []string{""}, nil, "rows"},
		{"ties: rows of one key swap", ordered, "ties=1", []string{"1|a", "1|b", "2|c"}, []string{"1|b", "1|a", "2|c"}, nil, ""},
		{"ties: keys do not swap", ordered, "ties=1", []string{"1|a", "1|b", "2|c"}, []string{"1|a", "2|c", "1|b"}, nil, "rows"},
		{"ties: a row stays whole", ordered, "ties=1", []string{"1|a", "2|b"}, []string{"1|b", "2|a"}, nil, "rows"},
		{"ties: keys under the collation", ordered, "ties=1", []string{"a", "A"}, []string{"A", "a"}, nil, ""},
		{"limit: other rows of the whole", "SELECT a FROM t LIMIT 2", "limit", []string{"1", "2"}, []string{"3", "2"}, []string{"1", "2", "3"}, ""},
		{"limit: not a row twice", "SELECT a FROM t LIMIT 2", "limit", []string{"1", "2"}, []string{"3", "3"}, []string{"1", "2", "3"}, "rows"},
		{"limit: no row from elsewhere", "SELECT a FROM t LIMIT 2", "limit", []string{"1", "2"}, []string{"4", "2"}, []string{"1", "2", "3"}, "rows"},
		{"limit: as many", "SELECT a FROM t LIMIT 2", "limit", []string{"1", "2"}, []string{"1"}, []string{"1", "2", "3"}, "number of rows"},
		{"limit and ties: the last tie differs", limited, "ties=1 limit", []string{"1|a", "2|b"}, []string{"1|a", "2|c"}, []string{"1|a", "2|b", "2|c"}, ""},
		{"limit and ties: the keys do not", limited, "ties=1 limit", []string{"1|a", "2|b"}, []string{"2|b", "2|c"}, []string{"1|a", "2|b", "2|c"}, "rows"},
		{"rep: equal under the collation", ordered, "rep=1", []string{"a|1"}, []string{"A|1"}, nil, ""},
		{"rep: not another value", ordered, "rep=1", []string{"a|1"}, []string{"b|1"}, nil, "rows"},
		{"rep: that column alone", ordered, "rep=1", []string{"a|a"}, []string{"A|A"}, nil, "rows"},
		{"concat: any order", ordered, "concat=1", []string{"1,2,3"}, []string{"3,1,2"}, nil, ""},
		{"concat: the same members", ordered, "concat=1", []string{"1,2,2"}, []string{"1,1,2"}, nil, "rows"},
		{"double: close", ordered, "double=1", []string{"0.30000000000000004"}, []string{"0.3"}, nil, ""},
		{"double: not close", ordered, "double=1", []string{"1000.001"}, []string{"1000.002"}, nil, "rows"},
		{"double: no text", ordered, "double=1", []string{"x"}, []string{"y"}, nil, "rows"},
		{"clock: minutes apart", ordered, "clock=1", []string{"2024-01-01 23:59:00"}, []string{"2024-01-02 00:01:00"}, nil, ""},
		{"clock: hours apart", ordered, "clock=1", []string{"2024-01-01 10:00:00"}, []string{"2024-01-01 12:00:00"}, nil, "rows"},
		{"clock: another precision", ordered, "clock=1", []string{"2024-01-01 10:00:00.000"}, []string{"2024-01-01 10:00:00"}, nil, "rows"},
		{"clock: around midnight", ordered, "clock=1", []string{"23:59:00"}, []string{"00:01:00"}, nil, ""},
		{"clock: seconds since 1970", ordered, "clock=1", []string{"1700000000"}, []string{"1700000100"}, nil, ""},
		{"connid: any", ordered, "connid=1", []string{"5"}, []string{"77"}, nil, ""},
		{"connid: not zero", ordered, "connid=1", []string{"5"}, []string{"0"}, nil, "rows"},
		{"uuid: any", ordered, "uuid=1", []string{"123e4567-e89b-12d3-a456-426655440000"}, []string{"0123e456-e89b-12d3-a456-426655440000"}, nil, ""},
		{"uuid: its form", ordered, "uuid=1", []string{"123e4567-e89b-12d3-a456-426655440000"}, []string{"x"}, nil, "rows"},
		{"genid: in the same order", ordered, "genid=1", []string{"1|a", "2|b"}, []string{"70|a", "90|b"}, nil, ""},
		{"genid: one for one", ordered, "genid=1", []string{"1|a", "2|b"}, []string{"70|a", "70|b"}, nil, "rows"},
		{"genid: not the other way round", ordered, "genid=1", []string{"1|a", "2|b"}, []string{"90|a", "70|b"}, nil, "rows"},
		{"genid: learnt from whole rows", plain, "genid=1", []string{"1|a", "2|b"}, []string{"90|b", "70|a"}, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, err := ParseExpect(c.codes)
			if err != nil {
				t.Fatal(err)
			}
			columns := strings.Count(c.plain[0], "|") + 1
			var all *Answer
			if c.unlimited != nil {
				all = rowsOf(columns, c.unlimited...)
			}
			comparer := &Comparer{Collate: noCase}
			got := comparer.Compare(&Step{SQL: c.sql, Expect: e}, rowsOf(columns, c.plain...), rowsOf(columns, c.heddle...), all)
			if what(got) != c.want {
				t.Errorf("differences %v, want %q", got, c.want)
			}
		})
	}
}

func TestCompareSeesEverything(t *testing.T) {
	base := func() *Answer {
		a := rowsOf(1, "x")
		r := &a.Results[0]
		r.Columns[0] = sqltypes.Column{Schema: "shop", Table: "t", OrgTable: "t", Name: "n", OrgName: "o", Type: sqltypes.Long, Flags: 1, Length: 11}
		r.End = wire.OK{Status: wire.StatusAutocommit, Info: []byte("i")}
		a.Prepared = &Prepared{Params: []sqltypes.Column{{Name: "?"}}, Columns: []sqltypes.Column{{Name: "n"}}}
		a.Warnings = []Warning{{"Warning", "1365", "Division by 0"}}
		return a
	}
	first := func(a *Answer) *Result { return &a.Results[0] }
	for _, c := range []struct {
		want   string
		change func(*Answer)
	}{
		{"", func(a *Answer) {}},
		{"column name", func(a *Answer) { first(a).Columns[0].Name = "m" }},
		{"column org_name", func(a *Answer) { first(a).Columns[0].OrgName = "m" }},
		{"column table", func(a *Answer) { first(a).Columns[0].Table = "m" }},
		{"column org_table", func(a *Answer) { first(a).Columns[0].OrgTable = "m" }},
		{"column schema", func(a *Answer) { first(a).Columns[0].Schema = "m" }},
		{"column type", func(a *Answer) { first(a).Columns[0].Type = sqltypes.Tiny }},
		{"column flags", func(a *Answer) { first(a).Columns[0].Flags = 33 }},
		{"", func(a *Answer) { first(a).Columns[0].Flags |= internalFlags }},
		{"column collation", func(a *Answer) { first(a).Columns[0].Collation = 8 }},
		{"column decimals", func(a *Answer) { first(a).Columns[0].Decimals = 2 }},
		{"column length", func(a *Answer) { first(a).Columns[0].Length = 12 }},
		{"column extended metadata", func(a *Answer) { first(a).Columns[0].Extended = []byte("json") }},
		{"column count", func(a *Answer) { first(a).Columns = append(first(a).Columns, sqltypes.Column{}) }},
		{"affected rows", func(a *Answer) { first(a).End.AffectedRows = 1 }},
		{"insert id", func(a *Answer) { first(a).End.LastInsertID = 1 }},
		{"status flags", func(a *Answer) { first(a).End.Status = wire.StatusInTrans }},
		{"", func(a *Answer) { first(a).End.Status |= wire.StatusNoIndexUsed }},
		{"warning count", func(a *Answer) { first(a).End.Warnings = 1 }},
		{"info", func(a *Answer) { first(a).End.Info = nil }},
		{"session tracking", func(a *Answer) {
			first(a).End.Track = wire.AppendSessionChange(nil, wire.SessionChange{Kind: wire.ChangeSchema, Value: []byte("shop")})
		}},
		{"error", func(a *Answer) { first(a).Err = sqlerr.New(1146, "42S02", "no such table") }},
		{"kind of answer", func(a *Answer) { first(a).Columns = nil }},
		{"number of results", func(a *Answer) { a.Results = append(a.Results, Result{}) }},
		{"warnings", func(a *Answer) { a.Warnings[0].Code = "1366" }},
		{"warnings", func(a *Answer) { a.Warnings[0].Message = "another text" }},
		{"physical name in a warning,warnings", func(a *Answer) { a.Warnings[0].Message = "in orders_71" }},
		{"column table,physical name in a column definition", func(a *Answer) { first(a).Columns[0].Table = "orders_70" }},
		{"column schema,physical name in a column definition", func(a *Answer) { first(a).Columns[0].Schema = "hxphys_a4_shop_0" }},
		{"protocol", func(a *Answer) { a.Prepared = nil }},
		{"error of the preparation", func(a *Answer) { a.Prepared.Err = sqlerr.New(1064, "42000", "x") }},
		{"prepared parameter count", func(a *Answer) { a.Prepared.Params = nil }},
		{"prepared column name", func(a *Answer) { a.Prepared.Columns[0].Name = "m" }},
		{"warnings of the preparation", func(a *Answer) { a.Prepared.Warnings = 1 }},
	} {
		changed := base()
		c.change(changed)
		if got := what((&Comparer{Collate: noCase}).Compare(&Step{SQL: "SELECT 1"}, base(), changed, nil)); got != c.want {
			t.Errorf("differences %q, want %q", got, c.want)
		}
	}
}

func TestErrorsByNumberStateAndText(t *testing.T) {
	failed := func(code uint16, state, text string) *Answer {
		return &Answer{Results: []Result{{Err: sqlerr.New(code, state, text)}}}
	}
	for _, c := range []struct {
		codes, want string
		heddle      *Answer
	}{
		{"", "", failed(1062, "23000", "a text")},
		{"", "text of the error", failed(1062, "23000", "another text")},
		{"errortext", "", failed(1062, "23000", "another text")},
		{"errortext", "error", failed(1146, "23000", "a text")},
		{"errortext", "error", failed(1062, "HY000", "a text")},
		{"errortext", "physical name in an error", failed(1062, "23000", "in orders_72")},
	} {
		e, err := ParseExpect(c.codes)
		if err != nil {
			t.Fatal(err)
		}
		if got := what((&Comparer{}).Compare(&Step{SQL: "x", Expect: e}, failed(1062, "23000", "a text"), c.heddle, nil)); got != c.want {
			t.Errorf("%s: differences %q, want %q", c.heddle.Results[0].Err.Msg, got, c.want)
		}
	}
}

func TestWarningsInTheirOrder(t *testing.T) {
	first := Warning{"Warning", "1265", "Data truncated for column 'a' at row 1"}
	second := Warning{"Warning", "1265", "Data truncated for column 'a' at row 2"}
	other, other2 := Warning{"Warning", "1062", "Duplicate entry '1'"}, Warning{"Warning", "1062", "Duplicate entry '2'"}
	warned := func(list ...Warning) *Answer { return &Answer{Results: []Result{{}}, Warnings: list} }
	for _, c := range []struct {
		name, sql     string
		spread        bool
		plain, heddle *Answer
		want          string
	}{
		{"one place: the order holds", "SELECT 1", false, warned(first, other), warned(other, first), "warnings"},
		{"one place: the row of an UPDATE holds", "UPDATE t SET a = 1", false, warned(first), warned(second), "warnings"},
		{"shards: what rows cause comes in any order", "SELECT 1", true, warned(first, other), warned(other, first), ""},
		{"shards: as often", "SELECT 1", true, warned(first, first), warned(first), "warnings"},
		{"shards: the texts hold", "SELECT 1", true, warned(first), warned(second), "warnings"},
		{"shards: the row of an UPDATE is any", "UPDATE t SET a = 1", true, warned(first), warned(second), ""},
		{"shards: the rows of an INSERT have an order", "INSERT INTO t VALUES (1), (2)", true, warned(first, second), warned(second, first), "warnings"},
		{"shards: so has what names none of them", "INSERT INTO t VALUES (1), (2)", true, warned(other, other2), warned(other2, other), "warnings"},
		{"shards: what is told of no row that is selected comes in any order", "INSERT INTO t SELECT 1", true, warned(other, first, other2, second), warned(first, other2, other, second), ""},
		{"shards: and numbers", "REPLACE INTO t VALUES (1), (2)", true, warned(first), warned(second), "warnings"},
	} {
		if got := what((&Comparer{Spread: c.spread}).Compare(&Step{SQL: c.sql}, c.plain, c.heddle, nil)); got != c.want {
			t.Errorf("%s: differences %q, want %q", c.name, got, c.want)
		}
	}
}

func TestExpectOfOtherParts(t *testing.T) {
	with := func(change func(*Answer)) *Answer {
		a := rowsOf(1, "x")
		change(a)
		return a
	}
	for _, c := range []struct {
		codes  string
		change func(*Answer)
	}{
		{"temptable", func(a *Answer) { a.Results[0].Columns[0].Flags = sqltypes.FlagPrimaryKey }},
		{"temptable", func(a *Answer) { a.Results[0].Columns[0].OrgName = "x" }},
	} {
		e, err := ParseExpect(c.codes)
		if err != nil {
			t.Fatal(err)
		}
		for _, expect := range []Expect{{}, e} {
			got := (&Comparer{}).Compare(&Step{SQL: "SELECT 1", Expect: expect}, with(func(*Answer) {}), with(c.change), nil)
			if (len(got) == 0) != (expect.String() == c.codes) {
				t.Errorf("with %q: differences %v", expect.String(), got)
			}
		}
	}
	insert := func(id uint64) *Answer { return &Answer{Results: []Result{{End: wire.OK{LastInsertID: id}}}} }
	comparer, step := &Comparer{}, &Step{SQL: "INSERT", Expect: Expect{GenInsert: true}}
	for _, c := range []struct {
		plain, heddle uint64
		want          string
	}{{1, 70, ""}, {2, 71, ""}, {1, 71, "insert id"}, {3, 69, "insert id"}, {4, 0, "insert id"}, {0, 0, ""}} {
		if got := what(comparer.Compare(step, insert(c.plain), insert(c.heddle), nil)); got != c.want {
			t.Errorf("ids %d and %d: differences %q, want %q", c.plain, c.heddle, got, c.want)
		}
	}
}
