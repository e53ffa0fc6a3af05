package rule

import (
	"fmt"
	"sort"
	"strings"
)

// Problem is one mistake in a document.
type Problem struct {
	Line    int    // from 1; 0: the document was not read from text
	Column  int    // from 1
	Path    string // "tables.orders.key"
	Message string
	Hint    string // what to do about it; may be empty
	Excerpt string // the source line and a caret, two lines; empty without text
}

// Error implements error: "3:12: tables.orders.key: message (hint)", the excerpt below it.
func (p Problem) Error() string {
	var b strings.Builder
	if p.Line > 0 {
		fmt.Fprintf(&b, "%d:%d: ", p.Line, p.Column)
	}
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Message)
	if p.Hint != "" {
		b.WriteString(" (" + p.Hint + ")")
	}
	if p.Excerpt != "" {
		b.WriteString("\n" + p.Excerpt)
	}
	return b.String()
}

// Problems is all that is wrong with a document, in the order of the text. As an error it lists them all.
type Problems []Problem

// Error implements error.
func (ps Problems) Error() string {
	parts := make([]string, len(ps))
	for i, p := range ps {
		parts[i] = p.Error()
	}
	return strings.Join(parts, "\n")
}

// Err is ps as an error, nil when there is nothing wrong.
func (ps Problems) Err() error {
	if len(ps) == 0 {
		return nil
	}
	return ps
}

func (ps Problems) sorted() Problems {
	sort.SliceStable(ps, func(i, j int) bool {
		if ps[i].Line != ps[j].Line {
			return ps[i].Line < ps[j].Line
		}
		return ps[i].Column < ps[j].Column
	})
	return ps
}
