package config

import (
	"fmt"
	"slices"
	"strings"
)

// Origin says who set a field.
type Origin struct {
	Source string // path of the file, name of the environment variable, or --flag; "" for a default
	Line   int    // in the file, from 1; 0 elsewhere
	Column int    // in the file, from 1
}

func (o Origin) String() string {
	switch {
	case o.Source == "":
		return "default"
	case o.Line > 0:
		return fmt.Sprintf("%s:%d:%d", o.Source, o.Line, o.Column)
	}
	return o.Source
}

// Problem is one mistake in the configuration.
type Problem struct {
	Field   string // "" where no field is meant
	Origin  Origin
	Message string // starts with the field where there is one
	Excerpt string // the line of the file and a caret below it; "" where there is none, and for secrets
}

func (p Problem) String() string {
	s := p.Message
	if p.Origin.Source != "" {
		s = p.Origin.String() + ": " + s
	}
	if p.Excerpt != "" {
		s += "\n" + p.Excerpt
	}
	return s
}

// Problems is every mistake that was found, as one error.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// err is nil for no problem; a nil Problems in an error interface would not be.
func (ps Problems) err() error {
	if len(ps) == 0 {
		return nil
	}
	return ps
}

// excerpt shows a line of text with a caret under a column that counts characters.
func excerpt(text string, line, column int) string {
	lines := strings.Split(text, "\n")
	if line < 1 || line > len(lines) {
		return ""
	}
	shown := strings.TrimRight(lines[line-1], "\r")
	pad := []rune(shown)
	pad = pad[:min(max(column-1, 0), len(pad))]
	for i, r := range pad {
		if r != '\t' {
			pad[i] = ' '
		}
	}
	return "  | " + shown + "\n  | " + string(pad) + "^"
}

// nearest returns the candidate that a misspelt word most likely meant, or "": at most a third of the letters differ.
func nearest(word string, candidates []string) string {
	best, limit := "", max(len(word)/3, 1)+1
	for _, c := range slices.Sorted(slices.Values(candidates)) {
		if d := distance(word, c); d < limit {
			best, limit = c, d
		}
	}
	return best
}

// distance is the number of insertions, deletions and substitutions between two words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
