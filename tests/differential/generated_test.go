package differential

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

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
			run := &fuzzRun{layout: layout, spread: spreads(layout), files: files, list: list, collate: collator, schema: generatedSchema(layout), reasons: map[string]bool{}, told: map[string]bool{},
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

	spread              bool // the rows of tables lie on several shards
	apart               bool // the two sides have not seen the same last statement
	ran, refused, found int
}

// sequence is statements that run one after another, on tables filled anew.
type sequence struct {
	statements []sqlgen.Statement
	mode       Mode
	params     bool // literals are sent as parameters
	fetch      int  // rows for each fetch from a cursor; 0: no cursors
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
			s.mode, s.params, s.fetch = Binary, f.generator.Binary(), f.generator.Fetch()
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

// step is a generated statement as a step of a case, on tables of a schema.
func (s sequence) step(statement sqlgen.Statement, schema string) (Step, error) {
	sql, codes := statement.Render()
	sql = strings.ReplaceAll(sql, sqlgen.Schema, schema)
	_, follows := statement.(sqlgen.Following)
	step := Step{SQL: sqlgen.Inline(sql), On: "a", Follows: follows}
	var err error
	if step.Expect, err = ParseExpect(codes); err != nil {
		return step, err
	}
	if directive := s.directive(sql); directive != "" {
		run, err := parseExecution(directive)
		if s.params {
			step.SQL, _ = sqlgen.Parameters(sql)
		}
		step.Runs = []Execution{run}
		step.Expect.TempTable = step.Expect.TempTable || run.Fetch > 0 // a cursor is one, of whatever stands in it
		return step, err
	}
	return step, nil
}

// directive is what a case says of how the statement is executed, "" if there is nothing to say.
func (s sequence) directive(sql string) string {
	var words string
	if s.fetch > 0 && clausesOf(sqlgen.Inline(sql)).first == "SELECT" {
		words = fmt.Sprintf("fetch=%d ", s.fetch)
	}
	if !s.params {
		return words
	}
	_, params := sqlgen.Parameters(sql)
	return words + strings.Join(params, " | ")
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

// escaped has the bytes that are no text as a case file has them.
func escaped(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for _, c := range []byte(text) {
		if c >= 0x80 || c == '\\' {
			fmt.Fprintf(&b, "\\x%02x", c)
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

// tell prints the sequence as a case to paste into cases/generated.sql or cases/generatedkeys.sql.
func (f *fuzzRun) tell(t *testing.T, s sequence, d *Difference) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "--@ case found by seed %d on %s [%s]\n", f.seed, f.layout, s.mode)
	for _, statement := range s.statements {
		sql, codes := statement.Render()
		if s.fetch > 0 && !strings.Contains(codes, "temptable") && clausesOf(sqlgen.Inline(sql)).first == "SELECT" {
			codes = strings.TrimSpace(codes + " temptable")
		}
		if codes != "" {
			fmt.Fprintf(&b, "--@ expect %s\n", codes)
		}
		sql = strings.ReplaceAll(sql, sqlgen.Schema, Schema)
		text := sqlgen.Inline(sql)
		if directive := s.directive(sql); directive != "" {
			fmt.Fprintf(&b, "--@ params %s\n", escaped(directive))
			if s.params {
				text, _ = sqlgen.Parameters(sql)
			}
		}
		if !utf8.ValidString(text) {
			b.WriteString("--@ bytes\n")
			text = escaped(text)
		}
		if _, follows := statement.(sqlgen.Following); follows {
			b.WriteString("--@ follows\n")
		}
		fmt.Fprintf(&b, "%s;\n", text)
	}
	report(&fileRun{layout: f.layout, file: s.file}, &Case{}, &Step{SQL: b.String()}, []Difference{*d})
	t.Errorf("%s\n%s", d, b.String())
}
