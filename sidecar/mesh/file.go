package mesh

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
)

// Part is one document of a file, as its author wrote it.
type Part struct {
	layout.Document
	Text []byte
}

// Split validates a file of documents and cuts it into them: rules first, in the file's order, then users, then routes. The error
// is problems with the lines of the file, rule.Problems or route.Problem.
func Split(text []byte) ([]Part, error) {
	if _, err := ParseFile(text); err != nil {
		return nil, err
	}
	var rules, users []Part
	for _, p := range cut(text) {
		piece := p.text
		if IsRoutes(piece) {
			users = append(users, Part{layout.Document{Kind: layout.Routes, Name: layout.Mesh}, piece})
			continue
		}
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
	slices.SortStableFunc(users, func(a, b Part) int { return slices.Index(Kinds(), a.Kind) - slices.Index(Kinds(), b.Kind) })
	return slices.Concat(rules, users), nil
}

// ParseFile reads a file of documents and validates all of them. The error is as Split's; it names a second document of routes.
func ParseFile(text []byte) (*rule.File, error) {
	var errs []error
	var rest []byte // the text without routes, and with as many lines
	routes := 0
	for i, p := range cut(text) {
		if i > 0 {
			rest = append(rest, p.marker...)
		}
		if !IsRoutes(p.text) {
			rest = append(rest, p.text...)
			continue
		}
		rest = append(rest, bytes.Repeat([]byte("\n"), bytes.Count(p.text, []byte("\n")))...)
		if routes++; routes > 1 {
			errs = append(errs, route.Problem{Line: p.line + 1, Column: 1, Message: "a second document of routes: put all routes into one"})
		} else if _, err := route.Parse(p.text); err != nil {
			errs = append(errs, route.Below(err, p.line))
		}
	}
	f, problems := rule.ParseFile(rest)
	if len(problems) == 0 && routes == 0 {
		problems = f.Missing()
	}
	if len(problems) > 0 {
		errs = append([]error{problems}, errs...)
	}
	if len(errs) == 1 {
		return f, errs[0]
	}
	return f, errors.Join(errs...)
}

// IsRoutes tells a document of routes from those of rules and users, by what stands on its first floor.
func IsRoutes(piece []byte) bool { return topOfRoutes.Match(piece) }

var topOfRoutes = regexp.MustCompile(`(?m)^(---[ \t]+)?(routes|clusters):`)

// piece is one document of a file.
type piece struct {
	text   []byte
	line   int    // of the file where the text begins, from 0
	marker []byte // what stood before it; nil: it is the first
}

// cut parts a text at the lines that begin with YAML's document marker, which no other line can begin with.
func cut(text []byte) []piece {
	out := []piece{{}}
	n := 0
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte("---")); ok && (len(rest) == 0 || bytes.ContainsAny(rest[:1], " \t\r\n")) {
			content := bytes.TrimLeft(rest, " \t\r\n")
			out = append(out, piece{line: n, marker: line[:len(line)-len(content)]})
			if line = content; len(content) == 0 {
				out[len(out)-1].line = n + 1
			}
		}
		last := &out[len(out)-1]
		last.text = append(last.text, line...)
		n++
	}
	return out
}
