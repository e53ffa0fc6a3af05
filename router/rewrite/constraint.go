package rewrite

import "strings"

// A constraint's name is there once in a schema, which may hold several actual tables of a logical one. So what the client calls
// c is the actual table's name, "_" and c; and what a server makes of an actual table's name (t_70_ibfk_1, and MySQL's t_70_chk_1)
// is to the client what it would have made of the logical table's.

// derived begin what servers append to a table's name.
var derived = []string{"ibfk_", "chk_"}

// ActualConstraint is the name under which an actual table has a constraint of a logical one. ok is false for a name that
// LogicalConstraint would not give back.
func ActualConstraint(name, actual, logical string) (string, bool) {
	out := actual + "_" + name
	if rest, ok := strings.CutPrefix(name, logical+"_"); ok && isDerived(rest) {
		out = actual + "_" + rest
	}
	return out, LogicalConstraint(out, actual, logical) == name && len(out) <= maxName
}

// maxName is how long names may be; in characters, of which bytes are never fewer.
const maxName = 64

// LogicalConstraint is what the client calls a constraint of an actual table.
func LogicalConstraint(name, actual, logical string) string {
	rest, ok := strings.CutPrefix(name, actual+"_")
	switch {
	case !ok || actual == logical || rest == "":
		return name
	case isDerived(rest):
		return logical + "_" + rest
	}
	return rest
}

func isDerived(rest string) bool {
	for _, d := range derived {
		if strings.HasPrefix(rest, d) {
			return true
		}
	}
	return false
}
