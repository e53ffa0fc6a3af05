package differential

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// TestDifferential puts the cases to each layout: TestDifferential/<layout>/<topic>/<number>-<name>-<protocol>.
func TestDifferential(t *testing.T) {
	files := readFiles(t)
	list, err := ReadUnsupported(listFile("unsupported"))
	if err != nil {
		t.Fatal(err)
	}
	known, err := ReadKnown(listFile("known_differences"))
	if err != nil {
		t.Fatal(err)
	}
	update := os.Getenv("HEDDLE_UPDATE_UNSUPPORTED") != ""
	if stale := list.Stale(files); len(stale) > 0 && !update {
		t.Errorf("%s lists statements that are in no case:\n  %s", listFile("unsupported"), strings.Join(stale, "\n  "))
	}
	collator := newCollator(t)
	recordings := make([]func() (*Recording, error), len(files))
	var onPlain sync.Mutex // the files share the schema
	for i, f := range files {
		recordings[i] = sync.OnceValues(func() (*Recording, error) {
			onPlain.Lock()
			defer onPlain.Unlock()
			return f.Record(context.Background(), lab.plain)
		})
	}
	ran := &ranTopics{}
	for _, layout := range layouts() {
		t.Run(layout, func(t *testing.T) {
			t.Parallel()
			for i, f := range files {
				t.Run(f.Topic, func(t *testing.T) {
					ran.add(layout, f.Topic)
					runFile(t, &fileRun{layout: layout, file: f, list: list, known: known, side: side(layout), collate: collator}, recordings[i])
				})
			}
			if spreads(layout) && !t.Failed() && !strings.Contains(flag.Lookup("test.run").Value.String(), "/") { // a topic alone may write nothing
				judgeAtomic(t)
			}
		})
	}
	t.Cleanup(func() {
		switch {
		case os.Getenv("HEDDLE_UPDATE_KNOWN") != "":
			if err := known.Write(listFile("known_differences"), ran.has); err != nil {
				t.Error(err)
			}
		case !strings.Contains(flag.Lookup("test.run").Value.String(), "/"):
			for _, line := range known.Gone(ran.has) {
				t.Errorf("%s: no longer true: %s", listFile("known_differences"), line)
			}
		}
		if !update {
			return
		}
		if err := list.Write(listFile("unsupported"), ran.has); err != nil {
			t.Error(err)
		}
	})
}

func readFiles(t *testing.T) []*File {
	t.Helper()
	paths, err := filepath.Glob("cases/*.sql")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no case files: %v", err)
	}
	if lab.mysql {
		own, err := filepath.Glob("cases/mysql/*.sql")
		if err != nil || len(own) == 0 {
			t.Fatalf("no case files of MySQL: %v", err)
		}
		paths = append(paths, own...)
	}
	var files []*File
	for _, path := range paths {
		f, err := ParseFile(path, lab.mysql)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return files
}

// ranTopics remembers what this run has visited: what it has not, its list must not forget.
type ranTopics struct {
	mu   sync.Mutex // guards seen
	seen map[[2]string]bool
}

func (r *ranTopics) add(layout, topic string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen == nil {
		r.seen = map[[2]string]bool{}
	}
	r.seen[[2]string{layout, topic}] = true
}

func (r *ranTopics) has(layout, topic string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen[[2]string{layout, topic}]
}

// fileRun is one file on one layout.
type fileRun struct {
	layout  string
	file    *File
	list    *Unsupported
	known   *Known
	side    Side
	collate Collator
	rec     *Recording
	dirty   bool // the tables are not as Data leaves them
}

func runFile(t *testing.T, r *fileRun, record func() (*Recording, error)) {
	var err error
	if r.rec, err = record(); err != nil {
		t.Fatal(err)
	}
	if err := r.side.Prime(t.Context(), r.file.Setup); err != nil {
		report(r, &r.file.Cases[0], nil, []Difference{{"set-up", "none", err.Error()}})
		t.Fatalf("set up: %v", err)
	}
	r.dirty = true
	for i := range r.file.Cases {
		c := &r.file.Cases[i]
		for _, mode := range c.Modes {
			name := fmt.Sprintf("%03d-%s-%s", i+1, strings.ReplaceAll(c.Name, " ", "-"), mode)
			t.Run(name, func(t *testing.T) { r.run(t, i, mode) })
		}
	}
}

func (r *fileRun) run(t *testing.T, index int, mode Mode) {
	c := &r.file.Cases[index]
	if r.dirty {
		if err := r.side.Fill(t.Context(), r.file.Data); err != nil {
			report(r, c, nil, []Difference{{"data", "none", err.Error()}})
			t.Fatalf("fill the tables: %v", err)
		}
	}
	r.dirty = c.Writes()
	rec := r.rec.cases[caseKey{index, mode}]
	comparer := &Comparer{Collate: r.collate, Spread: spreads(r.layout)}
	if !r.steps(t, c, mode, rec, comparer) || rec.dumps == nil {
		return
	}
	dumps, err := r.file.dump(t.Context(), r.side)
	if err != nil {
		t.Fatalf("read the tables: %v", err)
	}
	for i := range dumps {
		r.differ(t, c, &r.file.Dumps[i], comparer.Compare(&r.file.Dumps[i], rec.dumps[i], dumps[i], nil))
	}
}

// steps plays the case; false if it had to end early, for what follows a write that failed or was refused says
// nothing.
func (r *fileRun) steps(t *testing.T, c *Case, mode Mode, rec *caseRecord, comparer *Comparer) bool {
	clients := r.side.Clients(committing(c.options(mode), r.layout, mode))
	defer clients.Close()
	refusedBefore := false
	for i := range c.Steps {
		step := &c.Steps[i]
		answers, err := clients.Play(t.Context(), step, mode)
		if err != nil {
			r.differ(t, c, step, []Difference{{"connection", "none", err.Error()}})
			return false
		}
		if step.Follows && refusedBefore {
			continue
		}
		refusedBefore = refuses(answers)
		good := true
		plain := rec.steps[i]
		if len(plain) != len(answers) {
			refused, problem := r.list.Judge(r.layout, r.file.Topic, step.SQL, plain[0], answers[0])
			switch {
			case !refused:
				r.differ(t, c, step, []Difference{{"number of executions", describe(plain[0]), describe(answers[0])}})
			case problem != "":
				r.differ(t, c, step, []Difference{{"refusal", "none", problem}})
			}
			good, plain = false, nil
		}
		for n := range plain {
			good = r.answer(t, c, step, comparer, plain[n], answers[n], rec.unlimited[i]) && good
		}
		if !good && !clausesOf(step.SQL).reads() {
			return false
		}
	}
	return true
}

// committing has half of what runs on several shards commit in mode LOCAL, each layout in one protocol; the other half is atomic.
func committing(opts ConnOptions, layout string, mode Mode) ConnOptions {
	if layout == "a4" && mode != Text || layout == "b4" && mode == Text {
		opts.First = "SET heddle_transaction_type = 'local'"
	}
	return opts
}

// judgeAtomic fails if what is thought to have been atomic was not: then the servers have no marks of it.
func judgeAtomic(t *testing.T) {
	for _, s := range lab.servers {
		var marks int
		db := harness.Open(t, s.Config(""))
		if err := db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM heddle_mesh.txn_mark WHERE gtrid LIKE 'h_-%'").Scan(&marks); err != nil || marks == 0 {
			t.Errorf("the server at %s has %d marks of atomic transactions (%v)", s.Addr(), marks, err)
		}
	}
}

// refuses reports whether heddle has refused the statement.
func refuses(answers []*Answer) bool {
	e := answers[len(answers)-1].Err()
	return e != nil && e.Code == refusal
}

func (r *fileRun) answer(t *testing.T, c *Case, step *Step, comparer *Comparer, plain, heddle, unlimited *Answer) bool {
	refused, problem := r.list.Judge(r.layout, r.file.Topic, step.SQL, plain, heddle)
	if problem != "" {
		r.differ(t, c, step, []Difference{{"refusal", "none", problem}})
	}
	if refused {
		return false
	}
	list := comparer.Compare(step, plain, heddle, unlimited)
	r.differ(t, c, step, list)
	return len(list) == 0
}

func (r *fileRun) differ(t *testing.T, c *Case, step *Step, list []Difference) {
	t.Helper()
	if len(list) == 0 {
		return
	}
	report(r, c, step, list)
	for _, d := range r.known.Unknown(r.layout, r.file.Topic, step.SQL, list) {
		t.Errorf("cases/%s.sql:%d: %s\n  %s", r.file.Topic, step.Line, step.SQL, d)
	}
}
