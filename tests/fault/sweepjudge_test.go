package fault

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// judge compares what the client was told with what the shards have.
func (s *sweep) judge(c *cell, o *played) {
	for what, err := range map[string]error{"the statement": o.err, "COMMIT": o.commit} {
		if number(err) < 0 {
			s.t.Errorf("%v: the answer to %s is no MySQL answer: %v", c, what, err)
		}
	}
	if limit := c.fault.time() + promised; o.took > limit {
		s.t.Errorf("%v: an answer took %v, and may take %v", c, o.took, limit)
	}
	n := s.normal[c.key()]
	answer := o.answer
	if s.atomic { // a branch that has not heard of the decision yet is a warning
		answer = strings.Replace(answer, ", 1 warnings", ", 0 warnings", 1)
	}
	if o.err == nil && answer != n.answer {
		s.t.Errorf("%v: a wrong answer: %s, want %s", c, o.answer, n.answer)
	}
	if s.atomic {
		s.delivered(c)
	}
	if c.statement.kind == definition {
		s.judgeDDL(c, o)
		return
	}
	var have [2]shardHas
	for i := range s.on {
		have[i] = s.has(c, i, n)
	}
	if problem := verdict(c, o, have, s.atomic); problem != "" {
		s.t.Errorf("%v: %s (the statement: %v; COMMIT: %v; shard 0 has %+v, shard 1 %+v)", c, problem, o.err, o.commit, have[0], have[1])
	}
	if have[0] != have[1] {
		s.figures.partial++
	}
}

// shardHas is what of the transaction, or of the statement, is on a shard.
type shardHas struct {
	mark, statement had
}

// had is how much of a write is there.
type had int

const (
	none had = iota
	all
	half
	noMatter // the shard has no part in it
)

func (s *sweep) has(c *cell, shard int, n normal) (h shardHas) {
	h = shardHas{noMatter, noMatter}
	if c.inside {
		rows := count(s.t, s.on[shard], "SELECT COUNT(*) FROM marks")
		h.mark = measure(count(s.t, s.on[shard], "SELECT SUM(v) FROM marks"), rows)
	}
	if all := n.done[shard] - n.without[shard]; all != 0 {
		h.statement = measure(s.done(shard, c.statement)-n.without[shard], all)
	}
	return h
}

func measure(got, want int) had {
	switch got {
	case 0:
		return none
	case want:
		return all
	}
	return half
}

// delivered waits until no branch waits for what was decided.
func (s *sweep) delivered(c *cell) {
	var waiting [][]string
	settles(s.t, func() bool {
		waiting = nil
		for _, db := range s.on {
			a, err := harness.Ask(s.t.Context(), db, "XA RECOVER")
			if err != nil {
				s.t.Fatal(err)
			}
			for _, row := range a.Rows {
				waiting = append(waiting, []string{fmt.Sprint(row)})
			}
		}
		return len(waiting) == 0
	}, func() string { return fmt.Sprintf("%v: branches wait: %v", c, waiting) })
}

// verdict says what is wrong, or "".
func verdict(c *cell, o *played, have [2]shardHas, atomic bool) string {
	last := o.commit // what decides
	if !c.inside || c.statement.kind == commits {
		last = o.err
	}
	told := !atomic && last != nil && strings.Contains(last.Error(), "shards committed")
	marks, statements := []had{have[0].mark, have[1].mark}, []had{have[0].statement, have[1].statement}
	whole := together(marks) && together(statements)
	switch {
	case slices.Contains(marks, half) || slices.Contains(statements, half):
		return "half a statement is on one shard"
	case !whole && !told:
		return "a write is on one shard and not on the other, and the client was not told"
	case last == nil && slices.Contains(marks, none):
		return "the transaction is committed, and its first write is lost"
	case last == nil && o.err == nil && slices.Contains(statements, none):
		return "the write is lost"
	case o.err != nil && last == nil && slices.Contains(statements, all):
		return "the client was told that the statement has failed, and it is there"
	case c.inside && o.err == nil && (parts(have[0]) || parts(have[1])):
		return "one shard has a part of the transaction"
	}
	return ""
}

// together reports whether all shards that have a part in a write have it, or none has.
func together(h []had) bool {
	h = slices.DeleteFunc(slices.Clone(h), func(x had) bool { return x == noMatter })
	return len(slices.Compact(h)) <= 1
}

func parts(h shardHas) bool {
	return h.mark != noMatter && h.statement != noMatter && h.mark != h.statement
}

// judgeDDL: what is not done everywhere is an error, and in the journal, from where it can be finished.
func (s *sweep) judgeDDL(c *cell, o *played) {
	zero, one := s.done(0, c.statement), s.done(1, c.statement)
	if o.err == nil && zero+one != 2 {
		s.t.Errorf("%v: the client is told that it is done; %d and %d have it", c, zero, one)
	}
	s.finishDDL()
	if a, b := s.done(0, c.statement), s.done(1, c.statement); a != b {
		s.t.Errorf("%v: after the journal is worked off %d and %d have it; before %d and %d", c, a, b, zero, one)
	}
	if c.inside { // it was committed by the DDL, or not at all
		var marks []had
		for i := range s.on {
			marks = append(marks, s.has(c, i, normal{}).mark)
		}
		if !together(marks) && (s.atomic || o.err == nil || !strings.Contains(o.err.Error(), "shards committed")) {
			s.t.Errorf("%v: %v: the transaction before it is on one shard only", c, o.err)
		}
	}
}

// leaks: the servers have no transaction and no connection that the proxy does not have as idle, and the proxy is at rest.
func (s *sweep) leaks(c *cell) {
	what := ""
	settles(s.t, func() bool { what = s.leak(); return what == "" }, func() string { return c.String() + ": " + what })
}

func (s *sweep) leak() string {
	if what := s.leftover(); what != "" {
		return what
	}
	return s.openTransaction()
}

// leftover is a leak that can be looked for often.
func (s *sweep) leftover() string {
	for i := range s.on {
		used := metric(s.t, s.admin, fmt.Sprintf(`heddle_pool_connections{data_source="ds_%d",state="in use"}`, i))
		if there, idle := s.connections(i); used != 0 || there > idle+s.beside {
			return fmt.Sprintf("shard %d has %d connections; the proxy has %d idle and %v in use", i, there, idle, used)
		}
	}
	if n := s.goroutines(); n > s.base {
		_, stacks := get(s.t, s.admin, "/debug/pprof/goroutine?debug=1")
		return fmt.Sprintf("%d goroutines, at the start %d\n%s", n, s.base, stacks)
	}
	if files := s.spilled(); len(files) > 0 {
		return fmt.Sprint("temporary files: ", files)
	}
	return ""
}

// connections are those that a shard has, and those that the proxy keeps for later.
func (s *sweep) connections(shard int) (there, idle int) {
	source := fmt.Sprintf(`heddle_pool_connections{data_source="ds_%d",state=`, shard)
	idle = int(metric(s.t, s.admin, source+`"idle"}`) + metric(s.t, s.admin, source+`"health"}`))
	return count(s.t, s.on[shard], "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'app_sweep'"), idle
}

// stale is how long a server shows the transactions that it showed to the last who asked.
const stale = 100 * time.Millisecond

// openTransaction names a transaction that is open on a shard.
func (s *sweep) openTransaction() string {
	if wait := s.looked.Add(stale * 3 / 2); wait.After(time.Now()) {
		timer := time.NewTimer(time.Until(wait))
		<-timer.C
	}
	defer func() { s.looked = time.Now() }()
	for i, db := range s.on {
		a, err := harness.Ask(s.t.Context(), db, "SELECT trx_state, trx_started, trx_query, trx_rows_modified, trx_mysql_thread_id FROM information_schema.INNODB_TRX")
		if err != nil || len(a.Rows) > 0 {
			return fmt.Sprintf("transactions are open on shard %d: %v, %v", i, a.Rows, err)
		}
	}
	return ""
}

// eventually2 is eventually for a condition that says itself what is missing.
func settles(t *testing.T, ok func() bool, what func() string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(15 * time.Second); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Errorf("not within 15 s: %s", what())
			return
		}
	}
}

// figures are what a sweep has found.
type figures struct {
	faults  map[string]*figure
	order   []string
	partial int
}

// figure is one fault's.
type figure struct {
	cells, errors int
	midway        int // began while the statement was under way
	longest, back time.Duration
	codes         map[int]int
}

func (f *figures) add(c *cell, o *played, midway bool, whole time.Duration) {
	if f.faults == nil {
		f.faults = map[string]*figure{}
	}
	g := f.faults[c.fault.name]
	if g == nil {
		g = &figure{codes: map[int]int{}}
		f.faults[c.fault.name] = g
		f.order = append(f.order, c.fault.name)
	}
	g.cells++
	if midway {
		g.midway++
	}
	if o.err != nil || o.commit != nil {
		g.errors++
	}
	for _, err := range []error{o.err, o.commit} {
		if err != nil {
			g.codes[number(err)]++
		}
	}
	g.longest, g.back = max(g.longest, o.took), max(g.back, whole)
}

func (f *figures) report(t *testing.T) {
	t.Log("\n" + f.table())
}

func (f *figures) table() string {
	b := "| fault | trials | begun in the middle | with an error | errors by number | longest answer |\n|---|---|---|---|---|---|\n"
	cells, middle, errs, longest := 0, 0, 0, time.Duration(0)
	for _, name := range f.order {
		g := f.faults[name]
		var codes []string
		for _, n := range slices.Sorted(maps.Keys(g.codes)) {
			codes = append(codes, fmt.Sprintf("%d: %d", n, g.codes[n]))
		}
		b += fmt.Sprintf("| %s | %d | %d | %d | %s | %v |\n", name, g.cells, g.midway, g.errors, strings.Join(codes, ", "), g.longest.Round(time.Millisecond))
		cells, middle, errs, longest = cells+g.cells, middle+g.midway, errs+g.errors, max(longest, g.longest)
	}
	return b + fmt.Sprintf("| **all** | %d | %d | %d | | %v |\n", cells, middle, errs, longest.Round(time.Millisecond))
}

func (f *figures) write(t *testing.T, file string) {
	if err := os.WriteFile(file, []byte(f.table()), 0o644); err != nil {
		t.Fatal(err)
	}
}
