package sqlgen

func (g *Generator) aggregate(s *scope) item {
	exact, any := pick(g, s.of(integer, decimal)), pick(g, s.columns)
	switch g.r.IntN(25) {
	case 0, 1:
		return item{text: "COUNT(*)"}
	case 2:
		return item{text: "COUNT(" + any.name + ")"}
	case 3, 4:
		return item{text: "SUM(" + exact.name + ")"}
	case 5:
		return item{text: "AVG(" + exact.name + ")"}
	case 6:
		return item{text: "MIN(" + any.name + ")", kind: any.kind, code: extreme(any)}
	case 7:
		return item{text: "MAX(" + any.name + ")", kind: any.kind, code: extreme(any)}
	case 8:
		return item{text: "COUNT(DISTINCT " + any.name + ")"}
	case 9:
		if g.short {
			return item{text: "GROUP_CONCAT(" + exact.name + " ORDER BY " + exact.name + ")"}
		}
		return item{text: "GROUP_CONCAT(" + exact.name + ")", code: "concat"}
	case 10:
		return item{text: "STDDEV_POP(" + exact.name + ")", code: "double"}
	case 11:
		if d := s.of(double); len(d) > 0 {
			return item{text: "SUM(" + d[0].name + ")", code: "double"}
		}
		return item{text: "SUM(" + exact.name + ") + COUNT(*)"}
	case 12:
		return item{text: "BIT_XOR(" + pick(g, s.of(integer)).name + ")"}
	case 13, 14:
		return item{text: pick(g, []string{"BIT_AND(", "BIT_OR("}) + pick(g, s.of(integer)).name + ")"}
	case 15:
		return item{text: pick(g, []string{"VAR_SAMP(", "STDDEV_SAMP(", "VARIANCE("}) + exact.name + ")", code: "double"}
	case 16:
		return item{text: "GROUP_CONCAT(DISTINCT " + exact.name + " ORDER BY " + exact.name + pick(g, []string{" DESC", " SEPARATOR '|'"}) + ")"}
	case 17:
		return item{text: pick(g, []string{"SUM", "AVG", "COUNT"}) + "(DISTINCT " + exact.name + ")"}
	case 18:
		return item{text: "COUNT(DISTINCT " + exact.name + ", " + any.name + ")"}
	case 19:
		return item{text: "JSON_ARRAYAGG(" + exact.name + " ORDER BY " + exact.name + ")"}
	case 20:
		return item{text: "SUM(" + exact.name + ") * " + g.number(2, 3) + " - COUNT(" + any.name + ")"}
	case 21:
		return item{text: "COALESCE(SUM(" + exact.name + "), " + g.number(0, 1) + ")"}
	case 22:
		return pick(g, []item{{text: "CONCAT(COUNT(*), '-', MAX(" + exact.name + "))"}, {text: "IF(COUNT(*) > 1, SUM(" + exact.name + "), 'one')"},
			{text: "ROUND(AVG(" + exact.name + "), 1)"}, {text: "MAX(" + exact.name + ") || MIN(" + exact.name + ")"}, {text: "CAST(SUM(" + exact.name + ") AS CHAR)"}, {text: "GREATEST(COUNT(*), MIN(" + exact.name + "))"}})
	}
	return item{text: "MAX(" + exact.name + ") - MIN(" + exact.name + ")"}
}

// extreme: the least of texts that are equal under the collation is any of them.
func extreme(c column) string {
	if c.kind == text {
		return "rep"
	}
	return ""
}

// having is a condition on a group, over expressions of aggregates too.
func (g *Generator) having(s *scope) string {
	c := pick(g, s.of(integer, decimal))
	switch g.r.IntN(7) {
	case 0, 1:
		return pick(g, []string{"COUNT(*) > ", "COUNT(*) < "}) + g.number(1, 3)
	case 2:
		return "MAX(" + c.name + ") > " + g.number(0, 20)
	case 3:
		return "SUM(" + c.name + ") + COUNT(*) > " + g.number(0, 40)
	case 4:
		return "(AVG(" + c.name + ") > " + g.number(0, 20) + " OR COUNT(DISTINCT " + pick(g, s.columns).name + ") > 1)"
	case 5:
		return "MAX(" + c.name + ") - MIN(" + c.name + ") BETWEEN " + g.number(0, 1) + " AND " + g.number(1, 50)
	}
	return "SUM(" + c.name + ") IS NOT NULL"
}

// window is a function over rows that one server has to see together, exact whatever the order of equal rows.
func (g *Generator) window(s *scope) item {
	by := pick(g, s.of(integer)).name
	return item{text: pick(g, []string{"SUM(" + pick(g, s.of(integer)).name + ")", "COUNT(*)", "MAX(" + pick(g, s.of(integer, decimal)).name + ")"}) +
		" OVER (PARTITION BY " + by + pick(g, []string{"", " ORDER BY " + pick(g, s.of(integer)).name}) + ")"}
}
