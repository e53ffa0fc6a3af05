package plan

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Measure is what was seen of a part of an execution.
type Measure struct {
	Rows, Bytes int64
	Time        time.Duration
}

// Measured is what was seen of an execution: by operator, with all that is below it, and by unit, in the order of their
// sending.
type Measured struct {
	Nodes map[Node]*Measure
	Units []UnitMeasure
}

// UnitMeasure is what was seen of a unit: from its sending to the end of its answer. The rows of a write are those that
// it affected.
type UnitMeasure struct {
	Unit  RouteUnit
	Route *Route
	Measure
}

// Format is the one text for a plan: EXPLAIN, the admin interface and golden tests print it. units are what one
// execution reaches; nil leaves them out.
func Format(p *Plan, units []RouteUnit) string { return format(p, units, nil) }

// FormatMeasured is Format after an execution.
func FormatMeasured(p *Plan, m *Measured) string { return format(p, nil, m) }

func format(p *Plan, units []RouteUnit, m *Measured) string {
	var b strings.Builder
	writeNode(&b, p.Root, "", true, m)
	var flags []string
	for _, f := range []struct {
		set  bool
		name string
	}{{p.Write, "write"}, {p.ImplicitCommit, "implicit-commit"}, {p.Clock, "clock"}, {p.Rename, "rename"}} {
		if f.set {
			flags = append(flags, f.name)
		}
	}
	if p.Pin != "" {
		flags = append(flags, fmt.Sprintf("pin=%q", p.Pin))
	}
	if len(flags) > 0 {
		b.WriteString("flags:   " + strings.Join(flags, " ") + "\n")
	}
	for _, n := range p.Notes {
		b.WriteString("note:    " + strings.ReplaceAll(strings.TrimRight(n, "\n"), "\n", "\n         ") + "\n")
	}
	if units != nil {
		writeUnits(&b, p, units)
	}
	if m != nil {
		for i := range m.Units {
			u := &m.Units[i]
			b.WriteString("unit:   ")
			writeUnit(&b, u.Route, &u.Unit)
			b.WriteString("   " + u.text(true) + "\n")
		}
	}
	return b.String()
}

// text prints a measure; bytes are those of rows only.
func (m *Measure) text(bytes bool) string {
	s := "rows=" + strconv.FormatInt(m.Rows, 10)
	if bytes {
		s += " bytes=" + strconv.FormatInt(m.Bytes, 10)
	}
	return s + " ms=" + strconv.FormatFloat(float64(m.Time.Microseconds())/1000, 'f', 3, 64)
}

// writeUnits prints each unit's place and the names that differ there.
func writeUnits(b *strings.Builder, p *Plan, units []RouteUnit) {
	b.WriteString("units: ")
	route := firstRoute(p.Root)
	for i := range units {
		b.WriteString("  ")
		writeUnit(b, route, &units[i])
	}
	b.WriteString("\n")
}

// writeUnit prints where a unit runs.
func writeUnit(b *strings.Builder, route *Route, u *RouteUnit) {
	b.WriteString(" " + u.Target.DataSource)
	if u.Target.Schema != "" && u.Target.Schema != u.Target.DataSource {
		b.WriteString("." + u.Target.Schema)
	}
	var names []string
	if route != nil {
		for i, logical := range route.Tables {
			if i < len(u.Target.Names) && u.Target.Names[i] != logical {
				names = append(names, logical+"→"+u.Target.Names[i])
			}
		}
	}
	if len(names) > 0 {
		b.WriteString(" {" + strings.Join(names, ", ") + "}")
	}
}

// firstRoute is the first Route of a tree.
func firstRoute(n Node) *Route {
	if r, ok := n.(*Route); ok {
		return r
	}
	for _, child := range Children(n) {
		if r := firstRoute(child); r != nil {
			return r
		}
	}
	return nil
}

// Children are the nodes right below n.
func Children(n Node) []Node {
	switch n := n.(type) {
	case *MergeSort:
		return []Node{n.Input}
	case *Sort:
		return []Node{n.Input}
	case *Limit:
		return []Node{n.Input}
	case *Distinct:
		return []Node{n.Input}
	case *Aggregate:
		return []Node{n.Input}
	case *Project:
		return []Node{n.Input}
	case *Residual:
		return []Node{n.Input}
	case *Gather:
		var parts []Node
		for i := range n.Parts {
			parts = append(parts, n.Parts[i].Node)
		}
		return append(parts, n.Input)
	case *Insert:
		return []Node{n.Route}
	case *Update:
		return []Node{n.Route}
	case *Delete:
		return []Node{n.Route}
	case *ByKey:
		return []Node{n.Input, n.Write}
	case *Keeping:
		return []Node{n.Input, n.Write}
	case *Transfer:
		return []Node{n.Input, n.Write}
	case *DDL:
		return []Node{n.Route}
	case *TableAdmin:
		return []Node{n.Route}
	case *Lock:
		return []Node{n.Route}
	case *Concat:
		return n.Inputs
	}
	return nil
}

// writeNode prints a node and what is below it; indent stands before the lines of its children.
func writeNode(b *strings.Builder, n Node, indent string, root bool, m *Measured) {
	if !root {
		b.WriteString(indent + " └── ")
		indent += "     "
	}
	b.WriteString(describe(n))
	if m != nil && m.Nodes[n] != nil {
		b.WriteString("   " + m.Nodes[n].text(false))
	}
	b.WriteString("\n")
	for _, child := range Children(n) {
		writeNode(b, child, indent, false, m)
	}
}

// describe is a node's own line.
func describe(n Node) string {
	switch n := n.(type) {
	case *Route:
		return describeRoute(n)
	case *MergeSort:
		return "merge-sort key=" + keys(n.Keys)
	case *Sort:
		return "sort key=" + keys(n.Keys) + limitText(n.Limit)
	case *Limit:
		return "limit" + limitText(&n.Args) + map[bool]string{true: " found-rows"}[n.Count]
	case *Distinct:
		return "distinct " + map[bool]string{true: "sorted", false: "hash"}[n.Sorted] + " key=" + keys(n.Keys)
	case *Aggregate:
		return describeAggregate(n)
	case *Project:
		return "project columns=" + columns(n.Columns)
	case *Residual:
		return "residual on=" + n.Target.DataSource
	case *Gather:
		return "gather tables=" + strconv.Itoa(len(n.Parts)) + "  like=" + n.Place.Targets[0].DataSource
	case *Insert:
		return "insert"
	case *Update:
		return "update"
	case *Delete:
		return "delete"
	case *ByKey:
		if n.Image != nil {
			return "by-key image"
		}
		if n.Copies {
			return "by-key copies"
		}
		return "by-key"
	case *Keeping:
		return "keeping"
	case *Transfer:
		return "transfer"
	case *DDL:
		switch {
		case n.Database == "":
			return "on every server"
		case n.Table == "":
			return "ddl stored program of " + n.Database
		}
		line := "ddl table=" + n.Database + "." + n.Table
		if n.Counter != nil {
			line += "  next " + n.Counter.Column + "=" + strconv.FormatUint(n.Counter.Next, 10)
		}
		return line
	case *DropEach:
		return "drop-each tables=[" + strings.Join(n.Names, " ") + "]"
	case *Lock:
		var lines []string
		for i := range n.Parts {
			lines = append(lines, n.Parts[i].Target.DataSource+": "+n.Parts[i].SQL)
		}
		return "lock " + strings.Join(lines, "; ")
	case *TableAdmin:
		return "table-admin" + map[bool]string{true: " checksum"}[n.Checksum]
	case *Concat:
		return "concat"
	}
	return fmt.Sprintf("%T", n)
}

func describeRoute(r *Route) string {
	s := "route " + r.Opcode.String()
	if len(r.KeyNames) > 0 {
		s += "  key=" + strings.Join(r.KeyNames, ",")
	}
	if len(r.Tables) > 0 {
		s += "  tables=[" + strings.Join(r.Tables, " ") + "]"
	}
	if r.Selector != nil {
		s += "  where=" + selectorText(r.Selector)
	}
	if r.Rows != nil {
		s += "  rows=" + rowsText(r.Rows)
	}
	if r.Stay != nil {
		s += "  stay=" + exprs(r.Stay.Key)
	}
	if r.Once.AutoIncrement || r.Once.Rand {
		s += "  once"
	}
	if r.Ask != nil {
		s += askText(r.Ask)
	}
	return s
}

func askText(a *Ask) string {
	s := "  ask="
	if a.Values > 0 {
		s += "values"
	}
	if a.Stored != nil {
		if a.Values > 0 {
			s += ","
		}
		s += "stored-key"
	}
	return s
}

func rowsText(r *Rows) string {
	parts := make([]string, 0, len(r.Keys))
	for _, k := range r.Keys {
		parts = append(parts, exprs(k))
	}
	s := strings.Join(parts, ",")
	if r.Generate != nil {
		s += " generate=" + r.Generate.Column
	}
	return s
}

func keys(list []Key) string {
	parts := make([]string, len(list))
	for i, k := range list {
		parts[i] = k.Label
		if k.Desc {
			parts[i] += " desc"
		}
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

func columns(list []ProjectColumn) string {
	inOrder := true
	parts := make([]string, len(list))
	for i, c := range list {
		inOrder = inOrder && c.Column == i
		parts[i] = strconv.Itoa(c.Column)
	}
	if inOrder && len(list) > 1 {
		return fmt.Sprintf("0..%d", len(list)-1)
	}
	return strings.Join(parts, ",")
}

func limitText(l *LimitArgs) string {
	if l == nil {
		return ""
	}
	s := ""
	if l.Offset != nil {
		s += " offset=" + exprText(*l.Offset)
	}
	if l.Count != nil {
		s += " count=" + exprText(*l.Count)
	}
	return s
}

func describeAggregate(a *Aggregate) string {
	out := make([]string, len(a.Output))
	for i, o := range a.Output {
		out[i] = funcNames[o.Func] + "(" + o.Label + ")"
	}
	mode := map[AggregateMode]string{Stream: "stream", Hash: "hash"}[a.Mode]
	return "aggregate " + mode + " key=" + keys(a.Keys) + " output=[" + strings.Join(out, ", ") + "]"
}

var funcNames = [...]string{
	First: "first", Count: "count", Sum: "sum", Min: "min", Max: "max", Avg: "avg", CountDistinct: "count-distinct",
	SumDistinct: "sum-distinct", AvgDistinct: "avg-distinct", BitAnd: "bit-and", BitOr: "bit-or", BitXor: "bit-xor",
	VarPop: "var-pop", VarSamp: "var-samp", StdPop: "std-pop", StdSamp: "std-samp", GroupConcat: "group-concat",
	JSONArrayAgg: "json-array", JSONObjectAgg: "json-object",
}
