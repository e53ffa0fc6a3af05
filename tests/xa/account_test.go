package xa

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// account is what processes have come to, in a file that a further run goes on from.
type account struct {
	path                        string
	Seed                        uint64
	Rounds, Transactions, Acked int
	Themes                      map[string]int // rounds of each
	Kinds                       map[string]*kindCount
	Errors                      map[string]int        // that clients were told, by number
	Reads                       map[string]*readCount // of those who read beside them: atomic, and plain
	Failed                      int                   // rounds that found a violation; they are in no other count but that of fractured reads, and are played again
}

type kindCount struct {
	Struck int
	At     map[string]int // of them, by the failpoint at which the process was
	Took   []int          // ms that something it had left was listed, where something was
}

func (y *account) read(t *testing.T) {
	y.Themes, y.Kinds, y.Errors, y.Reads = map[string]int{}, map[string]*kindCount{}, map[string]int{}, map[string]*readCount{"atomic": {}, "plain": {}}
	text, err := os.ReadFile(y.path)
	if os.IsNotExist(err) || y.path == "" {
		return
	}
	if err == nil {
		err = json.Unmarshal(text, y)
	}
	if err != nil {
		t.Fatalf("%s: %v", y.path, err)
	}
}

func (y *account) write(t *testing.T) {
	if y.path == "" {
		return
	}
	text, err := json.Marshal(y)
	if err == nil {
		err = os.WriteFile(y.path, text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// add adds a round.
func (y *account) add(r *round) {
	y.Rounds++
	all, acked := r.w.sum()
	y.Transactions, y.Acked = y.Transactions+all, y.Acked+acked
	for name, n := range r.w.errors {
		y.Errors[name] += n
	}
	for how, c := range r.w.reads {
		y.Reads[how].add(*c)
	}
	for _, s := range r.struck {
		k := y.Kinds[s.kind]
		if k == nil {
			k = &kindCount{}
			y.Kinds[s.kind] = k
		}
		if k.At == nil {
			k.At = map[string]int{}
		}
		k.Struck++
		if s.at != "" {
			k.At[s.at]++
		}
		if took := r.a.sees.listed(s.from, s.is); took > 0 {
			k.Took = append(k.Took, int(took.Milliseconds()))
		}
	}
}

// fail notes a round that has found a violation, and nothing else of it.
func (y *account) fail(t *testing.T, w *work) {
	w.mu.Lock()
	defer w.mu.Unlock()
	y.Failed++
	y.Reads["atomic"].Fractured += w.reads["atomic"].Fractured
	y.write(t)
}

func (y *account) injections() (n int) {
	for _, k := range y.Kinds {
		n += k.Struck
	}
	return n
}

// percentile of sorted numbers.
func percentile(sorted []int, p float64) int {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(p*float64(len(sorted))))]
}

// table is the account as it stands in bench/torture.md.
func (y *account) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d rounds, %d faults, %d transactions, %d of them acknowledged; errors that clients saw: %v\n\n", y.Rounds, y.injections(), y.Transactions, y.Acked, y.Errors)
	fmt.Fprintf(&b, "Atomic reads: %v\nPlain reads beside them: %v\nRounds that found a violation: %d\n\n", y.Reads["atomic"], y.Reads["plain"], y.Failed)
	b.WriteString("| fault | took place | left something prepared | for: median | 99 % | longest |\n|---|---|---|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(y.Kinds)) {
		k := y.Kinds[name]
		slices.Sort(k.Took)
		s := func(ms int) string { return strconv.FormatFloat(float64(ms)/1000, 'f', 2, 64) + " s" }
		fmt.Fprintf(&b, "| %s | %d | %d | %s | %s | %s |\n", name, k.Struck, len(k.Took), s(percentile(k.Took, .5)), s(percentile(k.Took, .99)), s(percentile(k.Took, 1)))
	}
	y.places(&b)
	return b.String()
}

// places says where the processes were: for each failpoint how many were killed there and were frozen there, and how many servers were killed while
// one stood there; and of which there is none.
func (y *account) places(b *strings.Builder) {
	b.WriteString("\n| failpoint | proxies killed | proxies frozen | servers killed |\n|---|---|---|---|\n")
	never := [3][]string{}
	for _, at := range slices.Concat(commitPoints, recoverAt, []string{nowhere}) {
		var n [3]int
		for i, kinds := range [3][]string{{byOwner, byRecovery, byMending, byChance}, {frozen, inVain}, {byStanding, inMending}} {
			for _, kind := range kinds {
				if k := y.Kinds[kind]; k != nil {
					n[i] += k.At[at]
				}
			}
			if n[i] == 0 && at != nowhere {
				never[i] = append(never[i], at)
			}
		}
		servers := strconv.Itoa(n[2])
		if k := y.Kinds[oneServer]; at == nowhere && k != nil {
			servers = strconv.Itoa(k.Struck)
		}
		fmt.Fprintf(b, "| %s | %d | %d | %s |\n", at, n[0], n[1], servers)
	}
	fmt.Fprintf(b, "\nFailpoints at which no proxy was killed: %s.\nFailpoints at which no proxy stood while a server was killed: %s.\n",
		cmp.Or(strings.Join(never[0], ", "), "none"), cmp.Or(strings.Join(never[2], ", "), "none"))
}

// late are the kinds of which the 99th percentile is beyond its bound.
func (y *account) late() (out []string) {
	for name, within := range bounds() {
		if k := y.Kinds[name]; k != nil {
			slices.Sort(k.Took)
			if p := percentile(k.Took, .99); p > int(within.Milliseconds()) {
				out = append(out, fmt.Sprintf("%s: %d ms, may be %v", name, p, within))
			}
		}
	}
	slices.SortFunc(out, cmp.Compare)
	return out
}
