package plan

import (
	"strconv"
	"strings"
)

// selectorText prints a selector: arguments as $0, $1 …
func selectorText(s Selector) string {
	switch s := s.(type) {
	case *SelectEqual:
		return "=" + exprs(s.Key)
	case *SelectIn:
		parts := make([]string, len(s.Keys))
		for i, k := range s.Keys {
			parts[i] = exprs(k)
		}
		trimmed := ""
		if s.List >= 0 {
			trimmed = "*"
		}
		return "in" + trimmed + "{" + strings.Join(parts, " ") + "}"
	case *SelectCond:
		parts := make([]string, len(s.Conds))
		for i := range s.Conds {
			parts[i] = condText(&s.Conds[i])
		}
		return "(" + strings.Join(parts, ", ") + ")"
	case *SelectSame:
		parts := make([]string, len(s.Keys))
		for i, k := range s.Keys {
			parts[i] = exprs(k)
		}
		return "same{" + strings.Join(parts, " ") + "}"
	case *SelectNone:
		return "none"
	case *SelectTargets:
		parts := make([]string, len(s.Index))
		for i, n := range s.Index {
			parts[i] = strconv.Itoa(n)
		}
		return "targets{" + strings.Join(parts, " ") + "}"
	case *SelectHint:
		parts := make([]string, len(s.Values))
		for i, v := range s.Values {
			parts[i] = v.Table + "=" + strconv.FormatInt(v.Value, 10)
			if v.Session {
				parts[i] = v.Table + "=@@heddle_shard_value"
			}
		}
		return "hint{" + strings.Join(parts, " ") + "}"
	case *SelectAnd:
		return "and{" + joined(s.Parts) + "}"
	case *SelectOr:
		return "or{" + joined(s.Parts) + "}"
	}
	return "all"
}

func joined(parts []Selector) string {
	out := make([]string, len(parts))
	for i, p := range parts {
		out[i] = selectorText(p)
	}
	return strings.Join(out, " ")
}

func condText(c *Cond) string {
	switch {
	case c.Free():
		return "any"
	case c.Points != nil:
		parts := make([]string, len(c.Points))
		for i, e := range c.Points {
			parts[i] = exprText(e)
		}
		op := "="
		if c.NullSafe {
			op = "<=>"
		}
		return op + strings.Join(parts, "|")
	case c.Null:
		return "null"
	}
	s := ""
	if c.Low != nil {
		s += map[bool]string{true: ">", false: ">="}[c.LowOpen] + exprText(*c.Low)
	}
	if c.High != nil {
		s += map[bool]string{true: "<", false: "<="}[c.HighOpen] + exprText(*c.High)
	}
	return s
}

func exprs(list []Expr) string {
	parts := make([]string, len(list))
	for i, e := range list {
		parts[i] = exprText(e)
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return "(" + strings.Join(parts, ",") + ")"
}

func exprText(e Expr) string {
	s := ""
	if e.Arg >= 0 {
		s = "$" + strconv.Itoa(e.Arg)
	} else if !e.Generated {
		s = string(e.Const.AppendSQL(nil))
	}
	if e.Negate {
		s = "-" + s
	}
	if e.Generated {
		s = "id" + strconv.Itoa(e.Row) + s
	}
	return s
}
