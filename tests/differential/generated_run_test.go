package differential

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/heddle-mesh/heddle/tests/differential/sqlgen"
)

// primeIn is Prime in another schema than the cases'.
func (s Side) primeIn(ctx context.Context, schema string, statements []string) error {
	clients := s.Clients(ConnOptions{Schema: schema})
	defer clients.Close()
	return clients.prime(ctx, statements)
}

// try plays the sequence on both sides and returns the first difference, nil if there is none. What heddle refuses is
// not put to the plain server either: both go on from the same state.
func (f *fuzzRun) try(t *testing.T, s sequence, count bool) *Difference {
	data := slices.Concat([]string{"BEGIN"}, s.file.Data, []string{"COMMIT"})
	for _, side := range []Side{f.plain, f.heddle} {
		if err := side.primeIn(t.Context(), f.schema, data); err != nil {
			return &Difference{"data", "none", err.Error()}
		}
	}
	opts := ConnOptions{Schema: f.schema}
	plain, heddle := f.plain.Clients(opts), f.heddle.Clients(opts)
	defer plain.Close()
	defer heddle.Close()
	comparer := &Comparer{Collate: f.collate, Spread: f.spread}
	f.apart = false
	if d := f.both(t, &Step{SQL: "SELECT 1", On: "a"}, Text, plain, heddle, comparer, false); d != nil { // a server's FOUND_ROWS() is at first some other connection's
		return d
	}
	for _, statement := range s.statements {
		step, err := s.step(statement, f.schema)
		if err != nil {
			t.Fatalf("the generator's own error: %v: %s", err, step.SQL)
		}
		if step.Follows && f.apart {
			continue
		}
		// The others leave FOUND_ROWS() as it was, and what is without tables the warnings.
		f.apart = f.apart && (clausesOf(step.SQL).first != "SELECT" || !strings.Contains(step.SQL, " FROM "))
		if count {
			f.ran++
		}
		if d := f.both(t, &step, s.mode, plain, heddle, comparer, count); d != nil {
			return d
		}
	}
	return f.tables(t, s.file, plain, heddle, comparer)
}

func (f *fuzzRun) both(t *testing.T, step *Step, mode Mode, plain, heddle *Clients, comparer *Comparer, count bool) *Difference {
	got, err := heddle.Play(t.Context(), step, mode)
	if err != nil {
		return &Difference{"connection", "none", err.Error()}
	}
	if e := got[len(got)-1].Err(); e != nil && e.Code == refusal {
		f.apart = true
		if count {
			f.refused++
		}
		return f.unlisted(e.Msg)
	}
	var unlimitedAnswer *Answer
	if step.Expect.Limit {
		sql := *step
		if step.Runs != nil {
			f.apart = true
			return nil // the number of parameters would be another; the text protocol has the same statements
		}
		sql.SQL = unlimited(step.SQL)
		all, err := plain.Play(t.Context(), &sql, mode)
		if err != nil {
			t.Fatalf("plain server: %v: %s", err, sql.SQL)
		}
		unlimitedAnswer = all[0]
	}
	want, err := plain.Play(t.Context(), step, mode)
	if err != nil {
		t.Fatalf("plain server: %v: %s", err, step.SQL)
	}
	if len(want) != len(got) {
		return &Difference{"number of executions", describe(want[0]), describe(got[0])}
	}
	for i := range want {
		if d := f.judge(t, step, comparer, plain, want[i], got[i], unlimitedAnswer); d != nil {
			return d
		}
	}
	return nil
}

// judge returns the first difference that is not one of the plain server's own; see ways.go. HEDDLE_FUZZ_PASS names
// classes to pass over, separated by commas: for a look behind a defect.
func (f *fuzzRun) judge(t *testing.T, step *Step, comparer *Comparer, clients *Clients, plain, heddle, unlimited *Answer) *Difference {
	list := slices.DeleteFunc(comparer.Compare(step, plain, heddle, unlimited), func(d Difference) bool { return passed(d.What) })
	if len(list) == 0 || len(list) == 1 && impossibleOrNone(step.SQL, &list[0]) {
		return nil
	}
	cursor := len(step.Runs) > 0 && step.Runs[0].Fetch > 0
	if cursor && step.Expect.Double != nil && len(heddle.Results) == 1 {
		return nil // through a cursor's table a server rounds DOUBLEs of which it knows the decimals; what is merged has no cursor
	}
	if slices.ContainsFunc(list, func(d Difference) bool { return !slices.Contains(wayward, d.What) }) {
		return &list[0]
	}
	if clausesOf(step.SQL).first == "EXECUTE" || cursor {
		return nil // the same statement comes without it as well
	}
	f.apart = true
	ways, err := waysOf(t.Context(), clients, step)
	if err != nil {
		t.Fatalf("plain server: %v: %s", err, step.SQL)
	}
	if comparer.goesAnotherWay(step, plain, heddle, unlimited, ways) {
		return nil
	}
	return &list[0]
}

func passed(what string) bool {
	return slices.Contains(strings.Split(os.Getenv("HEDDLE_FUZZ_PASS"), ","), what)
}

// unlisted is a difference the first time that a refusal's text is not one of unsupported.txt.
func (f *fuzzRun) unlisted(message string) *Difference {
	if f.list.KnowsReason(message) || f.reasons[message] || passed("refusal") {
		return nil
	}
	f.reasons[message] = true
	return &Difference{"refusal", "none", "its reason is not in unsupported.txt: " + message}
}

// tables compares what the connections see in the tables at the end.
func (f *fuzzRun) tables(t *testing.T, file *File, plain, heddle *Clients, comparer *Comparer) *Difference {
	for _, sql := range []string{"SET sql_mode = DEFAULT", "SET NAMES utf8mb4, sql_select_limit = DEFAULT"} {
		if d := f.both(t, &Step{SQL: sql, On: "a"}, Text, plain, heddle, comparer, false); d != nil {
			return d
		}
	}
	for i := range file.Dumps {
		if d := f.both(t, &file.Dumps[i], Text, plain, heddle, comparer, false); d != nil {
			return d
		}
	}
	return nil
}

// shrink drops statements, and parts of them, as long as a difference of the same class remains.
func (f *fuzzRun) shrink(t *testing.T, s sequence, d *Difference) (sequence, *Difference) {
	attempts := 0
	still := func(c sequence) bool {
		attempts++
		clear(f.reasons)
		got := f.try(t, c, false)
		if got == nil || got.What != d.What {
			return false
		}
		d = got
		return true
	}
	known := f.reasons
	f.reasons = map[string]bool{}
	defer func() { f.reasons = known }()
	for changed := true; changed && attempts < shrinkAttempts; {
		changed = false
		for _, c := range smaller(s) {
			if attempts < shrinkAttempts && still(c) {
				s, changed = c, true
				break
			}
		}
	}
	return s, d
}

// smaller are the sequence with half of its statements, with one less, and with one of them smaller.
func smaller(s sequence) []sequence {
	var out []sequence
	n := len(s.statements)
	with := func(list []sqlgen.Statement) { out = append(out, sequence{list, s.mode, s.params, s.fetch, s.file}) }
	if n > 3 {
		with(s.statements[n/2:])
		with(s.statements[:n/2])
	}
	for i := range s.statements {
		if n > 1 {
			with(slices.Concat(s.statements[:i], s.statements[i+1:]))
		}
	}
	for i, statement := range s.statements {
		for _, part := range statement.Smaller() {
			list := slices.Clone(s.statements)
			list[i] = part
			with(list)
		}
	}
	if s.params {
		out = append(out, sequence{s.statements, s.mode, false, s.fetch, s.file})
	}
	if s.fetch > 0 {
		out = append(out, sequence{s.statements, s.mode, s.params, 0, s.file})
	}
	return out
}
