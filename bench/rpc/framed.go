package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	layout "github.com/jedib0t/go-pretty/v6/text"

	"github.com/heddle-mesh/heddle/bench/meter"
	"github.com/heddle-mesh/heddle/sidecar/rpc/mux"
)

// framedClient has requests under way on one connection, and asks again for each answer.
type framedClient struct {
	*speech
	conn  net.Conn
	r     *mux.Reader[[]byte]
	out   []byte
	next  uint64
	began [maxConnections]time.Time // of the request of that number
	took  []uint32
	count atomic.Int64
	err   error
}

func (c *framedClient) askNext(now time.Time) {
	c.next = (c.next + 1) % maxConnections
	c.began[c.next] = now
	c.out = c.ask(c.out, c.next)
}

func (c *framedClient) run(outstanding int, stop, watched *atomic.Bool) {
	for range outstanding {
		c.askNext(time.Now())
	}
	for !stop.Load() && c.err == nil {
		c.err = c.exchange(watched.Load())
	}
}

// exchange sends what is to be asked, and reads answers, at least one.
func (c *framedClient) exchange(watched bool) error {
	if _, err := c.conn.Write(c.out); err != nil {
		return fmt.Errorf("ask: %w", err)
	}
	c.out = c.out[:0]
	for len(c.out) == 0 {
		if err := c.r.More(); err != nil {
			return fmt.Errorf("read the answers: %w", err)
		}
		for now := time.Now(); ; {
			f, err := c.r.Next()
			if err != nil {
				return fmt.Errorf("read an answer: %w", err)
			}
			if f == nil {
				break
			}
			id, ok := c.answered(f)
			if !ok {
				return fmt.Errorf("the answer is % x", f)
			}
			if c.count.Add(1); watched {
				c.took = append(c.took, uint32(min(now.Sub(c.began[id%maxConnections]), 4*time.Second)))
			}
			c.askNext(now)
		}
	}
	return nil
}

// measureFramed loads a target with n requests at a time and watches it for a window.
func measureFramed(ctx context.Context, of *speech, t *target, n int, window time.Duration) (s sample, err error) {
	conn, err := net.Dial("tcp", t.addr)
	if err != nil {
		return s, fmt.Errorf("connect: %w", err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute + 3*window)) // a proxy that hangs ends the run
	c := &framedClient{speech: of, conn: conn, r: mux.NewReader(conn, of.split, 1<<20, nil)}
	var stop, watched atomic.Bool
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.run(n, &stop, &watched)
	}()
	err = pause(ctx, window/5)
	var before meter.Usage
	if err == nil {
		before, err = t.usage()
	}
	first, began := c.count.Load(), time.Now()
	watched.Store(true)
	if err == nil {
		err = pause(ctx, window)
	}
	watched.Store(false)
	done, took := float64(c.count.Load()-first), time.Since(began)
	after, usageErr := t.usage()
	stop.Store(true)
	<-ended
	slices.Sort(c.took)
	if err = errors.Join(err, usageErr, c.err); err != nil || len(c.took) == 0 {
		return s, errors.Join(err, errors.New("nothing was answered in the window"))
	}
	return sample{
		perSecond: done / took.Seconds(), cpu: float64((after.CPU - before.CPU).Nanoseconds()) / 1e3 / done,
		calls: float64(after.Calls-before.Calls) / done, p50: percentile(c.took, 50), p99: percentile(c.took, 99),
	}, nil
}

func (l *lab) framedRounds(ctx context.Context, o *options, f *framedFamily, n int) error {
	all, err := inTurns(o, f.targets, func(t *target) (sample, error) { return measureFramed(ctx, f.speech, t, n, o.window) })
	if err != nil {
		return err
	}
	w := table.NewWriter()
	w.SetOutputMirror(os.Stdout)
	w.SetStyle(table.StyleLight)
	w.Style().Format.Header = layout.FormatDefault
	w.SetTitle("%s, 1 connection, %d requests at a time, %d bytes, %d rounds of %v: median (lowest–highest)", f.name, n, framedBytes, o.rounds, o.window)
	w.AppendHeader(table.Row{"", "requests/s", "CPU s / 1,000", "CPU ÷ relay", "reads+writes", "p50 µs", "p99 µs", "added p50 ÷ relay's"})
	for _, t := range f.targets {
		mine := all[t.name]
		w.AppendRow(table.Row{
			t.name, spread(mine, perSecond, "%.0f"), spread(mine, func(s sample) float64 { return s.cpu / 1e3 }, "%.4f"), ratio(mine, all[relay], cpu), spread(mine, calls, "%.3f"),
			spread(mine, p50, "%.0f"), spread(mine, p99, "%.0f"), added(mine, all[relay], all[direct]),
		})
	}
	w.Render()
	return nil
}
