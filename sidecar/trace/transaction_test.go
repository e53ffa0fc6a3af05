package trace

import (
	"errors"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/proxy/digest"
	"github.com/heddle-mesh/heddle/txn"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// The phases of a transaction are below its statement, and below each what every data source answered: numbers of errors, and no texts.
func TestTransaction(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	provider := sdk.NewTracerProvider(sdk.WithSpanProcessor(recorder))
	r := &Tracer{provider: provider, tracer: provider.Tracer("test"), oneIn: 1}
	began := time.Unix(1000, 0)
	s := r.Begin("", began)
	s.Transaction("the name", []txn.Phase{
		{Name: "prepare", Began: began, Ended: began.Add(3 * time.Second), Steps: []txn.Step{
			{DataSource: "a", Phase: "prepare", Began: began, Took: time.Second, Reply: xa.OK},
			{DataSource: "b", Phase: "prepare", Began: began, Took: 3 * time.Second, Reply: xa.Refused, Err: sqlerr.New(1205, "HY000", "secret")},
		}},
		{Name: "abort", Began: began.Add(3 * time.Second), Ended: began.Add(4 * time.Second), Steps: []txn.Step{
			{DataSource: "b", Phase: "undo", Began: began.Add(3 * time.Second), Took: time.Second, Reply: xa.Lost, Err: errors.New("secret")},
		}},
	})
	s.End(&digest.Execution{Began: began, Took: 5 * time.Second})
	spans := map[string]sdk.ReadOnlySpan{}
	for _, span := range recorder.Ended() {
		spans[span.Name()] = span
	}
	for _, c := range []struct {
		name, above string
		from, to    int
		failed      bool
		want        map[string]any
	}{
		{"statement", "", 0, 5, false, map[string]any{}},
		{"transaction prepare", "statement", 0, 3, true, map[string]any{"heddle.phase": "prepare"}},
		{"prepare a", "transaction prepare", 0, 1, false, map[string]any{"heddle.phase": "prepare", "heddle.data_source": "a", "heddle.outcome": "ok"}},
		{"prepare b", "transaction prepare", 0, 3, true, map[string]any{"heddle.data_source": "b", "heddle.outcome": "refused", "db.response.status_code": int64(1205)}},
		{"transaction abort", "statement", 3, 4, true, map[string]any{"heddle.phase": "abort"}},
		{"undo b", "transaction abort", 3, 4, true, map[string]any{"heddle.phase": "abort", "heddle.data_source": "b", "heddle.outcome": "lost"}},
	} {
		span := spans[c.name]
		if span == nil {
			t.Errorf("%s: there is none", c.name)
			continue
		}
		if c.above != "" && span.Parent().SpanID() != spans[c.above].SpanContext().SpanID() {
			t.Errorf("%s is not below %s", c.name, c.above)
		}
		if from, to := span.StartTime().Sub(began), span.EndTime().Sub(began); from != time.Duration(c.from)*time.Second || to != time.Duration(c.to)*time.Second {
			t.Errorf("%s is from %v to %v", c.name, from, to)
		}
		if failed := span.Status().Code == codes.Error; failed != c.failed || span.Status().Description != "" {
			t.Errorf("%s: %+v", c.name, span.Status())
		}
		have := map[attribute.Key]any{}
		for _, a := range span.Attributes() {
			have[a.Key] = a.Value.AsInterface()
		}
		c.want["heddle.transaction"] = "the name"
		for key, want := range c.want {
			if have[attribute.Key(key)] != want {
				t.Errorf("%s: %s is %v, not %v", c.name, key, have[attribute.Key(key)], want)
			}
		}
	}
	if len(spans) != 6 {
		t.Errorf("%d spans", len(spans))
	}
}
