package explain

import (
	"context"
	"fmt"
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

// Compare plans each statement of a text by the rules of in and by others, and returns those whose plans differ, and how
// many there are. What is assumed is assumed on both sides.
func Compare(ctx context.Context, in Input, after []*rule.Layout, texts string) (changed []Changed, of int, err error) {
	list, err := Statements(texts, parser.Mode{Flavour: in.Flavour})
	if err != nil {
		return nil, 0, err
	}
	return CompareEach(ctx, in, after, list), len(list), nil
}

// CompareEach is Compare of statements that have been parted.
func CompareEach(ctx context.Context, in Input, after []*rule.Layout, list []string) (changed []Changed) {
	then := in
	then.Layouts = after
	for _, text := range list {
		c := Changed{Statement: text, Before: outcome(ctx, in, text), After: outcome(ctx, then, text)}
		if c.Before != c.After {
			changed = append(changed, c)
		}
	}
	return changed
}

func outcome(ctx context.Context, in Input, text string) string {
	answer, err := Plan(ctx, in, text)
	if err != nil {
		return "refused: " + err.Error() + "\n"
	}
	return strings.TrimRight(answer.Plan, "\n") + "\n"
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
