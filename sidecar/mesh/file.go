package mesh

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/router/rule"
)

// Part is one document of a file, as its author wrote it.
type Part struct {
	layout.Document
	Text []byte
}

// Split validates a file of rules and users and cuts it into its documents: rules first, in the file's order. The error
// is rule.Problems with the lines of the file.
func Split(text []byte) ([]Part, error) {
	f, problems := rule.ParseFile(text)
	if len(problems) == 0 {
		problems = f.Missing()
	}
	if len(problems) > 0 {
		return nil, problems
	}
	var rules, users []Part
	for _, piece := range cut(text) {
		f, problems := rule.ParseFile(piece)
		if err := problems.Err(); err != nil {
			return nil, fmt.Errorf("a document by itself: %w", err)
		}
		switch {
		case f.Users != nil:
			users = append(users, Part{layout.Document{Kind: layout.Users, Name: layout.Mesh}, piece})
		case len(f.Documents) == 1:
			rules = append(rules, Part{layout.Document{Kind: layout.Rules, Name: NameOf(f.Documents[0])}, piece})
		}
	}
	return slices.Concat(rules, users), nil
}

// cut parts a text at the lines that begin with YAML's document marker, which no other line can begin with.
func cut(text []byte) [][]byte {
	var out [][]byte
	var piece []byte
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte("---")); ok && (len(rest) == 0 || bytes.ContainsAny(rest[:1], " \t\r\n")) {
			out, piece = append(out, piece), nil
			line = bytes.TrimLeft(rest, " \t\r\n")
		}
		piece = append(piece, line...)
	}
	return append(out, piece)
}
