package importer

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/heddle-mesh/heddle/router/distrule"
	"github.com/heddle-mesh/heddle/router/rule"
)

// strategy is what places rows over data sources, or over the tables of one.
type strategy struct {
	kind    string // standard, complex, hint, none
	columns []string
	name    string // of the algorithm
	typ     string
	props   *tree
}

// inline reports whether it is an expression that names the place.
func (s strategy) inline() bool { return s.typ == "INLINE" || s.typ == "COMPLEX_INLINE" }

func (s *sphere) strategy(t, fallback *tree) strategy {
	if t.null {
		t = fallback
	}
	for _, kind := range []string{"standard", "complex", "hint", "none"} {
		if !t.has(kind) {
			continue
		}
		v := t.at(kind)
		out := strategy{kind: kind, columns: v.any("shardingColumn", "shardingColumns").texts(), name: v.at("shardingAlgorithmName").text, props: &tree{}}
		if a := s.algorithms[out.name]; a != nil {
			out.typ, out.props = strings.ToUpper(a.at("type").text), a.at("props")
		}
		return out
	}
	return strategy{kind: "none", props: &tree{}}
}

// table reads a table whose actual tables are written out.
func (s *sphere) table(x *tree, name string, t *tree) error {
	out := rule.Table{Name: name}
	out.Nodes = s.patterns(t.at("actualDataNodes").text)
	t.ignore("auditStrategy")
	db := s.strategy(t.at("databaseStrategy"), x.at("defaultDatabaseStrategy"))
	tb := s.strategy(t.at("tableStrategy"), x.at("defaultTableStrategy"))
	for _, st := range []strategy{db, tb} {
		for _, c := range st.columns {
			if !slices.ContainsFunc(out.Key, func(k string) bool { return strings.EqualFold(k, c) }) {
				out.Key = append(out.Key, c)
			}
		}
	}
	if len(out.Key) == 0 {
		if d := x.at("defaultShardingColumn").text; d != "" && db.kind != "hint" && tb.kind != "hint" {
			out.Key = []string{d}
		}
	}
	s.keyTypes(&out)
	s.generate(x, t, &out)
	nodes, err := rule.ExpandNodes(out.Nodes)
	if err != nil {
		return fmt.Errorf("table %s: actualDataNodes: %w", name, err)
	}
	if len(nodes) == 0 {
		s.note(NoEqual, name, "it has no actualDataNodes: which tables it has cannot be told")
		return nil
	}
	if db.kind == "none" && tb.kind == "none" && len(nodes) == 1 {
		source, actual, _ := strings.Cut(nodes[0], ".")
		if actual == name {
			s.d.Single = append(s.d.Single, rule.SingleTables{DataSource: source, Tables: []string{name}})
			return nil
		}
	}
	s.assign(&out, db, tb, nodes)
	s.d.Tables = append(s.d.Tables, out)
	return nil
}

var groovyRange = regexp.MustCompile(`\$(?:->)?\{([^{}]*)\}`)

// patterns are the actual tables, as Heddle writes patterns, of groups' names.
func (s *sphere) patterns(text string) []string {
	var out []string
	depth, start := 0, 0
	for i, c := range text + "," {
		switch {
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		case c == ',' && depth == 0:
			if part := strings.TrimSpace(text[start:min(i, len(text))]); part != "" {
				out = append(out, s.pattern(part))
			}
			start = i + 1
		}
	}
	return out
}

func (s *sphere) pattern(text string) string {
	text = groovyRange.ReplaceAllStringFunc(text, func(m string) string {
		body := groovyRange.FindStringSubmatch(m)[1]
		body = strings.TrimSpace(strings.Trim(strings.TrimSpace(body), "[]"))
		body = strings.NewReplacer("'", "", `"`, "", " ", "").Replace(body)
		return "${" + body + "}"
	})
	depth := 0
	for i, c := range text { // the first dot that is none of a range
		switch {
		case c == '{':
			depth++
		case c == '}':
			depth--
		case c == '.' && depth == 0:
			return s.place(text[:i]) + text[i:]
		}
	}
	return s.place(text)
}

// assign finds the algorithm that places rows as the two strategies together do.
func (s *sphere) assign(t *rule.Table, db, tb strategy, nodes []string) {
	switch {
	case db.kind == "hint" || tb.kind == "hint":
		s.hint(t, db, tb, nodes)
	case (db.inline() || db.kind == "none") && (tb.inline() || tb.kind == "none"):
		s.inline(t, db, tb, nodes)
	case db.kind == "none" && !several(nodes):
		s.indexed(t, tb, nodes)
	case tb.kind == "none":
		sources := make([]string, len(nodes))
		for i, n := range nodes {
			sources[i], _, _ = strings.Cut(n, ".")
		}
		s.indexed(t, db, sources)
	default:
		s.elsewhere(t, "%s over data sources with %s over tables is not there", db.typ, tb.typ)
	}
}

// several reports whether nodes are on more than one data source.
func several(nodes []string) bool {
	first, _, _ := strings.Cut(nodes[0], ".")
	return slices.ContainsFunc(nodes, func(n string) bool { return !strings.HasPrefix(n, first+".") })
}

func (s *sphere) hint(t *rule.Table, db, tb strategy, nodes []string) {
	for _, st := range []strategy{db, tb} {
		st.props.readAll()
	}
	if len(t.Key) > 0 {
		s.elsewhere(t, "a hint over one part and a column over the other is not there")
		return
	}
	t.Algorithm = spec("hint")
	s.note(Differs, t.Name, "hints are numbers here, modulo the tables in their order, and are given as /*+ heddle(shard_value=7) */")
}

// inline joins the expressions to one that gives the name of the actual table.
func (s *sphere) inline(t *rule.Table, db, tb strategy, nodes []string) {
	var parts [2]string
	for i, st := range []strategy{db, tb} {
		st.props.ignore("allow-range-query-with-inline-sharding", "sharding-columns")
		switch {
		case st.inline():
			e, why := distrule.Expression(st.props.at("algorithm-expression").text, st.columns)
			if why != "" {
				s.elsewhere(t, "the expression %s %s", st.props.at("algorithm-expression").text, why)
				return
			}
			parts[i] = e
		default:
			part, same := distrule.Common(nodes, i)
			if !same {
				s.elsewhere(t, "no strategy says on which data source or in which table rows are")
				return
			}
			parts[i] = part
		}
	}
	t.Algorithm = distrule.Inline(parts[0], parts[1])
	s.note(Same, t.Name, "by the same expression; a text key has to have a collation that ends in _bin")
}

// autoTable reads a table whose actual tables ShardingSphere lays out: t_0, t_1 … over the data sources in turn.
func (s *sphere) autoTable(x *tree, name string, t *tree) {
	out := rule.Table{Name: name}
	st := s.strategy(t.at("shardingStrategy"), &tree{null: true})
	out.Key = st.columns
	s.keyTypes(&out)
	s.generate(x, t, &out)
	t.ignore("auditStrategy")
	_, n, err := st.automatic(name)
	sources := t.at("actualDataSources").texts()
	if len(sources) == 0 {
		for _, ds := range s.d.DataSources {
			sources = append(sources, ds.Name)
		}
	}
	if names, err := rule.ExpandNodes(s.patterns(strings.Join(sources, ","))); err == nil {
		sources = names
	}
	switch {
	case err != nil:
		s.note(NoEqual, name, "how many tables %s has cannot be told: %v", st.typ, err)
		return
	case n <= 0:
		s.note(NoEqual, name, "how many tables %s has cannot be told", st.typ)
		return
	}
	out.Nodes = distrule.Spread(name, sources, min(n, maxNodes))
	s.indexed(&out, st, out.Nodes)
	s.d.Tables = append(s.d.Tables, out)
}

// automatic is the strategy's algorithm as a document has it, and how many tables it has.
func (st strategy) automatic(table string) (*rule.AlgorithmSpec, int, error) {
	return distrule.Automatic(table, strings.ToLower(st.typ), func(key string) string {
		p := st.props.at(key)
		if p.list != nil {
			return strings.Join(p.texts(), ",")
		}
		return p.text
	})
}

// sphereSame says how the algorithms do here what they did.
var sphereSame = map[string]string{
	"MOD": "as mod has it", "BOUNDARY_RANGE": "as range has it", "AUTO_INTERVAL": "as range has it, between the same moments",
	"VOLUME_RANGE": "as range has it; keys below range-lower and from range-upper on are in the first and the last table, as they were",
}

var trailing = regexp.MustCompile(`\d+$`)

// indexed finds the algorithm of one that gives the number of the actual table, which ends its name.
func (s *sphere) indexed(t *rule.Table, st strategy, nodes []string) {
	for i, n := range nodes {
		if st.typ != "INTERVAL" && trailing.FindString(n) != strconv.Itoa(i) {
			s.elsewhere(t, "its tables are not numbered from 0 in their order")
			return
		}
	}
	switch st.typ {
	case "HASH_MOD":
		s.elsewhere(t, "HASH_MOD is the remainder of Java's hashCode()")
	case "MOD", "BOUNDARY_RANGE", "VOLUME_RANGE", "AUTO_INTERVAL":
		if st.props.has("start-offset") || st.props.has("stop-offset") {
			s.elsewhere(t, "MOD over a part of the value is not there")
			return
		}
		a, _, err := st.automatic(t.Name)
		if err != nil {
			s.elsewhere(t, "%v", err)
			return
		}
		t.Algorithm = a
		s.note(Same, t.Name, "%s", sphereSame[st.typ])
	case "INTERVAL":
		s.dated(t, st, nodes)
	default:
		st.props.readAll()
		s.elsewhere(t, "%s is not there", st.typ)
	}
}

// sphereUnits are Java's units of time and what their tables are labelled with.
var sphereUnits = map[string]struct{ unit, pattern string }{
	"DAYS": {"day", "yyyyMMdd"}, "MONTHS": {"month", "yyyyMM"}, "YEARS": {"year", "yyyy"},
}

// dated is a table for each day, month or year.
func (s *sphere) dated(t *rule.Table, st strategy, nodes []string) {
	unit := st.props.at("datetime-interval-unit").text
	if unit == "" {
		unit = "DAYS"
	}
	amount := st.props.at("datetime-interval-amount").text
	known, ok := sphereUnits[strings.ToUpper(unit)]
	pattern := st.props.at("sharding-suffix-pattern").text
	st.props.readAll()
	if !ok || amount != "" && amount != "1" || strings.TrimLeft(pattern, "_") != known.pattern {
		s.elsewhere(t, "INTERVAL by %s %s with names by %s is not there", amount, unit, pattern)
		return
	}
	var labels []string
	for _, n := range nodes {
		labels = append(labels, n[max(0, len(n)-len(known.pattern)):])
	}
	s.run.interval(t, known.unit, labels)
}
