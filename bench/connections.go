package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/tests/harness"
)

// watched is a heddle that is asked for its own figures.
type watched struct {
	*harness.Heddle
	admin string
}

// metrics sums the lines of /metrics that begin so, one sum for each.
func (w *watched) metrics(ctx context.Context, names ...string) ([]float64, error) {
	answer, err := w.get(ctx, "/metrics")
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	sums, found := make([]float64, len(names)), make([]bool, len(names))
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		for i, name := range names {
			rest, ok := strings.CutPrefix(lines.Text(), name)
			if !ok || rest == "" || rest[0] != ' ' && rest[0] != '{' {
				continue
			}
			v, err := strconv.ParseFloat(rest[strings.LastIndexByte(rest, ' ')+1:], 64)
			if err != nil {
				return nil, fmt.Errorf("read the metric %s: %w", name, err)
			}
			sums[i], found[i] = sums[i]+v, true
		}
	}
	for i, name := range names {
		if !found[i] {
			return nil, fmt.Errorf("there is no metric %s", name)
		}
	}
	return sums, lines.Err()
}

func (w *watched) get(ctx context.Context, path string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+w.admin+path, nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask heddle for %s: %w", path, err)
	}
	return answer, nil
}

// footprint is what a heddle holds.
type footprint struct{ goroutines, descriptors, heap, backends, resident float64 }

// look takes stock, after a collection of garbage; heap and resident are in MiB.
func (w *watched) look(ctx context.Context) (f footprint, err error) {
	answer, err := w.get(ctx, "/debug/pprof/heap?gc=1")
	if err != nil {
		return f, err
	}
	_ = answer.Body.Close() // it was asked for the collection
	all, err := w.metrics(ctx, "go_goroutines", "process_open_fds", "go_memstats_heap_inuse_bytes", "heddle_pool_connections")
	if err != nil {
		return f, err
	}
	f = footprint{goroutines: all[0], descriptors: all[1], heap: all[2] / (1 << 20), backends: all[3]}
	f.resident, err = memoryOf(w.PID(), "VmRSS")
	return f, err
}

// quiet takes stock when no more goroutines are left than before, or half a minute is over.
func (w *watched) quiet(ctx context.Context, before footprint) (footprint, error) {
	for deadline := time.Now().Add(30 * time.Second); ; {
		f, err := w.look(ctx)
		if err != nil || f.goroutines <= before.goroutines && f.descriptors <= before.descriptors || time.Now().After(deadline) {
			return f, err
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return f, err
		}
	}
}

// idleConnections opens many connections, first such as have run nothing, then such as have worked; and tells what is left when
// all have come and gone.
func (l *lab) idleConnections(ctx context.Context, o *options) (_ []size, err error) {
	h, err := l.another(ctx, plainRules(l.env.Plain.Addr()))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	first, err := firstQuery(h.Addr, plainDatabase)
	if err != nil {
		return nil, err
	}
	first.close()
	w := &work{rows: o.rows, form: text}
	if _, _, err := h.hold(ctx, 64, w); err != nil { // what the process makes once, its pool included
		return nil, err
	}
	before, err := h.look(ctx)
	if err != nil {
		return nil, err
	}
	var out []size
	for _, round := range []struct {
		name string
		work *work
	}{{"10,000 idle connections", nil}, {"10,000 idle connections that have worked", w}, {"the third 10,000 connections", w}} {
		held, took, err := h.hold(ctx, connections, round.work)
		if err != nil {
			return nil, err
		}
		out = append(out, one(round.name, held.resident-before.resident, "MiB"), one(round.name+": to servers", held.backends, "connections"))
		if round.work == nil {
			out = append(out, one("a connect with login, eight at a time", ms(took)/connections, "ms"))
		}
	}
	after, err := h.quiet(ctx, before)
	const what = "after 30,000 have come and gone: "
	return append(out,
		one(what+"goroutines more", after.goroutines-before.goroutines, ""), one(what+"descriptors more", after.descriptors-before.descriptors, ""),
		one(what+"connections to servers more", after.backends-before.backends, ""), one(what+"heap in use more", after.heap-before.heap, "MiB"),
		one(what+"resident more", after.resident-before.resident, "MiB")), err
}

// hold opens n connections that do the work, if there is any, and takes stock while they are idle; then it closes them. took is what it took
// to open them.
func (w *watched) hold(ctx context.Context, n int, work *work) (held footprint, took time.Duration, err error) {
	began := time.Now()
	clients, err := openMany(w.Addr, n, work)
	took = time.Since(began)
	if err == nil {
		held, err = w.look(ctx)
	}
	for _, c := range clients {
		c.close()
	}
	return held, took, err
}

// openMany opens connections. What they do is what drivers and their pools do: SET NAMES, a row, and a transaction, text and prepared.
func openMany(addr string, n int, work *work) ([]*client, error) {
	clients := make([]*client, n)
	buffers := wire.NewPool(0)
	var g errgroup.Group
	g.SetLimit(8)
	for i := range clients {
		g.Go(func() (err error) {
			if clients[i], err = connect(addr, plainDatabase, buffers); err == nil && work != nil {
				err = work.aLittle(clients[i])
			}
			return err
		})
	}
	err := g.Wait()
	var open []*client
	for _, c := range clients {
		if c != nil {
			open = append(open, c)
		}
	}
	return open, err
}

var setNames = newStatement("SET NAMES utf8mb4")

// aLittle is what connections of a pool have done before they are idle.
func (w *work) aLittle(c *client) error {
	if err := w.expect(c, 0, setNames); err != nil {
		return err
	}
	if _, err := w.point(c); err != nil {
		return err
	}
	if _, err := w.transaction(c, w.point); err != nil {
		return err
	}
	again := *w
	again.form = prepared
	_, err := again.point(c)
	return err
}
