package differential

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/tests/differential/sqlgen"
)

const (
	defaultStatements = 10000 // over all layouts
	sequenceLength    = 25
	shownDifferences  = 6 // of one layout; the run ends there
	shrinkAttempts    = 150
)

// TestGenerated puts generated statements to each layout: TestGenerated/<layout>. HEDDLE_FUZZ_STATEMENTS is their
// number over all layouts, HEDDLE_FUZZ_SEED repeats a run; without a seed a run of the default length is always the
// same one, a longer one is new each time.
func TestGenerated(t *testing.T) {
	list, err := ReadUnsupported("unsupported.txt")
	if err != nil {
		t.Fatal(err)
	}
	var files [2]*File
	for i, path := range []string{"cases/generated.sql", "cases/generatedkeys.sql"} {
		if files[i], err = ParseFile(path, lab.mysql); err != nil {
			t.Fatal(err)
		}
	}
	statements, seed := fuzzOptions(t)
	t.Logf("HEDDLE_FUZZ_SEED=%d", seed)
	collator := newCollator(t)
	all := layouts()
	for i, layout := range all {
		t.Run(layout, func(t *testing.T) {
			t.Parallel()
			run := &fuzzRun{layout: layout, files: files, list: list, collate: collator, schema: generatedSchema(layout), reasons: map[string]bool{}, told: map[string]bool{},
				plain: lab.plain, heddle: side(layout), generator: sqlgen.New(seed + uint64(i)), seed: seed}
			run.all(t, statements/len(all))
		})
	}
}

func fuzzOptions(t *testing.T) (statements int, seed uint64) {
	t.Helper()
	statements, seed = defaultStatements, 1
	if text := os.Getenv("HEDDLE_FUZZ_STATEMENTS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		statements, seed = n, uint64(time.Now().UnixNano())
	}
	if text := os.Getenv("HEDDLE_FUZZ_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	return statements, seed
}

// fuzzRun is the generated statements of one layout.
type fuzzRun struct {
	layout, schema string
	files          [2]*File // of sequences, and of keyed ones
	list           *Unsupported
	collate        Collator
	plain, heddle  Side
	generator      *sqlgen.Generator
	seed           uint64
	reasons        map[string]bool // refusals that unsupported.txt does not know
	told           map[string]bool // kinds of differences that were printed: the test has failed, the search goes on

	ran, refused, found int
}

// sequence is statements that run one after another, on tables filled anew.
type sequence struct {
	statements []sqlgen.Statement
	mode       Mode
	params     bool // literals are sent as parameters
	file       *File
}

func (f *fuzzRun) all(t *testing.T, statements int) {
	for _, s := range []Side{f.plain, f.heddle} {
		for _, file := range f.files {
			if err := s.primeIn(t.Context(), f.schema, file.Setup); err != nil {
				t.Fatal(err)
			}
		}
	}
	for f.ran < statements && f.found < shownDifferences && t.Context().Err() == nil {
		s := sequence{mode: Text, file: f.files[0]}
		keyed := f.generator.Keyed()
		if keyed {
			s.file = f.files[1]
		}
		s.statements = f.generator.Sequence(sequenceLength, keyed)
		if f.generator.Binary() {
			s.mode, s.params = Binary, f.generator.Binary()
		}
		if d := f.try(t, s, true); d != nil && !f.told[d.kind()] {
			f.told[d.kind()] = true
			f.found++
			small, d := f.shrink(t, s, d)
			f.tell(t, small, d)
		}
	}
	t.Logf("%d statements, %d refused (%.1f%%)", f.ran, f.refused, 100*float64(f.refused)/float64(max(1, f.ran)))
}

// step is a generated statement as a step of a case.
func (s sequence) step(statement sqlgen.Statement) (Step, error) {
	sql, codes := statement.Render()
	step := Step{SQL: sqlgen.Inline(sql), On: "a"}
	var err error
	if step.Expect, err = ParseExpect(codes); err != nil || !s.params {
		return step, err
	}
	text, params := sqlgen.Parameters(sql)
	if len(params) == 0 {
		return step, nil
	}
	run, err := parseExecution(strings.Join(params, " | "))
	step.SQL, step.Runs = text, []Execution{run}
	return step, err
}

// kind is the difference without what two of one cause differ in.
func (d *Difference) kind() string {
	line, _, _ := strings.Cut(d.Heddle, "\n")
	return d.What + strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, line)
}

// tell prints the sequence as a case to paste into cases/generated.sql or cases/generatedkeys.sql.
func (f *fuzzRun) tell(t *testing.T, s sequence, d *Difference) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "--@ case found by seed %d on %s [%s]\n", f.seed, f.layout, s.mode)
	for _, statement := range s.statements {
		sql, codes := statement.Render()
		if codes != "" {
			fmt.Fprintf(&b, "--@ expect %s\n", codes)
		}
		text, params := sqlgen.Parameters(sql)
		if !s.params || len(params) == 0 {
			fmt.Fprintf(&b, "%s;\n", sqlgen.Inline(sql))
			continue
		}
		fmt.Fprintf(&b, "--@ params %s\n%s;\n", strings.Join(params, " | "), text)
	}
	report(&fileRun{layout: f.layout, file: s.file}, &Case{}, &Step{SQL: b.String()}, []Difference{*d})
	t.Errorf("%s\n%s", d, b.String())
}
