// Package otlp is a collector of OpenTelemetry traces in the process, which remembers what it is sent. Level: tests.
package otlp

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
)

// Collector takes spans over gRPC.
type Collector struct {
	collector.UnimplementedTraceServiceServer
	listener net.Listener
	server   *grpc.Server
	serving  sync.WaitGroup

	mu  sync.Mutex // guards all
	all []*spans.Span
}

// Start begins to take spans on a free port of loopback.
func Start() (*Collector, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for traces: %w", err)
	}
	c := &Collector{listener: l, server: grpc.NewServer()}
	collector.RegisterTraceServiceServer(c.server, c)
	c.serving.Go(func() { _ = c.server.Serve(l) }) // until Close
	return c, nil
}

// Addr is where it listens.
func (c *Collector) Addr() string { return c.listener.Addr().String() }

// Close ends it.
func (c *Collector) Close() {
	c.server.Stop()
	c.serving.Wait()
}

// Export implements the collector's service.
func (c *Collector) Export(_ context.Context, req *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range req.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			c.all = append(c.all, scope.Spans...)
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

// Span is one of a trace, with those below it in the order of their beginning.
type Span struct {
	*spans.Span
	Below []*Span
}

// Trace is a trace as a tree, under what is not a span here (the caller's, say), and how many spans it has. Its id is in hexadecimal.
func (c *Collector) Trace(id string) (roots []*Span, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	byID := map[string]*Span{}
	var all []*Span
	for _, s := range c.all {
		if hex.EncodeToString(s.TraceId) == id {
			span := &Span{Span: s}
			byID[string(s.SpanId)] = span
			all = append(all, span)
		}
	}
	slices.SortFunc(all, func(a, b *Span) int { return int(int64(a.StartTimeUnixNano) - int64(b.StartTimeUnixNano)) })
	for _, s := range all {
		if above := byID[string(s.ParentSpanId)]; above != nil {
			above.Below = append(above.Below, s)
		} else {
			roots = append(roots, s)
		}
	}
	return roots, len(all)
}

// Spans is how many it has been sent, of all traces.
func (c *Collector) Spans() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.all)
}

// Print writes a tree, a line a span, with what line says of each.
func Print(w io.Writer, roots []*Span, line func(*Span) string) {
	var walk func(all []*Span, depth int)
	walk = func(all []*Span, depth int) {
		for _, s := range all {
			fmt.Fprintf(w, "%s%s\n", strings.Repeat("  ", depth), line(s))
			walk(s.Below, depth+1)
		}
	}
	walk(roots, 0)
}
