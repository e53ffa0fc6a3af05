package rule

import (
	"regexp"
	"strings"
)

// position is where a value stands in the text.
type position struct{ line, column int }

// source remembers a document's text and where each path stands in it, so that Validate can point at it.
type source struct {
	lines []string
	at    map[string]position
}

func newSource(text string) *source {
	return &source{lines: strings.Split(text, "\n"), at: map[string]position{}}
}

// locate finds the position of path or of the nearest enclosing path that has one.
func (s *source) locate(path string) position {
	if s == nil {
		return position{}
	}
	for {
		if p, ok := s.at[path]; ok {
			return p
		}
		if path == "" {
			return position{}
		}
		i := strings.LastIndexAny(path, ".[")
		path = path[:max(i, 0)]
	}
}

// clearPassword finds a value beside a key like password: excerpts must not spread one that is written in clear.
var clearPassword = regexp.MustCompile(`(?i)(pass?w\w*["']?\s*:\s*)([^,}\s][^,}]*)`)

func redact(line string) string {
	return clearPassword.ReplaceAllStringFunc(line, func(m string) string {
		parts := clearPassword.FindStringSubmatch(m)
		if v := strings.Trim(parts[2], `"' `); Secret(v).Kind() != "" {
			return m
		}
		return parts[1] + "***"
	})
}

// excerpt is the line and a caret under the column.
func (s *source) excerpt(p position) string {
	if s == nil || p.line < 1 || p.line > len(s.lines) {
		return ""
	}
	line := strings.TrimRight(s.lines[p.line-1], "\r")
	pad := make([]byte, 0, p.column)
	for i, r := range []rune(line) {
		if i >= p.column-1 {
			break
		}
		if r == '\t' {
			pad = append(pad, '\t')
		} else {
			pad = append(pad, ' ')
		}
	}
	return "  | " + redact(line) + "\n  | " + string(pad) + "^"
}

// problem builds a Problem that points at path.
func (s *source) problem(path, message, hint string) Problem {
	p := s.locate(path)
	return Problem{Line: p.line, Column: p.column, Path: path, Message: message, Hint: hint, Excerpt: s.excerpt(p)}
}
