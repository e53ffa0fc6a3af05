package history

import (
	"strings"
	"testing"
	"time"
)

func at(began, ended int, state State, ops ...Op) Txn {
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return Txn{state, day.Add(time.Duration(began) * time.Second), day.Add(time.Duration(ended) * time.Second), ops}
}

func read(key int, values ...int64) Op { return Op{Key: key, Read: values} }
func add(key int, v int64) Op          { return Op{Key: key, Append: v} }

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name  string
		final map[int][]int64
		txns  []Txn
		want  string // the beginning of the only thing that is said; "" for nothing
	}{
		{"one after the other", map[int][]int64{1: {10, 11}, 2: {20}}, []Txn{
			at(0, 1, Committed, add(1, 10), add(2, 20)), at(2, 3, Committed, read(1, 10), read(2, 20), add(1, 11), read(1, 10, 11)),
			at(4, 5, Unknown, add(1, 12), read(2)), at(4, 5, Aborted, add(2, 21)),
		}, ""},
		{"at the same time, either way", map[int][]int64{1: {10}, 2: {20}}, []Txn{
			at(0, 9, Committed, add(1, 10), read(2)), at(0, 9, Committed, add(2, 20), read(1, 10)),
		}, ""},
		{"half", map[int][]int64{1: {10}}, []Txn{at(0, 1, Unknown, add(1, 10), add(2, 20))}, "half"},
		{"lost", map[int][]int64{}, []Txn{at(0, 1, Committed, add(1, 10))}, "lost"},
		{"aborted", map[int][]int64{1: {10}}, []Txn{at(0, 1, Aborted, add(1, 10))}, "aborted"},
		{"a stranger", map[int][]int64{1: {10}}, nil, "list 1 has 10, which nobody"},
		{"twice there", map[int][]int64{1: {10, 10}}, []Txn{at(0, 1, Committed, add(1, 10))}, "list 1 has 10, which is there"},
		{"dirty", map[int][]int64{}, []Txn{at(0, 1, Aborted, add(1, 10)), at(0, 1, Committed, read(1, 10))}, "G1a"},
		{"the middle", map[int][]int64{1: {10, 11}}, []Txn{at(0, 9, Committed, add(1, 10), add(1, 11)), at(0, 9, Committed, read(1, 10))}, "G1b"},
		{"never was", map[int][]int64{1: {10, 11}}, []Txn{
			at(0, 9, Committed, add(1, 10)), at(0, 9, Committed, add(1, 11)), at(0, 9, Committed, read(1, 11)),
		}, "transaction 2 has read list 1 as it never was"},
		{"not its own", map[int][]int64{1: {10}}, []Txn{at(0, 9, Committed, add(1, 10), read(1))}, "transaction 0 does not see its own"},
		{"writes in a circle", map[int][]int64{1: {10, 11}, 2: {21, 20}}, []Txn{
			at(0, 9, Committed, add(1, 10), add(2, 20)), at(0, 9, Committed, add(1, 11), add(2, 21)),
		}, "G0"},
		{"each has read the other", map[int][]int64{1: {10}, 2: {20}}, []Txn{
			at(0, 9, Committed, add(1, 10), read(2, 20)), at(0, 9, Committed, add(2, 20), read(1, 10)),
		}, "G1c"},
		{"half was seen", map[int][]int64{1: {10}, 2: {20}}, []Txn{
			at(0, 9, Committed, add(1, 10), add(2, 20)), at(0, 9, Committed, read(1, 10), read(2)),
		}, "G-single"},
		{"a lost update", map[int][]int64{1: {10, 11}}, []Txn{
			at(0, 9, Committed, read(1), add(1, 10)), at(0, 9, Committed, read(1), add(1, 11)),
		}, "G-single"},
		{"a write skew", map[int][]int64{1: {10}, 2: {20}}, []Txn{
			at(0, 9, Committed, read(1), add(2, 20)), at(0, 9, Committed, read(2), add(1, 10)),
		}, "G2"},
		{"the past", map[int][]int64{1: {10}}, []Txn{at(0, 1, Committed, add(1, 10)), at(2, 3, Committed, read(1))}, "G-single in real time"},
		{"an order against time", map[int][]int64{1: {11, 10}}, []Txn{at(0, 1, Committed, add(1, 10)), at(2, 3, Committed, add(1, 11))}, "G0 in real time"},
	} {
		got := Check(c.final, c.txns)
		if c.want == "" && len(got) > 0 || c.want != "" && (len(got) != 1 || !strings.HasPrefix(got[0], c.want)) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestLongHistory(t *testing.T) {
	const n = 50_000
	var txns []Txn
	final := map[int][]int64{}
	for i := range n {
		key, v := i%50, int64(i+1)
		final[key] = append(final[key], v)
		txns = append(txns, at(2*i, 2*i+1, Committed, add(key, v)))
	}
	if got := Check(final, txns); len(got) > 0 {
		t.Errorf("%q", got[:1])
	}
	txns = append(txns, at(0, 1, Committed, read(0, final[0]...)))
	if got := Check(final, txns); len(got) != 1 || !strings.HasPrefix(got[0], "G") {
		t.Errorf("%d things are said of one that has read the future", len(got))
	}
}
