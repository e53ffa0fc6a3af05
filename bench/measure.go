package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/heddle-mesh/heddle/bench/meter"
)

// measurement is one target under one load for one window.
type measurement struct {
	QPS      float64 `json:"qps"`
	CPU      float64 `json:"cpu_us"`              // of the proxy's process (direct: of the server's) per query, µs
	Syscalls float64 `json:"syscalls"`            // reads and writes of that process per query; polls and wake-ups are not among them
	AllCalls float64 `json:"all_calls,omitempty"` // all system calls of the proxy per query, by strace, in a window of its own; 0: not counted
	P50      float64 `json:"p50_us"`              // latency of a step of the work as the client sees it, µs
	P99      float64 `json:"p99_us"`
}

// worker is one client thread.
type worker struct {
	client *client
	done   atomic.Int64
	took   []uint32 // ns of each step in the window
	err    error
}

// measure loads the target with n clients and watches it for a window.
func measure(ctx context.Context, t *target, o *options, load *work, n int) (m measurement, err error) {
	workers, err := under(ctx, t, o, load, n, func(workers []*worker, watched *atomic.Bool) (err error) {
		watched.Store(true)
		defer watched.Store(false)
		m, err = watch(ctx, t.pid, workers, o.window)
		return err
	})
	m.P50, m.P99 = percentiles(workers)
	return m, err
}

// callsOf loads the target likewise, and counts the system calls of a query.
func callsOf(ctx context.Context, t *target, o *options, load *work, n int) (calls float64, err error) {
	_, err = under(ctx, t, o, load, n, func(workers []*worker, _ *atomic.Bool) error {
		trace, err := meter.Trace(ctx, t.pid)
		if err != nil {
			return err
		}
		first := total(workers)
		for n := 0; n < maxWindows && total(workers)-first < enough && err == nil; n++ {
			err = pause(ctx, o.window)
		}
		queries := total(workers) - first
		counted, ended := trace.End()
		if err = errors.Join(err, ended); err != nil {
			return err
		}
		if queries == 0 {
			return errors.New("no query was answered in the whole time")
		}
		calls = float64(counted) / float64(queries)
		return nil
	})
	return calls, err
}

// under has n clients load the target while something is done.
func under(ctx context.Context, t *target, o *options, load *work, n int, do func([]*worker, *atomic.Bool) error) ([]*worker, error) {
	if err := t.open(n, load); err != nil {
		return nil, err
	}
	workers := make([]*worker, n)
	var stop, watched atomic.Bool
	var all sync.WaitGroup
	for i := range workers {
		w := &worker{client: t.clients[i]}
		workers[i] = w
		all.Go(func() { w.run(load, &stop, &watched) })
	}
	err := pause(ctx, o.warm)
	if err == nil {
		err = do(workers, &watched)
	}
	stop.Store(true)
	all.Wait()
	for _, w := range workers {
		err = errors.Join(err, w.err)
	}
	return workers, err
}

// run does the work until it is stopped.
func (w *worker) run(load *work, stop, watched *atomic.Bool) {
	for !stop.Load() {
		began := time.Now()
		queries, err := load.step(w.client)
		if err != nil {
			w.err = err
			return
		}
		w.done.Add(int64(queries))
		if watched.Load() {
			w.took = append(w.took, uint32(min(time.Since(began), 4*time.Second)))
		}
	}
}

// A window on a machine that does something else at the moment may see next to nothing: it is then lengthened.
const (
	enough     = 100 // queries
	maxWindows = 20
)

// watch counts what happens in a window.
func watch(ctx context.Context, pid int, workers []*worker, window time.Duration) (measurement, error) {
	before, err := meter.UsageOf(pid)
	if err != nil {
		return measurement{}, err
	}
	began, first := time.Now(), total(workers)
	for n := 0; n < maxWindows && total(workers)-first < enough; n++ {
		if err := pause(ctx, window); err != nil {
			return measurement{}, err
		}
	}
	queries, took := float64(total(workers)-first), time.Since(began)
	after, err := meter.UsageOf(pid)
	if err != nil {
		return measurement{}, err
	}
	if queries == 0 {
		return measurement{}, errors.New("no query was answered in the whole time")
	}
	return measurement{
		QPS: queries / took.Seconds(), CPU: float64((after.CPU - before.CPU).Microseconds()) / queries,
		Syscalls: float64(after.Calls-before.Calls) / queries,
	}, nil
}

func total(workers []*worker) (n int64) {
	for _, w := range workers {
		n += w.done.Load()
	}
	return n
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// percentiles are the median and the 99th percentile of all workers' times, µs.
func percentiles(workers []*worker) (p50, p99 float64) {
	var took []uint32
	for _, w := range workers {
		took = append(took, w.took...)
	}
	if len(took) == 0 {
		return 0, 0
	}
	slices.Sort(took)
	return float64(took[len(took)/2]) / 1e3, float64(took[len(took)*99/100]) / 1e3
}
