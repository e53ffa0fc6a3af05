package differential

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

// passThrough is the name of the layout without a rule for any table: heddle in front of one server.
const passThrough = "pass"

// TestPassThrough puts the cases of cases/pass to heddle as a plain proxy of one server. What such a client may do with
// schemas and accounts no sharded database allows.
func TestPassThrough(t *testing.T) {
	if lab.heddles[passThrough] == nil {
		t.Log("only the comparison itself is tested")
		return
	}
	paths, err := filepath.Glob("cases/pass/*.sql")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no case files: %v", err)
	}
	known, err := ReadKnown("cases/pass/known_differences.txt")
	if err != nil {
		t.Fatal(err)
	}
	list, err := ReadUnsupported("cases/pass/unsupported.txt")
	if err != nil {
		t.Fatal(err)
	}
	update := os.Getenv("HEDDLE_UPDATE_UNSUPPORTED") != ""
	for _, path := range paths {
		f, err := ParseFile(path, lab.mysql)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(f.Topic, func(t *testing.T) {
			run := &fileRun{layout: passThrough, file: f, list: list, known: known, side: side(passThrough), collate: newCollator(t)}
			if update {
				t.Cleanup(func() {
					if err := list.Write("cases/pass/unsupported.txt", func(_, topic string) bool { return topic == f.Topic }); err != nil {
						t.Error(err)
					}
				})
			}
			runFile(t, run, func() (*Recording, error) { return f.Record(context.Background(), lab.plain) })
		})
	}
}
