package differential

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/heddle-mesh/heddle/tests/differential/sqlgen"
)

// refusal is the code with which heddle says that it does not do something yet.
const refusal = 1235

// Unsupported is the ratchet: each statement of the cases that heddle refuses, with its frozen text. A line
//
//	[a4 b4] topic: the error's text
//
// names the layouts, and the lines after it, indented by a tab, are the statement. A blank line ends it.
type Unsupported struct {
	mu     sync.Mutex // guards seen
	listed map[refusedStatement]string
	seen   map[refusedStatement]string
}

type refusedStatement struct{ Layout, Topic, SQL string }

// ReadUnsupported reads the file; one that is missing is empty.
func ReadUnsupported(path string) (*Unsupported, error) {
	u := &Unsupported{listed: map[refusedStatement]string{}, seen: map[refusedStatement]string{}}
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return u, nil
	}
	if err != nil {
		return nil, err
	}
	for i, block := range strings.Split(string(text), "\n\n") {
		if err := u.block(block); err != nil {
			return nil, fmt.Errorf("%s, block %d: %w", path, i+1, err)
		}
	}
	return u, nil
}

func (u *Unsupported) block(block string) error {
	var lines []string
	for line := range strings.Lines(block) {
		if line = strings.TrimRight(line, "\n"); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return nil
	}
	layouts, rest, ok := strings.Cut(strings.TrimPrefix(lines[0], "["), "] ")
	topic, message, ok2 := strings.Cut(rest, ": ")
	if !ok || !ok2 || len(lines) < 2 {
		return fmt.Errorf("want [layouts] topic: error and a statement, have %q", block)
	}
	for i, line := range lines[1:] {
		lines[i+1] = strings.TrimPrefix(line, "\t")
	}
	for _, layout := range strings.Fields(layouts) {
		u.listed[refusedStatement{layout, topic, strings.Join(lines[1:], "\n")}] = message
	}
	return nil
}

// Judge compares heddle's answer to one statement of the cases with the list. refused tells that the answer is
// heddle's refusal and not to be compared; problem is not empty if the list says otherwise.
func (u *Unsupported) Judge(layout, topic, sql string, plain, heddle *Answer) (refused bool, problem string) {
	key := refusedStatement{layout, topic, strings.TrimSpace(sql)}
	want, listed := u.listed[key]
	p, h := plain.Err(), heddle.Err()
	if h == nil || h.Code != refusal || p != nil && p.Code == refusal {
		if listed && h == nil {
			return false, "it works, though unsupported.txt lists it"
		}
		return false, ""
	}
	u.mu.Lock()
	u.seen[key] = h.Msg
	u.mu.Unlock()
	switch {
	case !listed:
		problem = "it is refused, though unsupported.txt does not list it: " + h.Msg
	case want != h.Msg:
		problem = fmt.Sprintf("it is refused with %q; unsupported.txt has %q", h.Msg, want)
	}
	return true, problem
}

// KnowsReason reports whether some statement of the list is refused with that text: generated statements may be too,
// whichever of the generator's tables they name.
func (u *Unsupported) KnowsReason(message string) bool {
	for _, known := range u.listed {
		if known == message || sameReason(known, message) {
			return true
		}
	}
	return false
}

var reasonWord = regexp.MustCompile(`[A-Za-z_0-9]+`)

func sameReason(a, b string) bool {
	unnamed := func(text string) string {
		text = strings.ReplaceAll(text, "…", "...") // as it is in latin1
		return reasonWord.ReplaceAllStringFunc(text, func(word string) string {
			if slices.Contains(sqlgen.Names(), word) {
				return "t"
			}
			return word
		})
	}
	return unnamed(a) == unnamed(b)
}

// Stale are the entries whose statement is in none of the files.
func (u *Unsupported) Stale(files []*File) []string {
	there := map[[2]string]bool{}
	for _, f := range files {
		for _, sql := range f.Setup {
			there[[2]string{f.Topic, strings.TrimSpace(sql)}] = true
		}
		for i := range f.Cases {
			for j := range f.Cases[i].Steps {
				there[[2]string{f.Topic, strings.TrimSpace(f.Cases[i].Steps[j].SQL)}] = true
			}
		}
	}
	var stale []string
	for key := range u.listed {
		if !there[[2]string{key.Topic, key.SQL}] {
			stale = append(stale, key.Topic+": "+firstLine(key.SQL))
		}
	}
	slices.Sort(stale)
	return slices.Compact(stale)
}

// Write writes what was refused in this run, merged with the entries of layouts and topics that did not run.
func (u *Unsupported) Write(path string, ran func(layout, topic string) bool) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	all := maps.Clone(u.seen)
	for key, message := range u.listed {
		if !ran(key.Layout, key.Topic) {
			all[key] = message
		}
	}
	type entry struct{ topic, sql, message string }
	layouts := map[entry][]string{}
	for key, message := range all {
		e := entry{key.Topic, key.SQL, message}
		layouts[e] = append(layouts[e], key.Layout)
	}
	entries := slices.SortedFunc(maps.Keys(layouts), func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.topic, b.topic), cmp.Compare(a.message, b.message), cmp.Compare(a.sql, b.sql))
	})
	var b strings.Builder
	b.WriteString(unsupportedHead)
	for _, e := range entries {
		slices.Sort(layouts[e])
		fmt.Fprintf(&b, "\n[%s] %s: %s\n\t%s\n", strings.Join(layouts[e], " "), e.topic, e.message, strings.ReplaceAll(e.sql, "\n", "\n\t"))
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

const unsupportedHead = `# The statements of cases/ that heddle refuses with error 1235, and with which words. A statement that starts to work
# has to leave this list; one that is not listed may not be refused. HEDDLE_UPDATE_UNSUPPORTED=1 rewrites the file.
`
