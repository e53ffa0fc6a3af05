package session

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/proxy/digest"
	"github.com/heddle-mesh/heddle/txn"
)

func TestCutComment(t *testing.T) {
	const tags = "/*traceparent='00-5bd66ef5095369c7b0d1f8f4bd33716a-c532cb4098ac3dd2-01'*/"
	for text, want := range map[string]string{
		"SELECT 1 " + tags: tags,
		"SELECT 1/*db_driver='x%20y',traceparent='00-a-b-01'*/": "/*db_driver='x%20y',traceparent='00-a-b-01'*/",
		"SELECT 1":                        "",
		"SELECT 1 /* traceparent='x' */":  "", // not as sqlcommenter writes
		"SELECT 1 /*route='x'*/":          "", // differs with no call
		"SELECT 1 /*+traceparent='x'*/":   "",
		"SELECT 1 /*!traceparent='x'*/":   "",
		"SELECT 1; " + tags:               "", // a statement of its own
		tags:                              "",
		"SELECT 1 /* open " + tags:        "", // part of another comment
		"SELECT 1 /*traceparent='a''b'*/": "",
		"SELECT 1 /*traceparent='x',*/":   "",
		"SELECT /* x */ 1 " + tags:        tags,
		"SELECT 'x' FROM t -- " + tags:    tags, // in a comment, which stays one
		"SELECT 1 " + tags + ";":          "",
	} {
		rest, got := cutComment([]byte(text))
		if string(got) != want || string(rest)+string(got) != text {
			t.Errorf("%s\n is cut into %q and %q", text, rest, got)
		}
	}
}

// tracer notes what it is told. It samples callers that say so.
type tracer struct {
	parents, steps []string
	ended          []digest.Execution
}

func (r *tracer) Begin(parent string, _ time.Time) Trace {
	r.parents = append(r.parents, parent)
	if !strings.HasSuffix(parent, "-01") {
		return nil
	}
	return r
}
func (r *tracer) ID() string                       { return "the trace" }
func (r *tracer) Step(name string, _, _ time.Time) { r.steps = append(r.steps, name) }
func (r *tracer) Transaction(gtrid string, phases []txn.Phase) {
	for _, p := range phases {
		r.steps = append(r.steps, gtrid+" "+p.Name)
	}
}
func (r *tracer) End(x *digest.Execution) { r.ended = append(r.ended, *x) }
func (r *tracer) Shard(ds string) (string, func(bool)) {
	r.steps = append(r.steps, ds)
	return "00-of-shard-01", func(failed bool) { r.steps = append(r.steps, map[bool]string{true: "failed", false: "over"}[failed]) }
}

// The comment of a caller is no part of the statement: the plan is found again. Shards get it in front, of a sampled trace with
// their own span, else as it was.
func TestCallersComment(t *testing.T) {
	s := newScripted(t, "mesh")
	r := &tracer{}
	s.session.srv.Tracer = r
	s.keepAll()
	s.run(3, nil, texts(
		"SELECT c FROM sbtest1 WHERE id=1 /*a='b',traceparent='00-1-1-01'*/",
		"SELECT c FROM sbtest1 WHERE id=1 /*a='b',traceparent='00-2-2-00'*/",
		"SELECT c FROM sbtest1 WHERE id=1")...)
	var got []string
	for _, text := range s.kept() {
		if strings.Contains(text, "SELECT c") {
			got = append(got, text)
		}
	}
	want := []string{
		"/*a='b',traceparent='00-of-shard-01'*/ SELECT c FROM sbtest1 WHERE id=1 ",
		"/*a='b',traceparent='00-2-2-00'*/ SELECT c FROM sbtest1 WHERE id=1 ",
		"SELECT c FROM sbtest1 WHERE id=1",
	}
	if !slices.Equal(got, want) {
		t.Errorf("shards got %q", got)
	}
	if !slices.Equal(r.parents, []string{"00-1-1-01", "00-2-2-00", ""}) || len(r.steps) != 3 || r.steps[0] != "parse and plan" || r.steps[2] != "over" {
		t.Errorf("callers %q, steps %q", r.parents, r.steps)
	}
	if len(r.ended) != 1 || r.ended[0].TraceID != "the trace" || r.ended[0].Shards != 1 {
		t.Errorf("ended are %+v", r.ended)
	}
	if all := s.session.srv.Meter.(digests).List(); len(all) != 1 || all[0].Plans != 1 && all[0].Plans != 2 {
		t.Errorf("counted are %+v", all)
	}
}
