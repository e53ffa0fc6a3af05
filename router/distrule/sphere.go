package distrule

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/router/sharding"
)

// What ShardingSphere's algorithms are in a rule document stands here alone, for statements and for its YAML.

// maxTables bounds the actual tables of a table; a document has no more.
const maxTables = 1 << 15

// Automatic is the automatic algorithm of a name, in small letters, and how many tables it places rows in. get gives a property, "" where
// there is none. Nil without an error: there is no such one. An error is a sentence about the table.
func Automatic(table, name string, get func(key string) string) (a *rule.AlgorithmSpec, count int, err error) {
	number := func(key string) int {
		n, bad := strconv.Atoi(strings.TrimSpace(get(key)))
		if bad != nil && err == nil {
			err = fmt.Errorf("the property %s of %s: %q is no whole number", key, table, get(key))
		}
		return n
	}
	var bounds []any
	switch name {
	case "mod", "hash_mod":
		if count = number("sharding-count"); err == nil && (count < 1 || count > maxTables) {
			err = fmt.Errorf("the property sharding-count of %s is to be from 1 to %d", table, maxTables)
		}
		return &rule.AlgorithmSpec{Type: name}, count, err
	case "boundary_range":
		for part := range strings.SplitSeq(get("sharding-ranges"), ",") {
			n, bad := strconv.ParseInt(strings.TrimSpace(part), 10, 64)
			if bad != nil {
				return nil, 0, fmt.Errorf("the property sharding-ranges of %s: %q is no whole number", table, part)
			}
			bounds = append(bounds, n)
		}
	case "volume_range": // below the first and from the last on there is a table each
		lower, upper, volume := number("range-lower"), number("range-upper"), number("sharding-volume")
		for at := lower; err == nil && volume > 0 && at < upper && len(bounds) < maxTables; at += volume {
			bounds = append(bounds, int64(at))
		}
		bounds = append(bounds, int64(upper))
	case "auto_interval":
		bounds = moments(get("datetime-lower"), get("datetime-upper"), number("sharding-seconds"))
		if err == nil && bounds == nil {
			err = errors.New("datetime-lower, datetime-upper (2026-01-31 00:00:00) or sharding-seconds of " + table + " is wrong")
		}
	default:
		return nil, 0, nil
	}
	return &rule.AlgorithmSpec{Type: "range", Properties: sharding.Properties{"bounds": bounds}}, len(bounds) + 1, err
}

// moments are the bounds of an AUTO_INTERVAL.
func moments(from, to string, seconds int) (out []any) {
	lower, err1 := time.Parse(time.DateTime, from)
	upper, err2 := time.Parse(time.DateTime, to)
	if err1 != nil || err2 != nil || seconds <= 0 || seconds > 1<<31 {
		return nil
	}
	for at := lower; at.Before(upper) && len(out) < maxTables; at = at.Add(time.Duration(seconds) * time.Second) {
		out = append(out, at.Format(time.DateTime))
	}
	return append(out, upper.Format(time.DateTime))
}

// Spread are the actual tables of an automatic algorithm: t_0, t_1 … over the storage units in turn.
func Spread(table string, units []string, count int) (nodes []string) {
	for i := range count {
		nodes = append(nodes, fmt.Sprintf("%s.%s_%d", units[i%len(units)], table, i))
	}
	return nodes
}

// Inline is the algorithm of two strategies, each an expression for its half of an actual table's name.
func Inline(unit, table string) *rule.AlgorithmSpec {
	return &rule.AlgorithmSpec{Type: "inline", Properties: sharding.Properties{"expression": strings.ReplaceAll(unit+` + "." + `+table, `" + "`, "")}}
}

// Common is the expression for the half of actual tables' names that all have: the storage unit (0) or the table (1).
func Common(nodes []string, half int) (expression string, same bool) {
	first := strings.SplitN(nodes[0], ".", 2)[half]
	if slices.ContainsFunc(nodes, func(n string) bool { return strings.SplitN(n, ".", 2)[half] != first }) {
		return "", false
	}
	return strconv.Quote(first), true
}
