package catalog

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Drift says how the columns of a sharded table differ from shard to shard: after DDL that is done on some of them only.
type Drift struct {
	// Columns are the names of columns that not all shards have alike, in lower case. It is empty where only their order
	// differs.
	Columns []string
	Detail  string // for people
}

// On is what one shard says of a table. Without columns it does not have it.
type On struct {
	Where   string
	Columns []Column
}

// Compare finds how the shards differ; nil where they do not, as far as statements over several of them can tell.
// Defaults and keys are not compared: they say nothing of rows that exist.
func Compare(shards []On) *Drift {
	var d Drift
	var parts []string
	var gone, have []string
	for _, s := range shards {
		if len(s.Columns) == 0 {
			gone = append(gone, s.Where)
			continue
		}
		have = append(have, s.Where)
	}
	if len(have) == 0 {
		return nil
	}
	if len(gone) > 0 {
		parts = append(parts, "no such table on "+strings.Join(gone, ", "))
	}
	for _, name := range columnNames(shards) {
		types := map[string][]string{}
		for _, s := range shards {
			if len(s.Columns) > 0 {
				what := typeOf(s.Columns, name)
				types[what] = append(types[what], s.Where)
			}
		}
		if len(types) == 1 && len(gone) == 0 {
			continue
		}
		d.Columns = append(d.Columns, name)
		if len(types) > 1 {
			parts = append(parts, name+": "+byShard(types))
		}
	}
	if len(parts) == 0 {
		if parts = order(shards); len(parts) == 0 {
			return nil
		}
	}
	d.Detail = strings.Join(parts, "; ")
	return &d
}

// columnNames are the names of all columns of all shards, in lower case, in the order in which they first occur.
func columnNames(shards []On) []string {
	var names []string
	seen := map[string]bool{}
	for _, s := range shards {
		for i := range s.Columns {
			if name := strings.ToLower(s.Columns[i].Name); !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	return names
}

// typeOf is what a statement can tell of a column.
func typeOf(columns []Column, name string) string {
	for i := range columns {
		c := &columns[i]
		if !strings.EqualFold(c.Name, name) {
			continue
		}
		what := c.Type
		if c.Collation != "" {
			what += " COLLATE " + c.Collation
		}
		if !c.Nullable {
			what += " NOT NULL"
		}
		if c.Generated {
			what += " GENERATED"
		}
		if c.Invisible {
			what += " INVISIBLE"
		}
		return what
	}
	return "missing"
}

// byShard writes who has what, in the order of the shards' names.
func byShard(types map[string][]string) string {
	kinds := slices.SortedFunc(maps.Keys(types), func(a, b string) int { return strings.Compare(types[a][0], types[b][0]) })
	parts := make([]string, len(kinds))
	for i, what := range kinds {
		parts[i] = fmt.Sprintf("%s on %s", what, strings.Join(types[what], ", "))
	}
	return strings.Join(parts, ", ")
}

// order finds columns that are alike and stand in another order.
func order(shards []On) []string {
	var other []string
	for _, s := range shards[1:] {
		same := slices.EqualFunc(shards[0].Columns, s.Columns, func(a, b Column) bool { return strings.EqualFold(a.Name, b.Name) })
		if !same {
			other = append(other, s.Where)
		}
	}
	if len(other) == 0 {
		return nil
	}
	return []string{"the columns stand in another order on " + strings.Join(other, ", ")}
}
