package mesh

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/governance/admin"
)

// TestManyChanges changes rules again and again while two instances are under load; no statement fails. HEDDLE_RULE_CHANGES
// says how often; see `make rule-changes`.
func TestManyChanges(t *testing.T) {
	changes := 24
	if text := os.Getenv("HEDDLE_RULE_CHANGES"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		changes = n
	}
	l := newLab(t, env.Etcd.Endpoint())
	l.apply(l.rules("  u: {key: id}\n"))
	a, b := l.start("a", ""), l.start("b", "")
	onA, onB := l.open(a), l.open(b)
	l.create(onA)
	stop := l.load(onA, onB)
	began := time.Now()
	tables := ""
	version := int64(2)
	for i := range changes {
		more := "  u: {key: id}\n" + tables
		switch i % 4 {
		case 0: // a new table, by the barrier
			tables += fmt.Sprintf("  n%d: {key: id}\n", i)
			if i%40 == 0 {
				tables = fmt.Sprintf("  n%d: {key: id}\n", i)
			}
			more = "  u: {key: id}\n" + tables
		case 1:
			more += "binding: [[t, u]]\n"
		case 2:
			more = strings.Replace(more, "u: {key: id}", "u: {key: id, unique: per_shard}", 1)
		}
		text := l.rules(more)
		if i%4 == 3 {
			text = strings.Replace(text, "  ds_0: {", "  ds_0: {pool: {max: 20}, ", 1)
		}
		res, err := l.admin.Rules.Apply(t.Context(), admin.Application{Name: l.database, Document: []byte(text), Author: "test", Base: admin.AnyBase})
		if err != nil {
			t.Fatalf("change %d: %v", i, err)
		}
		version = res.Pointer.Version
	}
	l.runs(version, adoptWithin, "a", "b")
	took := time.Since(began)
	if n := stop(); n == 0 {
		t.Error("no statement ran meanwhile")
	} else {
		t.Logf("%d changes in %v; %d rounds of statements ran meanwhile, none failed", changes, took.Round(time.Millisecond), n)
	}
}
