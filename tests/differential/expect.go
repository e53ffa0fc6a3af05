package differential

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Expect names the exceptions from equality that one statement claims. Columns count from 0 here and from 1 in files.
// Without ORDER BY at the top level the order of rows is nobody's promise, and needs no code.
type Expect struct {
	Ties   []int // the ORDER BY keys among the columns: rows with equal keys come in any order
	Limit  bool  // LIMIT without a total order: so many rows, each one of the unlimited answer
	Rep    []int // a group's representative: any value that the column's collation finds equal
	Concat []int // GROUP_CONCAT without ORDER BY: its members, in any order
	Double []int // a DOUBLE aggregate: within 1e-12 of each other, relatively
	Clock  []int // the time: within ten minutes of each other, in the same form
	ConnID []int // a connection's id: a positive number
	UUID   []int // a UUID's form
	GenID  []int // an id that heddle generates and the server counts up: in the same order over the whole case
	// GenInsert is GenID for the insert id in the answer.
	GenInsert bool
	// TempTable: what a definition loses or gains when the server sorts or groups through a temporary table, and
	// whether it does in a join hangs on the sizes of the tables: key and binary flags, org_name of expressions.
	TempTable bool
	// Collation of the text columns that Ties and Rep speak of; "" is utf8mb4_general_ci.
	Collation string
	ErrorText bool // the text of an error, which one server words by how it runs the statement
	// NoWarnings: SHOW WARNINGS is not asked after it, for the case does so itself or looks at what the question changes.
	NoWarnings bool
}

// ParseExpect reads codes, each with the columns it is about: "ties=1,2 double=3 limit".
func ParseExpect(text string) (Expect, error) { return Expect{}.with(text) }

// with is e and the codes of text.
func (e Expect) with(text string) (Expect, error) {
	lists := map[string]*[]int{"ties": &e.Ties, "rep": &e.Rep, "concat": &e.Concat, "double": &e.Double,
		"clock": &e.Clock, "connid": &e.ConnID, "uuid": &e.UUID, "genid": &e.GenID}
	flags := map[string]*bool{"limit": &e.Limit, "geninsert": &e.GenInsert, "errortext": &e.ErrorText, "nowarnings": &e.NoWarnings, "temptable": &e.TempTable}
	for _, word := range strings.Fields(text) {
		name, value, valued := strings.Cut(word, "=")
		if flag := flags[name]; flag != nil && !valued {
			*flag = true
			continue
		}
		if name == "collation" && valued {
			e.Collation = value
			continue
		}
		list := lists[name]
		if list == nil || !valued {
			return e, fmt.Errorf("no exception %q", word)
		}
		for _, part := range strings.Split(value, ",") {
			n, err := strconv.Atoi(part)
			if err != nil || n < 1 {
				return e, fmt.Errorf("%q: %q is no column", word, part)
			}
			*list = append(*list, n-1)
		}
	}
	return e, nil
}

// check refuses exceptions that the statement has no use for, and a LIMIT whose rows would be anybody's guess.
func (e Expect) check(sql string) error {
	c := clausesOf(sql)
	switch {
	case e.Limit && c.limit < 0:
		return fmt.Errorf("the exception limit for a statement without LIMIT")
	case e.Ties != nil && !c.ordered:
		return fmt.Errorf("the exception ties for a statement without ORDER BY")
	case c.first == "SELECT" && c.limit >= 0 && !c.ordered && !e.Limit:
		return fmt.Errorf("LIMIT without ORDER BY needs the exception limit")
	}
	return nil
}

// String is what ParseExpect reads.
func (e Expect) String() string {
	var words []string
	for _, f := range []struct {
		name string
		list []int
	}{{"ties", e.Ties}, {"rep", e.Rep}, {"concat", e.Concat}, {"double", e.Double}, {"clock", e.Clock},
		{"connid", e.ConnID}, {"uuid", e.UUID}, {"genid", e.GenID}} {
		if len(f.list) == 0 {
			continue
		}
		var parts []string
		for _, c := range f.list {
			parts = append(parts, strconv.Itoa(c+1))
		}
		words = append(words, f.name+"="+strings.Join(parts, ","))
	}
	for _, f := range []struct {
		name string
		set  bool
	}{{"limit", e.Limit}, {"geninsert", e.GenInsert}, {"errortext", e.ErrorText}, {"nowarnings", e.NoWarnings}, {"temptable", e.TempTable}} {
		if f.set {
			words = append(words, f.name)
		}
	}
	if e.Collation != "" {
		words = append(words, "collation="+e.Collation)
	}
	return strings.Join(words, " ")
}

func (e Expect) collation() string {
	if e.Collation == "" {
		return "utf8mb4_general_ci"
	}
	return e.Collation
}

// cellKind is the exception for one column, "" for none.
func (e Expect) cellKind(column int) string {
	for _, f := range []struct {
		name string
		list []int
	}{{"rep", e.Rep}, {"concat", e.Concat}, {"double", e.Double}, {"clock", e.Clock}, {"connid", e.ConnID}, {"uuid", e.UUID}, {"genid", e.GenID}} {
		if slices.Contains(f.list, column) {
			return f.name
		}
	}
	return ""
}

// exactCells reports whether no column has an exception.
func (e Expect) exactCells() bool {
	return len(e.Rep)+len(e.Concat)+len(e.Double)+len(e.Clock)+len(e.ConnID)+len(e.UUID)+len(e.GenID) == 0
}
