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
		"SELECT 1 /*b3='0'*/":             "/*b3='0'*/",
		"SELECT 1 /*sw8='1-YQ%3D%3D'*/":   "/*sw8='1-YQ%3D%3D'*/",
		"SELECT 1 /*xb3='0'*/":            "",
	} {
		rest, got := cutComment([]byte(text))
		if string(got) != want || string(rest)+string(got) != text {
			t.Errorf("%s\n is cut into %q and %q", text, rest, got)
		}
	}
}

// shardSpan is what every shard's span is called.
const shardSpan = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01"

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
	return shardSpan, func(failed bool) { r.steps = append(r.steps, map[bool]string{true: "failed", false: "over"}[failed]) }
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
		"/*a='b',traceparent='" + shardSpan + "'*/ SELECT c FROM sbtest1 WHERE id=1 ",
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

// Callers say in several spellings which trace a statement is of, and a comment without any gets one.
func TestCallersSpellings(t *testing.T) {
	const trace, span, b3Span = "5bd66ef5095369c7b0d1f8f4bd33716a", "c532cb4098ac3dd2", "0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-1"
	const parent, segment = "00-" + trace + "-" + span + "-01", "NTZhNWUxYzUxOWFlNGM3NmEyYjhiMTFkOTJjZWFkN2Y%3D"
	for comment, want := range map[string]struct{ parent, marked string }{
		"/*b3='" + trace + "-" + span + "-1'*/":          {parent, "/*traceparent='" + shardSpan + "',b3='" + b3Span + "'*/"},
		"/*b3='0'*/":                                     {"00-00000000000000000000000000000001-0000000000000001-00", ""},
		"/*a='b3',traceparent='" + parent + "',b3='x'*/": {parent, "/*a='b3',traceparent='" + shardSpan + "',b3='" + b3Span + "'*/"},
		"/*sw8='1-" + segment + "-" + segment + "-0-x-x-x-x'*/": {"00-56a5e1c519ae4c76a2b8b11d92cead7f-f41d50d88b60e109-01",
			"/*traceparent='" + shardSpan + "',sw8='1-" + segment + "-" + segment + "-0-x-x-x-x'*/"},
		"/*request_timeout_ms='5'*/":                           {"", "/*traceparent='" + shardSpan + "',request_timeout_ms='5'*/"},
		"/*xtraceparent='x',b3='" + trace + "-" + span + "'*/": {parent, "/*traceparent='" + shardSpan + "',xtraceparent='x',b3='" + b3Span + "'*/"},
	} {
		rest, got := cutComment([]byte("SELECT 1 " + comment))
		if string(got) != comment || string(rest) != "SELECT 1 " {
			t.Errorf("%s is cut into %q and %q", comment, rest, got)
		}
		if got := parentOf(func(name string) string { return tagText([]byte(comment), name) }); got != want.parent {
			t.Errorf("%s is of %q, not %q", comment, got, want.parent)
		}
		if want.marked == "" {
			continue
		}
		if got := string(appendMarked(nil, []byte(comment), shardSpan)); got != want.marked {
			t.Errorf("%s is marked as %q, not %q", comment, got, want.marked)
		}
		if got := string(appendMarked(nil, []byte(comment), "")); got != comment {
			t.Errorf("%s is passed on as %q", comment, got)
		}
	}
	if got := string(appendMarked(nil, nil, shardSpan)); got != "/*traceparent='"+shardSpan+"'*/" {
		t.Errorf("nothing is marked as %q", got)
	}
}
