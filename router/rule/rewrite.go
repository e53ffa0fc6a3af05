package rule

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
)

// Rewrite is text with what next says otherwise in it: comments, order and layout of all else stay as their author has them.
// Where that cannot be, kept is false and the result is next in its canonical form. text is a valid document.
func Rewrite(text []byte, next *Document) (out []byte, kept bool) {
	canonical := next.Marshal()
	old, problems := Parse(text)
	if len(problems) > 0 {
		return canonical, false
	}
	if bytes.Equal(old.Marshal(), canonical) {
		return text, true
	}
	was, will := sections(string(old.Marshal())), sections(string(canonical))
	have := sections(string(text))
	edited := strings.Join(merged(have, was, will), "")
	again, problems := Parse([]byte(edited))
	if len(problems) > 0 || !bytes.Equal(again.Marshal(), canonical) {
		return canonical, false
	}
	return []byte(edited), true
}

// section is a block of lines that begin with a key, or the lines in front of the first.
type section struct {
	key   string
	lines []string // with their ends
}

var (
	sectionKey = regexp.MustCompile(`^["']?([A-Za-z_][\w]*)["']?:`)
	entryKey   = regexp.MustCompile(`^( +)("[^"]*"|'[^']*'|[^\s"'#:\[{-][^\s:]*):(\s|$)`)
)

// sections cuts a text at the keys that stand at the beginning of a line. Comments and empty lines before a key are its own.
func sections(text string) []section {
	return cutAt(strings.SplitAfter(strings.TrimSuffix(text, "\n")+"\n", "\n"), func(line string) (string, bool) {
		m := sectionKey.FindStringSubmatch(line)
		if m == nil {
			return "", false
		}
		return m[1], true
	})
}

// cutAt parts lines at those that begin something.
func cutAt(lines []string, begins func(string) (string, bool)) []section {
	out := []section{{}}
	var waiting []string // comments that may belong to what follows
	for _, line := range lines {
		if line == "" {
			continue
		}
		key, ok := begins(line)
		trimmed := strings.TrimSpace(line)
		switch {
		case ok:
			out = append(out, section{key, append(waiting, line)})
			waiting = nil
		case trimmed == "" || strings.HasPrefix(trimmed, "#"):
			waiting = append(waiting, line)
		default:
			last := &out[len(out)-1]
			last.lines = append(append(last.lines, waiting...), line)
			waiting = nil
		}
	}
	last := &out[len(out)-1]
	last.lines = append(last.lines, waiting...)
	return out
}

func find(list []section, key string) *section {
	if i := slices.IndexFunc(list, func(s section) bool { return s.key == key && key != "" }); i >= 0 {
		return &list[i]
	}
	return nil
}

func same(a, b *section) bool {
	return a != nil && b != nil && slices.Equal(a.lines, b.lines)
}

// merged are the lines of have with what differs between was and will put in.
func merged(have, was, will []section) (out []string) {
	placed := map[string]bool{}
	for _, s := range have {
		next := find(will, s.key)
		placed[s.key] = true
		switch {
		case s.key == "" || same(find(was, s.key), next) || next == nil && find(was, s.key) == nil:
			out = append(out, s.lines...) // also what says the default
		case next == nil:
			out = append(out, comments(s.lines)...)
		default:
			out = append(out, s.mergeEntries(find(was, s.key), next)...)
		}
	}
	for _, s := range will {
		if s.key != "" && !placed[s.key] && !same(find(was, s.key), &s) {
			out = append(out, s.lines...)
		}
	}
	return out
}

// comments are the lines in front of a key.
func comments(lines []string) []string {
	for i, line := range lines {
		if t := strings.TrimSpace(line); t != "" && !strings.HasPrefix(t, "#") {
			return lines[:i]
		}
	}
	return nil
}

// mergeEntries is a section entry by entry where it is written so, and the new one below its comments elsewhere.
func (s *section) mergeEntries(was, next *section) []string {
	front := comments(s.lines)
	whole := append(slices.Clone(front), next.lines...)
	head := s.lines[len(front)]
	_, value, _ := strings.Cut(head, ":")
	if value = strings.TrimSpace(value); value != "" && !strings.HasPrefix(value, "#") || was == nil || len(next.lines) < 2 {
		return whole
	}
	indent := ""
	have := cutAt(s.lines[len(front)+1:], func(line string) (string, bool) {
		m := entryKey.FindStringSubmatch(line)
		if m == nil || indent != "" && m[1] != indent {
			return "", false
		}
		indent = m[1]
		return strings.Trim(m[2], `"'`), true
	})
	entries := func(of *section) []section {
		return cutAt(of.lines[1:], func(line string) (string, bool) {
			m := entryKey.FindStringSubmatch(line)
			if m == nil {
				return "", false
			}
			return strings.Trim(m[2], `"'`), true
		})
	}
	before, after := entries(was), entries(next)
	if len(have) < 2 || len(after) < 2 {
		return whole
	}
	out := append(slices.Clone(front), head)
	placed := map[string]bool{}
	for _, e := range have {
		n := find(after, e.key)
		placed[e.key] = true
		switch {
		case e.key == "" || same(find(before, e.key), n):
			out = append(out, e.lines...)
		case n == nil:
			out = append(out, comments(e.lines)...)
		default:
			out = append(append(out, comments(e.lines)...), indented(indent, n.lines)...)
		}
	}
	for i := range after {
		if e := &after[i]; e.key != "" && !placed[e.key] {
			out = append(out, indented(indent, e.lines)...)
		}
	}
	return out
}

func indented(indent string, lines []string) []string {
	out := make([]string, len(lines))
	for i, line := range lines {
		out[i] = indent + strings.TrimLeft(line, " ")
	}
	return out
}
