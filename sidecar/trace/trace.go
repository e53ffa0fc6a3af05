// Package trace sends calls and the steps of sampled statements to an OpenTelemetry collector: what the client waited for, parsing and planning,
// each shard, and the phases of transactions over several data sources. It decides what is sampled and knows the protocol; which steps there are the session says.
//
// What cannot be sent is dropped, and never waited for. Level: sidecar, below the process.
package trace

import (
	"context"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/proxy/digest"
	"github.com/heddle-mesh/heddle/proxy/session"
	"github.com/heddle-mesh/heddle/txn"
)

// Settings say where traces go and which are made.
type Settings struct {
	Endpoint string // host:port of a collector that speaks OTLP over gRPC
	TLS      bool
	OneIn    int // calls and statements that no traced caller has sent are sampled one in so many; 0: none
	Instance string
	Version  string
}

// Tracer makes traces. It implements session.Tracer.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
	oneIn    int
}

// New returns a tracer. It connects in the background, and again whenever it must.
func New(ctx context.Context, s Settings) (*Tracer, error) {
	options := []otlptracegrpc.Option{otlptracegrpc.WithEndpoint(s.Endpoint), otlptracegrpc.WithTimeout(5 * time.Second)}
	if !s.TLS {
		options = append(options, otlptracegrpc.WithInsecure())
	}
	exporter, err := otlptracegrpc.New(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("tracing.endpoint: %w", err)
	}
	about := resource.NewSchemaless(
		attribute.String("service.name", "heddle"), attribute.String("service.instance.id", s.Instance), attribute.String("service.version", s.Version))
	provider := sdk.NewTracerProvider(sdk.WithBatcher(exporter, sdk.WithBatchTimeout(time.Second)), sdk.WithResource(about), sdk.WithSampler(sdk.AlwaysSample()))
	return &Tracer{provider: provider, tracer: provider.Tracer("github.com/heddle-mesh/heddle"), oneIn: s.OneIn}, nil
}

// Close sends what is left, until ctx ends.
func (t *Tracer) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("send the last traces: %w", err)
	}
	return nil
}

// Begin implements session.Tracer: a caller that is traced decides for its statements.
func (t *Tracer) Begin(parent string, began time.Time) session.Trace {
	ctx, ok := t.sampled(parent)
	if !ok {
		return nil
	}
	ctx, span := t.tracer.Start(ctx, "statement", trace.WithTimestamp(began), trace.WithSpanKind(trace.SpanKindServer))
	return &statement{tracer: t.tracer, start: func(name string, opts ...trace.SpanStartOption) trace.Span {
		_, child := t.tracer.Start(ctx, name, opts...)
		return child
	}, span: span}
}

// sampled is what a span begins under; ok is false where there is to be none.
func (t *Tracer) sampled(parent string) (ctx context.Context, ok bool) {
	ctx = context.Background()
	caller, ok := parse(parent)
	if ok {
		return trace.ContextWithRemoteSpanContext(ctx, caller), caller.IsSampled()
	}
	return ctx, t.oneIn > 0 && rand.IntN(t.oneIn) == 0
}

// parentOf is how a span is named to those below it.
func parentOf(at trace.SpanContext) string {
	return "00-" + at.TraceID().String() + "-" + at.SpanID().String() + "-01"
}

// parse reads a traceparent of version 00 (W3C Trace Context 3.2), or what is like it in a later one.
func parse(text string) (trace.SpanContext, bool) {
	if len(text) < 55 || text[2] != '-' || text[35] != '-' || text[52] != '-' || text[:2] == "ff" || len(text) > 55 && (text[:2] == "00" || text[55] != '-') {
		return trace.SpanContext{}, false
	}
	id, err1 := trace.TraceIDFromHex(text[3:35])
	span, err2 := trace.SpanIDFromHex(text[36:52])
	flags, err3 := hex.DecodeString(text[53:55])
	if err1 != nil || err2 != nil || err3 != nil {
		return trace.SpanContext{}, false
	}
	c := trace.NewSpanContext(trace.SpanContextConfig{TraceID: id, SpanID: span, TraceFlags: trace.TraceFlags(flags[0]), Remote: true})
	return c, c.IsValid()
}

// statement is one trace's part here. It implements session.Trace.
type statement struct {
	tracer trace.Tracer
	start  func(name string, opts ...trace.SpanStartOption) trace.Span
	span   trace.Span
}

// ID implements session.Trace.
func (s *statement) ID() string { return s.span.SpanContext().TraceID().String() }

// Step implements session.Trace.
func (s *statement) Step(name string, from, to time.Time) {
	s.start(name, trace.WithTimestamp(from)).End(trace.WithTimestamp(to))
}

// Shard implements session.Trace.
func (s *statement) Shard(dataSource string) (traceparent string, over func(failed bool)) {
	span := s.start("shard "+dataSource, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("db.system.name", "mysql"), attribute.String("heddle.data_source", dataSource)))
	return parentOf(span.SpanContext()), func(failed bool) {
		if failed {
			span.SetStatus(codes.Error, "")
		}
		span.End()
	}
}

// Transaction implements session.Trace. Its spans are made when they are over: phases, and below them what each data source was asked for.
func (s *statement) Transaction(gtrid string, phases []txn.Phase) {
	name := attribute.String("heddle.transaction", gtrid)
	s.span.SetAttributes(name)
	for _, p := range phases {
		phase := s.start("transaction "+p.Name, trace.WithTimestamp(p.Began), trace.WithAttributes(name, attribute.String("heddle.phase", p.Name)))
		below := trace.ContextWithSpan(context.Background(), phase)
		for i := range p.Steps {
			s.asked(below, name, p.Name, &p.Steps[i])
			if p.Steps[i].Err != nil {
				phase.SetStatus(codes.Error, "")
			}
		}
		phase.End(trace.WithTimestamp(p.Ended))
	}
}

// asked is the span of a step. Errors are there as numbers: their texts quote values.
func (s *statement) asked(below context.Context, name attribute.KeyValue, phase string, step *txn.Step) {
	_, span := s.tracer.Start(below, step.Phase+" "+step.DataSource, trace.WithTimestamp(step.Began), trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(name, attribute.String("db.system.name", "mysql"), attribute.String("heddle.data_source", step.DataSource),
			attribute.String("heddle.phase", phase), attribute.String("heddle.outcome", step.Reply.String())))
	if step.Err != nil {
		span.SetStatus(codes.Error, "")
		if e := sqlerr.As(step.Err); e != nil {
			span.SetAttributes(attribute.Int("db.response.status_code", int(e.Code)))
		}
	}
	span.End(trace.WithTimestamp(step.Began.Add(step.Took)))
}

// End implements session.Trace. No value of the statement is in what it tells.
func (s *statement) End(x *digest.Execution) {
	s.span.SetAttributes(
		attribute.String("db.system.name", "mysql"), attribute.String("db.namespace", x.Schema), attribute.String("heddle.opcode", x.Opcode.String()),
		attribute.Int("heddle.shards", x.Shards), attribute.Int64("heddle.rows_shipped", int64(x.Shipped)),
		attribute.Int64("db.response.returned_rows", int64(x.Returned)), attribute.Int64("heddle.connection", int64(x.Connection)))
	if x.Cell != nil && x.Cell.Load() != nil {
		s.span.SetAttributes(attribute.String("db.query.text", x.Cell.Load().Text()), attribute.String("heddle.digest", x.Cell.Load().ID()))
	}
	if x.Code != 0 {
		s.span.SetAttributes(attribute.Int("db.response.status_code", int(x.Code)))
		s.span.SetStatus(codes.Error, "")
	}
	s.span.End(trace.WithTimestamp(x.Began.Add(x.Took)))
}
