package differential

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Known is the second ratchet: where heddle is known to answer otherwise than one server without refusing. Each line is a
// defect that waits: layouts, topic, what differs, and the statement, with tabs between. A line that is no longer true has
// to go.
type Known struct {
	mu     sync.Mutex // guards seen
	listed map[knownDifference]bool
	seen   map[knownDifference]bool
}

type knownDifference struct{ Layout, Topic, What, SQL string }

// ReadKnown reads the file; one that is missing is empty.
func ReadKnown(path string) (*Known, error) {
	k := &Known{listed: map[knownDifference]bool{}, seen: map[knownDifference]bool{}}
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return k, nil
	}
	if err != nil {
		return nil, err
	}
	for i, line := range strings.Split(string(text), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(line, "\t")
		if len(fields) != 4 {
			return nil, fmt.Errorf("%s:%d: want layouts, topic, what and a statement", path, i+1)
		}
		sql, err := strconv.Unquote(fields[3])
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, i+1, err)
		}
		for _, layout := range strings.Fields(fields[0]) {
			k.listed[knownDifference{layout, fields[1], fields[2], sql}] = true
		}
	}
	return k, nil
}

// Unknown keeps the differences that are not listed, and takes note of the others.
func (k *Known) Unknown(layout, topic, sql string, list []Difference) []Difference {
	k.mu.Lock()
	defer k.mu.Unlock()
	var out []Difference
	for _, d := range list {
		key := knownDifference{layout, topic, d.What, strings.TrimSpace(sql)}
		k.seen[key] = true
		if !k.listed[key] {
			out = append(out, d)
		}
	}
	return out
}

// Gone lists the lines that are no longer true, of the layouts and topics that ran.
func (k *Known) Gone(ran func(layout, topic string) bool) []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	var out []string
	for d := range k.listed {
		if ran(d.Layout, d.Topic) && !k.seen[d] {
			out = append(out, fmt.Sprintf("%s %s: %s: %s", d.Layout, d.Topic, d.What, d.SQL))
		}
	}
	slices.Sort(out)
	return out
}

const knownHead = `# Where heddle is known to answer otherwise than one server, without an error that says so: layouts, topic, what
# differs, the statement. Each line is a defect that waits to be mended; one that is no longer true has to go.
# HEDDLE_UPDATE_KNOWN=1 rewrites the file.

`

// Write replaces what the file says of the layouts and topics that ran.
func (k *Known) Write(path string, ran func(layout, topic string) bool) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	layouts := map[knownDifference][]string{}
	add := func(d knownDifference) {
		key := knownDifference{"", d.Topic, d.What, d.SQL}
		if !slices.Contains(layouts[key], d.Layout) {
			layouts[key] = append(layouts[key], d.Layout)
		}
	}
	for d := range k.seen {
		add(d)
	}
	for d := range k.listed {
		if !ran(d.Layout, d.Topic) {
			add(d)
		}
	}
	keys := slices.SortedFunc(maps.Keys(layouts), func(a, b knownDifference) int {
		return strings.Compare(a.Topic+"\x00"+a.SQL+"\x00"+a.What, b.Topic+"\x00"+b.SQL+"\x00"+b.What)
	})
	var b strings.Builder
	b.WriteString(knownHead)
	for _, key := range keys {
		slices.Sort(layouts[key])
		fmt.Fprintf(&b, "%s\t%s\t%s\t%q\n", strings.Join(layouts[key], " "), key.Topic, key.What, key.SQL)
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}
