package distrule

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	template  = regexp.MustCompile(`\$(?:->)?\{([^{}]*)\}`)
	plainExpr = regexp.MustCompile(`^[\w\s%+*()-]+$`)
	word      = regexp.MustCompile(`[A-Za-z_]\w*`)
)

// Expression turns ShardingSphere's ds_${user_id % 2} into "ds_" + string(user_id % 2), as the algorithm inline has it; why says why it
// cannot, as the end of a sentence about text. columns are the sharding key's.
func Expression(text string, columns []string) (e, why string) {
	var parts []string
	last := 0
	for _, m := range template.FindAllStringSubmatchIndex(text, -1) {
		if m[0] > last {
			parts = append(parts, strconv.Quote(text[last:m[0]]))
		}
		inner := strings.TrimSpace(text[m[2]:m[3]])
		last = m[1]
		if !plainExpr.MatchString(inner) {
			return "", "has more in it than columns, whole numbers and + - * %"
		}
		for _, w := range word.FindAllString(inner, -1) {
			if !slices.Contains(columns, w) {
				return "", "names " + w + ", which is none of the sharding columns"
			}
		}
		parts = append(parts, "string("+inner+")")
	}
	if last < len(text) {
		parts = append(parts, strconv.Quote(text[last:]))
	}
	if len(parts) == 0 {
		return "", "is empty"
	}
	return strings.Join(parts, " + "), ""
}
