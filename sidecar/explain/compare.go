package explain

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/rule"
)

// Changed is a statement that other rules would plan otherwise. Of one that is refused, the plan is the refusal.
type Changed struct {
	Statement string `json:"statement"`
	Before    string `json:"before"`
	After     string `json:"after"`
}

// Comparison is what other rules would make of statements.
type Comparison struct {
	Changed []Changed
	// ByValue are statements whose plans stay, and whose rows do not: for some values they would go to another shard.
	ByValue []string
	Of      int
}

// Compare plans each statement by the rules of in and by others; tables are those whose rows live elsewhere by these, as
// database.table. What is assumed is assumed on both sides.
func Compare(ctx context.Context, in Input, after []*rule.Layout, tables, list []string) Comparison {
	then := in
	then.Layouts = after
	out := Comparison{Of: len(list)}
	placed := func(t string) bool { return slices.Contains(tables, t) }
	for _, text := range list {
		before, byValue := outcome(ctx, in, text)
		after, _ := outcome(ctx, then, text)
		switch {
		case before != after:
			out.Changed = append(out.Changed, Changed{Statement: text, Before: before, After: after})
		case slices.ContainsFunc(byValue, placed):
			out.ByValue = append(out.ByValue, text)
		}
	}
	return out
}

func outcome(ctx context.Context, in Input, text string) (plan string, byValue []string) {
	answer, err := Plan(ctx, in, text)
	if err != nil {
		return "refused: " + err.Error() + "\n", nil
	}
	return strings.TrimRight(answer.Plan, "\n") + "\n", answer.ByValue
}

// Statements parts a text at its semicolons; empty statements are left out.
func Statements(text string, mode parser.Mode) ([]string, error) {
	var out []string
	for rest := text; strings.TrimSpace(rest) != ""; {
		var scan parser.Scan
		if err := scan.Scan([]byte(rest), mode); err != nil {
			return nil, fmt.Errorf("statement %d: %w", len(out)+1, err)
		}
		if !scan.Empty {
			out = append(out, strings.TrimSpace(rest[:scan.End]))
		}
		if scan.Next < 0 {
			break
		}
		rest = rest[scan.Next:]
	}
	return out, nil
}
