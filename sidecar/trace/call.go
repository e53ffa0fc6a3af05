package trace

import (
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/heddle-mesh/heddle/sidecar/rpc"
)

// Call implements rpc.Tracer: a caller that is traced decides for its calls.
func (t *Tracer) Call(parent string, began time.Time) rpc.Trace {
	ctx, ok := t.sampled(parent)
	if !ok {
		return nil
	}
	_, span := t.tracer.Start(ctx, "call", trace.WithTimestamp(began), trace.WithSpanKind(trace.SpanKindServer))
	return call{span}
}

// call is one call's part of a trace. It implements rpc.Trace.
type call struct{ span trace.Span }

// Parent implements rpc.Trace.
func (c call) Parent() string { return parentOf(c.span.SpanContext()) }

// End implements rpc.Trace. The span's name has no path, which would be another for each call.
func (c call) End(d *rpc.Done) {
	c.span.SetName(d.Method + " " + d.Route)
	c.span.SetAttributes(
		attribute.String("http.request.method", d.Method), attribute.String("server.address", d.Host), attribute.String("url.path", d.Path),
		attribute.Int("http.response.status_code", d.Status), attribute.Int("http.request.resend_count", d.Retries),
		attribute.String("client.address", d.Client), attribute.String("heddle.route", d.Route), attribute.String("heddle.cluster", d.Cluster),
		attribute.String("heddle.endpoint", d.Endpoint))
	if d.Status >= 500 || d.Status == 0 {
		c.span.SetStatus(codes.Error, d.Why)
	}
	c.span.End(trace.WithTimestamp(d.Began.Add(d.Took)))
}
